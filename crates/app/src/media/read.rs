//! One item: its description and its bytes.

use bytes::Bytes;
use mv_blobs::Manifest;
pub use mv_blobs::Reader;
use mv_core::access::Need;
use mv_core::media::Media;
use mv_core::{Caller, MediaId};
use mv_store::{Conn, blobs};

use super::ItemView;
use super::film::Film;
use crate::auth::access::media_for;
use crate::ingest::manifest;
use crate::{App, Error, Result};

/// An item's original, ready to be read.
pub struct Original {
    /// The item.
    pub media: Media,
    /// Its bytes; every chunk is verified before it is handed out.
    pub reader: Reader,
}

/// Bytes to be served: an original, a part of one, or a film that was made of it.
#[derive(Clone)]
pub enum Content {
    /// All of an original.
    Original(Reader),
    /// So many bytes of an original from a place in it.
    Part(Reader, u64, u64),
    /// A film.
    Film(Film),
}

impl Content {
    /// How many.
    pub fn size(&self) -> u64 {
        match self {
            Self::Original(reader) => reader.size(),
            Self::Part(reader, at, len) => reader.size().saturating_sub(*at).min(*len),
            Self::Film(film) => film.size(),
        }
    }

    /// Up to `len` bytes at a place; fewer only at the end, or where pieces end.
    ///
    /// # Errors
    /// Where they cannot be read, or are not what was written.
    pub async fn read(&self, at: u64, len: usize) -> Result<Bytes> {
        match self {
            Self::Original(reader) => Ok(reader.read(at, len).await?),
            Self::Part(reader, from, _) => {
                let left = usize::try_from(self.size().saturating_sub(at)).unwrap_or(usize::MAX);
                Ok(reader.read(from.saturating_add(at), len.min(left)).await?)
            }
            Self::Film(film) => film.read(at, len).await,
        }
    }

    /// The bytes at a place, if they are in the system's memory already: answers at once.
    pub fn read_cached(&self, at: u64, len: usize) -> Option<Bytes> {
        match self {
            Self::Original(reader) => reader.read_cached(at, len)?.ok(),
            Self::Part(..) | Self::Film(_) => None,
        }
    }
}

impl App {
    /// The item, in the library or the trash.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn get_media(&self, caller: &Caller, id: MediaId) -> Result<ItemView> {
        let asked = *caller;
        let media = self.store.read(move |db: &Conn| media_for(db, &asked, id, Need::Read)).await?;
        let key = self.keyring.of(&self.store, media.owner_id).await?;
        self.view(&key, caller, media, self.now())
    }

    /// The item's original.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn open_media(&self, caller: &Caller, id: MediaId) -> Result<Original> {
        let asked = *caller;
        let read = move |db: &Conn| -> Result<_> {
            let media = media_for(db, &asked, id, Need::Content)?;
            let manifest = manifest_of(db, &media)?;
            Ok((media, manifest))
        };
        let (media, manifest) = self.store.read(read).await?;
        self.original(media, manifest).await
    }

    /// The bytes behind an item that the caller may read.
    pub(crate) async fn original(&self, media: Media, manifest: Manifest) -> Result<Original> {
        let key = self.keyring.of(&self.store, media.owner_id).await?;
        let reader = self.blobs.open(manifest, &key).await?;
        Ok(Original { media, reader })
    }
}

/// Where the bytes of an item lie.
pub(crate) fn manifest_of(db: &Conn, media: &Media) -> Result<Manifest> {
    let blob = media.blob_id;
    let (row, segments) =
        blobs::manifest(db, blob)?.ok_or_else(|| Error::internal(format!("{blob} has items and no row")))?;
    manifest(&row, segments)
}
