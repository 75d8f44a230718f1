//! What counts as one sender among addresses. Pure: which address a request comes from is told by `http::layers::client`.

use std::net::IpAddr;

/// The network that an address is counted by, as one number: an IPv4 address by itself, also where it is written as
/// IPv6 (RFC 4291 section 2.5.5.2), an IPv6 address by its /64, of which one person has all (RFC 6177).
pub fn network(address: IpAddr) -> u128 {
    const MAPPED: u128 = 0xffff << 32;
    match address.to_canonical() {
        IpAddr::V4(address) => MAPPED | u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits() & !u128::from(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_sender_are_one_network() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.1"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        let distinct = ["192.0.2.1", "192.0.2.2", "2001:db8:1:2::1", "2001:db8:1:3::1", "::1", "0.0.0.0", "192.0.3.1"];
        let numbers: std::collections::BTreeSet<_> = distinct.iter().map(|text| of(text)).collect();
        assert_eq!(numbers.len(), distinct.len());
    }
}
