//! The file's name in a request's `Content-Disposition` (RFC 6266; `filename*` as RFC 8187 encodes it).

use mv_core::Error;
use percent_encoding::percent_decode;

/// The name that the header gives, if it gives one; `filename*` wins over `filename`.
///
/// # Errors
/// `validation_error` on `Content-Disposition` where it cannot be read, on `filename` where it is not UTF-8.
pub(super) fn filename(value: &[u8]) -> Result<Option<String>, Error> {
    let bad = || Error::invalid("Content-Disposition", "Must read: attachment; filename*=UTF-8''name");
    let text = std::str::from_utf8(value).map_err(|_| Error::invalid("filename", "Must be UTF-8"))?;
    let mut rest = text.split_once(';').map_or("", |(_, parameters)| parameters);
    let (mut plain, mut extended) = (None, None);
    loop {
        rest = rest.trim_start_matches([' ', '\t', ';']);
        if rest.is_empty() {
            break;
        }
        let (name, behind) = rest.split_once('=').ok_or_else(bad)?;
        let (value, behind) = value_of(behind.trim_start()).ok_or_else(bad)?;
        match name.trim().to_ascii_lowercase().as_str() {
            "filename" if plain.is_none() => plain = Some(value),
            "filename*" if extended.is_none() => extended = Some(decode(&value).ok_or_else(bad)?),
            "filename" | "filename*" => return Err(bad()),
            _ => {}
        }
        rest = behind;
    }
    Ok(extended.or(plain))
}

/// A token or a quoted string, and what stands behind it.
fn value_of(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ' ', '\t']).unwrap_or(text.len());
        let (token, behind) = text.split_at(end);
        return Some((token.to_owned(), behind));
    };
    let (mut value, mut letters) = (String::new(), quoted.char_indices());
    while let Some((place, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, quoted.get(place + 1..)?)),
            '\\' => value.push(letters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

/// `UTF-8'language'percent-encoded`.
fn decode(value: &str) -> Option<String> {
    let mut pieces = value.splitn(3, '\'');
    let (charset, _language, encoded) = (pieces.next()?, pieces.next()?, pieces.next()?);
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    percent_decode(encoded.as_bytes()).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_the_exact_form_wins() {
        for (value, name) in [
            ("attachment", None),
            ("attachment; filename=a.jpg", Some("a.jpg")),
            ("attachment; filename=\"a \\\"b\\\".jpg\"", Some("a \"b\".jpg")),
            ("attachment; filename=\"x\"; filename*=UTF-8''%C3%BC.jpg", Some("ü.jpg")),
            ("attachment; FILENAME*=utf-8'de'a%20b; filename=c", Some("a b")),
            ("inline;size=3", None),
        ] {
            assert_eq!(filename(value.as_bytes()).unwrap().as_deref(), name, "{value}");
        }
        for bad in [
            "attachment; filename",
            "attachment; filename=\"a",
            "attachment; filename*=latin1''a",
            "attachment; filename*=a",
            "attachment; filename=a; filename=b",
        ] {
            assert!(filename(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(filename(b"attachment; filename=\xff").is_err());
    }
}
