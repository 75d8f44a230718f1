//! SHA-256 and CRC-32 of a stream, in one pass, with a state that can be stored and taken up again.
//! Promise: bytes are hashed once, however often an upload is resumed. The stored state is the plaintext's digest so
//! far: keep it as secret as a checksum. Not here: what the digests are compared with.

use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::{Digest, Sha256};

/// First byte of a stored state. The layout of SHA-256's part is that of sha2 0.11 and is pinned by a test.
const STATE: u8 = 1;

/// A running SHA-256 and CRC-32 (the polynomial of zip and gzip).
#[derive(Clone, Default)]
pub struct Hasher {
    sha256: Sha256,
    crc32: crc32fast::Hasher,
    len: u64,
}

/// The digests of a whole stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digests {
    /// SHA-256.
    pub sha256: [u8; 32],
    /// CRC-32.
    pub crc32: u32,
    /// Bytes hashed.
    pub len: u64,
}

/// Stored bytes are not a hasher's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a stored hash state")]
pub struct BadState;

impl Hasher {
    /// Takes in more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.crc32.update(bytes);
        self.len += bytes.len() as u64;
    }

    /// The digests of all bytes so far.
    pub fn finish(self) -> Digests {
        Digests { sha256: self.sha256.finalize().into(), crc32: self.crc32.finalize(), len: self.len }
    }

    /// The state as bytes (117 of them): version, length and CRC-32 (big-endian), SHA-256's state.
    pub fn save(&self) -> Vec<u8> {
        let mut state = vec![STATE];
        state.extend_from_slice(&self.len.to_be_bytes());
        state.extend_from_slice(&self.crc32.clone().finalize().to_be_bytes());
        state.extend_from_slice(&self.sha256.serialize());
        state
    }

    /// A hasher that goes on where `save` stood.
    ///
    /// # Errors
    /// `BadState` for bytes that `save` did not make.
    pub fn resume(state: &[u8]) -> Result<Self, BadState> {
        let (version, rest) = state.split_first().ok_or(BadState)?;
        let (len, rest) = rest.split_first_chunk::<8>().ok_or(BadState)?;
        let (crc32, sha256) = rest.split_first_chunk::<4>().ok_or(BadState)?;
        if *version != STATE {
            return Err(BadState);
        }
        let len = u64::from_be_bytes(*len);
        let serialized = SerializedState::<Sha256>::try_from(sha256).map_err(|_| BadState)?;
        Ok(Self {
            sha256: Sha256::deserialize(&serialized).map_err(|_| BadState)?,
            crc32: crc32fast::Hasher::new_with_initial_len(u32::from_be_bytes(*crc32), len),
            len,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_published_values() {
        let mut hasher = Hasher::default();
        hasher.update(b"123456789");
        let digests = hasher.finish();
        // CRC-32's check value (RFC 1952's polynomial), and SHA-256 as `sha256sum` prints it.
        assert_eq!(digests.crc32, 0xcbf4_3926);
        assert_eq!(digests.sha256[..4], [0x15, 0xe2, 0xb0, 0xd3]);
        assert_eq!(digests.len, 9);
    }

    #[test]
    fn the_stored_state_keeps_its_layout() {
        let mut hasher = Hasher::default();
        hasher.update(&[b'a'; 67]);
        let state = hasher.save();
        assert_eq!(state.len(), 117);
        assert_eq!(state[..9], [1, 0, 0, 0, 0, 0, 0, 0, 67]);
        // FIPS 180-4 section 6.2 after one block of `a`, words little-endian, then one block counted.
        assert_eq!(state[45..53], [1, 0, 0, 0, 0, 0, 0, 0]);
        // Three bytes of the second block wait.
        assert_eq!(state[53..], STATE_TAIL);
        for cut in 0..state.len() {
            assert!(Hasher::resume(&state[..cut]).is_err());
        }
        assert!(Hasher::resume(&[&state[..], &[0]].concat()).is_err());
    }

    const STATE_TAIL: [u8; 64] = {
        let mut tail = [0; 64];
        tail[0] = 3;
        tail[1] = b'a';
        tail[2] = b'a';
        tail[3] = b'a';
        tail
    };

    proptest::proptest! {
        #[test]
        fn a_resumed_hash_is_the_whole_hash(bytes: Vec<u8>, cut: proptest::sample::Index) {
            let cut = cut.index(bytes.len() + 1);
            let mut whole = Hasher::default();
            whole.update(&bytes);
            let mut first = Hasher::default();
            first.update(&bytes[..cut]);
            let mut second = Hasher::resume(&first.save()).unwrap();
            second.update(&bytes[cut..]);
            proptest::prop_assert_eq!(whole.finish(), second.finish());
        }
    }
}
