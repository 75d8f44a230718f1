//! What can be wrong with a request, in the words of the contract (section 2). No HTTP status here:
//! only `http` knows those.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// The closed list of error codes of contract section 2.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $name,)* }
        impl Code {
            /// Every code, in the contract's order.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];
            /// The code as clients see it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// A body, query or path value is not acceptable.
    ValidationError = "validation_error",
    /// No, malformed, expired or revoked credentials.
    Unauthorized = "unauthorized",
    /// Known, but not allowed.
    Forbidden = "forbidden",
    /// No such route or resource, or somebody else's.
    NotFound = "not_found",
    /// The route exists, not with this method.
    MethodNotAllowed = "method_not_allowed",
    /// The state of things is against it: an e-mail that is taken, a reused key.
    Conflict = "conflict",
    /// This owner once deleted these bytes and asked to be told.
    PreviouslyDeleted = "previously_deleted",
    /// Was there and is over.
    Gone = "gone",
    /// `If-Match` does not hold.
    PreconditionFailed = "precondition_failed",
    /// The client was too slow.
    RequestTimeout = "request_timeout",
    /// No part of the asked range exists.
    RangeNotSatisfiable = "range_not_satisfiable",
    /// The request was meant for another host.
    MisdirectedRequest = "misdirected_request",
    /// The request's header fields are too large.
    HeadersTooLarge = "headers_too_large",
    /// Over a size limit.
    PayloadTooLarge = "payload_too_large",
    /// Wrong content type.
    UnsupportedMediaType = "unsupported_media_type",
    /// The bytes do not match the client's digest.
    ChecksumMismatch = "checksum_mismatch",
    /// Too many requests.
    RateLimited = "rate_limited",
    /// Our fault; the log has the cause.
    InternalError = "internal_error",
    /// A backend is away or has no room for more work.
    ServiceUnavailable = "service_unavailable",
    /// The user's quota is used up.
    QuotaExceeded = "quota_exceeded",
    /// The disk is full.
    InsufficientStorage = "insufficient_storage",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One field that is wrong, by its JSON or query name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// The member, parameter or header.
    pub field: Cow<'static, str>,
    /// What it must be.
    pub message: Cow<'static, str>,
}

/// An answer that is an error: safe to show to the client as it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Error {
    /// Which of the contract's errors it is.
    pub code: Code,
    /// One sentence for people.
    pub message: Cow<'static, str>,
    /// The fields at fault; empty where there is none to name.
    pub details: Vec<Detail>,
    /// When trying again makes sense (`Retry-After`).
    pub retry_after: Option<Duration>,
}

impl Error {
    /// An error without details.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), details: Vec::new(), retry_after: None }
    }

    /// `validation_error` for one field.
    pub fn invalid(field: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::ValidationError, "Invalid input data").with(field, message)
    }

    /// `not_found`, the same words for what is missing and what is somebody else's.
    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "Resource not found")
    }

    /// `unauthorized` for credentials that were sent and do not hold.
    pub fn unauthorized(message: &'static str) -> Self {
        Self::new(Code::Unauthorized, message)
    }

    /// `conflict` on one field.
    pub fn conflict(field: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Conflict, "The request conflicts with what is stored").with(field, message)
    }

    /// Adds a field at fault.
    #[must_use]
    pub fn with(mut self, field: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        self.details.push(Detail { field: field.into(), message: message.into() });
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn retry_after(mut self, span: Duration) -> Self {
        self.retry_after = Some(span);
        self
    }
}

/// Collects every bad field of a request, so that the client sees all of them at once.
#[derive(Debug, Default)]
pub struct Problems(Vec<Detail>);

impl Problems {
    /// Notes a field at fault.
    pub fn add(&mut self, field: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) {
        self.0.push(Detail { field: field.into(), message: message.into() });
    }

    /// Keeps the value or notes what is wrong with it.
    pub fn check<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.0.extend(error.details);
                None
            }
        }
    }

    /// `Ok` when nothing was noted, else one `validation_error` with all of it.
    pub fn finish(self) -> Result<(), Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(Error { details: self.0, ..Error::new(Code::ValidationError, "Invalid input data") })
    }
}
