//! `X-Forwarded-For`: nobody but the stranger nearest to the last trusted proxy is ever taken for the client.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};

use libfuzzer_sys::fuzz_target;
use mv_http::layers::client::walked;

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

fn trusted(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(address) if address.octets()[0] == 10)
}

fuzz_target!(|forwarded: &[u8]| {
    let client = walked(PEER, forwarded, trusted);
    // What stands before a stranger was said by that stranger, and changes nothing.
    if !trusted(client) {
        let more = [b"203.0.113.9, 10.1.1.1,".as_slice(), forwarded].concat();
        assert_eq!(walked(PEER, &more, trusted), client);
    }
    // What no proxy appended to is the peer's own.
    assert_eq!(walked(PEER, b"", trusted), PEER);
    let appended = [forwarded, b",198.51.100.7"].concat();
    assert_eq!(walked(PEER, &appended, trusted).to_string(), "198.51.100.7");
});
