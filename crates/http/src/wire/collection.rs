//! Collections as JSON (contract section 5).

use mv_core::Timestamp;
use mv_core::collection::Collection;
use serde::Serialize;
use utoipa::ToSchema;

/// A collection.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Collection)]
pub struct CollectionOut {
    /// Its id.
    #[schema(example = "col_01h455vb4pex5vsknk084sn02q")]
    pub id: String,
    /// Its name.
    pub name: String,
    /// A longer text.
    pub description: Option<String>,
    /// Whose it is.
    pub owner_id: String,
    /// What the caller may do with it: `owner`.
    #[schema(value_type = String)]
    pub role: &'static str,
    /// The item that stands for it: the chosen one, else the first.
    pub cover_media_id: Option<String>,
    /// Items in it that are not in the trash.
    pub media_count: u64,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it or its contents last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl From<Collection> for CollectionOut {
    fn from(collection: Collection) -> Self {
        Self {
            id: collection.id.to_string(),
            name: collection.name,
            description: collection.description,
            owner_id: collection.owner_id.to_string(),
            role: "owner",
            cover_media_id: collection.cover_media_id.map(|id| id.to_string()),
            media_count: collection.media_count,
            created_at: collection.created_at,
            updated_at: collection.updated_at,
        }
    }
}
