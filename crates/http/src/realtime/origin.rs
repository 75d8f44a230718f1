//! Which pages may open a WebSocket. Browsers let a page of any origin connect to any server, and say only which one it
//! is (RFC 6455 section 10.2), so this is asked before the upgrade. Programs send no `Origin`.

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Uri};
use mv_core::{Code, Error};

/// Lets programs pass, the pages of this server itself, and those of the listed origins.
///
/// # Errors
/// `forbidden`.
pub(super) fn check(headers: &HeaderMap, public_url: &str, allowed: &[String]) -> Result<(), Error> {
    let mut origins = headers.get_all(ORIGIN).iter();
    let origin = match (origins.next(), origins.next()) {
        (None, _) => return Ok(()),
        (Some(origin), None) => origin.to_str().unwrap_or_default(),
        (Some(_), Some(_)) => "",
    };
    // Browsers write origins in one way: lower case, no default port, no slash (RFC 6454 section 6.2).
    let known = origin == public_url || allowed.iter().any(|listed| listed == origin) || is_own(origin, headers);
    if known { Ok(()) } else { Err(Error::new(Code::Forbidden, "Pages of this origin may not connect")) }
}

/// Whether the page came from the very host and port that it now asks.
fn is_own(origin: &str, headers: &HeaderMap) -> bool {
    let Ok(origin) = origin.parse::<Uri>() else { return false };
    let (Some(scheme), Some(page)) = (origin.scheme_str(), origin.authority()) else { return false };
    let default = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return false,
    };
    let Some(asked) = headers.get(HOST).and_then(|host| host.to_str().ok()) else { return false };
    let Ok(asked) = asked.parse::<axum::http::uri::Authority>() else { return false };
    let port = |authority: &axum::http::uri::Authority| authority.port_u16().unwrap_or(default);
    let is_bare = |authority: &axum::http::uri::Authority| !authority.as_str().contains('@');
    let is_whole = matches!(origin.path(), "" | "/") && origin.query().is_none();
    let same = page.host().eq_ignore_ascii_case(asked.host()) && port(page) == port(&asked);
    same && is_whole && is_bare(page) && is_bare(&asked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn passes(host: &str, origins: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(host).unwrap());
        for origin in origins {
            headers.append(ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        check(&headers, "https://vault.example.org", &["https://app.example.net".to_owned()]).is_ok()
    }

    #[test]
    fn only_known_pages_pass() {
        assert!(passes("anything", &[]), "a program");
        for (host, origin) in [
            ("10.0.0.1:8080", "https://vault.example.org"),
            ("10.0.0.1:8080", "https://app.example.net"),
            ("localhost:8080", "http://localhost:8080"),
            ("vault.lan", "http://vault.lan"),
            ("vault.lan", "https://vault.lan"),
            ("Vault.Lan:443", "https://vault.lan"),
            ("[::1]:8080", "http://[::1]:8080"),
        ] {
            assert!(passes(host, &[origin]), "{host} {origin}");
        }
        for origin in [
            "null",
            "",
            "https://evil.example",
            "http://vault.example.org",
            "https://vault.example.org.evil.example",
            "https://evil-vault.example.org",
            "https://vault.example.org:8443",
            "https://vault.example.org/",
            "https://app.example.net.evil.example",
            "https://xapp.example.net",
            "http://vault.lan:8081",
            "http://vault.lan:8080.evil.example",
            "http://vault.lan:8080@evil.example",
            "http://user@vault.lan:8080",
            "file://vault.lan:8080",
            "vault.lan:8080",
            "http://vault.lan:8080/page",
        ] {
            assert!(!passes("vault.lan:8080", &[origin]), "{origin}");
        }
        assert!(!passes("vault.lan", &["http://vault.lan", "http://vault.lan"]), "two of them");
        assert!(!passes("evil@vault.lan", &["http://vault.lan"]));
    }
}
