//! Errors as answers: **the only table from error code to status**, and the one place where a cause is logged.

use std::borrow::Cow;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mv_core::{Code, Error};
use serde::Serialize;
use utoipa::ToSchema;

use crate::envelope::{self, Meta};

/// An error on its way to the client.
#[derive(Debug)]
pub struct ApiError {
    error: Error,
    headers: Vec<(HeaderName, HeaderValue)>,
    bad_token: bool,
}

/// The body of an error.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorEnvelope {
    /// Always false.
    #[schema(value_type = bool)]
    pub success: bool,
    /// What is wrong.
    pub error: ErrorBody,
    /// About the answer.
    pub meta: Meta,
}

/// What is wrong.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// One of the codes of the error reference.
    #[schema(value_type = String, example = "validation_error")]
    pub code: &'static str,
    /// One sentence for people.
    #[schema(value_type = String)]
    pub message: Cow<'static, str>,
    /// The fields at fault; empty where there is none to name.
    pub details: Vec<ErrorDetail>,
}

/// One field at fault.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorDetail {
    /// The member, parameter or header.
    #[schema(value_type = String)]
    pub field: Cow<'static, str>,
    /// What it must be.
    #[schema(value_type = String)]
    pub message: Cow<'static, str>,
}

/// The status of each code (contract section 2).
pub const fn status(code: Code) -> StatusCode {
    match code {
        Code::ValidationError => StatusCode::BAD_REQUEST,
        Code::Unauthorized => StatusCode::UNAUTHORIZED,
        Code::Forbidden => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::Conflict | Code::PreviouslyDeleted => StatusCode::CONFLICT,
        Code::Gone => StatusCode::GONE,
        Code::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Code::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
        Code::RangeNotSatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
        Code::MisdirectedRequest => StatusCode::MISDIRECTED_REQUEST,
        Code::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        Code::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::ChecksumMismatch => StatusCode::UNPROCESSABLE_ENTITY,
        Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        Code::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
        Code::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::QuotaExceeded | Code::InsufficientStorage => StatusCode::INSUFFICIENT_STORAGE,
    }
}

impl ApiError {
    /// A token was sent and does not hold: the challenge says so (RFC 6750 section 3.1).
    #[must_use]
    pub const fn bad_token(mut self) -> Self {
        self.bad_token = true;
        self
    }

    /// With a header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The error that clients see.
    pub const fn error(&self) -> &Error {
        &self.error
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self { error, headers: Vec::new(), bad_token: false }
    }
}

impl From<mv_app::Error> for ApiError {
    fn from(error: mv_app::Error) -> Self {
        Self::from(error.for_client(&crate::context::current().id))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Error { code, message, details, retry_after } = self.error;
        let scopes: Vec<_> = details.iter().filter(|it| it.field == "scope").map(|it| it.message.clone()).collect();
        let details =
            details.into_iter().map(|detail| ErrorDetail { field: detail.field, message: detail.message }).collect();
        let body = ErrorEnvelope {
            success: false,
            error: ErrorBody { code: code.as_str(), message, details },
            meta: Meta::current(),
        };
        let mut response = envelope::json(status(code), &body);
        let headers = response.headers_mut();
        headers.extend(self.headers);
        if code == Code::Unauthorized {
            let challenge = if self.bad_token {
                r#"Bearer realm="mediavault", error="invalid_token""#
            } else {
                r#"Bearer realm="mediavault""#
            };
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if code == Code::Forbidden && !scopes.is_empty() {
            // RFC 6750 section 3.1: the scope that is needed. Scopes are words of ours, so the value always holds.
            let challenge =
                format!(r#"Bearer realm="mediavault", error="insufficient_scope", scope="{}""#, scopes.join(" "));
            headers.extend(HeaderValue::try_from(challenge).map(|value| (header::WWW_AUTHENTICATE, value)));
        }
        if let Some(wait) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        response
    }
}
