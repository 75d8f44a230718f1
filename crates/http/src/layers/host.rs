//! Which requests are meant for this server (contract section 1): with a loopback `public_url` only those for this
//! machine's names, with any other one that the operator set those for its host too, behind proxies only those that came
//! through one over HTTPS. Health checks are exempt from the latter two.

use axum::extract::Request;
use axum::http::{HeaderMap, Uri, header};
use mv_core::{Code, Error};

use crate::error::ApiError;
use crate::server::{Encrypted, Peer};
use crate::state::WireOptions;

/// Lets a request pass or says why not.
pub(super) fn check(request: &Request, options: &WireOptions) -> Result<(), ApiError> {
    let host = host(request.uri(), request.headers())?;
    if options.loopback_host_only && !host.is_some_and(is_this_machine) {
        let message = "This server answers to localhost and 127.0.0.1 only; set public_url to serve another host";
        return Err(Error::new(Code::MisdirectedRequest, message).into());
    }
    // Machines that look after the server ask by address, and without a proxy.
    if request.uri().path().starts_with("/health/") {
        return Ok(());
    }
    if let Some(public) = &options.public_host
        && !host.is_some_and(|host| host.eq_ignore_ascii_case(public) || is_this_machine(host))
    {
        return Err(
            Error::new(Code::MisdirectedRequest, "This server answers to the host of its public_url only").into()
        );
    }
    if options.trusted_proxy.is_some() && !through_proxy(request, options) {
        let message = "This server is reached over HTTPS through its proxy only (X-Forwarded-Proto: https)";
        return Err(Error::new(Code::MisdirectedRequest, message).into());
    }
    Ok(())
}

/// Whether the client came over HTTPS: to this server, or to a trusted proxy that says so.
pub(super) fn over_https(request: &Request, options: &WireOptions) -> bool {
    request.extensions().get::<Encrypted>().is_some() || through_proxy(request, options)
}

/// Whether the request comes from a trusted proxy that was reached over HTTPS.
fn through_proxy(request: &Request, options: &WireOptions) -> bool {
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip());
    let is_trusted = options.trusted_proxy.as_ref().zip(peer).is_some_and(|(trusted, peer)| trusted(peer));
    is_trusted && forwarded_over_https(request.headers())
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
