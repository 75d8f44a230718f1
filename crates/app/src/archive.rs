//! Many originals as one zip: what is in it is settled before its first byte, the bytes are opened one file at a time.
//! Promise: a file that is no longer as it was planned is an error, never left out.
//! Not here: who may have which items (the use cases that make archives), the format (`mv_core::zip`).

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use mv_core::filename::FileName;
use mv_core::zip::{self, Entry, Piece};
use mv_core::{BlobId, Caller, Error as ApiError, MediaId};
use mv_store::collection_media::StoredOriginal;

use crate::media::read::Reader;
use crate::{App, Error, Result};

/// How many items one archive takes: all that is known of them is held while it is sent.
pub const MAX_ITEMS: u32 = 10_000;

/// A zip about to be sent.
pub struct Archive {
    /// What the zip itself is called.
    pub filename: FileName,
    /// Its bytes, less those of the originals.
    pub plan: Arc<zip::Archive>,
    /// Equal for equal bytes: a strong entity tag without its quotes.
    pub version: String,
    items: Vec<(MediaId, BlobId)>,
    caller: Caller,
}

impl Archive {
    /// An archive of these originals for this caller, named after `title`.
    ///
    /// # Errors
    /// None that a title which is not empty can cause.
    pub(crate) fn of(caller: Caller, title: &str, originals: Vec<StoredOriginal>) -> Result<Self> {
        let filename = FileName::accept(&format!("{}.zip", zip::member_name(title)))?;
        let items: Vec<_> = originals.iter().map(|original| (original.media_id, original.blob_id)).collect();
        let entry = |original: StoredOriginal| Entry {
            name: original.filename,
            size: original.size,
            crc32: original.crc32,
            modified: original.dated,
        };
        let plan = Arc::new(zip::Archive::plan(originals.into_iter().map(entry).collect()));
        let version = version(&plan, &items);
        Ok(Self { filename, plan, version, items, caller })
    }
}

/// The digest of all that the bytes of a zip are made of.
fn version(plan: &Arc<zip::Archive>, items: &[(MediaId, BlobId)]) -> String {
    let mut digest = Context::new(&SHA256);
    for piece in Arc::clone(plan).pieces(0..plan.length()) {
        if let Piece::Bytes(bytes) = piece {
            digest.update(&bytes);
        }
    }
    items.iter().for_each(|(_, blob)| digest.update(blob.uuid().as_bytes()));
    let digest = digest.finish();
    digest.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

impl App {
    /// The bytes of one file of an archive, counted from 0.
    ///
    /// # Errors
    /// `not_found` where the item was deleted since the archive was planned.
    pub async fn open_archived(&self, archive: &Archive, entry: usize) -> Result<Reader> {
        let (item, blob) = archive.items.get(entry).copied().ok_or_else(ApiError::not_found)?;
        let original = self.open_media(&archive.caller, item).await?;
        if original.media.blob_id != blob {
            return Err(Error::internal(format!("{item} stands on other bytes than when its archive began")));
        }
        Ok(original.reader)
    }
}
