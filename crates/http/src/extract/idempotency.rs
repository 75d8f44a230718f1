//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-06): a quoted string or bare, 1 to 255 visible characters.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use mv_core::Error;

use crate::error::ApiError;

/// The key, if one was sent.
#[derive(Debug, Clone)]
pub struct IdempotencyKey(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let mut values = parts.headers.get_all("idempotency-key").iter();
        let Some(value) = values.next() else { return Ok(Self(None)) };
        let bad = || Error::invalid("Idempotency-Key", "Must be one value of 1 to 255 visible ASCII characters");
        let text = value.to_str().map_err(|_| bad())?.trim();
        let text = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
        let sound =
            (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) && values.next().is_none();
        if sound { Ok(Self(Some(text.to_owned()))) } else { Err(bad().into()) }
    }
}
