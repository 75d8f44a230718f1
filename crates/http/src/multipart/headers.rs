//! What the header fields of a form say: the boundary of the body, the name and file name of a part.
//! Rules: RFC 2046 section 5.1.1 (boundary), RFC 7578 sections 4.2 to 4.8 (parts), and the escapes that
//! browsers write (WHATWG HTML, "multipart/form-data encoding algorithm").
//! Not here: what a file name may be; it is data, and dangerous as a path.

use bytes::Bytes;
use memchr::memchr;

use super::{MAX_HEADERS, Malformed};

/// A boundary that obeys RFC 2046.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boundary(Vec<u8>);

impl Boundary {
    /// The boundary of a `Content-Type` value, which must be `multipart/form-data`.
    pub fn from_content_type(value: &[u8]) -> Result<Self, Malformed> {
        let (essence, parameters) = value.split_at(memchr(b';', value).unwrap_or(value.len()));
        if !essence.trim_ascii().eq_ignore_ascii_case(b"multipart/form-data") {
            return Err(Malformed::NotMultipart);
        }
        let mut boundary = None;
        for parameter in Parameters(parameters) {
            let (name, value) = parameter.map_err(|_| Malformed::BadBoundary)?;
            if name.eq_ignore_ascii_case(b"boundary") && boundary.replace(value).is_some() {
                return Err(Malformed::BadBoundary);
            }
        }
        let boundary = boundary.ok_or(Malformed::NoBoundary)?;
        let sound = (1..=70).contains(&boundary.len())
            && boundary.last() != Some(&b' ')
            && boundary.iter().all(|byte| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(byte));
        if sound { Ok(Self(boundary)) } else { Err(Malformed::BadBoundary) }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What a part says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartHead {
    /// The field's name, never empty.
    pub name: String,
    /// The file's name as sent, perhaps empty, never to be used as a path; `None`: a plain field.
    pub filename: Option<String>,
    /// `Content-Type` as sent: a claim.
    pub content_type: Option<Bytes>,
}

impl PartHead {
    /// Reads a head: lines that end in CRLF, the last one empty.
    pub(super) fn parse(block: &[u8]) -> Result<Self, Malformed> {
        let mut disposition = None;
        let mut content_type = None;
        let mut transfer_encoding = None;
        for (count, line) in block.split(|byte| *byte == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() {
                break;
            }
            if count == MAX_HEADERS {
                return Err(Malformed::TooManyHeaders);
            }
            let (name, value) = field(line)?;
            let (slot, field) = if name.eq_ignore_ascii_case(b"content-disposition") {
                (&mut disposition, "Content-Disposition")
            } else if name.eq_ignore_ascii_case(b"content-type") {
                (&mut content_type, "Content-Type")
            } else if name.eq_ignore_ascii_case(b"content-transfer-encoding") {
                (&mut transfer_encoding, "Content-Transfer-Encoding")
            } else {
                continue;
            };
            if slot.replace(value).is_some() {
                return Err(Malformed::RepeatedHeader(field));
            }
        }
        let plain = [&b"binary"[..], b"7bit", b"8bit"];
        if transfer_encoding.is_some_and(|sent| !plain.iter().any(|plain| sent.eq_ignore_ascii_case(plain))) {
            return Err(Malformed::TransferEncoding);
        }
        let (name, filename) = self::disposition(disposition.ok_or(Malformed::NoDisposition)?)?;
        Ok(Self { name, filename, content_type: content_type.map(Bytes::copy_from_slice) })
    }
}

/// `Name: value` with a token for a name and no control bytes (RFC 9110 section 5.5).
fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let (name, value) = line.split_at(memchr(b':', line).ok_or(Malformed::BadHeader)?);
    let value = value.strip_prefix(b":").unwrap_or(value);
    let sound = !name.is_empty()
        && name.iter().copied().all(is_token_byte)
        && value.iter().all(|byte| !byte.is_ascii_control() || *byte == b'\t');
    if sound { Ok((name, value.trim_ascii())) } else { Err(Malformed::BadHeader) }
}

/// The name and the file name. `filename*` is not for forms (RFC 7578 section 4.2) and is ignored, as are
/// parameters nobody knows.
fn disposition(value: &[u8]) -> Result<(String, Option<String>), Malformed> {
    let (kind, parameters) = value.split_at(memchr(b';', value).unwrap_or(value.len()));
    if !kind.trim_ascii().eq_ignore_ascii_case(b"form-data") {
        return Err(Malformed::BadDisposition);
    }
    let mut name = None;
    let mut filename = None;
    for parameter in Parameters(parameters) {
        let (key, value) = parameter.map_err(|_| Malformed::BadDisposition)?;
        let (slot, key) = if key.eq_ignore_ascii_case(b"name") {
            (&mut name, "name")
        } else if key.eq_ignore_ascii_case(b"filename") {
            (&mut filename, "filename")
        } else {
            continue;
        };
        let text = String::from_utf8(value).map_err(|_| Malformed::NotUtf8(key))?;
        if slot.replace(text).is_some() {
            return Err(Malformed::RepeatedParameter(key));
        }
    }
    let name = name.ok_or(Malformed::NoName)?;
    if name.is_empty() { Err(Malformed::EmptyName) } else { Ok((name, filename)) }
}

/// The text is no list of parameters.
struct Syntax;

/// The parameters of a field value, from the first semicolon on: names as sent, values decoded.
struct Parameters<'v>(&'v [u8]);

impl<'v> Iterator for Parameters<'v> {
    type Item = Result<(&'v [u8], Vec<u8>), Syntax>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.0.trim_ascii_start();
            let Some(rest) = rest.strip_prefix(b";") else {
                self.0 = &[];
                return if rest.is_empty() { None } else { Some(Err(Syntax)) };
            };
            let rest = rest.trim_ascii_start();
            self.0 = rest;
            if !rest.is_empty() && !rest.starts_with(b";") {
                let parameter = parameter(rest);
                self.0 = parameter.as_ref().map_or(&[][..], |(_, _, rest)| *rest);
                return Some(parameter.map(|(name, value, _)| (name, value)).ok_or(Syntax));
            }
        }
    }
}

/// `name=value` at the begin of the text, and what follows it.
fn parameter(text: &[u8]) -> Option<(&[u8], Vec<u8>, &[u8])> {
    let (name, value) = text.split_at(memchr(b'=', text)?);
    let value = value.strip_prefix(b"=")?;
    if name.is_empty() || !name.iter().copied().all(is_token_byte) {
        return None;
    }
    if let Some(inner) = value.strip_prefix(b"\"") {
        // Browsers send a backslash as it is, others escape with it. Where the one reading makes no sense
        // (a name that ends in a backslash), the other one is meant.
        let (value, rest) = quoted(inner, true).or_else(|| quoted(inner, false))?;
        return Some((name, value, rest));
    }
    // No token: boundaries with colons and slashes come without quotes all the same.
    let (value, rest) = value.split_at(memchr(b';', value).unwrap_or(value.len()));
    let value = value.trim_ascii_end();
    let sound = !value.is_empty() && value.iter().all(|byte| !b"\" \t".contains(byte));
    sound.then(|| (name, value.to_vec(), rest))
}

/// The text up to the closing quote, decoded, and what follows, which is the end or a semicolon.
fn quoted(text: &[u8], backslash_escapes: bool) -> Option<(Vec<u8>, &[u8])> {
    let mut value = Vec::new();
    let mut rest = text;
    loop {
        rest = match rest {
            [] => return None,
            [b'"', rest @ ..] => {
                let rest = rest.trim_ascii_start();
                return (rest.is_empty() || rest.starts_with(b";")).then_some((value, rest));
            }
            [b'\\', escaped @ (b'"' | b'\\'), rest @ ..] if backslash_escapes => {
                value.push(*escaped);
                rest
            }
            [b'%', b'2', b'2', rest @ ..] => {
                value.push(b'"');
                rest
            }
            [b'%', b'0', b'D' | b'd', rest @ ..] => {
                value.push(b'\r');
                rest
            }
            [b'%', b'0', b'A' | b'a', rest @ ..] => {
                value.push(b'\n');
                rest
            }
            [byte, rest @ ..] => {
                value.push(*byte);
                rest
            }
        };
    }
}

/// RFC 9110 section 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_boundaries() {
        let longest = "a".repeat(70);
        for (value, boundary) in [
            ("multipart/form-data; boundary=abc", "abc"),
            ("Multipart/Form-Data;charset=utf-8;BOUNDARY=\"a b\"", "a b"),
            ("multipart/form-data ; boundary=a:b/c=d?e;;", "a:b/c=d?e"),
            (
                "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW ",
                "----WebKitFormBoundary7MA4YWxkTrZu0gW",
            ),
            (&format!("multipart/form-data; boundary={longest}"), &longest),
        ] {
            assert_eq!(Boundary::from_content_type(value.as_bytes()), Ok(Boundary(boundary.into())), "{value}");
        }
    }

    #[test]
    fn refuses_other_boundaries() {
        use Malformed::{BadBoundary, NoBoundary, NotMultipart};
        let ten_kib = format!("multipart/form-data; boundary={}", "a".repeat(10 * 1024));
        let one_too_long = format!("multipart/form-data; boundary={}", "a".repeat(71));
        for (value, error) in [
            ("", NotMultipart),
            ("application/json", NotMultipart),
            ("multipart/mixed; boundary=a", NotMultipart),
            ("multipart/form-data", NoBoundary),
            ("multipart/form-data; charset=utf-8", NoBoundary),
            ("multipart/form-data; boundary=", BadBoundary),
            ("multipart/form-data; boundary=\"\"", BadBoundary),
            ("multipart/form-data; boundary=\"a \"", BadBoundary),
            ("multipart/form-data; boundary=a_{b}", BadBoundary),
            ("multipart/form-data; boundary=\"a\\\"b\"", BadBoundary),
            ("multipart/form-data; boundary=a\r\nb", BadBoundary),
            ("multipart/form-data; boundary=\u{e9}", BadBoundary),
            ("multipart/form-data; boundary=a; boundary=b", BadBoundary),
            ("multipart/form-data; boundary=\"a", BadBoundary),
            ("multipart/form-data; boundary=a b", BadBoundary),
            ("multipart/form-data; boundary", BadBoundary),
            (&one_too_long, BadBoundary),
            (&ten_kib, BadBoundary),
        ] {
            assert_eq!(Boundary::from_content_type(value.as_bytes()), Err(error), "{value}");
        }
    }

    #[test]
    fn reads_dispositions() {
        for (value, name, filename) in [
            (r#"form-data; name="file"; filename="a.jpg""#, "file", Some("a.jpg")),
            (r#"FORM-DATA;NAME=file;FileName=a.jpg"#, "file", Some("a.jpg")),
            (r#"form-data; name="a;b=c"; x="y;name=z""#, "a;b=c", None),
            (r#"form-data; name="f"; filename="""#, "f", Some("")),
            (r#"form-data; name="f"; filename="a%22b%0d%0A%25%2e.jpg""#, "f", Some("a\"b\r\n%25%2e.jpg")),
            (r#"form-data; name="f"; filename="a\"b\\c.jpg""#, "f", Some(r#"a"b\c.jpg"#)),
            (r#"form-data; name="f"; filename="C:\dir\a.jpg""#, "f", Some(r"C:\dir\a.jpg")),
            (r#"form-data; name="f"; filename="..\..\x""#, "f", Some(r"..\..\x")),
            (r#"form-data; name="f"; filename="a\""#, "f", Some(r"a\")),
            (r#"form-data; name="f\"; filename="a""#, r"f\", Some("a")),
            (r#"form-data; name="f"; filename="näme 写真.jpg""#, "f", Some("näme 写真.jpg")),
            (r#"form-data; name="f"; filename*=UTF-8''..%2Fx; filename="a""#, "f", Some("a")),
            (r#"form-data; name="f"; filename*=UTF-8''..%2Fx"#, "f", None),
            (r#"form-data; name="f"; filename="../../etc/passwd""#, "f", Some("../../etc/passwd")),
            (r#"form-data; name="f"; filename="%2e%2e%2f";"#, "f", Some("%2e%2e%2f")),
        ] {
            let read = disposition(value.as_bytes());
            assert_eq!(read, Ok((name.to_owned(), filename.map(str::to_owned))), "{value}");
        }
    }

    #[test]
    fn refuses_other_dispositions() {
        use Malformed::{BadDisposition, EmptyName, NoName, NotUtf8, RepeatedParameter};
        for (value, error) in [
            (&b""[..], BadDisposition),
            (b"attachment; name=\"f\"", BadDisposition),
            (b"form-data", NoName),
            (b"form-data; filename=\"a\"", NoName),
            (b"form-data; name*=UTF-8''f", NoName),
            (b"form-data; name=\"\"", EmptyName),
            (b"form-data; name=", BadDisposition),
            (b"form-data; name=\"f", BadDisposition),
            (b"form-data; name=\"f\"x", BadDisposition),
            (b"form-data name=\"f\"", BadDisposition),
            (b"form-data; name", BadDisposition),
            (b"form-data; name = \"f\"", BadDisposition),
            (b"form-data; name=\"a\"; Name=\"b\"", RepeatedParameter("name")),
            (b"form-data; name=\"f\"; filename=\"\"; filename=\"b.html\"", RepeatedParameter("filename")),
            (b"form-data; name=\"\xff\"", NotUtf8("name")),
            (b"form-data; name=\"f\"; filename=\"\xc0\xaf\"", NotUtf8("filename")),
            (b"form-data; name=\"f\"; filename=\"\xed\xa0\x80\"", NotUtf8("filename")),
        ] {
            assert_eq!(disposition(value), Err(error), "{:?}", String::from_utf8_lossy(value));
        }
    }

    #[test]
    fn reads_and_refuses_heads() {
        let own = "Content-Disposition: form-data; name=\"f\"\r\n";
        let parse = |lines: &str| PartHead::parse(format!("{own}{lines}\r\n").as_bytes());
        let typed = parse("content-type:  image/jpeg;x=\u{e9} \r\nX-Other: y\r\n").unwrap();
        assert_eq!(typed.content_type.unwrap(), "image/jpeg;x=\u{e9}");
        for fine in ["", "Content-Transfer-Encoding: Binary\r\n", "Content-Transfer-Encoding:8bit\r\n"] {
            assert_eq!(parse(fine).unwrap().name, "f", "{fine}");
        }
        let seventeen = "X: y\r\n".repeat(16);
        for (bad, error) in [
            ("Content-Transfer-Encoding: base64\r\n", Malformed::TransferEncoding),
            ("Content-Transfer-Encoding: \r\n", Malformed::TransferEncoding),
            ("Content-Type: a/b\r\nContent-Type: a/b\r\n", Malformed::RepeatedHeader("Content-Type")),
            (own, Malformed::RepeatedHeader("Content-Disposition")),
            (" folded\r\n", Malformed::BadHeader),
            ("no colon\r\n", Malformed::BadHeader),
            ("X : y\r\n", Malformed::BadHeader),
            (": y\r\n", Malformed::BadHeader),
            ("X: a\rb\r\n", Malformed::BadHeader),
            ("X: a\0b\r\n", Malformed::BadHeader),
            (&seventeen, Malformed::TooManyHeaders),
        ] {
            assert_eq!(parse(bad), Err(error), "{bad}");
        }
        assert!(parse(&"X: y\r\n".repeat(15)).is_ok());
        assert_eq!(PartHead::parse(b"\r\n"), Err(Malformed::NoDisposition));
        assert_eq!(PartHead::parse(b"Content-Type: a/b\r\n\r\n"), Err(Malformed::NoDisposition));
    }
}
