//! The text of HTML and XML, for search alone: good enough to find words, never shown as a page.

/// What stands between the marks; scripts and styles are left out, the common entities are resolved.
pub(super) fn text(page: &str) -> String {
    let mut text = String::with_capacity(page.len() / 2);
    let mut rest = page;
    while let Some(open) = rest.find('<') {
        push_resolved(&mut text, rest.get(..open).unwrap_or_default());
        text.push(' ');
        rest = behind(rest.get(open..).unwrap_or_default());
    }
    push_resolved(&mut text, rest);
    text
}

/// What follows the mark at the front.
fn behind(mark: &str) -> &str {
    if let Some(comment) = mark.strip_prefix("<!--") {
        return comment.split_once("-->").map_or("", |(_, rest)| rest);
    }
    if let Some(data) = mark.strip_prefix("<![CDATA[") {
        return data;
    }
    let name = |name: &str| {
        mark.get(1..).and_then(|rest| rest.get(..name.len())).is_some_and(|it| it.eq_ignore_ascii_case(name))
    };
    for hidden in ["script", "style"] {
        if name(hidden) {
            let end = format!("</{hidden}");
            let lower = mark.to_ascii_lowercase();
            let Some(at) = lower.find(&end) else { return "" };
            return mark.get(at..).and_then(|rest| rest.split_once('>')).map_or("", |(_, rest)| rest);
        }
    }
    mark.split_once('>').map_or("", |(_, rest)| rest)
}

fn push_resolved(text: &mut String, mut part: &str) {
    while let Some((before, after)) = part.split_once('&') {
        text.push_str(before);
        match after
            .split_once(';')
            .filter(|(name, _)| name.len() <= 8)
            .and_then(|(name, rest)| Some((entity(name)?, rest)))
        {
            Some((letter, rest)) => {
                text.push(letter);
                part = rest;
            }
            None => {
                text.push('&');
                part = after;
            }
        }
    }
    text.push_str(part);
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}
