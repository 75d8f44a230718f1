//! What is known of the request under way wherever its answer is made: its id and the moment it came.
//! Set by `layers::frame` around the whole router; read by envelopes, errors and logs.

use std::sync::Arc;

use mv_core::Timestamp;

/// The request under way.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// `req_...`, or the client's own token.
    pub id: Arc<str>,
    /// When it came; `meta.timestamp`.
    pub at: Timestamp,
}

tokio::task_local! {
    static CURRENT: RequestContext;
}

/// Runs a future as part of this request.
pub async fn within<F: Future>(context: RequestContext, future: F) -> F::Output {
    CURRENT.scope(context, future).await
}

/// The request under way; outside of one (a test, a background task) an empty id.
pub fn current() -> RequestContext {
    CURRENT.try_with(Clone::clone).unwrap_or_else(|_| RequestContext { id: Arc::from(""), at: Timestamp::default() })
}
