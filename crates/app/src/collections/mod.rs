//! Collections: made and changed, filled and emptied, put in order, taken out as a zip.

pub mod archive;
pub mod contents;
pub mod manage;
pub mod order;

use mv_core::collection::Collection;
use mv_core::page::Total;

/// A page of collections.
#[derive(Debug, Clone)]
pub struct CollectionPage {
    /// Newest first.
    pub collections: Vec<Collection>,
    /// How many there are in all.
    pub total: Total,
    /// Where the next page begins; none at the end.
    pub next_cursor: Option<String>,
}
