//! Who asks: the access token in `Authorization: Bearer` (RFC 6750 section 2.1). Never from the query.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use mv_app::auth::access::Authenticated;
use mv_core::{Code, Error};

use crate::error::ApiError;
use crate::state::AppState;

/// A caller with good credentials.
#[derive(Debug, Clone)]
pub struct Auth(pub Arc<Authenticated>);

impl FromRequestParts<AppState> for Auth {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let Some(token) = bearer(&parts.headers)? else {
            return Err(Error::unauthorized("Authentication is required").into());
        };
        match state.app.authenticate(token).await {
            Ok(authenticated) => Ok(Self(authenticated)),
            Err(error) => Err(refused(error)),
        }
    }
}

/// An error of checking a token that was sent.
pub fn refused(error: mv_app::Error) -> ApiError {
    let error = ApiError::from(error);
    if error.error().code == Code::Unauthorized { error.bad_token() } else { error }
}

/// The token of the one `Authorization` header, if there is one.
///
/// # Errors
/// `unauthorized` for another scheme, two headers or characters that no token has.
pub fn bearer(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(first) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(malformed());
    }
    token(first).map(Some).ok_or_else(malformed)
}

fn malformed() -> ApiError {
    ApiError::from(Error::unauthorized("The Authorization header must be: Bearer <token>")).bad_token()
}

fn token(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let sound = scheme.eq_ignore_ascii_case("bearer")
        && (1..=4096).contains(&token.len())
        && !token.contains(char::is_whitespace);
    sound.then_some(token)
}
