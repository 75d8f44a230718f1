//! The accept loop: takes connections within its limits and ends them in order.
//! Promises: nobody holds a connection by being silent or slow; no client and no flood ends the loop;
//! after the shutdown signal requests under way are finished, as far as the grace goes.
//! Errors below the router (a malformed or ambiguous head: 400, too large a one: 431, too long a target:
//! 414) are answered by hyper with a status and no body: it has no hook for one. Heads that come too
//! slowly are closed without an answer.
//! With certificates every connection is TLS, within the same limits; what speaks plain HTTP to it is closed.
//! Not here: where certificates come from (the binary), the envelope, upgraded connections (their tasks keep their own token).

mod body;
mod connection;
mod framing;
mod slots;
#[cfg(test)]
mod tests;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_rustls::rustls::ServerConfig;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use body::{BodyError, body_error};
use connection::Server;
use slots::{Slot, Slots};

/// How long to wait when the process is out of file descriptors or memory.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);

/// How long dropped connections may take to unwind after the grace.
const DROP_WAIT: Duration = Duration::from_secs(1);

/// The limits of the edge.
#[derive(Debug, Clone)]
pub struct Options {
    /// For the first bytes, which tell HTTP/1 from HTTP/2; and before them, with TLS, for its handshake.
    pub first_byte_timeout: Duration,
    /// For a whole request head; between two requests it is how long a connection may idle.
    pub header_timeout: Duration,
    /// For the next byte of a request's body.
    pub body_idle_timeout: Duration,
    /// For the peer to take the next byte of an answer.
    pub write_idle_timeout: Duration,
    /// Connections at once, upgraded ones included; more wait in the kernel's queue.
    pub connections: usize,
    /// Connections of one address (of one /64 with IPv6); more are closed at once. Loopback is exempt: a
    /// proxy there stands for all its clients. A proxy elsewhere needs this as high as `connections`.
    pub connections_per_address: usize,
    /// How long requests under way may take after the shutdown signal.
    pub shutdown_grace: Duration,
    /// How to speak TLS; without it connections are plain. Certificates that change are its resolver's affair.
    pub tls: Option<Arc<ServerConfig>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            first_byte_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            body_idle_timeout: Duration::from_secs(60),
            write_idle_timeout: Duration::from_secs(60),
            connections: 4096,
            connections_per_address: 1024,
            shutdown_grace: Duration::from_secs(30),
            tls: None,
        }
    }
}

/// The socket address of the other end, as an extension of each request. Behind a proxy it is the
/// proxy's. Addresses of IPv4 are never in their IPv6 clothes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// Cancelled when the server stops, as an extension of each request: for answers that do not end by themselves. Whoever
/// has taken over a connection is waited for, as far as the grace goes, while it holds a token of the tracker.
#[derive(Debug, Clone)]
pub struct Stopping(pub CancellationToken, pub TaskTracker);

/// That the connection is TLS, as an extension of each request on one.
#[derive(Debug, Clone, Copy)]
pub struct Encrypted;

/// What a connection occupies for as long as its socket is open, or until it speaks another protocol than HTTP: whoever
/// takes it over then keeps a count of their own.
#[derive(Clone)]
struct Held(Arc<Mutex<Option<(OwnedSemaphorePermit, Slot)>>>);

impl Held {
    fn give_back(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Serves the router until `shutdown` is cancelled and the connections have ended or the grace is over.
/// Fails only when the listener has no address, that is, before the first connection.
pub async fn serve(
    listener: TcpListener,
    router: axum::Router,
    options: Options,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    tracing::info!(%address, "listening on {address}");
    let tasks = TaskTracker::new();
    let drop_now = CancellationToken::new();
    let grace = options.shutdown_grace;
    let permits = Arc::new(Semaphore::new(options.connections));
    let slots = Slots::new(options.connections_per_address);
    let server = Arc::new(Server::new(router, options, shutdown.clone(), drop_now.clone(), tasks.clone()));

    let accept_loop = async {
        // Closing the semaphore is nobody's doing, so the loop ends by the signal alone.
        while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
            let (socket, address) = accept(&listener).await;
            let peer = Peer(SocketAddr::new(address.ip().to_canonical(), address.port()));
            let Some(slot) = slots.take(peer.0.ip()) else {
                tracing::debug!("closed a connection: its address has too many");
                continue;
            };
            let held = Held(Arc::new(Mutex::new(Some((permit, slot)))));
            tasks.spawn(Arc::clone(&server).connection(socket, peer, held));
        }
    };
    shutdown.run_until_cancelled(accept_loop).await;
    drop(listener);

    tasks.close();
    tracing::info!(connections = tasks.len(), "no longer accepting; waiting for {} tasks", tasks.len());
    if timeout(grace, tasks.wait()).await.is_err() {
        tracing::warn!(connections = tasks.len(), "the grace is over; dropping {} tasks", tasks.len());
        drop_now.cancel();
        if timeout(DROP_WAIT, tasks.wait()).await.is_err() {
            tracing::warn!("{} tasks did not end; leaving them", tasks.len());
        }
    }
    Ok(())
}

/// The next connection. Errors of one connection are skipped; an exhausted process is waited out, since
/// `accept` would fail again at once and the loop would burn a core.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let mut told = false;
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => match error.kind() {
                io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionRefused => {}
                _exhausted => {
                    if !told {
                        tracing::error!(%error, "cannot accept connections: {error}");
                        told = true;
                    }
                    sleep(EXHAUSTED_PAUSE).await;
                }
            },
        }
    }
}
