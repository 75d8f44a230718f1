//! A blob as an ordered list of segments that read as one range of bytes.
//! Promise: a manifest is used only after its HMAC and its lengths were checked; a range over many segments is
//! seamless. Not here: opening the segments (`reader`), rows (`store`).

use mv_core::{BlobId, SegmentId};

use crate::error::Error;
use crate::format::{COBBLESTONE_256, sealed_len};
use crate::keys::UserKey;

/// One segment as its row keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its id, which is also the name of its file or object.
    pub id: SegmentId,
    /// Bytes of plaintext.
    pub plain_len: u64,
    /// Bytes as stored.
    pub sealed_len: u64,
    /// Its key, wrapped under the owner's key.
    pub wrapped_key: Vec<u8>,
    /// Version of the owner's key that wraps it.
    pub key_version: u32,
    /// How it is encrypted; 1 is Cobblestone-256.
    pub format: u8,
}

/// A blob as its rows keep it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The blob.
    pub blob: BlobId,
    /// Its segments, first byte first.
    pub segments: Vec<Segment>,
    /// What `UserKey::manifest_mac` said when they were stored.
    pub mac: [u8; 32],
}

/// A manifest that was checked, with the place of each segment in the blob.
#[derive(Debug)]
pub(crate) struct Layout {
    segments: Vec<Segment>,
    /// Where each segment begins, and behind them where the blob ends.
    starts: Vec<u64>,
}

/// A part of a range that lies within one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Number of the segment.
    pub(crate) segment: usize,
    /// Plaintext offset within the segment.
    pub(crate) at: u64,
    /// Plaintext bytes.
    pub(crate) len: u64,
}

impl Layout {
    /// Checks a manifest against its owner's key.
    ///
    /// # Errors
    /// `Manifest` if the HMAC is wrong, a length is impossible, or the format or key version is not this one's.
    pub(crate) fn check(manifest: Manifest, key: &UserKey) -> Result<Self, Error> {
        let refused = Error::Manifest(manifest.blob);
        if !key.is_manifest_mac(manifest.blob, &manifest.segments, &manifest.mac) {
            return Err(refused);
        }
        Self::new(manifest.segments, key.version()).ok_or(refused)
    }

    fn new(segments: Vec<Segment>, key_version: u32) -> Option<Self> {
        let mut starts = Vec::with_capacity(segments.len() + 1);
        let mut end = 0u64;
        for segment in &segments {
            let known = segment.format == COBBLESTONE_256 && segment.key_version == key_version;
            if !known || sealed_len(segment.plain_len) != Some(segment.sealed_len) {
                return None;
            }
            starts.push(end);
            end = end.checked_add(segment.plain_len)?;
        }
        starts.push(end);
        Some(Self { segments, starts })
    }

    /// Plaintext bytes of the blob.
    pub(crate) fn size(&self) -> u64 {
        self.starts.last().copied().unwrap_or(0)
    }

    /// The segment with this number.
    pub(crate) fn segment(&self, number: usize) -> Option<&Segment> {
        self.segments.get(number)
    }

    /// All segments in order.
    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The pieces of `len` bytes at `at`, cut at the blob's end. A range that ends where the blob ends takes in the
    /// empty segments there too, so that their final chunks are checked as well.
    pub(crate) fn pieces(&self, at: u64, len: u64) -> Vec<Piece> {
        let size = self.size();
        let at = at.min(size);
        let end = at.saturating_add(len).min(size);
        let mut pieces = Vec::new();
        let first = self.starts.partition_point(|start| *start < at).saturating_sub(1);
        for (number, bounds) in self.starts.windows(2).enumerate().skip(first) {
            let [from, to] = *bounds else { break };
            let (begin, stop) = (from.max(at), to.min(end));
            let to_the_end = from == to && to == end && end == size;
            if begin < stop || to_the_end {
                pieces.push(Piece { segment: number, at: begin - from, len: stop - begin });
            } else if from >= end {
                break;
            }
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mv_core::UserId;
    use mv_core::entropy::SystemEntropy;
    use uuid::Uuid;

    fn segment(number: usize, plain_len: u64) -> Segment {
        Segment {
            id: SegmentId::from_uuid(Uuid::from_u128(number as u128)),
            plain_len,
            sealed_len: sealed_len(plain_len).unwrap(),
            wrapped_key: vec![],
            key_version: 1,
            format: 1,
        }
    }

    fn layout(lengths: &[u64]) -> Layout {
        Layout::new(lengths.iter().enumerate().map(|(number, len)| segment(number, *len)).collect(), 1).unwrap()
    }

    #[test]
    fn a_changed_manifest_is_refused() {
        let owner = UserId::from_uuid(Uuid::from_u128(1));
        let key = crate::keys::RootKey::from_bytes([1; 32]).new_user_key(owner, &SystemEntropy);
        let blob = BlobId::from_uuid(Uuid::from_u128(2));
        let segments = vec![segment(1, 10), segment(2, 10), segment(3, 0)];
        let good = Manifest { blob, mac: key.manifest_mac(blob, &segments), segments };
        assert_eq!(Layout::check(good.clone(), &key).unwrap().size(), 20);

        let refused = |change: &dyn Fn(&mut Manifest)| {
            let mut bad = good.clone();
            change(&mut bad);
            assert!(matches!(Layout::check(bad, &key), Err(Error::Manifest(_))));
        };
        refused(&|m| m.segments.swap(0, 1));
        refused(&|m| m.segments.truncate(2));
        refused(&|m| m.segments.push(segment(4, 1)));
        refused(&|m| m.segments[0].plain_len = 11);
        refused(&|m| m.segments[0].format = 2);
        refused(&|m| m.segments[0].key_version = 2);
        refused(&|m| m.blob = BlobId::from_uuid(Uuid::from_u128(3)));
        refused(&|m| m.mac[31] ^= 1);
        // Even under a right HMAC a length that no message has is refused.
        refused(&|m| {
            m.segments[0].sealed_len += 1;
            m.mac = key.manifest_mac(blob, &m.segments);
        });
    }

    #[test]
    fn the_end_takes_in_empty_segments() {
        assert_eq!(layout(&[]).pieces(0, 9), []);
        assert_eq!(layout(&[0]).pieces(0, 9), [Piece { segment: 0, at: 0, len: 0 }]);
        let tail = layout(&[4, 0]).pieces(2, 2);
        assert_eq!(tail, [Piece { segment: 0, at: 2, len: 2 }, Piece { segment: 1, at: 0, len: 0 }]);
        assert_eq!(layout(&[4, 0, 4]).pieces(0, 4), [Piece { segment: 0, at: 0, len: 4 }]);
    }

    proptest::proptest! {
        #[test]
        fn pieces_are_seamless(
            lengths in proptest::collection::vec(0u64..50, 0..12),
            at in 0u64..700,
            len in 0u64..700,
        ) {
            let layout = layout(&lengths);
            // Every byte of the blob is named by its segment and its offset there.
            let bytes: Vec<(usize, u64)> = lengths
                .iter()
                .enumerate()
                .flat_map(|(number, len)| (0..*len).map(move |offset| (number, offset)))
                .collect();
            let from = (at as usize).min(bytes.len());
            let to = (from + len as usize).min(bytes.len());
            let got: Vec<(usize, u64)> = layout
                .pieces(at, len)
                .into_iter()
                .flat_map(|piece| (piece.at..piece.at + piece.len).map(move |offset| (piece.segment, offset)))
                .collect();
            proptest::prop_assert_eq!(&got, &bytes[from..to]);
        }
    }
}
