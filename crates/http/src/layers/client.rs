//! Which address a request comes from. Forwarded addresses are believed from trusted proxies only, read from the right:
//! the first one that is no trusted proxy is the client.

use std::net::IpAddr;

use axum::extract::Request;

use crate::server::Peer;
use crate::state::WireOptions;

/// The client's address; none where the request did not come over a socket.
pub(super) fn address(request: &Request, options: &WireOptions) -> Option<IpAddr> {
    let peer = request.extensions().get::<Peer>()?.0.ip();
    let Some(trusted) = options.trusted_proxy.as_ref().filter(|trusted| trusted(peer)) else { return Some(peer) };
    let lines: Vec<&str> =
        request.headers().get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
    let joined = lines.join(",");
    let mut client = peer;
    for hop in joined.rsplit(',').map(str::trim) {
        match hop.parse::<IpAddr>() {
            Ok(address) => client = address.to_canonical(),
            Err(_) => break,
        }
        if !trusted(client) {
            break;
        }
    }
    Some(client)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn address_of(peer: &str, forwarded: &[&str]) -> String {
        let options = WireOptions {
            loopback_host_only: false,
            public_host: None,
            allowed_origins: Vec::new(),
            trusted_proxy: Some(Box::new(|address| address.to_string().starts_with("10."))),
            metrics_token: None,
            metrics: Box::new(String::new),
        };
        let mut request = Request::builder();
        for line in forwarded {
            request = request.header("x-forwarded-for", *line);
        }
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(Peer(format!("{peer}:1").parse().unwrap()));
        address(&request, &options).unwrap().to_string()
    }

    #[test]
    fn only_trusted_proxies_speak_for_others() {
        assert_eq!(address_of("192.0.2.1", &["198.51.100.7"]), "192.0.2.1", "a stranger's word is nothing");
        assert_eq!(address_of("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(address_of("10.0.0.1", &["1.1.1.1, 198.51.100.7, 10.0.0.2"]), "198.51.100.7", "from the right");
        assert_eq!(address_of("10.0.0.1", &["1.1.1.1", "198.51.100.7"]), "198.51.100.7", "two lines are one list");
        assert_eq!(address_of("10.0.0.1", &["nonsense"]), "10.0.0.1");
        assert_eq!(address_of("10.0.0.1", &[]), "10.0.0.1");
    }
}
