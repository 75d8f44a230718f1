//! Names of files: what a client may call a file and how that name goes back out.
//! Promise: a name is inert data, kept byte for byte, and is never a path; no header made of it can be broken out of.
//! Not here: making names unique, the names inside a streamed zip, reading multipart or tus headers.

use std::fmt;

use crate::error::Error;

/// The longest name, in bytes of UTF-8: what common file systems take.
pub const NAME_BYTES_MAX: usize = 255;

/// A file's name as its owner knows it: 1 to 255 bytes, no control characters, no `/` and no `\`, not `.` or `..`.
///
/// Everything else is kept as sent: quotes, markup, percent signs, names that Windows reserves, bidirectional
/// overrides; composed and decomposed forms stay two names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FileName(String);

/// Whether a browser shows the bytes or saves them (RFC 6266 section 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Show in place; only for what `mime::served_as` calls inline.
    Inline,
    /// Save.
    Attachment,
}

impl FileName {
    /// Takes the name that a client sent.
    ///
    /// Of a path (folder uploads send one, old browsers do) only the part after the last `/` or `\` is kept: RFC 6266
    /// section 4.3 and RFC 7578 section 4.2 say so. Nothing is decoded: `%2F` is three characters of a name.
    ///
    /// # Errors
    /// `validation_error` on `filename`: a control character anywhere in what was sent (NUL, CR, LF, all of C0, DEL
    /// and C1), nothing or only white space left, `.` or `..`, more than 255 bytes.
    pub fn accept(raw: &str) -> Result<Self, Error> {
        if raw.chars().any(char::is_control) {
            return Err(refused("Must not contain control characters"));
        }
        let name = raw.rsplit(['/', '\\']).next().unwrap_or_default();
        if name.trim().is_empty() {
            return Err(refused("Must not be empty"));
        }
        if name == "." || name == ".." {
            return Err(refused("Must be the name of a file"));
        }
        if name.len() > NAME_BYTES_MAX {
            return Err(refused("Must not be longer than 255 bytes"));
        }
        Ok(Self(name.to_owned()))
    }

    /// Takes a name from a header or from tus metadata, where it is only bytes.
    ///
    /// # Errors
    /// `validation_error` on `filename`: not UTF-8, or refused by [`FileName::accept`].
    pub fn accept_bytes(raw: &[u8]) -> Result<Self, Error> {
        let text = std::str::from_utf8(raw).map_err(|_| refused("Must be valid UTF-8"))?;
        Self::accept(text)
    }

    /// The name as it was sent, less any folders before it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name in lower case, for sorting and for telling names apart where case must not count.
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }

    /// What stands after the last dot, as sent; `None` without a dot, after a last dot (`a.`), and for a name whose
    /// only dot is its first character (`.htaccess`).
    pub fn extension(&self) -> Option<&str> {
        match self.0.rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() && !extension.is_empty() => Some(extension),
            _ => None,
        }
    }

    /// The value of `Content-Disposition`, in visible ASCII and spaces only.
    ///
    /// The plain `filename` comes first, for clients that know no better; `filename*` has the exact name and wins in
    /// all others (RFC 6266 section 4.3).
    pub fn content_disposition(&self, kind: Disposition) -> String {
        let kind = match kind {
            Disposition::Inline => "inline",
            Disposition::Attachment => "attachment",
        };
        let fallback: String = self.0.chars().map(fallback_character).collect();
        format!("{kind}; filename=\"{fallback}\"; filename*=UTF-8''{}", percent_encoded(&self.0))
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn refused(message: &'static str) -> Error {
    Error::invalid("filename", message)
}

/// What a character becomes in the quoted ASCII name. A percent sign goes too, for some clients decode it there
/// (RFC 6266 appendix D); bidirectional overrides go as all that is not ASCII. No name has `/` or `\`, but a quoted
/// string must not hang on that.
fn fallback_character(character: char) -> char {
    match character {
        '"' | '\\' | '/' | '%' => '_',
        ' '..='~' => character,
        _ => '_',
    }
}

/// `value-chars` of RFC 8187 section 3.2.1: only `attr-char` stays bare.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::Code;

    /// What becomes of each of the bad names 1 to 24 of the security bar: `Some` is kept, `None` is 400.
    #[test]
    fn hostile_names() {
        let long = "n".repeat(4096);
        let cases: &[(u8, &[u8], Option<&str>)] = &[
            (1, b"../../etc/passwd", Some("passwd")),
            (2, b"..\\..\\x", Some("x")),
            (3, b"%2e%2e%2f", Some("%2e%2e%2f")),
            (4, b"..%c0%af", Some("..%c0%af")),
            (5, b"....//", None),
            (6, b"/etc/passwd", Some("passwd")),
            (7, b"C:\\x", Some("x")),
            (8, b"\\\\host\\share", Some("share")),
            (9, b"a\0.jpg", None),
            (10, b"a.jpg\r\nX-Evil: 1", None),
            (11, b"\"; filename=\"b.html", Some("\"; filename=\"b.html")),
            (12, long.as_bytes(), None),
            (13, b"", None),
            (14, b".", None),
            (14, b"..", None),
            (15, b".htaccess", Some(".htaccess")),
            (16, b"CON", Some("CON")),
            (16, b"NUL.jpg", Some("NUL.jpg")),
            (17, b"-rf", Some("-rf")),
            (17, b"-i.jpg", Some("-i.jpg")),
            (18, b"$(id).jpg", Some("$(id).jpg")),
            (18, b"`id`", Some("`id`")),
            (19, "photo\u{202E}gpj.exe".as_bytes(), Some("photo\u{202E}gpj.exe")),
            (19, "\u{2066}a\u{2069}.jpg".as_bytes(), Some("\u{2066}a\u{2069}.jpg")),
            (20, "cafe\u{301}.jpg".as_bytes(), Some("cafe\u{301}.jpg")),
            (20, "caf\u{e9}.jpg".as_bytes(), Some("caf\u{e9}.jpg")),
            (20, "раураl.jpg".as_bytes(), Some("раураl.jpg")),
            (21, b"\xED\xA0\x80.jpg", None),
            (21, b"\xFF\xFE.jpg", None),
            (21, b"a\xC3", None),
            (22, b"..%2Fx", Some("..%2Fx")),
            (23, b"<img src=x onerror=alert(1)>.jpg", Some("<img src=x onerror=alert(1)>.jpg")),
            (24, b"x.jpg.html", Some("x.jpg.html")),
        ];
        for (row, raw, kept) in cases {
            let shown = String::from_utf8_lossy(raw);
            match (FileName::accept_bytes(raw), kept) {
                (Ok(name), Some(kept)) => assert_eq!(name.as_str(), *kept, "row {row}: {shown:?}"),
                (Err(error), None) => {
                    assert_eq!(error.code, Code::ValidationError, "row {row}");
                    assert_eq!(error.details[0].field, "filename", "row {row}");
                }
                (result, _) => panic!("row {row}: {shown:?} gave {result:?}"),
            }
        }
    }

    #[test]
    fn limits_and_white_space() {
        assert!(FileName::accept(&"n".repeat(255)).is_ok());
        assert!(FileName::accept(&"n".repeat(256)).is_err());
        assert!(FileName::accept(&"é".repeat(127)).is_ok());
        assert!(FileName::accept(&"é".repeat(128)).is_err());
        // The limit is on the name, not on the folders before it.
        assert_eq!(FileName::accept(&format!("{}/a.jpg", "d".repeat(500))).unwrap().as_str(), "a.jpg");
        assert_eq!(FileName::accept("Holiday 2024/Day 1/IMG 1.jpg").unwrap().as_str(), "IMG 1.jpg");
        assert_eq!(FileName::accept(" a .jpg ").unwrap().as_str(), " a .jpg ");
        for bad in
            [" ", "\u{a0}\u{3000}", "dir/", "dir/..", "dir\\.", "a\tb", "a\u{7f}", "a\u{85}b", "a\u{9b}31m", "\0/a"]
        {
            assert!(FileName::accept(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn twins_differ_and_case_folds() {
        assert_ne!(FileName::accept("cafe\u{301}").unwrap(), FileName::accept("caf\u{e9}").unwrap());
        assert_eq!(FileName::accept("ÉTÉ.JPG").unwrap().folded(), "été.jpg");
    }

    #[test]
    fn extensions() {
        let cases = [
            ("a.jpg", Some("jpg")),
            ("A.JPEG", Some("JPEG")),
            ("x.jpg.html", Some("html")),
            ("..a", Some("a")),
            (".htaccess", None),
            ("README", None),
            ("a.", None),
            ("...", None),
        ];
        for (name, extension) in cases {
            assert_eq!(FileName::accept(name).unwrap().extension(), extension, "{name:?}");
        }
    }

    #[test]
    fn headers_by_example() {
        let header = |name: &str| FileName::accept(name).unwrap().content_disposition(Disposition::Attachment);
        assert_eq!(header("a b.jpg"), "attachment; filename=\"a b.jpg\"; filename*=UTF-8''a%20b.jpg");
        assert_eq!(header("写真.jpg"), "attachment; filename=\"__.jpg\"; filename*=UTF-8''%E5%86%99%E7%9C%9F.jpg");
        assert_eq!(
            header("\"; filename=\"b.html"),
            "attachment; filename=\"_; filename=_b.html\"; filename*=UTF-8''%22%3B%20filename%3D%22b.html"
        );
        assert_eq!(header("100%.txt"), "attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt");
        assert_eq!(
            header("a\u{202E}gpj.exe"),
            "attachment; filename=\"a_gpj.exe\"; filename*=UTF-8''a%E2%80%AEgpj.exe"
        );
        assert_eq!(
            header("it's(1)*.txt"),
            "attachment; filename=\"it's(1)*.txt\"; filename*=UTF-8''it%27s%281%29%2A.txt"
        );
        let inline = FileName::accept("a.png").unwrap().content_disposition(Disposition::Inline);
        assert_eq!(inline, "inline; filename=\"a.png\"; filename*=UTF-8''a.png");
    }

    /// The two names in a header, the second decoded as RFC 8187 says; `None` where the header is not well formed.
    fn read_back(header: &str) -> Option<(String, String)> {
        let rest = header.strip_prefix("attachment; filename=\"")?;
        let (plain, encoded) = rest.split_once("\"; filename*=UTF-8''")?;
        let mut bytes = Vec::new();
        let mut characters = encoded.bytes();
        while let Some(byte) = characters.next() {
            if byte == b'%' {
                let digits = [characters.next()?, characters.next()?];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
            } else if byte.is_ascii_alphanumeric() || "!#$&+-.^_`|~".contains(char::from(byte)) {
                bytes.push(byte);
            } else {
                return None;
            }
        }
        Some((plain.to_owned(), String::from_utf8(bytes).ok()?))
    }

    proptest! {
        #[test]
        fn headers_are_inert_and_tell_the_name(raw in "(\\PC|[\"\\\\/%;'\u{202E}]){1,60}") {
            let Ok(name) = FileName::accept(&raw) else { return Ok(()) };
            let header = name.content_disposition(Disposition::Attachment);
            prop_assert!(header.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{}", header);
            let (plain, exact) = read_back(&header).ok_or_else(|| TestCaseError::fail(header.clone()))?;
            prop_assert_eq!(exact, name.as_str());
            prop_assert!(!plain.contains(['"', '\\', '/', '%']));
            prop_assert_eq!(plain.chars().count(), name.as_str().chars().count());
        }

        #[test]
        fn what_is_kept_is_safe_and_stays(raw in any::<Vec<u8>>()) {
            let Ok(name) = FileName::accept_bytes(&raw) else { return Ok(()) };
            let text = name.as_str();
            prop_assert!(!text.is_empty() && text.len() <= NAME_BYTES_MAX && text != "." && text != "..");
            prop_assert!(!text.chars().any(|character| character.is_control() || character == '/' || character == '\\'));
            prop_assert!(raw.ends_with(text.as_bytes()));
            prop_assert_eq!(FileName::accept(text), Ok(name.clone()));
        }
    }
}
