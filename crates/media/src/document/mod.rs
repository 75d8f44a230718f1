//! Documents: the first page as a picture, how many pages there are, and text for search.
//! Promise: text is bounded to `TEXT_MAX`; nothing in a document is run, and nothing it refers to is fetched.

mod markup;
mod pdf;

use crate::formats::{self, Format};
use crate::found::Found;
use crate::image::ImageError;
use crate::source::{Source, bytes_at, length, whole};
use crate::worker::protocol::Answer;

/// Bytes of text that are kept.
const TEXT_MAX: usize = 1024 * 1024;
/// The largest document that is opened.
const FILE_MAX: u64 = 128 * 1024 * 1024;

/// Looks at a document.
pub(crate) fn examine(source: &mut dyn Source, format: Format, mut found: Found) -> Answer {
    match format {
        formats::PDF => return pdf_answer(source, found),
        formats::TEXT => found.text = bytes_at(source, 0, TEXT_MAX * 2).ok().map(|bytes| bounded(&decode(&bytes))),
        formats::HTML | formats::XHTML | formats::XML => {
            let bytes = bytes_at(source, 0, TEXT_MAX * 4).unwrap_or_default();
            found.text = Some(bounded(&markup::text(&decode(&bytes))));
        }
        _ => {}
    }
    Answer { found, ..Answer::default() }
}

fn pdf_answer(source: &mut dyn Source, found: Found) -> Answer {
    if length(source).unwrap_or(0) > FILE_MAX {
        let refused = ImageError::TooLarge("The document is larger than can be shown".to_owned()).refused();
        return Answer { found, refused: Some(refused), ..Answer::default() };
    }
    match whole(source, FILE_MAX) {
        Ok(Some(bytes)) => pdf::examine(bytes, found),
        _ => Answer { found, ..Answer::default() },
    }
}

/// UTF-8, or UTF-16 with a byte order mark (WHATWG Encoding); what is neither reads as Latin-1.
fn decode(bytes: &[u8]) -> String {
    let wide = |bytes: &[u8], from: fn([u8; 2]) -> u16| {
        char::decode_utf16(bytes.as_chunks::<2>().0.iter().map(|pair| from(*pair)))
            .map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect()
    };
    match bytes {
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes),
        _ => match std::str::from_utf8(bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)) {
            Ok(text) => text.to_owned(),
            // Cut in the middle of a letter, which is no reason to think it another code.
            Err(error) if error.error_len().is_none() => String::from_utf8_lossy(bytes).into_owned(),
            Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
        },
    }
}

/// At most `TEXT_MAX` bytes, without control characters and long blanks.
fn bounded(text: &str) -> String {
    let mut kept = String::with_capacity(text.len().min(TEXT_MAX));
    let mut blank = true;
    for letter in text.chars() {
        let is_blank = letter.is_whitespace() || letter.is_control();
        if is_blank && blank {
            continue;
        }
        blank = is_blank;
        kept.push(if is_blank { ' ' } else { letter });
        if kept.len() >= TEXT_MAX {
            break;
        }
    }
    kept.truncate(kept.trim_end().len());
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn text_of(bytes: &[u8], format: Format) -> String {
        examine(&mut Cursor::new(bytes), format, Found::default()).found.text.unwrap()
    }

    #[test]
    fn plain_files_in_any_code() {
        assert_eq!(text_of("Zürich \n\n am\tSee\0".as_bytes(), formats::TEXT), "Zürich am See");
        assert_eq!(text_of(b"\xFF\xFEZ\0\xFC\0r\0i\0", formats::TEXT), "Züri");
        assert_eq!(text_of(b"Z\xFCrich", formats::TEXT), "Zürich");
        assert!(text_of("x ".repeat(TEXT_MAX).as_bytes(), formats::TEXT).len() <= TEXT_MAX);
    }

    #[test]
    fn markup_without_its_marks() {
        let page = b"<html><head><title>Lake</title><script>alert('x')</script><style>p{}</style></head><body>A<br>b &amp; &lt;c&gt; &#252;<!-- no --></body>";
        assert_eq!(text_of(page, formats::HTML), "Lake A b & <c> \u{fc}");
        for length in 0..page.len() {
            text_of(&page[..length], formats::HTML);
        }
    }
}
