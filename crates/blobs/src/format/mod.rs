//! The encryption of one segment: Cobblestone-256 of c2sp.org/chunked-encryption, over AES-256-GCM.
//! Promise: sans-IO; a chunk's plaintext leaves only after its tag was checked; chunks are sealed as they
//! arrive, since the last chunk is simply the short one. The bytes are described in `docs/formats/blob.md`.
//! Not here: where keys come from (`keys`), files and objects (`store`), many segments (`manifest`).

mod commitment;
mod offsets;
mod open;
mod seal;

use aws_lc_rs::aead::{LessSafeKey, NONCE_LEN, Nonce};

pub use offsets::{Span, chunk_count, sealed_len, span};
pub use open::ChunkOpener;
pub use seal::ChunkSealer;

/// The number this format has in rows and in authenticated data; another format gets another number.
pub const COBBLESTONE_256: u8 = 1;

/// Plaintext bytes of a full chunk.
pub const CHUNK: usize = 16 * 1024;
/// Bytes of the tag behind each chunk.
pub const TAG: usize = 16;
/// Bytes of a sealed full chunk.
pub const SEALED_CHUNK: usize = CHUNK + TAG;
/// Bytes of the random salt that begins the header.
pub const SALT: usize = 24;
/// Bytes of the key commitment that ends the header.
pub const COMMITMENT: usize = 32;
/// Bytes of the header that begins every segment.
pub const HEADER: usize = SALT + COMMITMENT;
/// Chunks a segment may have, the final one counted (specification: a 38 bit counter).
pub const MAX_CHUNKS: u64 = 1 << 38;

/// Why sealed bytes were refused, or could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The header's commitment is not that of this key, salt and context.
    #[error("the header does not belong to this key and segment")]
    Commitment,
    /// The stored length is not the one the manifest promises.
    #[error("the stored length is {found} bytes instead of {expected}")]
    Length {
        /// What the manifest says.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// A chunk's tag is wrong: bytes were changed, cut, moved or swapped.
    #[error("chunk {0} is not authentic")]
    Chunk(u64),
    /// More than 2^38 chunks, or a buffer that is not a chunk.
    #[error("the bytes do not fit into the format")]
    Shape,
}

/// The AES-256-GCM key schedule of a segment and the nonce its chunks count from.
struct ChunkCipher {
    key: LessSafeKey,
    base_nonce: [u8; NONCE_LEN],
}

impl ChunkCipher {
    /// The nonce of chunk `index`: the base nonce XOR the index, big-endian, in the last five bytes.
    fn nonce(&self, index: u64) -> Result<Nonce, Broken> {
        if index >= MAX_CHUNKS {
            return Err(Broken::Shape);
        }
        let mut nonce = self.base_nonce;
        // The index fills eight bytes, the upper three of which are zero below 2^38.
        for (byte, count) in nonce.iter_mut().rev().zip(index.to_be_bytes().iter().rev()) {
            *byte ^= count;
        }
        Ok(Nonce::assume_unique_for_key(nonce))
    }
}

#[cfg(test)]
mod tests;
