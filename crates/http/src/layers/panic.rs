//! A panic in a handler becomes a 500 in the envelope; the process lives on. The panic hook has logged it by then.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use crate::error::ApiError;

/// Runs a handler.
pub(super) async fn caught(handler: impl Future<Output = Response>) -> Response {
    match AssertUnwindSafe(handler).catch_unwind().await {
        Ok(response) => response,
        Err(payload) => {
            let error = mv_app::Error::internal(format!("a handler panicked: {}", text(payload.as_ref())));
            ApiError::from(error).into_response()
        }
    }
}

fn text(payload: &(dyn Any + Send)) -> &str {
    let owned = payload.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}
