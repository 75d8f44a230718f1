//! Watches where HTTP/1 requests begin and end (RFC 9112) and refuses what two servers could read
//! in two ways: a bare line feed as a line end, both lengths at once, a repeated length or `Host`,
//! a transfer coding other than `chunked`.
//! hyper 1.12 alone answers all of these but differing lengths: it takes the chunks where both lengths are
//! given and closes then, merges equal lengths, hands on bytes that are still coded, and goes on after the rest.
//! Promise: no I/O, memory bounded by one short line, the same verdict however the bytes are cut.
//! Not here: everything the HTTP library refuses itself (control bytes, folded lines, sizes).

use memchr::memchr;

/// What a client of HTTP/2 says first (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How much of a line is kept: the fields that matter here are shorter, `Host` included
/// (253 octets of name, RFC 1035, and a port).
const LINE_KEPT: usize = 320;

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Reason {
    #[error("a line ends in a line feed alone")]
    BareLineFeed,
    #[error("a Content-Length that is repeated or not a number")]
    BadLength,
    #[error("a Transfer-Encoding that is repeated or not chunked")]
    BadEncoding,
    #[error("both Content-Length and Transfer-Encoding")]
    LengthAndEncoding,
    #[error("no Host, several of them, or one that names no host")]
    BadHost,
    #[error("a chunk size that is not a number")]
    BadChunk,
    #[error("neither HTTP/1 nor the preface of HTTP/2")]
    BadPreface,
}

/// A refusal and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    /// How many of the bytes given may still be passed on.
    pub(super) at: usize,
    pub(super) reason: Reason,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// The first bytes agree with the preface so far.
    Preface {
        matched: usize,
    },
    RequestLine,
    Field,
    /// So many bytes of a body are still to come.
    Body {
        left: u64,
    },
    ChunkSize,
    /// A chunk's bytes and the CRLF behind them.
    ChunkData {
        left: u64,
    },
    Trailer,
    /// HTTP/2: its frames are not ours to read.
    Foreign,
}

/// What the head under way has said about its body and host.
#[derive(Debug, Default)]
struct Head {
    is_http_10: bool,
    length: Option<u64>,
    chunked: bool,
    host: bool,
}

/// The watcher of one connection.
#[derive(Debug)]
pub(super) struct Framing {
    state: State,
    line: Line,
    head: Head,
    begun: bool,
}

impl Framing {
    /// A connection on which nothing was said yet.
    pub(super) fn new() -> Self {
        Self { state: State::Preface { matched: 0 }, line: Line::default(), head: Head::default(), begun: false }
    }

    /// Whether the client said enough to tell HTTP/1 from HTTP/2.
    pub(super) fn version_is_known(&self) -> bool {
        !matches!(self.state, State::Preface { .. })
    }

    /// Whether the client is not in the middle of a request.
    pub(super) fn is_between_requests(&self) -> bool {
        !self.begun
    }

    /// Follows the bytes just read. After a refusal the connection must be given no more of them.
    pub(super) fn watch(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let at = bytes.len() - rest.len();
            rest = match self.state {
                State::Foreign => return Ok(()),
                State::Preface { matched } => self.preface(matched, rest).map_err(|reason| Refusal { at, reason })?,
                State::Body { left } => {
                    let (left, rest) = skip(left, rest);
                    self.state = State::Body { left };
                    if left == 0 {
                        self.next_request();
                    }
                    rest
                }
                State::ChunkData { left } => {
                    let (left, rest) = skip(left, rest);
                    self.state = if left == 0 { State::ChunkSize } else { State::ChunkData { left } };
                    rest
                }
                State::RequestLine | State::Field | State::ChunkSize | State::Trailer => {
                    let Some(end) = memchr(b'\n', rest) else {
                        self.begun = true;
                        self.line.push(rest);
                        return Ok(());
                    };
                    let (line, rest) = rest.split_at(end);
                    self.line.push(line);
                    self.line_ends().map_err(|reason| Refusal { at: at + end, reason })?;
                    self.line.clear();
                    rest.split_first().map_or(rest, |(_line_feed, rest)| rest)
                }
            };
        }
        Ok(())
    }

    /// Compares with the preface; where they part, what was matched is the begin of a request line.
    fn preface<'b>(&mut self, matched: usize, bytes: &'b [u8]) -> Result<&'b [u8], Reason> {
        let (before, awaited) = PREFACE.split_at(matched);
        let common = bytes.iter().zip(awaited).take_while(|(ours, theirs)| ours == theirs).count();
        if common == awaited.len() {
            self.state = State::Foreign;
            return Ok(&[]);
        }
        if common == bytes.len() {
            self.state = State::Preface { matched: matched + common };
            return Ok(&[]);
        }
        if memchr(b'\n', before).is_some() {
            return Err(Reason::BadPreface);
        }
        self.state = State::RequestLine;
        self.line.push(before);
        Ok(bytes)
    }

    fn next_request(&mut self) {
        self.state = State::RequestLine;
        self.head = Head::default();
        self.begun = false;
    }

    fn line_ends(&mut self) -> Result<(), Reason> {
        if !self.line.ends_in_return() {
            return Err(Reason::BareLineFeed);
        }
        match self.state {
            // Empty lines before a request are allowed (RFC 9112 section 2.2).
            State::RequestLine if self.line.is_empty() => self.begun = false,
            State::RequestLine => {
                self.begun = true;
                self.head.is_http_10 = self.line.tail() == b"HTTP/1.0\r";
                self.state = State::Field;
            }
            State::Field if self.line.is_empty() => self.head_ends()?,
            State::Field => self.field()?,
            State::ChunkSize => {
                let size = chunk_size(self.line.kept()).ok_or(Reason::BadChunk)?;
                self.state = match size {
                    0 => State::Trailer,
                    size => State::ChunkData { left: size.checked_add(2).ok_or(Reason::BadChunk)? },
                };
            }
            State::Trailer if self.line.is_empty() => self.next_request(),
            State::Trailer | State::Preface { .. } | State::Body { .. } | State::ChunkData { .. } | State::Foreign => {}
        }
        Ok(())
    }

    fn field(&mut self) -> Result<(), Reason> {
        let line = self.line.kept();
        let Some(colon) = memchr(b':', line) else {
            return Ok(());
        };
        let (name, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii();
        let whole = self.line.is_whole();
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = decimal(value).filter(|_| whole && self.head.length.is_none());
            self.head.length = Some(length.ok_or(Reason::BadLength)?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if !whole || self.head.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Reason::BadEncoding);
            }
            self.head.chunked = true;
        } else if name.eq_ignore_ascii_case(b"host") {
            if !whole || self.head.host || !value.iter().copied().all(is_host_byte) {
                return Err(Reason::BadHost);
            }
            self.head.host = true;
        }
        Ok(())
    }

    fn head_ends(&mut self) -> Result<(), Reason> {
        // RFC 9112 section 3.2: a request of HTTP/1.1 without Host must be answered with 400.
        if !self.head.host && !self.head.is_http_10 {
            return Err(Reason::BadHost);
        }
        match (self.head.chunked, self.head.length) {
            (true, Some(_)) => return Err(Reason::LengthAndEncoding),
            (true, None) => self.state = State::ChunkSize,
            (false, None | Some(0)) => self.next_request(),
            (false, Some(left)) => self.state = State::Body { left },
        }
        Ok(())
    }
}

/// Leaves out up to `left` bytes: what is still to leave out, and the bytes behind.
fn skip(left: u64, bytes: &[u8]) -> (u64, &[u8]) {
    let now = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
    (left - now as u64, bytes.get(now..).unwrap_or_default())
}

fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |value, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

/// The size in front of a chunk; extensions and blanks behind it are left to the library.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let digits = std::str::from_utf8(line.get(..digits)?).ok()?;
    u64::from_str_radix(digits, 16).ok()
}

/// Bytes of `host [":" port]` (RFC 3986 section 3.2.2).
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(&byte)
}

/// The line under way: its begin, its last bytes and its length.
#[derive(Debug, Default)]
struct Line {
    kept: Vec<u8>,
    tail: [u8; 9],
    length: usize,
}

impl Line {
    fn push(&mut self, bytes: &[u8]) {
        let room = LINE_KEPT.saturating_sub(self.kept.len()).min(bytes.len());
        self.kept.extend_from_slice(bytes.get(..room).unwrap_or_default());
        self.length = self.length.saturating_add(bytes.len());
        let fresh = bytes.len().min(self.tail.len());
        self.tail.rotate_left(fresh);
        let keep = self.tail.len() - fresh;
        for (place, byte) in self.tail.iter_mut().skip(keep).zip(bytes.iter().skip(bytes.len() - fresh)) {
            *place = *byte;
        }
    }

    fn clear(&mut self) {
        self.kept.clear();
        self.tail = [0; 9];
        self.length = 0;
    }

    fn ends_in_return(&self) -> bool {
        self.tail.last() == Some(&b'\r')
    }

    fn tail(&self) -> &[u8] {
        &self.tail
    }

    /// Nothing but its CR.
    fn is_empty(&self) -> bool {
        self.length == 1
    }

    fn is_whole(&self) -> bool {
        self.length == self.kept.len()
    }

    fn kept(&self) -> &[u8] {
        self.kept.strip_suffix(b"\r").filter(|_| self.is_whole()).unwrap_or(&self.kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(pieces: &[&[u8]]) -> Option<(usize, Reason)> {
        let mut framing = Framing::new();
        let mut before = 0;
        for piece in pieces {
            if let Err(refusal) = framing.watch(piece) {
                return Some((before + refusal.at, refusal.reason));
            }
            before += piece.len();
        }
        None
    }

    const GOOD: &[&str] = &[
        "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\nGET / HTTP/1.0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 12\r\n\r\n\n\n\n\n\n\n\n\n\n\n\n\nGET / HTTP/1.1\r\nhost:\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:  Chunked \r\n\r\n3;a=b\r\n\n\n\n\r\nA \r\n0123456789\r\n0\r\nX: y\r\n\r\nPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\nGET / HTTP/1.0\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nany\nthing\n\n",
        "PRIVATE / HTTP/1.1\r\nHost: a\r\n\r\n",
    ];

    const BAD: &[(&str, Reason)] = &[
        ("GET / HTTP/1.1\nHost: a\r\n\r\n", Reason::BareLineFeed),
        ("GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", Reason::BareLineFeed),
        ("GET / HTTP/1.1\r\nHost: a\r\n\n", Reason::BareLineFeed),
        ("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Reason::BareLineFeed),
        ("GET / HTTP/1.1\r\n\r\n", Reason::BadHost),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", Reason::BadHost),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Reason::BadHost),
        ("GET / HTTP/1.1\r\nHost: x@a/b\r\n\r\n", Reason::BadHost),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            Reason::LengthAndEncoding,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
            Reason::LengthAndEncoding,
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", Reason::BadLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n", Reason::BadLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", Reason::BadLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n", Reason::BadLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", Reason::BadLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n", Reason::BadLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n", Reason::BadEncoding),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", Reason::BadEncoding),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n", Reason::BadEncoding),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            Reason::BadEncoding,
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", Reason::BadChunk),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+1\r\n", Reason::BadChunk),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a\nb\r\n", Reason::BareLineFeed),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\n\r\n", Reason::BareLineFeed),
    ];

    #[test]
    fn passes_what_has_one_reading_and_refuses_the_rest() {
        for good in GOOD {
            assert_eq!(verdict(&[good.as_bytes()]), None, "{good:?}");
        }
        for (bad, reason) in BAD {
            assert_eq!(verdict(&[bad.as_bytes()]).map(|found| found.1), Some(*reason), "{bad:?}");
        }
    }

    #[test]
    fn the_cut_of_the_bytes_changes_nothing() {
        for text in GOOD.iter().chain(BAD.iter().map(|(bad, _)| bad)) {
            let bytes = text.as_bytes();
            let at_once = verdict(&[bytes]);
            for cut in 0..=bytes.len() {
                assert_eq!(verdict(&[&bytes[..cut], &bytes[cut..]]), at_once, "{text:?} cut at {cut}");
            }
            assert_eq!(verdict(&bytes.chunks(1).collect::<Vec<_>>()), at_once, "{text:?}, byte by byte");
        }
    }

    #[test]
    fn long_lines_are_not_kept() {
        let mut framing = Framing::new();
        framing.watch(b"GET /").unwrap();
        for _ in 0..1000 {
            framing.watch(&[b'a'; 1024]).unwrap();
        }
        assert!(framing.line.kept.capacity() < 4 * LINE_KEPT);
        framing.watch(b" HTTP/1.0\r\nX: ").unwrap();
        framing.watch(&[b'a'; 4096]).unwrap();
        framing.watch(b"\r\n\r\n").unwrap();
        assert!(framing.is_between_requests());
        let padded = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length:{}5\r\n\r\n", " ".repeat(LINE_KEPT));
        assert_eq!(verdict(&[padded.as_bytes()]).unwrap().1, Reason::BadLength);
    }

    #[test]
    fn knows_when_the_version_is_known_and_a_request_is_under_way() {
        let mut framing = Framing::new();
        framing.watch(b"PRI * HTTP/2.0\r\n\r\nSM").unwrap();
        assert!(!framing.version_is_known());
        framing.watch(b"\r\n\r\n").unwrap();
        assert!(framing.version_is_known());
        let mut framing = Framing::new();
        framing.watch(b"P").unwrap();
        framing.watch(b"OST / HTTP/1.0\r\nContent-Length: 2\r\n\r\na").unwrap();
        assert!(framing.version_is_known() && !framing.is_between_requests());
        framing.watch(b"a").unwrap();
        assert!(framing.is_between_requests());
    }

    proptest::proptest! {
        #[test]
        fn garbage_never_panics_and_the_refusal_lies_within(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
            if let Some((at, _)) = verdict(&[&bytes]) {
                proptest::prop_assert!(at < bytes.len());
            }
        }
    }
}
