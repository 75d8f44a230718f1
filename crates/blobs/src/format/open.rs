//! Opening chunks of a segment in any order.
//! Promise: plaintext is handed over only if every chunk asked for is authentic. Not here: reading the bytes.

use aws_lc_rs::aead::Aad;
use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::{Broken, ChunkCipher, HEADER, SALT, SEALED_CHUNK, Span, TAG, commitment};

/// Opens the chunks of one segment; made once for each opened file, since the key schedule is in it.
pub struct ChunkOpener {
    cipher: ChunkCipher,
}

impl ChunkOpener {
    /// An opener for the segment that begins with this header.
    ///
    /// # Errors
    /// `Commitment` if the header was not made with this key and context.
    pub fn new(key: &[u8; 32], context: &[u8], header: &[u8; HEADER]) -> Result<Self, Broken> {
        let (front, promised) = header.split_at(SALT);
        let salt: [u8; SALT] = front.try_into().map_err(|_| Broken::Shape)?;
        let (cipher, commitment) = commitment::derive(key, &salt, context)?;
        verify_slices_are_equal(&commitment, promised).map_err(|_| Broken::Commitment)?;
        Ok(Self { cipher })
    }

    /// Opens all chunks of a span: `sealed` holds exactly its sealed bytes, `plain` takes exactly its plaintext.
    ///
    /// # Errors
    /// `Chunk` for the first one that is not authentic: then nothing in `plain` may be used. `Shape` if a buffer has
    /// another length than the span.
    pub fn open_span(&self, span: &Span, sealed: &[u8], plain: &mut [u8]) -> Result<(), Broken> {
        if sealed.len() != span.sealed_len || plain.len() != span.plain_len {
            return Err(Broken::Shape);
        }
        let mut rest = plain;
        for (index, chunk) in (span.first..).zip(sealed.chunks(SEALED_CHUNK)) {
            let len = chunk.len().checked_sub(TAG).ok_or(Broken::Chunk(index))?;
            let (text, tag) = chunk.split_at(len);
            let (room, after) = rest.split_at_mut_checked(len).ok_or(Broken::Shape)?;
            let nonce = self.cipher.nonce(index)?;
            self.cipher
                .key
                .open_separate_gather(nonce, Aad::empty(), text, tag, room)
                .map_err(|_| Broken::Chunk(index))?;
            rest = after;
        }
        if rest.is_empty() { Ok(()) } else { Err(Broken::Shape) }
    }
}
