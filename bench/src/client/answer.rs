//! The head of an HTTP/1.1 answer, and how its body is delimited (RFC 9112 sections 4 and 6.3).
//! Promise: total on any bytes. Not here: reading from a socket (`connection`).

/// What to do with the body of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Keep {
    /// Count its bytes.
    Nothing,
    /// Keep it: for small ones that are looked at afterwards.
    Body,
    /// Compute its SHA-256.
    Digest,
}

/// An answer, read to the end of its body.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// Length of the body in bytes, without its framing.
    pub(crate) length: u64,
    /// The body, where [`Keep::Body`] was asked for.
    pub(crate) body: Vec<u8>,
    /// Its SHA-256, where [`Keep::Digest`] was asked for.
    pub(crate) digest: Option<[u8; 32]>,
    /// The head as it came, where [`Keep::Body`] was asked for.
    pub(crate) head: Vec<u8>,
}

impl Answer {
    /// A header's value, where the head was kept.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        fields(&self.head).find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The body as JSON, `null` where it is none.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A short text of what came, for messages.
    pub(crate) fn summary(&self) -> String {
        let body: String = String::from_utf8_lossy(&self.body).chars().take(160).collect();
        format!("status {}, {} bytes {body}", self.status, self.length)
    }
}

/// How the end of a body is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

/// What a head says that reading on depends on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) framing: Framing,
    pub(super) closes: bool,
}

/// Reads a head that ends in an empty line; `None` where it is not HTTP/1.
pub(super) fn parse_head(head: &[u8]) -> Option<Head> {
    let text = head.strip_prefix(b"HTTP/1.")?;
    let status: u16 = std::str::from_utf8(text.get(2..5)?).ok()?.parse().ok()?;
    let mut framing = Framing::UntilClose;
    let mut closes = text.first() == Some(&b'0');
    for (name, value) in fields(head) {
        if name.eq_ignore_ascii_case("content-length") && framing != Framing::Chunked {
            framing = Framing::Length(value.parse().ok()?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            framing = Framing::Chunked;
        } else if name.eq_ignore_ascii_case("connection") {
            closes = value.eq_ignore_ascii_case("close");
        }
    }
    if status < 200 || status == 204 || status == 304 {
        framing = Framing::Length(0);
    }
    Some(Head { status, framing, closes: closes || framing == Framing::UntilClose })
}

fn fields(head: &[u8]) -> impl Iterator<Item = (&str, &str)> {
    head.split(|byte| *byte == b'\n').skip(1).filter_map(|line| {
        let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
        Some((name, value.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_tell_status_and_framing() {
        let head = |text: &str| parse_head(text.as_bytes());
        let expected = |status, framing, closes| Some(Head { status, framing, closes });
        assert_eq!(head("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n"), expected(200, Framing::Length(12), false));
        assert_eq!(
            head("HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"),
            expected(201, Framing::Chunked, true)
        );
        assert_eq!(head("HTTP/1.1 204 No Content\r\n\r\n"), expected(204, Framing::Length(0), false));
        assert_eq!(head("HTTP/1.0 200 OK\r\n\r\n"), expected(200, Framing::UntilClose, true));
        assert_eq!(head("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), None);
        assert_eq!(head("SSH-2.0-x\r\n\r\n"), None);
        assert_eq!(head("HTTP/1."), None);
    }

    #[test]
    fn header_names_are_found_in_any_case() {
        let answer = Answer { head: b"HTTP/1.1 201 Created\r\nlocation: /a/b\r\n\r\n".to_vec(), ..Answer::default() };
        assert_eq!(answer.header("Location"), Some("/a/b"));
        assert_eq!(answer.header("Etag"), None);
    }
}
