//! What use cases hand out, shared by all of them: items as their owners see them, pages, and checks of a version.

use mv_core::media::Media;
use mv_core::page::Total;
use mv_core::{Checksum, Error};

/// An item as its owner sees it: with its checksum open and its links signed.
#[derive(Debug, Clone)]
pub struct ItemView {
    /// The item.
    pub media: Media,
    /// SHA-256 of the original.
    pub checksum: Checksum,
    /// A signed link to the original; none while the item is in the trash.
    pub content_url: Option<String>,
    /// A signed link to the picture of 512 pixels; none where there is none.
    pub thumbnail_url: Option<String>,
    /// A signed link to the picture of 1024 pixels.
    pub preview_url: Option<String>,
}

/// A page of items.
#[derive(Debug, Clone)]
pub struct ListPage {
    /// In the order asked for.
    pub items: Vec<ItemView>,
    /// How many there are in all.
    pub total: Total,
    /// Where the next page begins; none at the end.
    pub next_cursor: Option<String>,
}

/// A check of the version that the client saw, made while the row is held.
pub type VersionCheck = Box<dyn Fn(u64) -> std::result::Result<(), Error> + Send>;
