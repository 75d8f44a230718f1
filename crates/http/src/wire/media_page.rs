//! A page of items, written straight into the answer's buffer.
//! Promise: byte for byte what serialising a `PageEnvelope` of `MediaOut` gives; a list costs half as much this way, since
//! no member's text is copied on its way and no buffer grows. Not here: which items (`app`), their schema (`media`).

use std::fmt::Display;
use std::io::Write;

use axum::response::{IntoResponse, Response};
use mv_app::media::ItemView;
use mv_core::examined::Examined;
use mv_core::media::Labels;
use serde::Serialize;

use super::media::{ProcessingOut, seconds};
use super::page::Pagination;
use crate::envelope::{self, PageEnvelope};

/// What an item of average length takes; a longer one makes the buffer grow.
const ITEM_BYTES: usize = 1280;
/// The same for all around the items.
const FRAME_BYTES: usize = 1024;

/// An answer that is one page of items; documented as `PageEnvelope<MediaOut>`.
pub struct MediaPage {
    /// In the order asked for.
    pub items: Vec<ItemView>,
    /// Where the page lies in its list.
    pub pagination: Pagination,
}

impl IntoResponse for MediaPage {
    fn into_response(self) -> Response {
        envelope::json_bytes(axum::http::StatusCode::OK, page(self))
    }
}

fn page(MediaPage { items, pagination }: MediaPage) -> serde_json::Result<Vec<u8>> {
    let meta = PageEnvelope::<()>::current(Vec::new(), pagination).meta;
    let mut out = Json(Vec::with_capacity(FRAME_BYTES + ITEM_BYTES * items.len()));
    out.raw("{\"success\":true,\"data\":[");
    for (place, view) in items.iter().enumerate() {
        out.raw(if place == 0 { "" } else { "," });
        out.item(view)?;
    }
    out.raw("],\"meta\":");
    out.value(&meta)?;
    out.raw("}");
    Ok(out.0)
}

/// JSON in the making.
struct Json(Vec<u8>);

impl Json {
    fn raw(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    fn value(&mut self, value: &(impl Serialize + ?Sized)) -> serde_json::Result<()> {
        serde_json::to_writer(&mut self.0, value)
    }

    /// What writes itself in letters that need no escape, in quotes.
    fn plain(&mut self, value: impl Display) -> serde_json::Result<()> {
        write!(self.0, "\"{value}\"").map_err(serde_json::Error::io)
    }

    fn plain_or_null(&mut self, value: Option<impl Display>) -> serde_json::Result<()> {
        match value {
            Some(value) => self.plain(value),
            None => {
                self.raw("null");
                Ok(())
            }
        }
    }

    /// What the database keeps as JSON.
    fn json_or_null(&mut self, text: Option<&str>) {
        self.raw(text.unwrap_or("null"));
    }

    /// The members of `MediaOut`, in its order.
    fn item(&mut self, view: &ItemView) -> serde_json::Result<()> {
        let ItemView { media, checksum, content_url, thumbnail_url, preview_url } = view;
        let examined = &media.examined;
        self.raw("{\"id\":");
        self.plain(media.id)?;
        self.raw(",\"type\":");
        self.plain(media.media_type.as_str())?;
        self.raw(",\"filename\":");
        self.value(&media.filename)?;
        self.raw(",\"title\":");
        self.value(&media.labels.title)?;
        self.raw(",\"description\":");
        self.value(&media.labels.description)?;
        self.raw(",\"mime_type\":");
        self.value(&media.mime_type)?;
        self.raw(",\"size\":");
        self.value(&media.size)?;
        self.raw(",\"checksum\":");
        self.plain(checksum)?;
        self.raw(",\"width\":");
        self.value(&examined.width)?;
        self.raw(",\"height\":");
        self.value(&examined.height)?;
        self.raw(",\"duration\":");
        self.value(&examined.duration_ms.map(seconds))?;
        self.labels(&media.labels, examined)?;
        self.raw(",\"favorite\":");
        self.value(&media.labels.favorite)?;
        self.raw(",\"motion\":");
        self.json_or_null(examined.motion.as_deref());
        self.raw(",\"stack\":null,\"user_id\":");
        self.plain(media.owner_id)?;
        self.raw(",\"version\":");
        self.value(&media.version)?;
        self.raw(",\"created_at\":");
        self.plain(media.created_at)?;
        self.raw(",\"updated_at\":");
        self.plain(media.updated_at)?;
        self.raw(",\"deleted_at\":");
        self.plain_or_null(media.deleted_at)?;
        self.raw(",\"urls\":{\"content\":");
        self.value(content_url)?;
        self.raw(",\"thumbnail\":");
        self.value(thumbnail_url)?;
        self.raw(",\"preview\":");
        self.value(preview_url)?;
        self.raw("}}");
        Ok(())
    }

    /// From `taken_at` to `thumbhash`.
    fn labels(&mut self, labels: &Labels, examined: &Examined) -> serde_json::Result<()> {
        let taken = labels.taken.as_ref();
        self.raw(",\"taken_at\":");
        self.plain_or_null(taken.map(|taken| taken.at))?;
        self.raw(",\"taken_at_local\":");
        self.plain_or_null(taken.map(|taken| taken.local))?;
        self.raw(",\"taken_at_offset\":");
        self.plain_or_null(taken.and_then(|taken| taken.offset_text()))?;
        self.raw(",\"taken_at_source\":");
        self.plain_or_null(taken.map(|taken| taken.source.as_str()))?;
        self.raw(",\"location\":");
        self.value(&labels.location.map(super::media::LocationBody::from))?;
        self.raw(",\"rating\":");
        self.value(&labels.rating)?;
        self.raw(",\"metadata\":");
        self.json_or_null(examined.metadata.as_deref());
        self.raw(",\"properties\":");
        self.value(labels.properties.members())?;
        self.raw(",\"external_id\":");
        self.value(&labels.external_id)?;
        self.raw(",\"tags\":");
        self.value(&labels.tags)?;
        self.raw(",\"status\":");
        self.plain(examined.status.as_str())?;
        self.raw(",\"processing\":");
        self.value(&examined.processing.clone().map(ProcessingOut::from))?;
        self.raw(",\"thumbhash\":");
        self.value(&examined.thumbhash)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::media::MediaOut;
    use mv_core::examined::{Processing, ProcessingError, Status};
    use mv_core::media::{Location, Media, Properties};
    use mv_core::mime::MediaType;
    use mv_core::taken::{LocalTime, Taken, TakenSource};
    use mv_core::{BlobId, Checksum, MediaId, Timestamp, UserId};
    use serde_json::json;
    use uuid::Uuid;

    fn bare() -> ItemView {
        let media = Media {
            id: MediaId::from_uuid(Uuid::from_u128(7)),
            owner_id: UserId::from_uuid(Uuid::from_u128(8)),
            blob_id: BlobId::from_uuid(Uuid::from_u128(9)),
            media_type: MediaType::Image,
            mime_type: "image/jpeg".to_owned(),
            filename: "a.jpg".to_owned(),
            size: 0,
            checksum_sealed: Vec::new(),
            labels: Labels::default(),
            examined: Examined::default(),
            version: 1,
            created_at: Timestamp::from_millis(1_700_000_000_123),
            updated_at: Timestamp::from_micros(1_700_000_000_123_456),
            deleted_at: None,
        };
        ItemView { media, checksum: Checksum([0xa5; 32]), content_url: None, thumbnail_url: None, preview_url: None }
    }

    /// With every member set and with texts that need escapes.
    fn full() -> ItemView {
        let mut view = bare();
        let nasty = "\"\\\u{0}\n\u{7f}\u{2028}ü🎈</script>";
        let members = json!({ "k\"": nasty, "n": 1.5, "b": true });
        view.media.filename = nasty.to_owned();
        view.media.size = u64::MAX;
        view.media.deleted_at = Some(Timestamp::from_seconds(1_700_000_000));
        view.media.labels = Labels {
            title: Some(nasty.to_owned()),
            description: Some(nasty.to_owned()),
            tags: vec![nasty.to_owned(), "b".to_owned()],
            favorite: true,
            rating: Some(-1),
            taken: Some(Taken {
                at: Timestamp::from_seconds(-5),
                local: LocalTime::from_micros(3_600_000_000),
                offset_seconds: Some(-12_600),
                source: TakenSource::Client,
            }),
            location: Some(Location { latitude: 1.0, longitude: -0.1, altitude: None }),
            properties: Properties::from_json(&members.to_string()),
            external_id: Some(nasty.to_owned()),
        };
        view.media.examined = Examined {
            status: Status::Failed,
            processing: Some(Processing {
                stage: "failed".to_owned(),
                attempts: 2,
                error: Some(ProcessingError { code: "damaged".to_owned(), message: nasty.to_owned() }),
            }),
            width: Some(4032),
            height: Some(3024),
            duration_ms: Some(12_345),
            thumbhash: Some("3OcRJYB4d3h/iIeHeEh3eIhw+j2w".to_owned()),
            metadata: Some(json!({ "title": nasty }).to_string()),
            motion: Some(json!({ "size": 5 }).to_string()),
            pictured: true,
        };
        view.thumbnail_url = Some("http://a/t".to_owned());
        view.preview_url = Some("http://a/p".to_owned());
        view.content_url = Some("http://a/b?sig=c".to_owned());
        view
    }

    #[test]
    fn an_item_is_written_as_it_would_be_serialised() {
        for view in [bare(), full()] {
            let mut out = Json(Vec::new());
            out.item(&view).unwrap();
            let wanted = serde_json::to_string(&MediaOut::from(view)).unwrap();
            assert_eq!(String::from_utf8(out.0).unwrap(), wanted);
        }
    }
}
