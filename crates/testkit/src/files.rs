//! Files made in code: small ones of each kind, and large ones of unlike bytes.

use sha2::{Digest, Sha256};

/// A JPEG's beginning and `size` bytes in all, different for each `seed`.
pub fn jpeg(seed: u64, size: usize) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8, 0xff, 0xe0, 0x00, 0x10, b'J', b'F', b'I', b'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0];
    bytes.extend(noise(seed, size.saturating_sub(bytes.len())));
    bytes
}

/// A PNG's beginning and some bytes.
pub fn png(seed: u64) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0".to_vec();
    bytes.extend(noise(seed, 64));
    bytes
}

/// Bytes that no compression shortens, the same for the same seed.
pub fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        // xorshift64 (Marsaglia 2003)
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// `sha256:<hex>` of some bytes.
pub fn checksum(bytes: &[u8]) -> String {
    mv_core::Checksum(Sha256::digest(bytes).into()).to_string()
}
