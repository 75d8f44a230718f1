//! Sealing a segment, chunk by chunk, in the caller's buffer.
//! Promise: no index is used twice with one key, because a sealer counts by itself, cannot be cloned and cannot be
//! resumed. Not here: buffers and batches (`incoming`).

use aws_lc_rs::aead::Aad;

use super::{Broken, CHUNK, ChunkCipher, HEADER, MAX_CHUNKS, SALT, SEALED_CHUNK, commitment};

/// Seals the chunks of one segment in order.
pub struct ChunkSealer {
    cipher: ChunkCipher,
    next: u64,
}

impl ChunkSealer {
    /// A sealer, and the header that must stand before its first chunk. `salt` must be random; `key` should be fresh
    /// for each segment.
    ///
    /// # Errors
    /// `Shape` if the cryptographic library refuses the key, which it does not for this length.
    pub fn new(key: &[u8; 32], context: &[u8], salt: [u8; SALT]) -> Result<(Self, [u8; HEADER]), Broken> {
        let (cipher, commitment) = commitment::derive(key, &salt, context)?;
        let mut header = [0u8; HEADER];
        let (front, back) = header.split_at_mut(SALT);
        front.copy_from_slice(&salt);
        back.copy_from_slice(&commitment);
        Ok((Self { cipher, next: 0 }, header))
    }

    /// Seals the next full chunk in place. `slot` holds `CHUNK` bytes of plaintext and room for the tag.
    ///
    /// # Errors
    /// `Shape` if the slot is not `SEALED_CHUNK` bytes, or if no final chunk could follow.
    pub fn seal_full(&mut self, slot: &mut [u8]) -> Result<(), Broken> {
        if slot.len() != SEALED_CHUNK || self.next >= MAX_CHUNKS - 1 {
            return Err(Broken::Shape);
        }
        let (plain, room) = slot.split_at_mut(CHUNK);
        let nonce = self.cipher.nonce(self.next)?;
        let tag = self.cipher.key.seal_in_place_separate_tag(nonce, Aad::empty(), plain).map_err(|_| Broken::Shape)?;
        room.copy_from_slice(tag.as_ref());
        self.next += 1;
        Ok(())
    }

    /// Seals the final chunk, everything from `from` to the buffer's end, and appends its tag. It may be empty.
    ///
    /// # Errors
    /// `Shape` if `CHUNK` bytes or more stand there, or if `from` lies behind the end.
    pub fn seal_final(self, buffer: &mut Vec<u8>, from: usize) -> Result<(), Broken> {
        let plain = buffer.get_mut(from..).filter(|plain| plain.len() < CHUNK).ok_or(Broken::Shape)?;
        let nonce = self.cipher.nonce(self.next)?;
        let tag = self.cipher.key.seal_in_place_separate_tag(nonce, Aad::empty(), plain).map_err(|_| Broken::Shape)?;
        buffer.extend_from_slice(tag.as_ref());
        Ok(())
    }
}
