//! One connection from its first byte to its last: how hyper is set up, and when it is told to end.
//! Promise: each setting of the edge is written here and nowhere else. Not here: limits on how many.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, StatusCode, Version};
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use super::body::{AnswerBody, IdleBody};
use super::wire::{Link, Wire};
use super::{Encrypted, Held, Options, Peer, Stopping};

/// Request fields of one head; a browser behind proxies sends about 30.
const MAX_FIELDS: usize = 64;
/// The buffer of a connection, and so the largest head of HTTP/1.
const MAX_BUFFER: usize = 64 * 1024;
/// The largest head of HTTP/2, as RFC 9113 section 6.5.2 counts it.
const MAX_FIELD_LIST: u32 = 32 * 1024;
/// Requests at once on one connection of HTTP/2.
const MAX_STREAMS: u32 = 128;
/// Streams that a client may open and reset before the server has looked at them (CVE-2023-44487).
const MAX_RESET_STREAMS: usize = 20;
/// How often a peer of HTTP/2 is asked whether it lives, and how long it has for the answer.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// In a drain, a connection without a request that writes nothing for so long is closed. HTTP/2 would
/// wait for the peer's answer to a last ping, HTTP/1 for the rest of a head.
const QUIET: Duration = Duration::from_secs(1);

/// The protocol of a connection that only proves who owns a name (RFC 8737 section 3): its handshake is all of it.
const ACME_PROOF: &[u8] = b"acme-tls/1";

/// A body of so many bytes mostly comes with its head; hyper then reads it even if the handler did not.
const DRAINED: u64 = 4 * 1024;

/// Runs hyper's tasks, one for each stream of HTTP/2, where the drain can see and end them.
#[derive(Clone)]
struct Spawner {
    tasks: TaskTracker,
    drop_now: CancellationToken,
}

impl<F> hyper::rt::Executor<F> for Spawner
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        self.tasks.spawn(self.drop_now.clone().run_until_cancelled_owned(future));
    }
}

/// What all connections share.
pub(super) struct Server {
    builder: Builder<Spawner>,
    router: axum::Router,
    options: Options,
    tls: Option<TlsAcceptor>,
    stopping: Stopping,
    drop_now: CancellationToken,
}

impl Server {
    /// `shutdown` asks connections to end after the request under way, `drop_now` ends them.
    pub(super) fn new(
        router: axum::Router,
        options: Options,
        shutdown: CancellationToken,
        drop_now: CancellationToken,
        tasks: TaskTracker,
    ) -> Self {
        let stopping = Stopping(shutdown, tasks.clone());
        let mut builder = Builder::new(Spawner { tasks, drop_now: drop_now.clone() });
        // The timer comes first: a time-out without one panics.
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(options.header_timeout)
            .max_headers(MAX_FIELDS)
            .max_buf_size(MAX_BUFFER);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_FIELD_LIST)
            .max_pending_accept_reset_streams(MAX_RESET_STREAMS);
        let tls = options.tls.clone().map(TlsAcceptor::from);
        Self { builder, router, options, tls, stopping, drop_now }
    }

    /// Serves one connection to its end. `held` is given back when the socket closes, or is upgraded.
    pub(super) async fn connection(self: Arc<Self>, socket: TcpStream, peer: Peer, held: Held) {
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "a connection ended before it began");
            return;
        }
        let Some(acceptor) = &self.tls else { return self.speak(socket, peer, None, held).await };
        let handshake = timeout(self.options.first_byte_timeout, acceptor.accept(socket));
        let handshake = tokio::select! {
            done = handshake => done,
            () = self.stopping.0.cancelled() => return,
        };
        match handshake {
            Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(ACME_PROOF) => {}
            Ok(Ok(stream)) => self.speak(stream, peer, Some(Encrypted), held).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed: {error}"),
            Err(_late) => tracing::debug!("a TLS handshake took too long"),
        }
    }

    /// Speaks HTTP on one stream to its end.
    async fn speak<S>(&self, stream: S, peer: Peer, encrypted: Option<Encrypted>, held: Held)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let link = Arc::new(Link::default());
        let wire = Wire::new(stream, Arc::clone(&link), self.options.write_idle_timeout, held.clone());
        let service = service_fn(|request| self.answer(request, peer, encrypted, (Arc::clone(&link), held.clone())));
        let mut connection = pin!(self.builder.serve_connection_with_upgrades(TokioIo::new(wire), service));
        let mut first_bytes = pin!(sleep(self.options.first_byte_timeout));
        let mut quiet = pin!(sleep(QUIET));
        let (mut is_awaited, mut is_ending, mut written) = (true, false, 0);
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(error = &*error, "a connection ended early");
                    }
                    return;
                }
                () = first_bytes.as_mut(), if is_awaited => {
                    is_awaited = false;
                    if !link.version_is_known() {
                        return;
                    }
                }
                () = self.stopping.0.cancelled(), if !is_ending => {
                    is_ending = true;
                    connection.as_mut().graceful_shutdown();
                    written = link.written();
                    quiet.set(sleep(QUIET));
                }
                () = quiet.as_mut(), if is_ending => {
                    if !link.has_requests() && link.written() == written {
                        return;
                    }
                    written = link.written();
                    quiet.set(sleep(QUIET));
                }
                () = self.drop_now.cancelled() => return,
            }
        }
    }

    fn answer(
        &self,
        request: Request<Incoming>,
        peer: Peer,
        encrypted: Option<Encrypted>,
        (link, held): (Arc<Link>, Held),
    ) -> impl Future<Output = Result<Response<AnswerBody<axum::body::Body>>, Infallible>> + Send + 'static {
        let under_way = link.request();
        let patience = self.options.body_idle_timeout;
        let is_http_1 = request.version() < Version::HTTP_2;
        let is_short = request.body().size_hint().upper().is_some_and(|size| size <= DRAINED);
        let (head, body) = request.into_parts();
        let body = IdleBody::new(body, patience);
        let read_whole = body.read_whole();
        let mut request = Request::from_parts(head, axum::body::Body::new(body));
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(self.stopping.clone());
        if let Some(encrypted) = encrypted {
            request.extensions_mut().insert(encrypted);
        }
        let answer = self.router.clone().call(request);
        async move {
            let mut response = answer.await?;
            // hyper closes when the rest of a body is not worth reading. A client that is not told (RFC 9112 section
            // 9.6) sends its next request into the closing connection.
            let is_refused = response.status().is_client_error() || response.status().is_server_error();
            if is_http_1 && is_refused && !is_short && !read_whole.so_far() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                link.upgraded();
                held.give_back();
            }
            Ok(response.map(|body| AnswerBody::new(body, under_way)))
        }
    }
}
