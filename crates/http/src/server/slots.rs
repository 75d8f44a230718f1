//! How many connections one address may hold.
//! Promise: a place is given back when its holder is dropped. Addresses of IPv6 count by their /64,
//! since a single host commands at least that many. Not here: the total (a semaphore in `server`).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// The counters, shared by all connections of a server.
#[derive(Debug, Clone)]
pub(super) struct Slots {
    held: Arc<Mutex<HashMap<IpAddr, usize>>>,
    limit: usize,
}

/// One place; dropping it gives it back. Loopback's places are not counted: a proxy there stands for all
/// of its clients.
#[derive(Debug)]
pub(super) struct Slot {
    counted: Option<(Slots, IpAddr)>,
}

impl Slots {
    /// Counters with so many places for each address.
    pub(super) fn new(limit: usize) -> Self {
        Self { held: Arc::default(), limit }
    }

    /// A place for this address, or `None` when it has its share.
    pub(super) fn take(&self, address: IpAddr) -> Option<Slot> {
        let address = network_of(address);
        if address.is_loopback() {
            return Some(Slot { counted: None });
        }
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(address).or_insert(0);
        if *count >= self.limit {
            return None;
        }
        *count += 1;
        drop(held);
        Some(Slot { counted: Some((self.clone(), address)) })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Some((slots, address)) = &self.counted else {
            return;
        };
        let mut held = slots.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(address) {
            *count -= 1;
            if *count == 0 {
                held.remove(address);
            }
        }
    }
}

fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(Ipv6Addr::LOCALHOST) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_address_and_by_network() {
        let slots = Slots::new(2);
        let take = |text: &str| slots.take(text.parse().unwrap());
        let first = take("192.0.2.1").unwrap();
        let second = take("::ffff:192.0.2.1").unwrap();
        assert!(take("192.0.2.1").is_none());
        let other = take("192.0.2.2").unwrap();
        drop(first);
        let third = take("192.0.2.1").unwrap();
        let v6 = (take("2001:db8::1").unwrap(), take("2001:db8::2").unwrap());
        assert!(take("2001:db8::3").is_none());
        assert!(take("2001:db8:0:1::3").is_some());
        drop((second, third, other, v6));
        for local in ["127.0.0.1", "::1", "::ffff:127.1.2.3"] {
            assert!([take(local), take(local), take(local)].iter().all(Option::is_some), "{local}");
        }
        assert!(slots.held.lock().unwrap().is_empty());
    }
}
