//! Requests byte by byte over a socket, for what no HTTP library would send.

use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer as it came over the socket.
pub(super) struct Received {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
    /// Whether all bytes that `Content-Length` promised have come.
    pub(super) complete: bool,
}

impl Received {
    /// The error's code and the fields that it names.
    pub(super) fn error(&self) -> (String, Vec<String>) {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let details = body["error"]["details"].as_array().cloned().unwrap_or_default();
        let fields = details.iter().map(|detail| detail["field"].as_str().unwrap().to_owned()).collect();
        (body["error"]["code"].as_str().unwrap_or_default().to_owned(), fields)
    }
}

/// A connection.
pub(super) struct Socket(TcpStream);

impl Socket {
    pub(super) async fn open(server: &Server) -> Self {
        Self(TcpStream::connect(server.address()).await.unwrap())
    }

    /// Sends bytes; false where the server has closed.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).await.is_ok()
    }

    /// Sends no more.
    pub(super) async fn finish(&mut self) {
        self.0.shutdown().await.ok();
    }

    /// Reads one answer; informational ones are passed over. `None`: closed before any.
    pub(super) async fn answer(&mut self) -> Option<Received> {
        let read = tokio::time::timeout(Duration::from_secs(20), self.read_answer()).await;
        read.unwrap_or_else(|_| panic!("no answer within 20 s"))
    }

    async fn read_answer(&mut self) -> Option<Received> {
        loop {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                match self.0.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => return None,
                }
            }
            let head = String::from_utf8(head).unwrap();
            let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
            if status < 200 {
                continue;
            }
            let length = head
                .to_lowercase()
                .split("content-length: ")
                .nth(1)
                .and_then(|rest| rest.split("\r\n").next()?.parse::<usize>().ok());
            let mut body = Vec::new();
            while body.len() < length.unwrap_or(0) {
                let mut piece = vec![0; (length.unwrap_or(0) - body.len()).min(65536)];
                match self.0.read(&mut piece).await {
                    Ok(count) if count > 0 => body.extend_from_slice(&piece[..count]),
                    _ => break,
                }
            }
            let complete = body.len() == length.unwrap_or(0);
            return Some(Received { status, head, body, complete });
        }
    }
}

/// The head of a request by this actor; `headers` as lines without their ends.
pub(super) fn head(actor: &Actor, method: &str, path: &str, headers: &[&str]) -> Vec<u8> {
    let mut text = format!("{method} /api/v1{path} HTTP/1.1\r\nHost: {}\r\n", actor.server.address());
    if let Some(token) = &actor.token {
        text.push_str(&format!("Authorization: Bearer {token}\r\n"));
    }
    for line in headers {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// Sends a form whose body stands as it is, and gives the answer.
pub(super) async fn send_form(actor: &Actor, content_type: &str, body: &[u8]) -> Received {
    let mut socket = Socket::open(&actor.server).await;
    let (kind, length) = (format!("Content-Type: {content_type}"), format!("Content-Length: {}", body.len()));
    socket.send(&head(actor, "POST", "/media/upload", &[&kind, &length])).await;
    socket.send(body).await;
    socket.answer().await.unwrap_or_else(|| panic!("no answer to a form of {} bytes", body.len()))
}
