//! The body of every answer (contract section 2): success around `data`, errors around `error`, both with `meta`.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mv_core::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::context;

/// The server's version, in every `meta`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// About the answer itself.
#[derive(Debug, Serialize, ToSchema)]
pub struct Meta {
    /// When the request was taken up, RFC 3339 in UTC.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
    /// The server's version.
    #[schema(value_type = String)]
    pub version: &'static str,
    /// The request's id, also in `X-Request-Id`.
    #[schema(value_type = String)]
    pub request_id: std::sync::Arc<str>,
}

impl Meta {
    /// For the request under way.
    pub fn current() -> Self {
        let context = context::current();
        Self { timestamp: context.at, version: VERSION, request_id: context.id }
    }
}

/// A successful answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct Envelope<T> {
    /// Always true.
    #[schema(value_type = bool)]
    pub success: bool,
    /// What was asked for.
    pub data: T,
    /// About the answer.
    pub meta: Meta,
}

/// A successful answer that is one page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageEnvelope<T> {
    /// Always true.
    #[schema(value_type = bool)]
    pub success: bool,
    /// The items of this page.
    pub data: Vec<T>,
    /// About the answer and the list.
    pub meta: PageMeta,
}

/// `meta` of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageMeta {
    /// When the request was taken up, RFC 3339 in UTC.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
    /// The server's version.
    #[schema(value_type = String)]
    pub version: &'static str,
    /// The request's id, also in `X-Request-Id`.
    #[schema(value_type = String)]
    pub request_id: std::sync::Arc<str>,
    /// Where this page lies in the list.
    pub pagination: crate::wire::page::Pagination,
}

/// An answer of one value with its status.
#[derive(Debug)]
pub struct Answer<T> {
    status: StatusCode,
    data: T,
    headers: Vec<(header::HeaderName, HeaderValue)>,
}

impl<T> Answer<T> {
    /// 200.
    pub const fn ok(data: T) -> Self {
        Self { status: StatusCode::OK, data, headers: Vec::new() }
    }

    /// 202.
    pub const fn accepted(data: T) -> Self {
        Self { status: StatusCode::ACCEPTED, data, headers: Vec::new() }
    }

    /// 201.
    pub const fn created(data: T) -> Self {
        Self { status: StatusCode::CREATED, data, headers: Vec::new() }
    }

    /// With a header; a value that cannot stand in a header is left out.
    #[must_use]
    pub fn with(mut self, name: header::HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }
}

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        let mut response = json(self.status, &Envelope { success: true, data: self.data, meta: Meta::current() });
        response.headers_mut().extend(self.headers);
        response
    }
}

impl<T: Serialize> IntoResponse for PageEnvelope<T> {
    fn into_response(self) -> Response {
        json(StatusCode::OK, &self)
    }
}

impl<T> PageEnvelope<T> {
    /// A page of a list for the request under way.
    pub fn current(data: Vec<T>, pagination: crate::wire::page::Pagination) -> Self {
        let Meta { timestamp, version, request_id } = Meta::current();
        Self { success: true, data, meta: PageMeta { timestamp, version, request_id, pagination } }
    }
}

/// 204, without a body.
#[derive(Debug)]
pub struct NoContent;

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

/// Most answers fit without the buffer growing.
const BODY_BYTES: usize = 1024;

/// 202, without a body: something may follow.
#[derive(Debug)]
pub struct Accepted;

impl IntoResponse for Accepted {
    fn into_response(self) -> Response {
        StatusCode::ACCEPTED.into_response()
    }
}

/// A JSON body with its content type.
pub fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let mut bytes = Vec::with_capacity(BODY_BYTES);
    let written = serde_json::to_writer(&mut bytes, body);
    json_bytes(status, written.map(|()| bytes))
}

/// The same for a body that is written already.
pub fn json_bytes(status: StatusCode, body: serde_json::Result<Vec<u8>>) -> Response {
    match body {
        Ok(bytes) => {
            (status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], bytes).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "an answer could not be written as JSON");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
