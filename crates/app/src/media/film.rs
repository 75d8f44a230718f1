//! A film that was made of an item (`processing::film`), as it lies in the cache: a head, then pieces.

use std::sync::Arc;

use bytes::Bytes;
use mv_blobs::{Cache, UserKey};
use mv_core::media::Media;
use mv_core::mime::MediaType;
use mv_core::{Code, Error};

use crate::Result;

/// Bytes of a piece: more than what the cache keeps open in memory.
pub(crate) const PIECE: usize = 2 * 1024 * 1024;

/// What the cache calls a piece.
pub(crate) fn piece_name(number: u64) -> String {
    format!("{}-{number:06}", mv_blobs::FILM)
}

/// A film in the cache.
#[derive(Clone)]
pub struct Film {
    /// The item that it was made of.
    pub media: Arc<Media>,
    cache: Cache,
    key: Arc<UserKey>,
    head: Bytes,
    pieces: u64,
}

impl Film {
    /// A film of this head and so many bytes in pieces.
    pub(crate) fn new(media: Media, (cache, key): (Cache, Arc<UserKey>), head: Bytes, pieces: u64) -> Self {
        Self { media: Arc::new(media), cache, key, head, pieces }
    }

    /// Bytes in all.
    pub fn size(&self) -> u64 {
        self.head.len() as u64 + self.pieces
    }

    /// `video/mp4` or `audio/mp4`.
    pub fn mime_type(&self) -> &'static str {
        if self.media.media_type == MediaType::Audio { "audio/mp4" } else { "video/mp4" }
    }

    /// Up to `len` bytes at a place.
    ///
    /// # Errors
    /// `gone` where the cache has let a piece go meanwhile.
    pub async fn read(&self, at: u64, len: usize) -> Result<Bytes> {
        let slice = |bytes: &Bytes, from: u64| {
            let from = usize::try_from(from).unwrap_or(usize::MAX).min(bytes.len());
            bytes.slice(from..from.saturating_add(len).min(bytes.len()))
        };
        let Some(place) = at.checked_sub(self.head.len() as u64) else { return Ok(slice(&self.head, at)) };
        let (number, from) = (place / PIECE as u64, place % PIECE as u64);
        let piece = self.cache.get(&self.key, self.media.blob_id, &piece_name(number)).await;
        Ok(slice(&piece.ok_or_else(|| Error::new(Code::Gone, "The film has to be made again"))?, from))
    }
}
