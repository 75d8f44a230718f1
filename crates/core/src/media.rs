//! The item: a file of its owner's with what is known and said of it. Rules for the fields that people write.
//! Not here: bytes (`blobs`), lists (`media_filter.rs`), edits (`media_patch.rs`).

use serde_json::{Map, Value};

use crate::error::{Error, Problems};
use crate::event::MediaRef;
use crate::examined::Examined;
use crate::id::{BlobId, MediaId, UserId};
use crate::mime::MediaType;
use crate::taken::Taken;
use crate::time::Timestamp;

/// A media item as the database keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct Media {
    /// Its id; carries the creation time.
    pub id: MediaId,
    /// Whose it is.
    pub owner_id: UserId,
    /// The bytes behind it.
    pub blob_id: BlobId,
    /// What it is, told from the bytes.
    pub media_type: MediaType,
    /// Its exact type, told from the bytes.
    pub mime_type: String,
    /// Its name as data, never a path.
    pub filename: String,
    /// Bytes of the original.
    pub size: u64,
    /// The SHA-256, sealed under the owner's key.
    pub checksum_sealed: Vec<u8>,
    /// What people say of it.
    pub labels: Labels,
    /// What its bytes told.
    pub examined: Examined,
    /// Grows with each edit; `If-Match` compares it.
    pub version: u64,
    /// When it was made, to the millisecond of its id.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it went to the trash.
    pub deleted_at: Option<Timestamp>,
}

/// Everything about an item that people may write.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Labels {
    /// A heading.
    pub title: Option<String>,
    /// A longer text.
    pub description: Option<String>,
    /// In the order given, without doubles.
    pub tags: Vec<String>,
    /// Marked by the owner.
    pub favorite: bool,
    /// -1 (rejected, as XMP has it) to 5.
    pub rating: Option<i8>,
    /// When it was taken.
    pub taken: Option<Taken>,
    /// Where it was taken.
    pub location: Option<Location>,
    /// What an application adds.
    pub properties: Properties,
    /// An application's own id for it, unique per owner.
    pub external_id: Option<String>,
}

/// A place on earth, WGS 84.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Location {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// Metres above the sea.
    pub altitude: Option<f64>,
}

impl Media {
    /// The item as events tell of it.
    pub const fn reference(&self) -> MediaRef {
        MediaRef { id: self.id, media_type: self.media_type, user_id: self.owner_id }
    }
}

impl Location {
    /// Checks the ranges: latitude -90 to 90, longitude -180 to 180, altitude -12,000 to 100,000 m.
    ///
    /// # Errors
    /// `validation_error` naming the member.
    pub fn check(self) -> Result<Self, Error> {
        let mut problems = Problems::default();
        if !(-90.0..=90.0).contains(&self.latitude) {
            problems.add("location.latitude", "Must be between -90 and 90");
        }
        if !(-180.0..=180.0).contains(&self.longitude) {
            problems.add("location.longitude", "Must be between -180 and 180");
        }
        if self.altitude.is_some_and(|metres| !(-12_000.0..=100_000.0).contains(&metres)) {
            problems.add("location.altitude", "Must be between -12000 and 100000");
        }
        problems.finish().map(|()| self)
    }
}

/// Checks a title: at most 255 characters, no control characters; blank means none.
///
/// # Errors
/// `validation_error` on `title`.
pub fn check_title(text: &str) -> Result<Option<String>, Error> {
    let text = text.trim();
    if text.chars().count() > 255 || text.chars().any(char::is_control) {
        return Err(Error::invalid("title", "Must be at most 255 characters without control characters"));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// Checks a description: at most 10,000 characters, line breaks and tabs allowed; blank means none.
///
/// # Errors
/// `validation_error` on `description`.
pub fn check_description(field: &'static str, text: &str) -> Result<Option<String>, Error> {
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if text.chars().count() > 10_000 || text.chars().any(control) {
        return Err(Error::invalid(
            field,
            "Must be at most 10000 characters without control characters other than line breaks",
        ));
    }
    Ok((!text.trim().is_empty()).then(|| text.to_owned()))
}

/// How many tags an item may have.
pub const MAX_TAGS: usize = 100;

/// Checks tags: at most 100, each 1 to 64 characters after trimming, no control characters; doubles (whatever the
/// case) are dropped, the first spelling stays.
///
/// # Errors
/// `validation_error` on `tags`.
pub fn check_tags<'a>(tags: impl IntoIterator<Item = &'a str>) -> Result<Vec<String>, Error> {
    let mut kept: Vec<String> = Vec::new();
    for tag in tags {
        let tag = tag.trim();
        if !(1..=64).contains(&tag.chars().count()) || tag.chars().any(char::is_control) {
            return Err(Error::invalid("tags", "Each must be 1 to 64 characters without control characters"));
        }
        if !kept.iter().any(|known| fold_tag(known) == fold_tag(tag)) {
            kept.push(tag.to_owned());
        }
        if kept.len() > MAX_TAGS {
            return Err(Error::invalid("tags", "Must be at most 100"));
        }
    }
    Ok(kept)
}

/// The form of a tag that is compared.
pub fn fold_tag(tag: &str) -> String {
    tag.trim().to_lowercase()
}

/// Checks an external id: 1 to 256 visible characters.
///
/// # Errors
/// `validation_error` on `external_id`.
pub fn check_external_id(text: &str) -> Result<String, Error> {
    if (1..=256).contains(&text.chars().count()) && !text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        Ok(text.to_owned())
    } else {
        Err(Error::invalid("external_id", "Must be 1 to 256 characters without white space"))
    }
}

/// Checks a rating.
///
/// # Errors
/// `validation_error` on `rating`.
pub fn check_rating(rating: i64) -> Result<i8, Error> {
    i8::try_from(rating)
        .ok()
        .filter(|r| (-1..=5).contains(r))
        .ok_or_else(|| Error::invalid("rating", "Must be between -1 and 5"))
}

/// The longest text of a property that lists can be filtered by, in bytes; longer ones are only kept.
pub const COMPARABLE_BYTES: usize = 1024;

/// Flat JSON that an application keeps with an item: at most 64 keys, 16 KiB as text, values text without NUL, number or
/// boolean.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Properties(Map<String, Value>);

impl Properties {
    /// Checks an object as it stands.
    ///
    /// # Errors
    /// `validation_error` on `properties` or the key in it.
    pub fn check(members: Map<String, Value>) -> Result<Self, Error> {
        Self::default().merged(members)
    }

    /// These with a merge patch applied: `null` removes a key (RFC 7396).
    ///
    /// # Errors
    /// `validation_error` on `properties` or the key in it; nothing is changed then.
    pub fn merged(&self, patch: Map<String, Value>) -> Result<Self, Error> {
        let mut members = self.0.clone();
        for (key, value) in patch {
            let sound = match &value {
                Value::Null => {
                    members.remove(&key);
                    continue;
                }
                Value::String(text) => !text.contains('\0'),
                Value::Number(_) | Value::Bool(_) => true,
                Value::Array(_) | Value::Object(_) => false,
            };
            if !sound || !(1..=64).contains(&key.len()) || key.chars().any(char::is_control) {
                let field =
                    format!("properties.{}", key.chars().filter(|c| !c.is_control()).take(64).collect::<String>());
                return Err(Error::invalid(
                    field,
                    "Must be text without NUL, a number or a boolean under a key of 1 to 64 bytes",
                ));
            }
            members.insert(key, value);
        }
        let patched = Self(members);
        if patched.0.len() > 64 || patched.to_json().len() > 16 * 1024 {
            return Err(Error::invalid("properties", "Must be at most 64 keys and 16 KiB"));
        }
        Ok(patched)
    }

    /// From the text that the database keeps; anything else is empty.
    pub fn from_json(text: &str) -> Self {
        Self(serde_json::from_str(text).unwrap_or_default())
    }

    /// The text that the database keeps.
    pub fn to_json(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }

    /// Key and comparable text of each member that filters can ask for.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, String)> {
        let pairs = self
            .0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
        pairs.filter(|(_, text)| text.len() <= COMPARABLE_BYTES)
    }

    /// The members, to look at.
    pub const fn members(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The members.
    pub fn into_members(self) -> Map<String, Value> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn tags_are_trimmed_and_unique_whatever_the_case() {
        assert_eq!(check_tags([" Lake ", "lake", "Summer"]).unwrap(), ["Lake", "Summer"]);
        assert!(check_tags([""]).is_err());
        assert!(check_tags(["a\nb"]).is_err());
        let many: Vec<String> = (0..101).map(|n| n.to_string()).collect();
        assert!(check_tags(many.iter().map(String::as_str)).is_err());
    }

    #[test]
    fn properties_stay_flat_and_small() {
        let held = Properties::check(object(json!({ "a": 1, "b": "x", "c": true }))).unwrap();
        assert_eq!(
            held.merged(object(json!({ "a": null, "d": 2.5 }))).unwrap().to_json(),
            r#"{"b":"x","c":true,"d":2.5}"#
        );
        for bad in [
            json!({ "a": [] }),
            json!({ "a": {} }),
            json!({ "": 1 }),
            json!({ "a": "\0" }),
            json!({ "k": "x".repeat(16 * 1024) }),
        ] {
            assert!(Properties::check(object(bad)).is_err());
        }
        let long = Properties::check(object(json!({ "k": "x".repeat(COMPARABLE_BYTES + 1), "n": 5 }))).unwrap();
        assert_eq!(long.pairs().collect::<Vec<_>>(), [("n", "5".to_owned())], "only kept, not compared");
        let many: Map<String, Value> = (0..65).map(|n| (n.to_string(), json!(n))).collect();
        assert!(Properties::check(many).is_err());
        assert_eq!(Properties::from_json(&held.to_json()), held);
    }

    #[test]
    fn places_lie_on_earth() {
        let at = |latitude, longitude, altitude| Location { latitude, longitude, altitude }.check();
        assert!(at(90.0, -180.0, Some(0.0)).is_ok());
        for (latitude, longitude, altitude) in [
            (90.1, 0.0, None),
            (0.0, 180.1, None),
            (f64::NAN, 0.0, None),
            (0.0, f64::INFINITY, None),
            (0.0, 0.0, Some(f64::NAN)),
        ] {
            assert!(at(latitude, longitude, altitude).is_err());
        }
    }

    #[test]
    fn texts_and_ratings() {
        assert_eq!(check_title("  ").unwrap(), None);
        assert_eq!(check_title(" Lake ").unwrap().as_deref(), Some("Lake"));
        assert!(check_title(&"x".repeat(256)).is_err());
        assert!(check_description("description", "a\nb").unwrap().is_some());
        assert!(check_description("description", "a\0b").is_err());
        assert!(check_rating(6).is_err() && check_rating(-2).is_err() && check_rating(300).is_err());
        assert_eq!(check_rating(-1).unwrap(), -1);
        assert!(check_external_id("a b").is_err());
    }
}
