//! An edit of an item as a merge patch (RFC 7396): outer `None` keeps, inner `None` clears.

use serde_json::{Map, Value};

use crate::error::Error;
use crate::media::{Labels, Location, Media, Properties};
use crate::taken::Taken;
use crate::time::Timestamp;

/// What to change; every part is checked already.
#[derive(Debug, Clone, Default)]
pub struct MediaPatch {
    /// Heading.
    pub title: Option<Option<String>>,
    /// Longer text.
    pub description: Option<Option<String>>,
    /// Name; never cleared.
    pub filename: Option<String>,
    /// All tags anew.
    pub tags: Option<Vec<String>>,
    /// Mark.
    pub favorite: Option<bool>,
    /// Stars.
    pub rating: Option<Option<i8>>,
    /// When it was taken.
    pub taken: Option<TakenPatch>,
    /// Where.
    pub location: Option<Option<Location>>,
    /// Members to merge; `None` clears all.
    pub properties: Option<Option<Map<String, Value>>>,
    /// The application's id.
    pub external_id: Option<Option<String>>,
}

/// A new time; wall-clock time waits for the owner's zone, which only the database knows.
#[derive(Debug, Clone)]
pub enum TakenPatch {
    /// Unknown again.
    Clear,
    /// With its offset.
    At(Taken),
    /// Wall-clock time as text.
    Local(String),
}

impl MediaPatch {
    /// Applies the edit. Returns whether anything changed; if so the version has grown.
    ///
    /// # Errors
    /// `validation_error` when the merged properties are too large; `media` is unchanged then.
    pub fn apply(&self, media: &mut Media, taken: Option<Option<Taken>>, now: Timestamp) -> Result<bool, Error> {
        let mut labels: Labels = media.labels.clone();
        set(&mut labels.title, &self.title);
        set(&mut labels.description, &self.description);
        set(&mut labels.tags, &self.tags);
        set(&mut labels.favorite, &self.favorite);
        set(&mut labels.rating, &self.rating);
        set(&mut labels.taken, &taken);
        set(&mut labels.location, &self.location);
        set(&mut labels.external_id, &self.external_id);
        match &self.properties {
            Some(Some(patch)) => labels.properties = labels.properties.merged(patch.clone())?,
            Some(None) => labels.properties = Properties::default(),
            None => {}
        }
        let filename = self.filename.as_ref().unwrap_or(&media.filename);
        if labels == media.labels && *filename == media.filename {
            return Ok(false);
        }
        media.filename = filename.clone();
        media.labels = labels;
        media.version += 1;
        media.updated_at = now;
        Ok(true)
    }
}

fn set<T: Clone>(target: &mut T, change: &Option<T>) {
    if let Some(value) = change {
        target.clone_from(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Id;
    use crate::mime::MediaType;
    use serde_json::json;
    use uuid::Uuid;

    fn media() -> Media {
        Media {
            id: Id::from_uuid(Uuid::nil()),
            owner_id: Id::from_uuid(Uuid::nil()),
            blob_id: Id::from_uuid(Uuid::nil()),
            media_type: MediaType::Image,
            mime_type: "image/jpeg".into(),
            filename: "a.jpg".into(),
            size: 1,
            checksum_sealed: Vec::new(),
            labels: Labels { title: Some("Lake".into()), ..Labels::default() },
            examined: crate::examined::Examined::default(),
            version: 1,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
            deleted_at: None,
        }
    }

    #[test]
    fn absent_keeps_null_clears_and_nothing_new_keeps_the_version() {
        let now = Timestamp::from_seconds(5);
        let mut item = media();
        assert!(!MediaPatch::default().apply(&mut item, None, now).unwrap());
        let same = MediaPatch { title: Some(Some("Lake".into())), ..MediaPatch::default() };
        assert!(!same.apply(&mut item, None, now).unwrap());
        assert_eq!((item.version, item.updated_at), (1, Timestamp::default()));
        let clear = MediaPatch { title: Some(None), rating: Some(Some(3)), ..MediaPatch::default() };
        assert!(clear.apply(&mut item, None, now).unwrap());
        assert_eq!(
            (item.labels.title.as_deref(), item.labels.rating, item.version, item.updated_at),
            (None, Some(3), 2, now)
        );
    }

    #[test]
    fn too_large_properties_change_nothing() {
        let mut item = media();
        let patch = json!({ "k": "x".repeat(20_000) }).as_object().unwrap().clone();
        let edit = MediaPatch { title: Some(None), properties: Some(Some(patch)), ..MediaPatch::default() };
        assert!(edit.apply(&mut item, None, Timestamp::default()).is_err());
        assert_eq!(item, media());
    }
}
