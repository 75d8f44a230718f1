//! `X-Request-Id`: the client's own where it is a sane token, else a new `req_...` (contract section 2).

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use mv_core::{Mint, RequestId};

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request.
pub(super) fn of(headers: &HeaderMap, mint: &Mint) -> Arc<str> {
    let sane = |text: &&str| {
        (1..=64).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
    };
    match headers.get(HEADER).and_then(|value| value.to_str().ok()).filter(sane) {
        Some(own) => Arc::from(own),
        None => {
            let id: RequestId = mint.id();
            Arc::from(id.to_string())
        }
    }
}

/// Tells the client.
pub(super) fn set(response: &mut Response, id: &str) {
    if let Ok(value) = HeaderValue::from_str(id) {
        response.headers_mut().insert(HEADER, value);
    }
}
