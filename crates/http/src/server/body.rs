//! The bodies of requests and answers: one gives up when the client sends nothing for too long, the other
//! tells the connection that its request is still under way.
//! Promise: the time counts only while somebody waits for bytes, so neither a long upload nor a slow
//! handler ends a body. Not here: the total size; whoever reads the body counts.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::wire::UnderWay;

/// Why a request's body ended early.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The client sent no byte for this long: 408 (RFC 9110 section 15.5.9).
    #[error("the client sent nothing for {} s", .0.as_secs_f32())]
    Idle(Duration),
    /// The connection broke, or the body was not framed as its head said.
    #[error("the request body could not be read")]
    Broken(#[source] Box<dyn Error + Send + Sync>),
}

/// Finds the typed error behind the wrappers of the framework.
pub fn body_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e BodyError> {
    std::iter::successors(Some(error), |error: &&'e (dyn Error + 'static)| (*error).source())
        .find_map(|error| error.downcast_ref())
}

/// Whether a body was read to its end, for whoever answers after the body is gone.
#[derive(Clone)]
pub(super) struct ReadWhole(Arc<AtomicBool>);

impl ReadWhole {
    pub(super) fn so_far(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A body with a time-out between its frames.
pub(super) struct IdleBody<B> {
    inner: B,
    patience: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
    read_whole: ReadWhole,
}

impl<B: Body> IdleBody<B> {
    pub(super) fn new(inner: B, patience: Duration) -> Self {
        let read_whole = ReadWhole(Arc::new(AtomicBool::new(inner.is_end_stream())));
        Self { inner, patience, waiting: None, read_whole }
    }

    /// Tells of this body also after it is gone.
    pub(super) fn read_whole(&self) -> ReadWhole {
        self.read_whole.clone()
    }
}

impl<B> Body for IdleBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(context) {
            this.waiting = None;
            if frame.is_none() || this.inner.is_end_stream() {
                this.read_whole.0.store(true, Ordering::Release);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(|error| BodyError::Broken(error.into()))));
        }
        let patience = this.patience;
        let waiting = this.waiting.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(waiting.as_mut().poll(context));
        Poll::Ready(Some(Err(BodyError::Idle(patience))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// An answer's body, which holds its request's guard to the end.
pub(super) struct AnswerBody<B> {
    inner: B,
    _under_way: UnderWay,
}

impl<B> AnswerBody<B> {
    pub(super) fn new(inner: B, under_way: UnderWay) -> Self {
        Self { inner, _under_way: under_way }
    }
}

impl<B: Body + Unpin> Body for AnswerBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.get_mut().inner).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    /// Gives a frame, then nothing, then a frame, and so on, each after one more `gap`.
    struct Slow {
        gaps: Vec<Duration>,
        waiting: Option<Pin<Box<Sleep>>>,
    }

    impl Body for Slow {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            let Some(gap) = self.gaps.first().copied() else {
                return Poll::Ready(None);
            };
            let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(gap)));
            ready!(waiting.as_mut().poll(context));
            self.waiting = None;
            self.gaps.remove(0);
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
        }
    }

    fn body(gaps_ms: &[u64]) -> IdleBody<Slow> {
        let gaps = gaps_ms.iter().copied().map(Duration::from_millis).collect();
        IdleBody::new(Slow { gaps, waiting: None }, Duration::from_millis(100))
    }

    #[tokio::test]
    async fn only_a_gap_that_is_too_long_ends_it() {
        let whole = body(&[60, 60, 60]).collect().await.unwrap().to_bytes();
        assert_eq!(whole.len(), 3);
        let error = axum::Error::new(body(&[10, 2_000]).collect().await.unwrap_err());
        assert!(matches!(body_error(&error), Some(BodyError::Idle(_))));
    }

    #[tokio::test]
    async fn a_handler_that_does_not_ask_runs_into_no_time_out() {
        let mut slow = body(&[50, 0]);
        assert!(futures_util::poll!(slow.frame()).is_pending());
        sleep(Duration::from_millis(200)).await;
        assert!(slow.frame().await.unwrap().is_ok());
        assert!(slow.frame().await.unwrap().is_ok());
        assert!(slow.frame().await.is_none());
    }
}
