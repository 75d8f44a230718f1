//! The socket as the HTTP library sees it: bytes come through the watcher of `framing`, a peer that
//! does not read is given up, and the end of an answer outlives the request it refuses.
//! Promise: after a refusal the library sees a head that it answers with 400 itself, then nothing.
//! Not here: time-outs of reading; the library and `body` have them.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::framing::Framing;

/// Stands in for what was refused. A CR without its LF is an error in each place of a head, of a chunk's
/// size line and of a trailer; the blank line makes the parser look at once.
const POISON: &[u8] = b"\r\0\r\n\r\n";

/// How long a client that is still sending is listened to after the last byte of the answer. Closing at
/// once would reset the connection, and the reset can overtake the answer (RFC 9112 section 9.6).
const LINGER: Duration = Duration::from_secs(2);

/// What the parts of one connection tell each other.
#[derive(Debug, Default)]
pub(super) struct Link {
    version_known: AtomicBool,
    upgraded: AtomicBool,
    requests: AtomicUsize,
    written: AtomicU64,
}

impl Link {
    /// Whether the client said enough to choose between HTTP/1 and HTTP/2.
    pub(super) fn version_is_known(&self) -> bool {
        self.version_known.load(Ordering::Acquire)
    }

    /// From now on the bytes are another protocol's. To be called before 101 is sent.
    pub(super) fn upgraded(&self) {
        self.upgraded.store(true, Ordering::Release);
    }

    /// Counts a request until the returned guard is dropped.
    pub(super) fn request(self: &Arc<Self>) -> UnderWay {
        self.requests.fetch_add(1, Ordering::AcqRel);
        UnderWay(Arc::clone(self))
    }

    /// Whether some request is not answered to its end.
    pub(super) fn has_requests(&self) -> bool {
        self.requests.load(Ordering::Acquire) > 0
    }

    /// How many bytes the socket took so far.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}

/// A request that is under way.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<Link>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.requests.fetch_sub(1, Ordering::AcqRel);
    }
}

/// One connection's bytes. `H` is held until the socket is closed.
pub(super) struct Wire<S, H> {
    socket: S,
    link: Arc<Link>,
    framing: Framing,
    /// What is left of the poison, once something was refused.
    poison: Option<&'static [u8]>,
    write_idle: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    lingering: Option<Pin<Box<Sleep>>>,
    _held: H,
}

impl<S, H> Wire<S, H> {
    /// Wraps a connected socket; a write that makes no progress for `write_idle` fails.
    pub(super) fn new(socket: S, link: Arc<Link>, write_idle: Duration, held: H) -> Self {
        let framing = Framing::new();
        Self { socket, link, framing, poison: None, write_idle, stalled: None, lingering: None, _held: held }
    }

    fn watch_stall<T>(&mut self, context: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let patience = self.write_idle;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not read")))
    }

    fn count(&self, polled: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(count)) = polled {
            self.link.written.fetch_add(*count as u64, Ordering::Relaxed);
        }
    }

    fn give_poison(&mut self, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.poison {
            // Not the end of the stream: that would cut off a request before this one that is still answered.
            None | Some([]) => Poll::Pending,
            Some(left) => {
                let (now, later) = left.split_at(left.len().min(buffer.remaining()));
                buffer.put_slice(now);
                self.poison = Some(later);
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl<S: AsyncRead + Unpin, H: Unpin> AsyncRead for Wire<S, H> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.poison.is_some() {
            return this.give_poison(buffer);
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.socket).poll_read(context, buffer))?;
        if this.link.upgraded.load(Ordering::Acquire) {
            return Poll::Ready(Ok(()));
        }
        let fresh = buffer.filled().get(before..).unwrap_or_default();
        let verdict = this.framing.watch(fresh);
        if this.framing.version_is_known() {
            this.link.version_known.store(true, Ordering::Release);
        }
        if let Err(refusal) = verdict {
            tracing::debug!(reason = %refusal.reason, "refused a request: {}", refusal.reason);
            buffer.set_filled(before + refusal.at);
            this.poison = Some(POISON);
            return this.give_poison(buffer);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, H: Unpin> AsyncWrite for Wire<S, H> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.socket).poll_write(context, bytes);
        this.count(&polled);
        this.watch_stall(context, polled)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.socket).poll_write_vectored(context, slices);
        this.count(&polled);
        this.watch_stall(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.socket).poll_flush(context);
        this.watch_stall(context, polled)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.lingering.is_none() {
            let polled = Pin::new(&mut this.socket).poll_shutdown(context);
            ready!(this.watch_stall(context, polled))?;
            if this.framing.is_between_requests() || this.link.upgraded.load(Ordering::Acquire) {
                return Poll::Ready(Ok(()));
            }
        }
        let lingering = this.lingering.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        loop {
            if lingering.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ok(()));
            }
            let mut scratch = [MaybeUninit::uninit(); 8192];
            let mut buffer = ReadBuf::uninit(&mut scratch);
            match ready!(Pin::new(&mut this.socket).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                _ended => return Poll::Ready(Ok(())),
            }
        }
    }
}
