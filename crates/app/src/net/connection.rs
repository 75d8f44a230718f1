//! One connection to a receiver, plain or encrypted, that can carry several exchanges.
//! Promise: a receiver makes us read no more than `MOST_READ` bytes an exchange, whatever they are called: interim answers,
//! headers, chunk extensions, trailers.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use super::client::Failure;

/// The most bytes that one exchange may read from the socket.
const MOST_READ: usize = 256 * 1024;
/// The largest head of an answer.
const MOST_HEAD: usize = 32 * 1024;
/// How many of a name's addresses are tried.
const MOST_ADDRESSES: usize = 8;
/// How long an address has before the next one is tried beside it (RFC 8305 section 5).
const STAGGER: Duration = Duration::from_millis(250);

/// An open connection; dropping it closes the socket.
pub(super) struct Connection {
    pub(super) sender: SendRequest<Full<Bytes>>,
    allowance: Allowance,
    _driver: AbortOnDropHandle<()>,
}

impl Connection {
    /// Connects to one of the addresses, which were judged before, and to nothing else.
    pub(super) async fn open(
        addresses: &[SocketAddr],
        tls: Option<(&TlsConnector, ServerName<'static>)>,
    ) -> Result<Self, Failure> {
        let socket = dial(addresses).await.ok_or(Failure::ConnectFailed)?;
        socket.set_nodelay(true).map_err(|_| Failure::ConnectFailed)?;
        let allowance = Allowance::default();
        let socket = Metered { socket, allowance: allowance.clone() };
        match tls {
            None => Self::over(socket, allowance).await,
            Some((connector, name)) => {
                let socket = connector.connect(name, socket).await.map_err(|_| Failure::TlsFailed)?;
                Self::over(socket, allowance).await
            }
        }
    }

    async fn over(
        socket: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        allowance: Allowance,
    ) -> Result<Self, Failure> {
        let handshake = http1::Builder::new().max_header_size(MOST_HEAD).handshake(TokioIo::new(socket)).await;
        let (sender, driver) = handshake.map_err(|_| Failure::ConnectFailed)?;
        // What ends the connection reaches the exchange that it carries.
        let driver = tokio::spawn(async move { drop(driver.await) });
        Ok(Self { sender, allowance, _driver: AbortOnDropHandle::new(driver) })
    }

    /// Begins an exchange.
    pub(super) fn begin(&self) {
        self.allowance.left.store(MOST_READ, Ordering::Relaxed);
    }

    /// Whether the receiver sent more than an exchange may read.
    pub(super) fn is_spent(&self) -> bool {
        self.allowance.left.load(Ordering::Relaxed) == 0
    }
}

/// Tries the addresses in turn, each a little after the one before, and takes the first that answers.
async fn dial(addresses: &[SocketAddr]) -> Option<TcpStream> {
    let mut waiting = addresses.iter().take(MOST_ADDRESSES);
    let mut tried = FuturesUnordered::new();
    loop {
        match waiting.next() {
            Some(address) => tried.push(TcpStream::connect(*address)),
            None if tried.is_empty() => return None,
            None => {}
        }
        tokio::select! {
            Some(done) = tried.next() => if let Ok(socket) = done { return Some(socket) },
            () = tokio::time::sleep(STAGGER), if waiting.len() > 0 => {}
        }
    }
}

/// What may still be read.
#[derive(Clone)]
struct Allowance {
    left: Arc<AtomicUsize>,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { left: Arc::new(AtomicUsize::new(MOST_READ)) }
    }
}

/// A socket that ends with an error where the allowance does.
struct Metered {
    socket: TcpStream,
    allowance: Allowance,
}

impl AsyncRead for Metered {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buffer))?;
        let read = buffer.filled().len().saturating_sub(before);
        let left = self.allowance.left.load(Ordering::Relaxed).saturating_sub(read);
        self.allowance.left.store(left, Ordering::Relaxed);
        Poll::Ready(if left == 0 { Err(io::Error::other("the answer is too long")) } else { Ok(()) })
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}
