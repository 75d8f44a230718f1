//! The address that people type to reach the vault: an http(s) origin (RFC 6454 section 4).
//! Promise: what is kept is in normal form: lower case, no default port, no path.
//! Not here: whether such an address may be used (`check`).

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// An origin: scheme, host and port.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicUrl {
    secure: bool,
    host: String,
    port: Option<u16>,
}

/// The text is no http(s) origin.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address such as https://vault.example.org, without path, query or user name")]
pub struct NotAnOrigin;

impl PublicUrl {
    /// The address of a socket as seen from this machine: a wildcard address becomes `localhost`.
    pub fn of_socket(bound: SocketAddr) -> Self {
        let host = match bound {
            _ if bound.ip().is_unspecified() => "localhost".to_owned(),
            SocketAddr::V4(address) => address.ip().to_string(),
            SocketAddr::V6(address) => format!("[{}]", address.ip()),
        };
        Self { secure: false, host, port: Some(bound.port()).filter(|port| *port != 80) }
    }

    /// The same where the socket speaks TLS, by a name if the certificate has one.
    pub fn of_tls_socket(bound: SocketAddr, name: Option<&str>) -> Self {
        let plain = Self::of_socket(bound);
        let host = name.map_or(plain.host, str::to_owned);
        Self { secure: true, host, port: Some(bound.port()).filter(|port| *port != 443) }
    }

    /// Whether the scheme is https.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host in lower case; an IPv6 address stands in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Host and, unless it is the scheme's default, port: what a `Host` header says (RFC 9110 section 7.2).
    pub fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    /// Whether it is plain HTTP to this very machine by one of the two names that the contract allows for that.
    pub fn is_this_machine(&self) -> bool {
        !self.secure && matches!(self.host.as_str(), "localhost" | "127.0.0.1")
    }
}

impl FromStr for PublicUrl {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        let (scheme, rest) = text.split_once("://").ok_or(NotAnOrigin)?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(NotAnOrigin),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match authority.rsplit_once(':') {
            // The last colon of a bare "[::1]" belongs to the address.
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let host = host.to_ascii_lowercase();
        if !is_host(&host) {
            return Err(NotAnOrigin);
        }
        let port = match port {
            None => None,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => match digits.parse::<u16>() {
                Ok(0) | Err(_) => return Err(NotAnOrigin),
                Ok(port) => Some(port),
            },
            Some(_) => return Err(NotAnOrigin),
        };
        let default = if secure { 443 } else { 80 };
        Ok(Self { secure, host, port: port.filter(|port| *port != default) })
    }
}

/// A name of letters, digits and inner hyphens (RFC 1123 section 2.1), an IPv4 address, or an IPv6 one in brackets.
fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[') {
        return inner.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    }
    let numeric = host.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    if numeric {
        return host.parse::<Ipv4Addr>().is_ok();
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.split('.').all(label)
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.secure { "https" } else { "http" }, self.authority())
    }
}

impl fmt::Debug for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_origins_in_normal_form() {
        for (text, normal) in [
            ("https://vault.example.org", "https://vault.example.org"),
            ("HTTPS://Vault.Example.org:443/", "https://vault.example.org"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://nas:80", "http://nas"),
            ("https://nas:80", "https://nas:80"),
            ("http://[::1]:9", "http://[::1]:9"),
            ("http://[::1]", "http://[::1]"),
            ("http://192.168.1.2", "http://192.168.1.2"),
        ] {
            assert_eq!(text.parse::<PublicUrl>().unwrap().to_string(), normal, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_origin() {
        for text in [
            "",
            "vault.example.org",
            "ftp://vault.example.org",
            "https://",
            "https:///",
            "https://vault/path",
            "https://vault//",
            "https://vault?x",
            "https://vault#x",
            "https://user@vault",
            "https://user:secret@vault",
            "https://vault:0",
            "https://vault:65536",
            "https://vault:",
            "https://vault:+1",
            "https://va ult",
            "https://-vault",
            "https://vault..org",
            "https://[::1",
            "https://[::g]",
            "https://256.1.1.1",
            "https://vältli",
        ] {
            assert_eq!(text.parse::<PublicUrl>(), Err(NotAnOrigin), "{text}");
        }
    }

    #[test]
    fn knows_this_machine() {
        for (text, here) in [
            ("http://localhost", true),
            ("http://localhost:8080", true),
            ("http://127.0.0.1:8080", true),
            ("https://localhost", false),
            ("http://localhost.example.org", false),
            ("http://127.0.0.2", false),
            ("http://0.0.0.0:8080", false),
        ] {
            assert_eq!(text.parse::<PublicUrl>().unwrap().is_this_machine(), here, "{text}");
        }
    }

    #[test]
    fn follows_a_socket() {
        for (bound, url) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("0.0.0.0:8080", "http://localhost:8080"),
            ("[::]:80", "http://localhost"),
            ("[::1]:8080", "http://[::1]:8080"),
            ("192.168.1.2:80", "http://192.168.1.2"),
        ] {
            assert_eq!(PublicUrl::of_socket(bound.parse().unwrap()).to_string(), url);
        }
        for (bound, name, url) in [
            ("0.0.0.0:443", Some("vault.example.org"), "https://vault.example.org"),
            ("127.0.0.1:8443", None, "https://127.0.0.1:8443"),
            ("[::]:80", None, "https://localhost:80"),
        ] {
            assert_eq!(PublicUrl::of_tls_socket(bound.parse().unwrap(), name).to_string(), url);
        }
    }
}
