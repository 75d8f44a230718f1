//! What a use case can fail with: an answer for the client, or a cause that only the log may know.

use std::error::Error as StdError;
use std::time::Duration;

use mv_core::Code;

use crate::idempotency::in_progress;

/// The result of a use case.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a use case failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client's to know, as it stands.
    #[error(transparent)]
    Api(#[from] mv_core::Error),
    /// A backend is away or overloaded; trying again makes sense.
    #[error("a backend is not available")]
    Unavailable(#[source] Box<dyn StdError + Send + Sync>),
    /// The disk is full.
    #[error("the storage is full")]
    Full(#[source] Box<dyn StdError + Send + Sync>),
    /// Another node took the request's `Idempotency-Key` between the look and the commit; nothing was made here.
    #[error("the idempotency key was taken by another request")]
    KeyTaken,
    /// A mistake or damage: somebody must look at it.
    #[error("an internal error")]
    Internal(#[source] Box<dyn StdError + Send + Sync>),
}

impl Error {
    /// An internal error from any cause.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }

    /// The error for the client. A cause is written to the log here, once, under the request's id.
    pub fn for_client(self, request_id: &str) -> mv_core::Error {
        let (error, cause) = match self {
            Self::Api(error) => return error,
            Self::KeyTaken => return in_progress(),
            Self::Unavailable(cause) => {
                let error = mv_core::Error::new(Code::ServiceUnavailable, "The service is not available right now");
                (error.retry_after(Duration::from_secs(1)), cause)
            }
            Self::Full(cause) => {
                (mv_core::Error::new(Code::InsufficientStorage, "The server's storage is full"), cause)
            }
            Self::Internal(cause) => {
                (mv_core::Error::new(Code::InternalError, "Something went wrong on the server"), cause)
            }
        };
        let chain = chain(cause.as_ref());
        if error.code == Code::InternalError {
            tracing::error!(request_id, cause = %chain, "request {request_id} failed: {chain}");
        } else {
            tracing::warn!(request_id, cause = %chain, "request {request_id} refused: {chain}");
        }
        error
    }

    /// Whether it is this answer for the client.
    pub fn is(&self, code: Code) -> bool {
        matches!(self, Self::Api(error) if error.code == code)
    }
}

/// An error and its causes in one line.
pub fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(current) = cause {
        text.push_str(": ");
        text.push_str(&current.to_string());
        cause = current.source();
    }
    text
}

impl From<mv_store::Error> for Error {
    fn from(error: mv_store::Error) -> Self {
        use mv_store::Error as Store;
        match error {
            Store::Unavailable | Store::Busy | Store::TimedOut => Self::Unavailable(error.into()),
            Store::Full => Self::Full(error.into()),
            other => Self::Internal(other.into()),
        }
    }
}

impl From<mv_blobs::Error> for Error {
    fn from(error: mv_blobs::Error) -> Self {
        use mv_blobs::{Error as Blobs, Mismatch};
        let invalid = |code, message: &'static str| Self::Api(mv_core::Error::new(code, message));
        match error {
            Blobs::TooLarge { .. } => invalid(Code::PayloadTooLarge, "The file is larger than this server takes"),
            Blobs::Mismatch(Mismatch::Sha256) => {
                let error = mv_core::Error::new(Code::ChecksumMismatch, "The bytes do not match the checksum");
                Self::Api(error.with("checksum", "Is not the SHA-256 of the bytes that came"))
            }
            Blobs::Mismatch(Mismatch::Length { .. }) => {
                Self::Api(mv_core::Error::invalid("body", "Must be as long as was announced"))
            }
            Blobs::Full => Self::Full(error.into()),
            Blobs::Unavailable { .. } | Blobs::NotMounted | Blobs::Stopped => Self::Unavailable(error.into()),
            other => Self::Internal(other.into()),
        }
    }
}

impl From<mv_blobs::WrapError> for Error {
    fn from(error: mv_blobs::WrapError) -> Self {
        Self::internal(error)
    }
}

/// What is done with a unique constraint's refusal: the field's own conflict, else an internal error.
pub(crate) fn taken(error: mv_store::Error, columns: &[(&str, &'static str, &'static str)]) -> Error {
    for (column, field, message) in columns {
        if error.conflict_on(column) {
            return mv_core::Error::conflict(*field, *message).into();
        }
    }
    error.into()
}
