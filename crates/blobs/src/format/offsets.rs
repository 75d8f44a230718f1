//! Where things lie in a segment: lengths, chunk numbers and the sealed range behind a plaintext range.
//! Promise: pure arithmetic that cannot overflow. Not here: any cryptography.

use super::{Broken, CHUNK, HEADER, MAX_CHUNKS, SEALED_CHUNK, TAG};

/// How many chunks a plaintext of this many bytes has. There is always a final chunk, and it is shorter than
/// `CHUNK`; a plaintext of a whole number of chunks therefore ends with an empty one.
pub const fn chunk_count(plain_len: u64) -> u64 {
    plain_len / CHUNK as u64 + 1
}

/// Sealed bytes of a plaintext of this many bytes, header counted; `None` beyond 4 PiB minus one byte.
pub const fn sealed_len(plain_len: u64) -> Option<u64> {
    let chunks = chunk_count(plain_len);
    if chunks > MAX_CHUNKS {
        return None;
    }
    Some(HEADER as u64 + plain_len + chunks * TAG as u64)
}

/// The chunks that hold a plaintext range, and where they lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Number of the first chunk.
    pub first: u64,
    /// How many chunks.
    pub chunks: u64,
    /// Where the first chunk begins, in sealed bytes from the segment's start.
    pub sealed_at: u64,
    /// Sealed bytes of all of them.
    pub sealed_len: usize,
    /// Plaintext bytes of all of them.
    pub plain_len: usize,
    /// Plaintext bytes before the range within the first chunk.
    pub skip: usize,
}

/// The chunks needed for `len` bytes at `at` of a plaintext of `total` bytes.
///
/// A range that reaches the end takes in the final chunk even if that is empty, since the final chunk alone proves
/// that the plaintext ends there.
///
/// # Errors
/// `Shape` if the range leaves the plaintext or does not fit into memory.
pub fn span(total: u64, at: u64, len: u64) -> Result<Span, Broken> {
    let end = at.checked_add(len).filter(|end| *end <= total).ok_or(Broken::Shape)?;
    let final_chunk = chunk_count(total) - 1;
    let first = at / CHUNK as u64;
    let last = if end == total { final_chunk } else { end.saturating_sub(1).max(at) / CHUNK as u64 };
    let chunks = last - first + 1;
    let plain_start = first * CHUNK as u64;
    let plain_end = if last == final_chunk { total } else { (last + 1) * CHUNK as u64 };
    let plain_len = plain_end - plain_start;
    Ok(Span {
        first,
        chunks,
        sealed_at: HEADER as u64 + first * SEALED_CHUNK as u64,
        sealed_len: usize::try_from(plain_len + chunks * TAG as u64).map_err(|_| Broken::Shape)?,
        plain_len: usize::try_from(plain_len).map_err(|_| Broken::Shape)?,
        skip: usize::try_from(at - plain_start).map_err(|_| Broken::Shape)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_message_is_one_byte_short_of_four_pebibytes() {
        let longest = (1 << 52) - 1;
        assert!(sealed_len(longest).is_some());
        assert_eq!(sealed_len(longest + 1), None);
        assert_eq!(sealed_len(0), Some(72));
        assert_eq!(sealed_len(16_384), Some(56 + 16_400 + 16));
    }

    #[test]
    fn a_range_to_the_end_takes_the_empty_final_chunk() {
        let full = span(16_384, 0, 16_384).unwrap();
        assert_eq!((full.chunks, full.sealed_len, full.plain_len), (2, 16_416, 16_384));
        let before = span(16_384, 0, 16_383).unwrap();
        assert_eq!((before.chunks, before.sealed_len), (1, 16_400));
        assert_eq!(span(10, 8, 3), Err(Broken::Shape));
        assert_eq!(span(10, u64::MAX, 2), Err(Broken::Shape));
    }

    proptest::proptest! {
        #[test]
        fn a_span_covers_its_range(total in 0u64..200_000, from in 0u64..200_000, len in 0u64..200_000) {
            let at = from.min(total);
            let len = len.min(total - at);
            let span = span(total, at, len).unwrap();
            let start = span.first * CHUNK as u64;
            proptest::prop_assert_eq!(start + span.skip as u64, at);
            proptest::prop_assert!(start + span.plain_len as u64 >= at + len);
            proptest::prop_assert_eq!(span.sealed_len as u64, span.plain_len as u64 + span.chunks * 16);
            proptest::prop_assert!(span.sealed_at + span.sealed_len as u64 <= sealed_len(total).unwrap());
            if at + len == total {
                proptest::prop_assert_eq!(span.sealed_at + span.sealed_len as u64, sealed_len(total).unwrap());
            }
        }
    }
}
