//! Thousands of WebSockets from one process, made for measuring: frames are counted and thrown away.
//! Promise: a task and 4 KiB for each; pings are answered; what the server sends is never parsed beyond its frames
//! (RFC 6455 section 5.2). Not here: who publishes (`scenarios::fan_out`).

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Connections that are opened at once.
const AT_ONCE: usize = 64;
const BUFFER: usize = 4096;
const PONG: [u8; 6] = [0x8a, 0x80, 0, 0, 0, 0];
const HANDSHAKE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// What all sockets have seen.
#[derive(Default)]
pub(crate) struct Heard {
    /// Text frames, those of the opening not counted.
    pub(crate) frames: AtomicU64,
    /// Sockets that have ended.
    pub(crate) ended: AtomicU64,
    /// When each event was due or published, by its number; nanoseconds since `base`. Empty: latencies are not taken.
    pub(crate) published: Vec<AtomicU64>,
    /// Latencies in nanoseconds.
    pub(crate) latencies: Mutex<Vec<u64>>,
    /// What `published` counts from.
    base: Option<Instant>,
}

impl Heard {
    /// With latencies of so many events.
    pub(crate) fn timed(events: usize) -> Heard {
        let published = (0..events).map(|_| AtomicU64::new(0)).collect();
        Heard { published, base: Some(Instant::now()), ..Heard::default() }
    }

    /// Nanoseconds from the beginning to then.
    pub(crate) fn nanoseconds(&self, at: Instant) -> u64 {
        let since = self.base.map_or(Duration::ZERO, |base| at.saturating_duration_since(base));
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Open sockets; closed when dropped.
pub(crate) struct Crowd {
    tasks: JoinSet<()>,
}

/// How a socket is opened.
#[derive(Clone)]
pub(crate) struct Opening {
    /// Where.
    pub(crate) address: SocketAddr,
    /// Path.
    pub(crate) path: &'static str,
    /// What it says at once.
    pub(crate) messages: Vec<String>,
    /// Frames that answer that.
    pub(crate) answers: u64,
}

impl Crowd {
    /// Opens one socket for each opening; all of them have got their answers when this returns.
    pub(crate) async fn open(openings: impl Iterator<Item = Opening>, heard: &Arc<Heard>) -> io::Result<Crowd> {
        let mut crowd = Crowd { tasks: JoinSet::new() };
        let mut openings = openings.peekable();
        while openings.peek().is_some() {
            let mut batch = JoinSet::new();
            for opening in openings.by_ref().take(AT_ONCE) {
                batch.spawn(async move { Socket::open(&opening).await });
            }
            while let Some(opened) = batch.join_next().await {
                let (socket, heard) = (opened.map_err(io::Error::other)??, Arc::clone(heard));
                crowd.tasks.spawn(async move { socket.listen(&heard).await });
            }
        }
        Ok(crowd)
    }
}

struct Socket {
    stream: TcpStream,
    buffer: Box<[u8]>,
    /// Bytes of the buffer that begin with a frame's head.
    filled: usize,
    /// Bytes of a payload that are still to come.
    skip: u64,
    /// Text frames that came together with the answers to the opening.
    early: u64,
}

impl Socket {
    async fn open(opening: &Opening) -> io::Result<Socket> {
        let mut stream = TcpStream::connect(opening.address).await?;
        stream.set_nodelay(true)?;
        let mut request = format!("GET {} HTTP/1.1\r\nHost: 127.0.0.1\r\n{HANDSHAKE}", opening.path).into_bytes();
        stream.write_all(&request).await?;
        let mut socket = Socket { stream, buffer: vec![0; BUFFER].into_boxed_slice(), filled: 0, skip: 0, early: 0 };
        let end = loop {
            socket.fill().await?;
            let head = socket.buffer.get(..socket.filled).unwrap_or_default();
            if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
        };
        if !socket.buffer.starts_with(b"HTTP/1.1 101") {
            let head = socket.buffer.get(..end).unwrap_or_default();
            return Err(io::Error::other(String::from_utf8_lossy(head).into_owned()));
        }
        socket.buffer.copy_within(end..socket.filled, 0);
        socket.filled -= end;
        request.clear();
        opening.messages.iter().for_each(|message| masked(&mut request, message));
        socket.stream.write_all(&request).await?;
        let mut answers = socket.take().await?;
        while answers < opening.answers {
            socket.fill().await?;
            answers += socket.take().await?;
        }
        socket.early = answers - opening.answers;
        Ok(socket)
    }

    async fn fill(&mut self) -> io::Result<()> {
        let read = self.stream.read(self.buffer.get_mut(self.filled..).unwrap_or_default()).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.filled += read;
        Ok(())
    }

    /// Takes what is in the buffer; how many text frames begin in it.
    async fn take(&mut self) -> io::Result<u64> {
        let (mut at, mut frames) = (0, 0);
        loop {
            let skipped = self.skip.min((self.filled - at) as u64);
            self.skip -= skipped;
            at += usize::try_from(skipped).unwrap_or(0);
            let rest = self.buffer.get(at..self.filled).unwrap_or_default();
            let (head, length) = match *rest {
                [_, length @ 0..=125, ..] => (2, u64::from(length)),
                [_, 126, high, low, ..] => (4, u64::from(u16::from_be_bytes([high, low]))),
                [_, 127, a, b, c, d, e, f, g, h, ..] => (10, u64::from_be_bytes([a, b, c, d, e, f, g, h])),
                _ => break,
            };
            match rest.first().map(|first| first & 0x0f) {
                Some(1) => frames += 1,
                Some(8) => return Err(io::ErrorKind::ConnectionAborted.into()),
                Some(9) => self.stream.write_all(&PONG).await?,
                _ => {}
            }
            at += head;
            self.skip = length;
        }
        self.buffer.copy_within(at..self.filled, 0);
        self.filled -= at;
        Ok(frames)
    }

    /// Counts until the end.
    async fn listen(mut self, heard: &Heard) {
        heard.frames.fetch_add(self.early, Ordering::Relaxed);
        let mut number = usize::try_from(self.early).unwrap_or(usize::MAX);
        let mut latencies = Vec::with_capacity(heard.published.len());
        while self.fill().await.is_ok() {
            let Ok(frames) = self.take().await else { break };
            heard.frames.fetch_add(frames, Ordering::Relaxed);
            if heard.published.is_empty() {
                continue;
            }
            let now = heard.nanoseconds(Instant::now());
            for _ in 0..frames {
                if let Some(published) = heard.published.get(number) {
                    latencies.push(now.saturating_sub(published.load(Ordering::Acquire)));
                }
                number += 1;
            }
            if number >= heard.published.len() {
                heard.latencies.lock().unwrap_or_else(PoisonError::into_inner).append(&mut latencies);
            }
        }
        heard.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// A text frame of a client: masked, here with zeros.
fn masked(out: &mut Vec<u8>, text: &str) {
    out.push(0x81);
    match u8::try_from(text.len()) {
        Ok(length) if length < 126 => out.push(0x80 | length),
        _ => {
            out.push(0x80 | 126);
            out.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// A text of 5 bytes, a ping, texts of 300 and of 70 000 bytes, whose contents look like frames; then a close.
    fn frames() -> Vec<u8> {
        let mut bytes = [&[0x81, 5][..], &[0x81; 5], &[0x89, 0], &[0x81, 126, 1, 44], &[0x88; 300]].concat();
        bytes.extend_from_slice(&[0x81, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70]);
        bytes.extend_from_slice(&[0x81; 70_000]);
        bytes.extend_from_slice(&[0x88, 2, 3, 0xe8]);
        bytes
    }

    #[tokio::test]
    async fn frames_are_counted_however_they_arrive() {
        for step in [1, 2, 3, 7, 4096, 100_000] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let server = tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
                }
                // A first frame comes in one piece with the handshake's end, as if it were the answer.
                stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x02ok").await.unwrap();
                while !request.ends_with(b"\x81\x82\0\0\0\0hi") {
                    assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
                }
                for piece in frames().chunks(step) {
                    stream.write_all(piece).await.unwrap();
                }
                let mut pong = [0; 6];
                stream.read_exact(&mut pong).await.unwrap();
                assert_eq!(pong, PONG);
            });
            let opening = Opening { address, path: "/socket", messages: vec!["hi".to_owned()], answers: 1 };
            let heard = Heard::default();
            Socket::open(&opening).await.unwrap().listen(&heard).await;
            server.await.unwrap();
            let counted = (heard.frames.load(Ordering::Acquire), heard.ended.load(Ordering::Acquire));
            assert_eq!(counted, (3, 1), "in steps of {step}");
        }
    }

    #[test]
    fn texts_of_a_client_are_masked() {
        let mut out = Vec::new();
        masked(&mut out, &"a".repeat(200));
        assert_eq!(out.get(..8), Some(&[0x81, 0xfe, 0, 200, 0, 0, 0, 0][..]));
        assert_eq!(out.len(), 208);
    }
}
