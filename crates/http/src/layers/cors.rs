//! Which pages of other origins may read answers (Fetch standard, "CORS protocol"; contract section 8).
//! Promises: only origins that the operator listed get any `Access-Control-*` header, and for uploads those that an upload
//! token names; each is told by its own name, compared byte for byte as browsers write it (RFC 6454 section 6.2), and
//! caches are told that answers differ by it. Not here: which origins may be listed (the settings check them).

use axum::extract::Request;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use mv_app::App;

use crate::state::WireOptions;

/// Every method that some route has.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");

/// Request fields beyond those that browsers allow by themselves. With credentials `*` would be taken for a name.
const REQUEST_FIELDS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, X-API-Key, X-Request-Id, Idempotency-Key, If-Match, If-None-Match, If-Modified-Since, \
     If-Unmodified-Since, If-Range, Range, Content-Digest, Repr-Digest, Want-Content-Digest, Want-Repr-Digest, \
     Content-Disposition, Last-Event-ID, Tus-Resumable, Upload-Offset, Upload-Length, Upload-Metadata, \
     Upload-Defer-Length, Upload-Concat, Upload-Checksum, Upload-Complete, Upload-Draft-Interop-Version, \
     X-HTTP-Method-Override",
);

/// Answer fields that scripts may read (features.md 4.1, and what else the contract answers in fields).
const ANSWER_FIELDS: HeaderValue = HeaderValue::from_static(
    "Location, Content-Location, Content-Disposition, Content-Range, Accept-Ranges, ETag, Media-Id, X-Request-Id, \
     Retry-After, RateLimit, RateLimit-Policy, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, \
     WWW-Authenticate, Content-Digest, Repr-Digest, Deprecation, Sunset, Upload-Offset, Upload-Length, \
     Upload-Metadata, Upload-Defer-Length, Upload-Concat, Upload-Expires, Upload-Complete, Upload-Limit, \
     Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm",
);

/// How long a browser may remember a preflight; it is what a change of the list takes to arrive.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// What a request says of the page that sent it.
pub(super) struct Asked {
    /// The page's origin, where it may read the answer.
    origin: Option<HeaderValue>,
    /// Listed by the operator, and not merely named by an upload token: browsers may send cookies along.
    with_credentials: bool,
    /// An origin that uploads and is not listed: perhaps a token names it.
    named: Option<String>,
    is_preflight: bool,
    /// Whether answers differ by origin at all.
    varies: bool,
}

impl Asked {
    /// Reads it off a request.
    pub(super) fn of(request: &Request, options: &WireOptions) -> Self {
        let path = request.uri().path();
        let mut origins = request.headers().get_all(ORIGIN).iter();
        let origin = match (origins.next(), origins.next()) {
            (Some(origin), None) => origin.to_str().ok().map(|text| (origin, text)),
            _none_or_two => None,
        };
        let with_credentials =
            origin.is_some_and(|(_, text)| is_api(path) && options.allowed_origins.iter().any(|listed| listed == text));
        let named = origin.filter(|_| !with_credentials && is_upload(path)).map(|(_, text)| text.to_owned());
        Self {
            origin: origin.filter(|_| with_credentials).map(|(value, _)| value.clone()),
            named,
            with_credentials,
            is_preflight: request.method() == Method::OPTIONS
                && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD),
            varies: is_upload(path) || (is_api(path) && !options.allowed_origins.is_empty()),
        }
    }

    /// Lets pages upload that an upload token names. A question that fails is answered like one about an origin that
    /// nobody named.
    pub(super) async fn by_tokens(mut self, app: &App) -> Self {
        if let Some(origin) = self.named.take()
            && app.may_upload_from(&origin).await.unwrap_or(false)
        {
            self.origin = HeaderValue::try_from(origin).ok();
        }
        self
    }

    /// The answer to a preflight of an allowed page. Any other preflight is answered like any OPTIONS, which tells the
    /// browser nothing and so forbids.
    pub(super) fn preflight(&self) -> Option<Response> {
        self.origin.as_ref().filter(|_| self.is_preflight)?;
        let headers = [
            (ACCESS_CONTROL_ALLOW_METHODS, METHODS),
            (ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_FIELDS),
            (ACCESS_CONTROL_MAX_AGE, MAX_AGE),
        ];
        Some((StatusCode::NO_CONTENT, headers).into_response())
    }

    /// Lets the page read the answer, if it may.
    pub(super) fn set(self, response: &mut Response) {
        let headers = response.headers_mut();
        if self.varies {
            add_vary(headers, "Origin");
        }
        if let Some(origin) = self.origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            if self.with_credentials {
                headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            }
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, ANSWER_FIELDS);
        }
    }
}

/// Where pages that an upload token names may send to.
fn is_upload(path: &str) -> bool {
    matches!(path, "/api/v1/media/upload" | "/v1/media/upload")
}

/// Pages elsewhere have no business with metrics, health and the pages of the server itself.
fn is_api(path: &str) -> bool {
    path.starts_with("/api/v1/") || path.starts_with("/v1/")
}

/// Adds a name to `Vary`, in the one line that simple clients read.
pub(super) fn add_vary(headers: &mut HeaderMap, name: &'static str) {
    let held: Vec<&str> = headers.get_all(VARY).iter().filter_map(|value| value.to_str().ok()).collect();
    let held = held.join(", ");
    if held.split(',').any(|one| one.trim().eq_ignore_ascii_case(name)) {
        return;
    }
    let joined = if held.is_empty() { name.to_owned() } else { format!("{held}, {name}") };
    if let Ok(value) = HeaderValue::try_from(joined) {
        headers.insert(VARY, value);
    }
}
