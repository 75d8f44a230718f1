//! Requests as bytes ready to be sent: head, optional content, tail (the closing boundary of a multipart body).
//! Promise: cloning one copies no body. Not here: the wire (`connection`).

use bytes::Bytes;

use crate::content::Content;

/// The boundary of every multipart body here; random contents do not contain it.
const BOUNDARY: &str = "mv-bench-7d1f4c0a9b62";

/// One request, ready to be sent any number of times.
#[derive(Clone)]
pub(crate) struct Request {
    pub(super) head: Bytes,
    pub(super) content: Option<Content>,
    pub(super) tail: Bytes,
}

impl Request {
    /// A GET of `path`; `headers` are whole lines, each with its CRLF.
    pub(crate) fn get(path: &str, headers: &str) -> Request {
        Request::bare(format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n"))
    }

    /// A GET of the bytes `from..to` of `path`.
    pub(crate) fn range(path: &str, headers: &str, from: u64, to: u64) -> Request {
        Request::get(path, &format!("{headers}Range: bytes={from}-{}\r\n", to.saturating_sub(1)))
    }

    /// A request with a JSON body.
    pub(crate) fn json(method: &str, path: &str, headers: &str, body: &serde_json::Value) -> Request {
        let body = body.to_string();
        Request::bare(format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}Content-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    }

    /// A request whose body is `content` as it is; `headers` must say its type.
    pub(crate) fn raw(method: &str, path: &str, headers: &str, content: Content) -> Request {
        let length = content.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}Content-Length: {length}\r\n\r\n");
        Request { head: Bytes::from(head), content: Some(content), tail: Bytes::new() }
    }

    /// A POST of one file named `filename` in the multipart part `file` (RFC 7578).
    pub(crate) fn multipart(path: &str, headers: &str, filename: &str, content: Content) -> Request {
        let opening = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{filename}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        let closing = format!("\r\n--{BOUNDARY}--\r\n");
        let length = opening.len() + content.len() + closing.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}Content-Type: multipart/form-data; \
             boundary={BOUNDARY}\r\nContent-Length: {length}\r\n\r\n{opening}"
        );
        Request { head: Bytes::from(head), content: Some(content), tail: Bytes::from(closing) }
    }

    /// A request without a body; `headers` are whole lines.
    pub(crate) fn empty(method: &str, path: &str, headers: &str) -> Request {
        Request::bare(format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}Content-Length: 0\r\n\r\n"))
    }

    fn bare(head: String) -> Request {
        Request { head: Bytes::from(head), content: None, tail: Bytes::new() }
    }

    /// Method and path without the query, for messages.
    pub(crate) fn line(&self) -> String {
        let text = String::from_utf8_lossy(&self.head);
        let line = text.lines().next().unwrap_or_default();
        line.split([' ', '?']).take(2).collect::<Vec<_>>().join(" ")
    }

    /// All runs of bytes of the request, in order; some may be empty.
    pub(super) fn parts(&self) -> [&[u8]; 4] {
        let [stamp, rest] = self.content.as_ref().map_or([&[][..], &[][..]], Content::parts);
        [&self.head, stamp, rest, &self.tail]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Pool;

    #[test]
    fn declared_lengths_are_the_true_ones() {
        let pool = Pool::new(4_096, 1);
        for request in [
            Request::multipart("/u", "A: b\r\n", "a.bin", pool.draw(1_000)),
            Request::raw("PUT", "/u", "Content-Type: x/y\r\n", pool.draw(7)),
            Request::json("POST", "/u", "", &serde_json::json!({"a": "ä"})),
        ] {
            let whole = request.parts().concat();
            let split = whole.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
            let head = String::from_utf8(whole[..split].to_vec()).unwrap();
            let declared = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
            assert_eq!(declared.parse::<usize>().unwrap(), whole.len() - split, "{head}");
        }
    }

    #[test]
    fn messages_show_no_query() {
        assert_eq!(Request::get("/a/b?token=secret", "").line(), "GET /a/b");
    }
}
