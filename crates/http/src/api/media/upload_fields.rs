//! The fields of an upload, from the parts of a form or the query of a raw body alike.

use std::sync::OnceLock;

use mv_app::ingest::UploadFields;
use mv_core::filename::FileName;
use mv_core::media::{Labels, Properties, check_description, check_external_id, check_tags, check_title};
use mv_core::taken::{Taken, TakenSource};
use mv_core::{Checksum, Error, Problems};
use utoipa::IntoParams;

use crate::extract::query::{Known, Pairs, Parameters};

/// What an upload may say of the file. In a form the fields are parts; `on_duplicate` and `on_deleted` are always
/// parameters.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents and names the parameters; `read` and `fields` read them")]
pub struct UploadParameters {
    /// `existing`: answer 200 with the caller's own item that already has these bytes, where there is one. `new` (the
    /// default): make a new item over the same stored bytes.
    on_duplicate: Option<String>,
    /// `reject`: answer 409 `previously_deleted` where the caller once deleted these bytes. `store` is the default.
    on_deleted: Option<String>,
    /// `sha256:` and 64 hexadecimal digits of the file.
    checksum: Option<String>,
    /// A heading.
    title: Option<String>,
    /// A longer text.
    description: Option<String>,
    /// A tag; may be repeated.
    tags: Option<Vec<String>>,
    /// A collection of the caller's that the item goes into.
    collection_id: Option<String>,
    /// When it was taken, with an offset.
    taken_at: Option<String>,
    /// When it was taken by the clock on the wall.
    taken_at_local: Option<String>,
    /// The application's own id, unique among the owner's items.
    external_id: Option<String>,
    /// What the application adds, a flat JSON object.
    properties: Option<String>,
}

/// The names of fields that a form may have beside `file`.
pub const FORM_FIELDS: [&str; 9] = [
    "title",
    "description",
    "tags",
    "collection_id",
    "checksum",
    "taken_at",
    "taken_at_local",
    "external_id",
    "properties",
];

impl Parameters for UploadParameters {
    type Read = Pairs;

    fn known() -> &'static OnceLock<Vec<Known>> {
        static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
        &KNOWN
    }

    fn read(pairs: &mut Pairs) -> Result<Pairs, Error> {
        Ok(std::mem::take(pairs))
    }
}

/// Reads the fields; every problem is collected.
///
/// # Errors
/// `validation_error` naming each bad field.
pub fn fields(mut pairs: Pairs, filename: Option<FileName>) -> Result<UploadFields, Error> {
    let mut problems = Problems::default();
    let tags = pairs.take_all("tags");
    let labels = Labels {
        title: pairs.parse("title", &mut problems, check_title).flatten(),
        description: pairs.parse("description", &mut problems, |text| check_description("description", text)).flatten(),
        tags: problems.check(check_tags(tags.iter().map(String::as_str))).unwrap_or_default(),
        external_id: pairs.parse("external_id", &mut problems, check_external_id),
        properties: pairs.parse("properties", &mut problems, properties).unwrap_or_default(),
        taken: pairs.parse("taken_at", &mut problems, |text| Taken::from_instant(text, TakenSource::Client)),
        ..Labels::default()
    };
    // Wall-clock time is kept as text for the owner's zone; here only its form is checked.
    let taken_at_local = pairs.parse("taken_at_local", &mut problems, |text| {
        Taken::from_local(text, "UTC", TakenSource::Client).map(|_| text.to_owned())
    });
    if labels.taken.is_some() && taken_at_local.is_some() {
        problems.add("taken_at_local", "Must not be given together with taken_at");
    }
    let fields = UploadFields {
        filename,
        labels,
        taken_at_local,
        collection_id: pairs.parse("collection_id", &mut problems, |text| {
            text.parse().map_err(|_| Error::invalid("collection_id", "Must be an id that begins with col_"))
        }),
        checksum: pairs.parse("checksum", &mut problems, checksum),
        existing: pairs
            .parse("on_duplicate", &mut problems, |text| choice("on_duplicate", text, "new", "existing"))
            .unwrap_or(false),
        reject_deleted: pairs
            .parse("on_deleted", &mut problems, |text| choice("on_deleted", text, "store", "reject"))
            .unwrap_or(false),
    };
    problems.finish()?;
    Ok(fields)
}

/// Reads a checksum.
///
/// # Errors
/// `validation_error` on `checksum`.
pub fn checksum(text: &str) -> Result<Checksum, Error> {
    Checksum::parse(text).ok_or_else(|| Error::invalid("checksum", "Must be sha256: and 64 hexadecimal digits"))
}

fn properties(text: &str) -> Result<Properties, Error> {
    match serde_json::from_str(text) {
        Ok(serde_json::Value::Object(members)) => Properties::check(members),
        _ => Err(Error::invalid("properties", "Must be a JSON object")),
    }
}

fn choice(field: &'static str, text: &str, no: &'static str, yes: &'static str) -> Result<bool, Error> {
    match text {
        _ if text == no => Ok(false),
        _ if text == yes => Ok(true),
        _ => Err(Error::invalid(field, format!("Must be {no} or {yes}"))),
    }
}
