//! Bytes of items on their way out, and the words that ranges need in an answer (RFC 9110 section 14).
//! Promise: never a clean end after wrong or missing bytes.
//! Not here: which ranges were asked for, the headers under which bytes are served.

use std::ops::Range;
use std::sync::Arc;

use axum::http::{HeaderValue, header};
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use mv_app::media::read::Content;
use mv_core::{Code, Error};

use crate::error::ApiError;

/// Bytes read at once.
pub const PIECE: u64 = 256 * 1024;

/// A range of what is served, piece by piece. A chunk that does not verify ends the stream with an error, and the
/// connection with it. `request` is the id under which the log tells of it, for the body outlives its handler.
pub fn pieces(
    content: Content,
    range: Range<u64>,
    request: Arc<str>,
) -> impl Stream<Item = Result<Bytes, mv_app::Error>> + Send + 'static {
    stream::try_unfold((content, range), move |(content, range)| {
        let request = request.clone();
        async move {
            if range.start >= range.end {
                return Ok(None);
            }
            let length = usize::try_from((range.end - range.start).min(PIECE)).unwrap_or(0);
            match content.read(range.start, length).await {
                Ok(bytes) if !bytes.is_empty() => {
                    let next = range.start + bytes.len() as u64..range.end;
                    Ok(Some((bytes, (content, next))))
                }
                Ok(_) => Err(broken(mv_app::Error::internal("the bytes ended early"), &request)),
                Err(error) => Err(broken(error, &request)),
            }
        }
    })
}

/// Notes why an answer is cut. It has begun, so the log is the only place left to tell. What a client may bring about,
/// such as an item deleted while it is sent, calls nobody to look.
pub fn broken(error: mv_app::Error, request: &str) -> mv_app::Error {
    let cause = mv_app::chain(&error);
    match &error {
        mv_app::Error::Api(_) => tracing::info!(request_id = request, %cause, "request {request} was cut: {cause}"),
        _ => tracing::error!(request_id = request, %cause, "request {request} was cut: {cause}"),
    }
    error
}

/// The value of `Content-Range` for a part of `size` bytes.
pub fn content_range(range: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1))
}

/// 416: no part of the range exists, and how many bytes do.
pub fn unsatisfiable(size: u64) -> ApiError {
    let error =
        Error::new(Code::RangeNotSatisfiable, "No part of the range exists").with("Range", "Lies behind the end");
    match HeaderValue::from_str(&format!("bytes */{size}")) {
        Ok(size) => ApiError::from(error).with(header::CONTENT_RANGE, size),
        Err(_) => error.into(),
    }
}
