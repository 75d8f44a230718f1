//! Items as JSON (contract section 4). Members that do not apply are null, never left out.

use mv_app::media::ItemView;
use mv_core::Timestamp;
use mv_core::examined::{Processing, ProcessingError};
use mv_core::media::Location;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::metadata::{Metadata, Motion};

/// Bytes of a file.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, format = Binary)]
pub struct Binary(#[expect(dead_code, reason = "documents a body; its bytes are streamed")] Vec<u8>);

/// A media item.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Media)]
pub struct MediaOut {
    /// Its id.
    #[schema(example = "media_01h455vb4pex5vsknk084sn02q")]
    pub id: String,
    /// `image`, `video`, `audio`, `document` or `other`, told from the bytes.
    #[serde(rename = "type")]
    #[schema(value_type = String, example = "image")]
    pub media_type: &'static str,
    /// Its name.
    pub filename: String,
    /// A heading.
    pub title: Option<String>,
    /// A longer text.
    pub description: Option<String>,
    /// Its exact type, told from the bytes.
    #[schema(example = "image/jpeg")]
    pub mime_type: String,
    /// Bytes of the original.
    pub size: u64,
    /// `sha256:` and 64 hexadecimal digits.
    pub checksum: String,
    /// Pixels across, as shown; null until the item is examined or where it has none.
    pub width: Option<u32>,
    /// Pixels down, as shown.
    pub height: Option<u32>,
    /// Seconds.
    pub duration: Option<f64>,
    /// The instant when it was taken.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub taken_at: Option<Timestamp>,
    /// Wall-clock time where it was taken.
    #[schema(example = "2019-07-21T23:06:38")]
    pub taken_at_local: Option<String>,
    /// That clock's offset from UTC; null where nobody knows.
    #[schema(example = "-08:00")]
    pub taken_at_offset: Option<String>,
    /// Who said when it was taken.
    #[schema(value_type = Option<String>)]
    pub taken_at_source: Option<&'static str>,
    /// Where it was taken.
    pub location: Option<LocationBody>,
    /// -1 (rejected) to 5.
    pub rating: Option<i8>,
    /// What the file says of itself; null until the item is examined.
    #[schema(value_type = Option<Metadata>)]
    pub metadata: Option<Box<RawValue>>,
    /// What the application adds.
    #[schema(value_type = Object)]
    pub properties: Map<String, Value>,
    /// The application's own id for it.
    pub external_id: Option<String>,
    /// In the order given.
    pub tags: Vec<String>,
    /// `processing`, `ready` or `failed`.
    #[schema(value_type = String, example = "ready")]
    pub status: &'static str,
    /// How far the examination is, or why it failed; null where there is nothing to tell.
    pub processing: Option<ProcessingOut>,
    /// A tiny picture for the time until the real one is there.
    pub thumbhash: Option<String>,
    /// Marked by the owner.
    pub favorite: bool,
    /// The moving part of a motion photo.
    #[schema(value_type = Option<Motion>)]
    pub motion: Option<Box<RawValue>>,
    /// The stack that it is part of.
    #[schema(value_type = Option<Object>)]
    pub stack: Option<Map<String, Value>>,
    /// Whose it is.
    pub user_id: String,
    /// Grows with each edit.
    pub version: u64,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// When it went to the trash.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub deleted_at: Option<Timestamp>,
    /// Signed links that work without a header until they expire.
    pub urls: MediaUrls,
}

/// Signed links to an item's bytes.
#[derive(Debug, Serialize, ToSchema)]
pub struct MediaUrls {
    /// The original; null while the item is in the trash.
    pub content: Option<String>,
    /// A small picture; null where there is none.
    pub thumbnail: Option<String>,
    /// A larger picture; null where there is none.
    pub preview: Option<String>,
}

/// How far an item's examination is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Processing)]
pub struct ProcessingOut {
    /// `queued`, or `failed`.
    #[schema(example = "queued")]
    pub stage: String,
    /// How often it was tried.
    pub attempts: u32,
    /// Why the last try failed.
    pub error: Option<ProcessingErrorOut>,
}

/// Why an item's examination failed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProcessingError)]
pub struct ProcessingErrorOut {
    /// For programs: `damaged`, `too_large`, `too_long`, `out_of_memory`, `forbidden`, `crashed`, `interrupted` or `unreadable`.
    #[schema(example = "damaged")]
    pub code: String,
    /// For people.
    pub message: String,
}

impl From<Processing> for ProcessingOut {
    fn from(processing: Processing) -> Self {
        let Processing { stage, attempts, error } = processing;
        let error = error.map(|ProcessingError { code, message }| ProcessingErrorOut { code, message });
        Self { stage, attempts, error }
    }
}

/// Text that the database keeps as JSON; what is not JSON is nothing.
pub fn raw(text: Option<String>) -> Option<Box<RawValue>> {
    text.and_then(|text| RawValue::from_string(text).ok())
}

/// A length in seconds.
pub fn seconds(ms: u64) -> f64 {
    std::time::Duration::from_millis(ms).as_secs_f64()
}

/// A place on earth, WGS 84.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Location)]
pub struct LocationBody {
    /// Degrees north, -90 to 90.
    pub latitude: f64,
    /// Degrees east, -180 to 180.
    pub longitude: f64,
    /// Metres above the sea.
    pub altitude: Option<f64>,
}

impl From<Location> for LocationBody {
    fn from(place: Location) -> Self {
        Self { latitude: place.latitude, longitude: place.longitude, altitude: place.altitude }
    }
}

impl From<LocationBody> for Location {
    fn from(place: LocationBody) -> Self {
        Self { latitude: place.latitude, longitude: place.longitude, altitude: place.altitude }
    }
}

impl From<ItemView> for MediaOut {
    fn from(view: ItemView) -> Self {
        let ItemView { media, checksum, content_url, thumbnail_url, preview_url } = view;
        let examined = media.examined;
        let labels = media.labels;
        let taken = labels.taken;
        Self {
            id: media.id.to_string(),
            media_type: media.media_type.as_str(),
            filename: media.filename,
            title: labels.title,
            description: labels.description,
            mime_type: media.mime_type,
            size: media.size,
            checksum: checksum.to_string(),
            width: examined.width,
            height: examined.height,
            duration: examined.duration_ms.map(seconds),
            taken_at: taken.map(|taken| taken.at),
            taken_at_local: taken.map(|taken| taken.local.to_string()),
            taken_at_offset: taken.and_then(|taken| taken.offset_text()),
            taken_at_source: taken.map(|taken| taken.source.as_str()),
            location: labels.location.map(LocationBody::from),
            rating: labels.rating,
            metadata: raw(examined.metadata),
            properties: labels.properties.into_members(),
            external_id: labels.external_id,
            tags: labels.tags,
            status: examined.status.as_str(),
            processing: examined.processing.map(ProcessingOut::from),
            thumbhash: examined.thumbhash,
            favorite: labels.favorite,
            motion: raw(examined.motion),
            stack: None,
            user_id: media.owner_id.to_string(),
            version: media.version,
            created_at: media.created_at,
            updated_at: media.updated_at,
            deleted_at: media.deleted_at,
            urls: MediaUrls { content: content_url, thumbnail: thumbnail_url, preview: preview_url },
        }
    }
}

/// The entity tag of an item: `"<version>.<link epoch>"` (contract section 4).
pub fn entity_tag(version: u64, link_epoch: &str) -> String {
    format!("\"{version}.{link_epoch}\"")
}
