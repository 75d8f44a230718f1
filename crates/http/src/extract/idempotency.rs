//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-06): a quoted string or bare, 1 to 255 visible characters.
//! Keys of different API keys and upload tokens never meet, nor do theirs and their owner's: none is told what another was.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use mv_core::{Caller, Error};

use crate::error::ApiError;
use crate::layers::identity::{Credentials, Identity};

/// The key, if one was sent, as the caller's own.
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
        if sound { Ok(Self(Some(own(parts, text)))) } else { Err(bad().into()) }
    }
}

/// The key as this caller's own. All sessions of a user are one caller, so that a retry may come after a new login. No key
/// holds a blank, so no two callers' are alike.
fn own(parts: &Parts, key: &str) -> String {
    let caller = match parts.extensions.get::<Identity>().map(|identity| &identity.credentials) {
        Some(Credentials::Good(authenticated)) => authenticated.caller,
        _ => return key.to_owned(),
    };
    match caller {
        Caller::Key { key: id, .. } => format!("{id} {key}"),
        Caller::UploadToken { token, .. } => format!("{token} {key}"),
        Caller::Session { .. } | Caller::Link { .. } => key.to_owned(),
    }
}
