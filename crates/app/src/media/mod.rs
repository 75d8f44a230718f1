//! Items: listed, shown, changed, trashed, read.

pub mod check;
pub mod cursor;
pub mod edit;
pub mod film;
pub mod links;
pub mod list;
pub mod read;
pub mod trash;

use mv_blobs::UserKey;
use mv_core::media::Media;
use mv_core::{Caller, Checksum, Timestamp};

pub use crate::view::ItemView;

use crate::{App, Result};

impl App {
    /// The view of an item for a caller who may see it.
    pub(crate) fn view(&self, key: &UserKey, caller: &Caller, media: Media, now: Timestamp) -> Result<ItemView> {
        self.links.view(key, caller, media, now)
    }

    /// The part of an item's entity tag that changes when its links do.
    pub fn link_epoch(&self, caller: &Caller) -> String {
        links::epoch(caller, self.now())
    }
}

impl links::Links {
    /// The view of an item, with links that hold at `now`.
    pub(crate) fn view(&self, key: &UserKey, caller: &Caller, media: Media, now: Timestamp) -> Result<ItemView> {
        let checksum = Checksum(key.open_checksum(media.blob_id, &media.checksum_sealed)?);
        let content_url = media.deleted_at.is_none().then(|| self.content(caller, media.id, now)).flatten();
        let pictures = content_url.as_ref().filter(|_| media.examined.pictured);
        let pictures = pictures.and_then(|_| self.pictures(caller, media.id, now));
        let (thumbnail_url, preview_url) = pictures.map_or((None, None), |(small, large)| (Some(small), Some(large)));
        Ok(ItemView { media, checksum, content_url, thumbnail_url, preview_url })
    }
}
