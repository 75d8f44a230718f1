//! Who asks, found out once before anything else is done: from `Authorization: Bearer` (RFC 6750 section 2.1; never from
//! the query) or `X-API-Key`. Whether that opens a route is the route's to ask (`extract::caller`).

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::header::{AUTHORIZATION, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue};
use mv_app::auth::access::Authenticated;
use mv_core::{Client, Error};

use super::rate_limit::Unproved;
use crate::state::AppState;

/// What the request says of who sends it, as an extension of each request.
#[derive(Debug, Clone)]
pub struct Identity {
    /// What became of its credentials.
    pub credentials: Credentials,
    /// Where it comes from.
    pub client: Client,
}

/// What became of a request's credentials.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// None were sent.
    None,
    /// They hold.
    Good(Arc<Authenticated>),
    /// They do not hold, or could not be checked. Routes that need none answer all the same.
    Refused(Error),
}

/// Finds out who asks.
pub(super) async fn of(headers: &HeaderMap, address: Option<IpAddr>, state: &AppState) -> Identity {
    let credentials = match sent(headers) {
        Ok(None) => Credentials::None,
        Ok(Some(secret)) => checked(secret, address, state).await,
        Err(error) => Credentials::Refused(error),
    };
    Identity { credentials, client: Client { address, user_agent: user_agent(headers) } }
}

/// Where what is asked for needs no credentials, and none are looked at.
pub(super) fn unasked(headers: &HeaderMap, address: Option<IpAddr>) -> Identity {
    Identity { credentials: Credentials::None, client: Client { address, user_agent: user_agent(headers) } }
}

/// What becomes of a secret. An access token that is not genuine is known as such by its signature; any other secret
/// costs a question to the database, so that those who guess are held up before it.
async fn checked(secret: &str, address: Option<IpAddr>, state: &AppState) -> Credentials {
    let by_database = ["mvk_", "mvu_"].iter().any(|prefix| secret.starts_with(prefix));
    let unproved = match by_database {
        true => match Unproved::begin(address, state).await {
            Ok(unproved) => Some(unproved),
            Err(error) => return Credentials::Refused(error),
        },
        false => None,
    };
    match state.app.authenticate(secret).await {
        Ok(authenticated) => Credentials::Good(authenticated),
        Err(error) => {
            if let Some(unproved) = unproved {
                unproved.failed(state).await;
            }
            Credentials::Refused(error.for_client(&crate::context::current().id))
        }
    }
}

/// The one secret that the request carries.
fn sent(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let bearer = bearer(headers)?;
    let mut keys = headers.get_all("x-api-key").iter();
    let Some(key) = keys.next() else { return Ok(bearer) };
    if bearer.is_some() || keys.next().is_some() {
        return Err(Error::unauthorized("Credentials must be sent once"));
    }
    let key = key.to_str().ok().filter(|key| sound(key) && key.starts_with("mvk_"));
    key.map(Some).ok_or_else(|| Error::unauthorized("The X-API-Key header must hold an API key"))
}

/// The token of the one `Authorization` header, if there is one.
///
/// # Errors
/// `unauthorized` for another scheme, two headers or characters that no token has.
pub fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let malformed = || Error::unauthorized("The Authorization header must be: Bearer <token>");
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(first) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(malformed());
    }
    token(first).map(Some).ok_or_else(malformed)
}

fn token(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && sound(token)).then_some(token)
}

fn sound(secret: &str) -> bool {
    (1..=4096).contains(&secret.len()) && !secret.contains(char::is_whitespace)
}

fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(USER_AGENT)?.to_str().ok()?;
    let text: String = text.chars().filter(|c| !c.is_control()).take(256).collect();
    (!text.is_empty()).then_some(text)
}
