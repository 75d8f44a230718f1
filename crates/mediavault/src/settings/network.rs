//! IP networks in CIDR notation (RFC 4632, RFC 4291 section 2.3), for `trusted_proxies`.
//! Promise: an IPv4 address and its IPv4-mapped IPv6 form are one and the same.
//! Not here: host names; a proxy is named by its address.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A set of addresses with a common beginning.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

/// The text is no IP address and no network in CIDR notation.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an IP address or a network such as 10.0.0.0/8")]
pub struct NotANetwork;

impl Network {
    /// Whether the address belongs to it.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                // Shifting by the full width is what a prefix of 0 asks for; `checked_shr` answers None there.
                let differing = u32::from(ours) ^ u32::from(theirs);
                differing.checked_shr(32 - self.prefix).unwrap_or(0) == 0
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let differing = u128::from(ours) ^ u128::from(theirs);
                differing.checked_shr(128 - self.prefix).unwrap_or(0) == 0
            }
            _ => false,
        }
    }

    /// Whether it is every address of its family.
    pub fn is_everything(&self) -> bool {
        self.prefix == 0
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NotANetwork)?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => width,
            Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().map_err(|_| NotANetwork)?,
            Some(_) => return Err(NotANetwork),
        };
        if prefix > width {
            return Err(NotANetwork);
        }
        match address.to_canonical() {
            // A mapped network is the IPv4 network it maps, if it is no wider than the mapped range (::ffff:0:0/96).
            mapped @ IpAddr::V4(_) if width == 128 && prefix >= 96 => Ok(Self { address: mapped, prefix: prefix - 96 }),
            _ => Ok(Self { address, prefix }),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(network: &str, address: &str) -> bool {
        network.parse::<Network>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn contains_by_prefix() {
        for (network, address, expected) in [
            ("10.0.0.0/8", "10.255.255.255", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.1.2.3/8", "10.9.9.9", true),
            ("192.168.1.7", "192.168.1.7", true),
            ("192.168.1.7", "192.168.1.8", false),
            ("192.168.1.6/31", "192.168.1.7", true),
            ("192.168.1.6/31", "192.168.1.5", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "203.0.113.9", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::", false),
            ("::1", "::1", true),
            ("::1", "::2", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("::ffff:10.0.0.0/104", "10.200.0.1", true),
            ("::ffff:10.0.0.0/104", "11.0.0.1", false),
            ("::ffff:10.0.0.1", "10.0.0.1", true),
        ] {
            assert_eq!(holds(network, address), expected, "{network} {address}");
        }
    }

    #[test]
    fn refuses_what_is_no_network() {
        for text in
            ["", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/+8", "10.0.0/8", "::/129", "proxy", "10.0.0.0/8/8", " ::1"]
        {
            assert_eq!(text.parse::<Network>(), Err(NotANetwork), "{text}");
        }
    }

    #[test]
    fn shows_address_and_prefix() {
        let network: Network = "::ffff:10.0.0.0/104".parse().unwrap();
        assert_eq!(network.to_string(), "10.0.0.0/8");
        assert!("0.0.0.0/0".parse::<Network>().unwrap().is_everything());
        assert!(!network.is_everything());
    }
}
