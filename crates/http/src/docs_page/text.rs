//! Text as HTML: escaping, the small marks of descriptions, names of anchors.
//! Promise: nothing that comes out of here can be read as markup that was not written in this folder.

/// The text with the five characters that mean something in HTML written as references.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// A description as phrasing content: escaped, with what stands between backquotes as code.
pub(super) fn prose(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('`') {
        out.push_str(&escape(before));
        let Some((code, tail)) = after.split_once('`') else {
            out.push('`');
            rest = after;
            continue;
        };
        out.push_str("<code>");
        out.push_str(&escape(code));
        out.push_str("</code>");
        rest = tail;
    }
    out.push_str(&escape(rest));
    out
}

/// The text as part of an anchor: letters, digits, `.`, `-` and `_` stay, all else becomes `-`.
pub(super) fn anchor(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '-' }).collect()
}

/// The text with its first letter as a capital.
pub(super) fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn code_is_marked_and_a_lone_backquote_is_a_backquote() {
        assert_eq!(prose("`a<b` or c"), "<code>a&lt;b</code> or c");
        assert_eq!(prose("one ` alone <i>"), "one ` alone &lt;i&gt;");
    }

    #[test]
    fn anchors_hold_no_markup() {
        assert_eq!(anchor("media.list"), "media.list");
        assert_eq!(anchor("a\" onload='x"), "a--onload--x");
    }

    proptest! {
        #[test]
        fn nothing_gets_out_of_its_place(text in ".{0,80}") {
            let marked = prose(&text).replace("<code>", "").replace("</code>", "");
            prop_assert!(!marked.contains(['<', '>', '"', '\'']));
            prop_assert!(!escape(&text).contains(['<', '>', '"', '\'']));
        }
    }
}
