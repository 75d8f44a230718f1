//! Headers that keep browsers from guessing, framing, caching or telling on: on every answer that does not set its own.
//! Not here: answers below the router, which have no headers (`server`); who may read across origins (`cors`).

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;

use super::cors::add_vary;

const DEFAULTS: [(HeaderName, HeaderValue); 7] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ),
];

/// A year (RFC 6797 section 6.1.1). Other names below this one are not ours to decide about, so they are not included.
const ONLY_HTTPS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Fills in what the answer does not have. JSON is private and changes at any time, so nothing of it is kept by caches,
/// and a cache that keeps it all the same must keep it by caller. `secure` is whether the client came over HTTPS: only
/// then may it be bound to it (RFC 6797 section 7.2).
pub(super) fn set(response: &mut Response, secure: bool) {
    let headers = response.headers_mut();
    for (name, value) in DEFAULTS {
        headers.entry(name).or_insert(value);
    }
    add_vary(headers, "Authorization");
    if secure {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, ONLY_HTTPS);
    }
}
