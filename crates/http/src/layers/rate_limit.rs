//! How many requests pass (contract section 7): what each is counted as, the 429 of one too many, and what every answer
//! under the base tells of the limit: `X-RateLimit-*`, and `RateLimit` and `RateLimit-Policy` as of
//! draft-ietf-httpapi-ratelimit-headers-10. Not here: the count itself (`mv_app::limits`).

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::response::Response;
use mv_app::limits::{Class, Decision, Key, Limits, WINDOW_SECONDS};
use mv_app::media::links::{CONTENT, Moving};
use mv_core::network::network;
use mv_core::{Caller, Code, Error, MediaId, Timestamp};

use super::identity::{Credentials, Identity};
use crate::error::ApiError;
use crate::state::AppState;
use crate::wire::picture;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const STATE: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What is told of each limit, the same in every answer.
pub struct Policies {
    anonymous: Policy,
    user: Policy,
    api_key: Policy,
    delivery: Policy,
    lookup: Policy,
}

/// A limit, as headers tell it.
struct Policy {
    name: &'static str,
    limit: HeaderValue,
    policy: HeaderValue,
}

impl Policies {
    /// Of these limits.
    pub fn new(limits: &Limits) -> Self {
        let policy = |name: &'static str, class| {
            let limit = limits.of(class);
            let text = format!("\"{name}\";q={limit};w={WINDOW_SECONDS}");
            // A name of ours and two numbers are always a header's value.
            let policy = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
            Policy { name, limit: HeaderValue::from(limit), policy }
        };
        Self {
            anonymous: policy("default", Class::Anonymous),
            user: policy("default", Class::User),
            api_key: policy("default", Class::ApiKey),
            delivery: policy("delivery", Class::Delivery),
            lookup: policy("lookup", Class::Lookup),
        }
    }

    fn of(&self, class: Class) -> &Policy {
        match class {
            Class::Anonymous | Class::Unproved => &self.anonymous,
            Class::User | Class::UploadToken => &self.user,
            Class::ApiKey => &self.api_key,
            Class::Delivery => &self.delivery,
            Class::Lookup => &self.lookup,
            Class::Rendering => &self.delivery,
        }
    }
}

/// Whether requests to this path are counted: all under either base, known or not, and the WebSocket's other address.
pub(super) fn applies(path: &str) -> bool {
    if path == "/realtime" {
        return true;
    }
    let below = path.strip_prefix("/api/v1").or_else(|| path.strip_prefix("/v1"));
    below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What was decided of a request, for its answer.
pub(super) struct Told {
    class: Class,
    decision: Decision,
}

/// What a request is counted as.
pub(super) struct Asked {
    key: Key,
    preflight: bool,
}

impl Asked {
    /// Of this request and whoever sends it.
    pub(super) fn of(request: &Request, identity: &Identity, state: &AppState) -> Self {
        let preflight = request.method() == Method::OPTIONS
            && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        Self { key: key(request, identity, state), preflight }
    }
}

/// Counts a request. A browser's question before the real one (a CORS preflight) is not counted and never refused: it
/// does nothing and cannot carry the credentials that would count it as its user's.
pub(super) async fn count(asked: Asked, state: &AppState) -> Told {
    let Asked { key, preflight } = asked;
    let limiter = state.app.limiter();
    let decision =
        if preflight { Decision { allowed: true, ..limiter.peek(key).await } } else { limiter.check(key).await };
    Told { class: key.class, decision }
}

impl Told {
    /// The answer to a request that does not pass.
    pub(super) fn refusal(&self) -> Option<ApiError> {
        (!self.decision.allowed).then(|| refused(self.decision).into())
    }

    /// Tells the client.
    pub(super) fn tell(&self, response: &mut Response, state: &AppState, at: Timestamp) {
        let Decision { remaining, reset, .. } = self.decision;
        let policy = state.policies.of(self.class);
        let headers: &mut HeaderMap = response.headers_mut();
        headers.reserve(5);
        headers.insert(LIMIT, policy.limit.clone());
        headers.insert(REMAINING, HeaderValue::from(remaining));
        headers.insert(RESET, HeaderValue::from(seconds_up(at).saturating_add(i64::from(reset))));
        headers.insert(POLICY, policy.policy.clone());
        let mut text = Short::default();
        if write!(text, "\"{}\";r={remaining};t={reset}", policy.name).is_ok()
            && let Ok(value) = HeaderValue::from_bytes(text.written())
        {
            headers.insert(STATE, value);
        }
    }
}

/// The error of a request that does not pass.
fn refused(decision: Decision) -> Error {
    let wait = std::time::Duration::from_secs(u64::from(decision.reset));
    Error::new(Code::RateLimited, "Too many requests").retry_after(wait)
}

/// Unix seconds, not earlier than the moment.
fn seconds_up(at: Timestamp) -> i64 {
    at.micros().div_euclid(1_000_000) + i64::from(at.micros().rem_euclid(1_000_000) > 0)
}

/// What the request is counted as.
fn key(request: &Request, identity: &Identity, state: &AppState) -> Key {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let bytes = ["content", "thumbnail", "render", "playback", "motion", "storyboard"];
    let of_item = route.split_once("/media/{id}/").map(|(_, what)| what);
    let delivers =
        of_item.is_some_and(|what| bytes.contains(&what)) && matches!(*request.method(), Method::GET | Method::HEAD);
    let Credentials::Good(authenticated) = &identity.credentials else {
        let signer = if delivers { signer(request, state) } else { None };
        return signer.unwrap_or_else(|| address(Class::Anonymous, identity.client.address));
    };
    let caller = &authenticated.caller;
    let user = caller.user().uuid().as_u128();
    if delivers {
        return Key { class: Class::Delivery, who: user };
    }
    if route.ends_with("/users/lookup") {
        return Key { class: Class::Lookup, who: user };
    }
    match caller {
        Caller::Session { .. } | Caller::Link { .. } => Key { class: Class::User, who: user },
        Caller::Key { key, .. } => Key { class: Class::ApiKey, who: key.uuid().as_u128() },
        Caller::UploadToken { token, .. } => Key { class: Class::UploadToken, who: token.uuid().as_u128() },
    }
}

/// Whoever has signed the link that is used, by its signature alone.
fn signer(request: &Request, state: &AppState) -> Option<Key> {
    let query = request.uri().query()?;
    let mut values = query.split('&').filter_map(|pair| pair.strip_prefix("sig="));
    let (token, None) = (values.next()?, values.next()) else { return None };
    let (path, what) = request.uri().path().rsplit_once('/')?;
    let id: MediaId = path.rsplit('/').next()?.parse().ok()?;
    let user = match what {
        CONTENT => state.app.link_signer(id, CONTENT, token)?,
        moving if Moving::parse(moving).is_some() => state.app.link_signer(id, moving, token)?,
        picture => state.app.link_signer(id, &picture::asked(picture, query)?.link_name(), token)?,
    };
    Some(Key { class: Class::Delivery, who: user.uuid().as_u128() })
}

fn address(class: Class, address: Option<IpAddr>) -> Key {
    Key { class, who: network(address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))) }
}

/// Credentials of an address that has used up what is anonymous: each that does not hold is counted, and after as many
/// as are anonymous nothing more is looked up for it in this minute. So guessing costs the server two limits' worth of
/// lookups a minute and no more, while others behind the same address go on.
pub(super) struct Unproved {
    key: Option<Key>,
}

impl Unproved {
    /// Whether these credentials may be looked up.
    ///
    /// # Errors
    /// `rate_limited`.
    pub(super) async fn begin(sender: Option<IpAddr>, state: &AppState) -> Result<Self, Error> {
        let limiter = state.app.limiter();
        if limiter.peek(address(Class::Anonymous, sender)).await.allowed {
            return Ok(Self { key: None });
        }
        let key = address(Class::Unproved, sender);
        let decision = limiter.peek(key).await;
        if decision.allowed { Ok(Self { key: Some(key) }) } else { Err(refused(decision)) }
    }

    /// They did not hold.
    pub(super) async fn failed(self, state: &AppState) {
        if let Some(key) = self.key {
            state.app.limiter().check(key).await;
        }
    }
}

/// A lookup for somebody without credentials that may lead to nothing; then it counts as a request of the address.
pub(super) struct Fruitless {
    key: Key,
}

impl Fruitless {
    /// Whether the address may ask at all.
    pub(super) async fn begin(sender: Option<IpAddr>, state: &AppState) -> Option<Self> {
        let key = address(Class::Anonymous, sender);
        state.app.limiter().peek(key).await.allowed.then_some(Self { key })
    }

    /// It led to nothing.
    pub(super) async fn count(self, state: &AppState) {
        state.app.limiter().check(self.key).await;
    }
}

/// A text of at most 64 bytes, made without the heap.
struct Short {
    bytes: [u8; 64],
    length: usize,
}

impl Default for Short {
    fn default() -> Self {
        Self { bytes: [0; 64], length: 0 }
    }
}

impl Short {
    fn written(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl std::fmt::Write for Short {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end).ok_or(std::fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_under_a_base_is_counted() {
        for path in
            ["/api/v1", "/api/v1/", "/api/v1/users/me", "/v1/media", "/v1", "/v1/nonsense", "/api/v1/openapi.json"]
        {
            assert!(applies(path), "{path}");
        }
        for path in ["/", "/health/live", "/metrics", "/api/docs", "/api/v10/users", "/v11", "/api/v2/x", "/api"] {
            assert!(!applies(path), "{path}");
        }
    }

    #[test]
    fn the_reset_is_never_told_too_early() {
        assert_eq!(seconds_up(Timestamp::from_micros(5_000_000)), 5);
        assert_eq!(seconds_up(Timestamp::from_micros(5_000_001)), 6);
    }
}
