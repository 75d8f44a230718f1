//! Text and what is written as text: HTML, SVG, XML, PDF, PostScript, RTF.
//! Promise: a head that starts like markup, or has `<html`, `<svg`, `<?xml`, `<!doctype` or `<script` anywhere, is never
//! plain text, for plain text is shown in the browser.
//! Not here: character sets other than UTF-8 and UTF-16; kinds of plain text (JSON, CSV, source code).

use std::borrow::Cow;

use crate::formats::{Format, HTML, PDF, POSTSCRIPT, RTF, SVG, TEXT, XHTML, XML};

/// The format of a head that no binary signature fits; `None` where it is not text either.
///
/// A head of white space alone, with more to come, could turn into anything and is not called text.
pub(crate) fn text(head: &[u8], complete: bool) -> Option<Format> {
    let content = Content::of(head, complete);
    let bytes: &[u8] = &content.bytes;
    let start = bytes.trim_ascii_start();
    if let Some(format) = by_first_word(start).or_else(|| by_root(start)) {
        return Some(format);
    }
    if !content.is_text || (start.is_empty() && !complete) {
        None
    } else if has_markup(bytes) {
        // Markdown and scripts with HTML in them; `file` calls them HTML too.
        Some(HTML)
    } else {
        Some(TEXT)
    }
}

/// A head as ASCII-compatible bytes without its byte order mark.
struct Content<'a> {
    bytes: Cow<'a, [u8]>,
    /// Well formed and without what the WHATWG calls binary data bytes.
    is_text: bool,
}

impl<'a> Content<'a> {
    fn of(head: &'a [u8], complete: bool) -> Self {
        match head {
            [0xFE, 0xFF, rest @ ..] => Self::of_utf16(rest, complete, u16::from_be_bytes),
            [0xFF, 0xFE, rest @ ..] => Self::of_utf16(rest, complete, u16::from_le_bytes),
            [0xEF, 0xBB, 0xBF, rest @ ..] => Self::of_utf8(rest, complete),
            _ => Self::of_utf8(head, complete),
        }
    }

    fn of_utf8(bytes: &'a [u8], complete: bool) -> Self {
        let is_utf8 = match std::str::from_utf8(bytes) {
            Ok(_) => true,
            // The head may end amid a character, the file may not.
            Err(error) => error.error_len().is_none() && !complete,
        };
        Self { is_text: is_utf8 && !bytes.iter().any(|byte| is_binary(*byte)), bytes: Cow::Borrowed(bytes) }
    }

    fn of_utf16(bytes: &[u8], complete: bool, unit: fn([u8; 2]) -> u16) -> Self {
        let (pairs, rest) = bytes.as_chunks::<2>();
        // A high surrogate at the end of the head may have its other half behind it.
        let pairs = match pairs.split_last() {
            Some((last, before)) if !complete && (0xD800..0xDC00).contains(&unit(*last)) => before,
            _ => pairs,
        };
        let mut is_text = rest.is_empty() || !complete;
        let mut text = String::with_capacity(pairs.len());
        for character in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
            is_text &= character.is_ok();
            text.push(character.unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        is_text &= !text.bytes().any(is_binary);
        Self { bytes: Cow::Owned(text.into_bytes()), is_text }
    }
}

/// "Binary data byte" of the WHATWG MIME Sniffing standard, section 3.
fn is_binary(byte: u8) -> bool {
    matches!(byte, 0x00..=0x08 | 0x0B | 0x0E..=0x1A | 0x1C..=0x1F)
}

/// Formats that say their name first. They may hold bytes that are not text.
fn by_first_word(start: &[u8]) -> Option<Format> {
    let words: &[(&[u8], Format)] =
        &[(b"%PDF-", PDF), (b"%!PS", POSTSCRIPT), (b"\x04%!PS", POSTSCRIPT), (b"{\\rtf", RTF)];
    words.iter().find(|(word, _)| start.starts_with(word)).map(|(_, format)| *format)
}

/// Elements that HTML fragments begin with (WHATWG MIME Sniffing section 7.1, and more that may carry script).
const HTML_ELEMENTS: &[&str] = &[
    "a", "article", "audio", "b", "base", "body", "br", "button", "center", "details", "div", "embed", "font", "form",
    "frameset", "h1", "h2", "h3", "head", "header", "html", "iframe", "img", "input", "link", "main", "math", "meta",
    "nav", "object", "ol", "p", "pre", "script", "section", "span", "style", "table", "template", "title", "ul",
    "video",
];

/// Markup, by its document type or root element; both may stand behind processing instructions and comments.
fn by_root(start: &[u8]) -> Option<Format> {
    let mut rest = start;
    let mut is_xml = false;
    let mut has_comment = false;
    // What it is if no root shows up in the head.
    let rootless = |is_xml: bool, has_comment: bool| match (is_xml, has_comment) {
        (true, _) => Some(XML),
        (false, true) => Some(HTML),
        (false, false) => None,
    };
    loop {
        let end: &[u8] = if rest.starts_with(b"<?") {
            is_xml |= starts_with(rest, "<?xml");
            b"?>"
        } else if rest.starts_with(b"<!--") {
            has_comment = true;
            b"-->"
        } else {
            break;
        };
        match crate::bytes::find(rest, end).and_then(|at| rest.get(at.checked_add(end.len())?..)) {
            Some(behind) => rest = behind.trim_ascii_start(),
            None => return rootless(is_xml, has_comment),
        }
    }
    if starts_with(rest, "<!doctype") {
        let name = element_name(rest.get("<!doctype".len()..)?.trim_ascii_start());
        return Some(match name.as_str() {
            "html" | "" => {
                if is_xml {
                    XHTML
                } else {
                    HTML
                }
            }
            "svg" => SVG,
            _ => XML,
        });
    }
    let name = element_name(rest.strip_prefix(b"<").unwrap_or_default());
    match name.rsplit(':').next().unwrap_or_default() {
        "" => rootless(is_xml, has_comment),
        "svg" => Some(SVG),
        "html" if is_xml => Some(XHTML),
        _ if is_xml => Some(XML),
        local if HTML_ELEMENTS.contains(&local) => Some(HTML),
        _ => Some(XML),
    }
}

/// The name at the start, in lower case; empty where there is none, or where no tag can go on behind it, as in
/// `<someone@example.org>`.
fn element_name(bytes: &[u8]) -> String {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b":_-.".contains(byte) || !byte.is_ascii();
    let length = bytes.iter().position(|byte| !is_part(byte)).unwrap_or(bytes.len());
    let (name, rest) = bytes.split_at_checked(length).unwrap_or_default();
    let is_first = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_' || !byte.is_ascii();
    let goes_on = rest.first().is_none_or(|byte| byte.is_ascii_whitespace() || b">/[".contains(byte));
    if name.first().is_some_and(is_first) && goes_on {
        String::from_utf8_lossy(name).to_ascii_lowercase()
    } else {
        String::new()
    }
}

/// Whether markup stands anywhere in the text, also in UTF-7 (RFC 2152), where `+ADw` is `<` and `+/v` begins a byte
/// order mark.
fn has_markup(bytes: &[u8]) -> bool {
    bytes.starts_with(b"+/v")
        || bytes.windows(4).any(|window| window == b"+ADw")
        || (0..bytes.len()).filter(|at| bytes.get(*at) == Some(&b'<')).any(|at| {
            let rest = bytes.get(at..).unwrap_or_default();
            ["<html", "<svg", "<?xml", "<!doctype", "<script"].iter().any(|tag| starts_with(rest, tag))
        })
}

/// Whether `bytes` start with `word`, whatever the letters' case.
fn starts_with(bytes: &[u8], word: &str) -> bool {
    bytes.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, big_endian: bool) -> Vec<u8> {
        let bytes = |unit: u16| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() };
        format!("\u{FEFF}{text}").encode_utf16().flat_map(bytes).collect()
    }

    const MARKUP: &[(&str, Format)] = &[
        ("<!DOCTYPE html><p>", HTML),
        ("<!doctype>", HTML),
        ("<html lang=en>", HTML),
        ("<HTML>", HTML),
        ("<script>alert(1)</script>", HTML),
        ("<img src=x onerror=alert(1)>", HTML),
        ("<p", HTML),
        ("<!-- a comment", HTML),
        ("<!-- a --> <!-- b --> <body>", HTML),
        ("<!-- a comment --> words", HTML),
        ("<svg xmlns=\"http://www.w3.org/2000/svg\">", SVG),
        ("<svg/>", SVG),
        ("<svg:svg xmlns:svg=\"http://www.w3.org/2000/svg\">", SVG),
        ("<?xml version=\"1.0\"?>\n<!-- made by x -->\n<svg>", SVG),
        ("<?xml version=\"1.0\"?><!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"x\"><svg>", SVG),
        ("<!DOCTYPE svg [<!ENTITY lol \"lol\">]>", SVG),
        ("<?xml version=\"1.0\"?><html xmlns=\"http://www.w3.org/1999/xhtml\">", XHTML),
        ("<?xml version=\"1.0\"?><!DOCTYPE html>", XHTML),
        ("<?xml version=\"1.0\"?>", XML),
        ("<?XML version=\"1.0\"", XML),
        ("<?xml version=\"1.0\"?><!-- open", XML),
        ("<?xml version=\"1.0\"?><MPD>", XML),
        ("<?xpacket begin=''?><x:xmpmeta xmlns:x='adobe:ns:meta/'>", XML),
        ("<!DOCTYPE plist PUBLIC>", XML),
        ("<gpx version=\"1.1\">", XML),
        ("<élan>", XML),
    ];

    #[test]
    fn markup_by_its_root() {
        let padding = " \t\r\n\x0C".repeat(300);
        for (content, format) in MARKUP {
            for bytes in [
                content.as_bytes().to_vec(),
                format!("{padding}{content}").into_bytes(),
                format!("\u{FEFF}{padding}{content}").into_bytes(),
                utf16(content, false),
                utf16(&format!("{padding}{content}"), true),
                // Latin-1 and whatever else follows is no way out.
                [content.as_bytes(), b" \xE9\0"].concat(),
            ] {
                assert_eq!(text(&bytes, true), Some(*format), "{content:?}");
                assert_eq!(text(&bytes, false), Some(*format), "{content:?}");
            }
        }
    }

    #[test]
    fn markup_further_down_is_html() {
        for tag in ["<html>", "<SVG ", "<?xml ", "<!DocType html", "<sCript>"] {
            let content = format!("# Notes\n\n{}{tag} and so on", "word ".repeat(100));
            for bytes in [content.clone().into_bytes(), utf16(&content, false), utf16(&content, true)] {
                assert_eq!(text(&bytes, true), Some(HTML), "{tag}");
            }
        }
    }

    #[test]
    fn utf_7_is_html() {
        for content in ["+/v8-+ADw-html+AD4-", "+ADw-script+AD4-alert(1)", "words +ADwAcwBjAHIAaQBwAHQAPg-", "+/v9 x"] {
            assert_eq!(text(content.as_bytes(), true), Some(HTML), "{content}");
        }
    }

    #[test]
    fn formats_that_say_their_name() {
        for (content, format) in [
            (&b"%PDF-1.7\n%\xE2\xE3\xCF\xD3"[..], PDF),
            (b"\xEF\xBB\xBF\n%PDF-1.4\0", PDF),
            (b"%!PS-Adobe-3.0", POSTSCRIPT),
            (b"\x04%!PS", POSTSCRIPT),
            (b"   %!PS\n<html>", POSTSCRIPT),
            (b"{\\rtf1\\ansi", RTF),
        ] {
            assert_eq!(text(content, true), Some(format), "{content:?}");
        }
    }

    #[test]
    fn plain_text() {
        for content in [
            "hello",
            "{\"a\": [1, 2]}",
            "\u{1B}[31mred\u{1B}[0m\ttab\x0Cpage\r\n",
            "a < b && c > d; <3; i<htm",
            "<someone@example.org> wrote",
            "<< EOF",
            "<?php echo 1;",
            "#EXTM3U\nfile:///etc/passwd",
            "ffconcat version 1.0",
            "push graphic-context",
            "日本語 😀",
            " ",
        ] {
            for bytes in [
                content.as_bytes().to_vec(),
                format!("\u{FEFF}{content}").into_bytes(),
                utf16(content, false),
                utf16(content, true),
            ] {
                assert_eq!(text(&bytes, true), Some(TEXT), "{content:?}");
            }
        }
    }

    #[test]
    fn not_text() {
        let cases: &[&[u8]] =
            &[b"a\0b", b"\x01", b"caf\xE9 au lait", b"\xFF\xFEa", b"\xFF\xFE\0\xD8a\0", b"\xFF\xFEa\0\0\0", b"<\0h\0"];
        for bytes in cases {
            assert_eq!(text(bytes, true), None, "{bytes:?}");
        }
        assert_eq!(text(&[b' '; 4096], false), None, "white space with more to come");
        assert_eq!(text(&[b' '; 4096], true), Some(TEXT));
    }

    #[test]
    fn a_head_may_end_amid_a_character() {
        assert_eq!(text(b"caf\xC3", false), Some(TEXT));
        assert_eq!(text(b"caf\xC3", true), None);
        assert_eq!(text(b"caf\xC3 au", false), None);
        assert_eq!(text(b"\xFF\xFEa\0=\xD8", false), Some(TEXT));
        assert_eq!(text(b"\xFF\xFEa\0=\xD8", true), None);
        assert_eq!(text(b"\xFF\xFEa\0b", false), Some(TEXT));
        assert_eq!(text(b"\xFF\xFE\0\xD8a\0=\xD8", false), None, "only the last may lack its half");
    }
}
