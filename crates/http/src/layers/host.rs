//! Which requests are meant for this server (contract section 1): with a loopback `public_url` only those for this
//! machine's names, behind proxies only those that came through one over HTTPS. Health checks are exempt from the latter.

use axum::extract::Request;
use axum::http::{HeaderMap, Uri, header};
use mv_core::{Code, Error};

use crate::error::ApiError;
use crate::server::Peer;
use crate::state::WireOptions;

/// Lets a request pass or says why not.
pub(super) fn check(request: &Request, options: &WireOptions) -> Result<(), ApiError> {
    let host = host(request.uri(), request.headers())?;
    if options.loopback_host_only && !host.is_some_and(is_this_machine) {
        let message = "This server answers to localhost and 127.0.0.1 only; set public_url to serve another host";
        return Err(Error::new(Code::MisdirectedRequest, message).into());
    }
    if let Some(trusted) = &options.trusted_proxy
        && !request.uri().path().starts_with("/health/")
    {
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip());
        let through_proxy = peer.is_some_and(trusted);
        if !through_proxy || !forwarded_over_https(request.headers()) {
            let message = "This server is reached over HTTPS through its proxy only (X-Forwarded-Proto: https)";
            return Err(Error::new(Code::MisdirectedRequest, message).into());
        }
    }
    Ok(())
}

/// The host that the request names, without its port: of the target if it is absolute, else of the one `Host` field
/// (RFC 9112 section 3.2; two of them are refused by the server below).
fn host<'r>(target: &'r Uri, headers: &'r HeaderMap) -> Result<Option<&'r str>, ApiError> {
    if let Some(host) = target.host() {
        return Ok(Some(host));
    }
    let Some(value) = headers.get(header::HOST) else { return Ok(None) };
    let bad = || Error::invalid("Host", "Must be a host and an optional port");
    let text = value.to_str().map_err(|_| bad())?;
    let authority = text.parse::<axum::http::uri::Authority>().map_err(|_| bad())?;
    // A user name would stand where the host is looked for.
    if text.contains('@') {
        return Err(bad().into());
    }
    let length = authority.host().len();
    Ok(text.get(..length))
}

fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host == "127.0.0.1" || host == "[::1]"
}

/// The last proxy, the nearest one, tells how it was reached.
fn forwarded_over_https(headers: &HeaderMap) -> bool {
    let last = headers.get_all("x-forwarded-proto").iter().next_back();
    last.and_then(|value| value.to_str().ok())
        .and_then(|value| value.rsplit(',').next())
        .is_some_and(|proto| proto.trim() == "https")
}
