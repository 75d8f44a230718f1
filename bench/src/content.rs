//! Bytes to upload: incompressible, and never the same twice, without being made in the timed part.
//! Promise: two contents differ in their first 16 bytes (a counter and the pool's seed), so that neither
//! deduplication nor a cache can win a test; nothing is copied to make one.
//! Not here: cryptographic randomness, which nothing here needs.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

/// Bytes of each content that are its own; the rest is a slice of the shared pool.
const STAMP: usize = 16;

/// Shared pseudo-random bytes of which contents are slices.
#[derive(Clone)]
pub(crate) struct Pool {
    bytes: Arc<Vec<u8>>,
    seed: u64,
    drawn: Arc<AtomicU64>,
}

/// One body: a stamp of its own, then a slice of the pool.
#[derive(Clone)]
pub(crate) struct Content {
    stamp: [u8; STAMP],
    own: Range<usize>,
    pool: Arc<Vec<u8>>,
    rest: Range<usize>,
}

/// SplitMix64 (Steele, Lea, Flood 2014): fast, and passes every statistical test that compression stands for.
pub(crate) fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl Pool {
    /// `length` bytes from `seed`; a second or so for a GiB.
    pub(crate) fn new(length: usize, seed: u64) -> Pool {
        let mut state = seed;
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&next_random(&mut state).to_le_bytes());
        }
        bytes.truncate(length);
        Pool { bytes: Arc::new(bytes), seed, drawn: Arc::new(AtomicU64::new(0)) }
    }

    /// A content of `length` bytes that was never drawn before; at most the pool's length.
    pub(crate) fn draw(&self, length: usize) -> Content {
        let number = self.drawn.fetch_add(1, Ordering::Relaxed);
        let length = length.min(self.bytes.len());
        let mut stamp = [0; STAMP];
        stamp[..8].copy_from_slice(&number.to_le_bytes());
        stamp[8..].copy_from_slice(&self.seed.to_le_bytes());
        let span = self.bytes.len() - length;
        let mut state = number;
        let from = if span == 0 { 0 } else { (next_random(&mut state) % span as u64) as usize };
        let own = 0..length.min(STAMP);
        Content { stamp, rest: from + own.end..from + length, own, pool: Arc::clone(&self.bytes) }
    }
}

impl Content {
    /// These bytes: for what must be a certain file.
    pub(crate) fn of_bytes(bytes: Vec<u8>) -> Content {
        let rest = 0..bytes.len();
        Content { stamp: [0; STAMP], own: 0..0, pool: Arc::new(bytes), rest }
    }

    /// Its length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.own.len() + self.rest.len()
    }

    /// The two runs of bytes that it consists of, in order.
    pub(crate) fn parts(&self) -> [&[u8]; 2] {
        [self.stamp.get(self.own.clone()).unwrap_or_default(), self.pool.get(self.rest.clone()).unwrap_or_default()]
    }

    /// Its bytes `from..to` as a content, for uploads in several requests; nothing is copied.
    pub(crate) fn slice(&self, from: usize, to: usize) -> Content {
        let own = |at: usize| (self.own.start + at).min(self.own.end);
        let rest = |at: usize| (self.rest.start + at.saturating_sub(self.own.len())).min(self.rest.end);
        Content { stamp: self.stamp, own: own(from)..own(to), pool: Arc::clone(&self.pool), rest: rest(from)..rest(to) }
    }

    /// Its SHA-256.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for part in self.parts() {
            hash.update(part);
        }
        hash.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_as_long_as_asked_and_never_equal() {
        let pool = Pool::new(100_000, 7);
        let drawn: Vec<Content> = [0, 1, 15, 16, 17, 20_480, 100_000].into_iter().map(|n| pool.draw(n)).collect();
        for (content, length) in drawn.iter().zip([0, 1, 15, 16, 17, 20_480, 100_000]) {
            assert_eq!(content.len(), length);
            assert_eq!(content.parts().iter().map(|part| part.len()).sum::<usize>(), length);
        }
        assert_ne!(pool.draw(20_480).digest(), pool.draw(20_480).digest());
        assert_ne!(pool.draw(100_000).digest(), pool.draw(100_000).digest(), "also where the pool leaves no choice");
    }

    #[test]
    fn slices_join_to_the_whole() {
        let content = Pool::new(1_000, 3).draw(500);
        let whole = content.parts().concat();
        for cut in [0, 1, 15, 16, 17, 499, 500] {
            let (head, tail) = (content.slice(0, cut), content.slice(cut, 500));
            assert_eq!([head.parts().concat(), tail.parts().concat()].concat(), whole, "cut at {cut}");
        }
    }
}
