//! A bare hub: upgraded connections, and one prepared frame that goes to all of them. What it reaches on this machine is
//! the floor of every fan-out.
//! Promise: tokio and one broadcast channel, a task for each socket; one write an event, or on demand one for all that waits
//! for a socket; two workers at most.
//! Not here: the handshake's digest (the client does not look at it), pings, rights, slow readers.

use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Sender};

use crate::error::{Doing, Result};
use crate::machine;

/// Events that may wait for one socket.
const QUEUE: usize = 1024;
/// Bytes that go out in one write at most, and one event more.
const TOGETHER: usize = 16 * 1024;
const UPGRADED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: none\r\n\r\n";
const DONE: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// Serves on `127.0.0.1:port` until the process is ended: `GET /socket`, `POST /publish`, `GET /hello`.
pub(crate) fn serve(port: u16, together: bool) -> Result<()> {
    machine::raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(machine::cores().min(2))
        .enable_all()
        .build()
        .doing(|| "starting the runtime".to_owned())?;
    runtime.block_on(async {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listener = TcpListener::bind(address).await.doing(|| format!("listening on {address}"))?;
        let (events, _) = broadcast::channel::<Bytes>(QUEUE);
        loop {
            let (stream, _) = listener.accept().await.doing(|| "accepting".to_owned())?;
            tokio::spawn(talk(stream, events.clone(), together));
        }
    })
}

async fn talk(mut stream: TcpStream, events: Sender<Bytes>, together: bool) {
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::with_capacity(1024);
    loop {
        let Some((length, body)) = request(&mut stream, &mut buffer).await else { return };
        let whole = buffer.get(..length).unwrap_or_default();
        let answer = match whole {
            [b'P', ..] => {
                let _ = events.send(frame(whole.get(body..).unwrap_or_default()));
                DONE
            }
            head if head.starts_with(b"GET /socket") => {
                let events = events.subscribe();
                if stream.write_all(UPGRADED).await.is_ok() {
                    forward(stream, events, together).await;
                }
                return;
            }
            _ => HELLO,
        };
        if stream.write_all(answer).await.is_err() {
            return;
        }
        buffer.drain(..length);
    }
}

async fn forward(mut stream: TcpStream, mut events: broadcast::Receiver<Bytes>, together: bool) {
    let mut ignored = [0; 64];
    let mut all = Vec::new();
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Ok(first) => {
                    all.clear();
                    while together && all.len() < TOGETHER && let Ok(next) = events.try_recv() {
                        if all.is_empty() {
                            all.extend_from_slice(&first);
                        }
                        all.extend_from_slice(&next);
                    }
                    let bytes = if all.is_empty() { &*first } else { &*all };
                    if stream.write_all(bytes).await.is_err() {
                        return;
                    }
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            },
            read = stream.read(&mut ignored) => if read.unwrap_or(0) == 0 { return },
        }
    }
}

/// Reads a whole request; its length, and where its body begins.
async fn request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<(usize, usize)> {
    loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = std::str::from_utf8(buffer.get(..end)?).ok()?.to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.map_or(Some(0), |text| text.trim().parse().ok())?;
            if buffer.len() >= end + 4 + length {
                return Some((end + 4 + length, end + 4));
            }
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

/// A text frame of a server (RFC 6455 section 5.2).
fn frame(text: &[u8]) -> Bytes {
    let mut frame = vec![0x81];
    match u8::try_from(text.len()) {
        Ok(length) if length < 126 => frame.push(length),
        _ => {
            frame.push(126);
            frame.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    frame.extend_from_slice(text);
    frame.into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    use super::*;
    use crate::client::{Connection, Keep, Request};
    use crate::sockets::{Crowd, Heard, Opening};

    #[tokio::test]
    async fn every_socket_gets_every_event_once_however_it_is_written() {
        for together in [false, true] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (events, _) = broadcast::channel(QUEUE);
            tokio::spawn(async move {
                loop {
                    tokio::spawn(talk(listener.accept().await.unwrap().0, events.clone(), together));
                }
            });
            let heard = Arc::<Heard>::default();
            let opening = Opening { address, path: "/socket", messages: Vec::new(), answers: 0 };
            let _crowd = Crowd::open(std::iter::repeat_n(opening, 5), &heard).await.unwrap();
            let mut publisher = Connection::open(address).await.unwrap();
            for size in [1, 100, 300, 20_000] {
                let event = Request::json("POST", "/publish", "", &"x".repeat(size).into());
                for _ in 0..10 {
                    assert_eq!(publisher.exchange(&event, Keep::Nothing).await.unwrap().status, 204);
                }
            }
            tokio::time::timeout(Duration::from_secs(20), async {
                while heard.frames.load(Ordering::Acquire) < 200 {
                    tokio::task::yield_now().await;
                }
            })
            .await
            .unwrap();
            assert_eq!((heard.frames.load(Ordering::Acquire), heard.ended.load(Ordering::Acquire)), (200, 0));
        }
    }
}
