//! One keep-alive connection: sends a request, reads its answer to the end.
//! Promise: bodies pass through one reused buffer of 256 KiB; an answer given before the request was wholly sent
//! (a refusal) is still read. Not here: many connections (`load`).

use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;

use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::answer::{Answer, Framing, Head, Keep, parse_head};
use super::request::Request;

const BUFFER: usize = 256 * 1024;
/// Longer heads than this are not read: no server here sends one.
const LONGEST_HEAD: usize = 64 * 1024;

/// A connection and what was read from it but not used yet.
pub(crate) struct Connection {
    address: SocketAddr,
    stream: TcpStream,
    buffer: Box<[u8]>,
    from: usize,
    to: usize,
    closed: bool,
}

/// Where a body goes while it is read.
struct Sink {
    keep: Keep,
    length: u64,
    body: Vec<u8>,
    hash: Sha256,
}

impl Sink {
    fn take(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        match self.keep {
            Keep::Nothing => {}
            Keep::Body => self.body.extend_from_slice(bytes),
            Keep::Digest => self.hash.update(bytes),
        }
    }
}

impl Connection {
    /// Connects, with Nagle's algorithm off.
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection { address, stream, buffer: vec![0; BUFFER].into_boxed_slice(), from: 0, to: 0, closed: false })
    }

    /// Sends `request` and reads its answer; connects anew first where the last answer closed the connection.
    pub(crate) async fn exchange(&mut self, request: &Request, keep: Keep) -> io::Result<Answer> {
        if self.closed {
            *self = Connection::open(self.address).await?;
        }
        let sent = self.send(request).await;
        match (self.receive(keep).await, sent) {
            (Ok(answer), Ok(())) => Ok(answer),
            (Ok(answer), Err(_)) => {
                self.closed = true;
                Ok(answer)
            }
            (Err(error), sent) => {
                self.closed = true;
                Err(sent.err().unwrap_or(error))
            }
        }
    }

    async fn send(&mut self, request: &Request) -> io::Result<()> {
        let mut parts = request.parts().map(IoSlice::new);
        let mut left = &mut parts[..];
        // Leading empty slices would make a write of nothing look like the end.
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            match self.stream.write_vectored(left).await? {
                0 => return Err(ErrorKind::WriteZero.into()),
                written => IoSlice::advance_slices(&mut left, written),
            }
        }
        Ok(())
    }

    async fn receive(&mut self, keep: Keep) -> io::Result<Answer> {
        let (head, kept_head) = loop {
            let length = self.read_head().await?;
            let bytes = self.unread().get(..length).unwrap_or_default();
            let head = parse_head(bytes).ok_or(ErrorKind::InvalidData)?;
            let kept = if keep == Keep::Body { bytes.to_vec() } else { Vec::new() };
            self.from += length;
            // Interim answers (RFC 9110 section 15.2) come before the real one.
            if head.status >= 200 {
                break (head, kept);
            }
        };
        let mut sink = Sink { keep, length: 0, body: Vec::new(), hash: Sha256::new() };
        self.read_body(head, &mut sink).await?;
        self.closed = head.closes;
        let digest = (keep == Keep::Digest).then(|| sink.hash.finalize().into());
        Ok(Answer { status: head.status, length: sink.length, body: sink.body, digest, head: kept_head })
    }

    async fn read_body(&mut self, head: Head, sink: &mut Sink) -> io::Result<()> {
        match head.framing {
            Framing::Length(length) => self.pass(length, sink).await,
            Framing::Chunked => loop {
                let line = self.read_line().await?;
                let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
                let text = std::str::from_utf8(digits).map_err(|_| ErrorKind::InvalidData)?.trim();
                let length = u64::from_str_radix(text, 16).map_err(|_| ErrorKind::InvalidData)?;
                if length == 0 {
                    while !self.read_line().await?.is_empty() {}
                    return Ok(());
                }
                self.pass(length, sink).await?;
                self.read_line().await?;
            },
            Framing::UntilClose => loop {
                sink.take(self.unread());
                self.from = self.to;
                if self.fill().await? == 0 {
                    return Ok(());
                }
            },
        }
    }

    /// Hands exactly `left` bytes to the sink.
    async fn pass(&mut self, mut left: u64, sink: &mut Sink) -> io::Result<()> {
        while left > 0 {
            if self.from == self.to && self.fill().await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let unread = self.unread();
            let now = unread.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            sink.take(unread.get(..now).unwrap_or_default());
            self.from += now;
            left -= now as u64;
        }
        Ok(())
    }

    /// Reads until the empty line after a head is there; the length of the head with it.
    async fn read_head(&mut self) -> io::Result<usize> {
        loop {
            if let Some(at) = self.unread().windows(4).position(|four| four == b"\r\n\r\n") {
                return Ok(at + 4);
            }
            if self.unread().len() > LONGEST_HEAD {
                return Err(ErrorKind::InvalidData.into());
            }
            if self.fill().await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// One line without its CRLF.
    async fn read_line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self.unread().windows(2).position(|two| two == b"\r\n") {
                let line = self.unread().get(..at).unwrap_or_default().to_vec();
                self.from += at + 2;
                return Ok(line);
            }
            if self.unread().len() > LONGEST_HEAD || self.fill().await? == 0 {
                return Err(ErrorKind::InvalidData.into());
            }
        }
    }

    fn unread(&self) -> &[u8] {
        self.buffer.get(self.from..self.to).unwrap_or_default()
    }

    /// Reads what is there into the free end of the buffer, moving what is unread to its start when that is used up.
    async fn fill(&mut self) -> io::Result<usize> {
        if self.from == self.to {
            (self.from, self.to) = (0, 0);
        } else if self.to == self.buffer.len() {
            self.buffer.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.to - self.from);
        }
        let read = self.stream.read(self.buffer.get_mut(self.to..).unwrap_or_default()).await?;
        self.to += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// Answers two requests with `raw` in pieces of `step` bytes, and returns what the client made of the first.
    async fn read_back(raw: &'static str, step: usize, keep: Keep) -> (Answer, Answer) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            socket.set_nodelay(true).unwrap();
            for _ in 0..2 {
                let mut request = [0; 1024];
                assert!(socket.read(&mut request).await.unwrap() > 0);
                for piece in raw.as_bytes().chunks(step) {
                    socket.write_all(piece).await.unwrap();
                    socket.flush().await.unwrap();
                }
            }
        });
        let mut connection = Connection::open(address).await.unwrap();
        let request = Request::get("/", "");
        let first = connection.exchange(&request, keep).await.unwrap();
        let second = connection.exchange(&request, keep).await.unwrap();
        server.await.unwrap();
        (first, second)
    }

    #[tokio::test]
    async fn bodies_are_read_to_their_end_however_they_arrive() {
        let plain = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        let chunked =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nT: u\r\n\r\n";
        for raw in [plain, chunked] {
            for step in [1, 2, 3, 7, 1_000] {
                let (first, second) = read_back(raw, step, Keep::Body).await;
                for answer in [first, second] {
                    assert_eq!((answer.status, answer.length), (200, 5), "in steps of {step}");
                    assert_eq!(answer.body, b"hello");
                }
            }
        }
        let (first, _) = read_back(plain, 4, Keep::Digest).await;
        let expected: [u8; 32] = Sha256::digest(b"hello").into();
        assert_eq!(first.digest, Some(expected));
    }

    #[tokio::test]
    async fn what_is_not_http_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            socket.write_all(b"220 mail ready\r\n\r\n").await.unwrap();
            let _ = socket.read(&mut [0; 64]).await;
        });
        let mut connection = Connection::open(address).await.unwrap();
        let answer = connection.exchange(&Request::get("/", ""), Keep::Nothing).await;
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::InvalidData);
        server.await.unwrap();
    }
}
