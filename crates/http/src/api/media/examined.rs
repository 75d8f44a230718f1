//! What an item's file says of itself, and having it looked at again.

use std::sync::OnceLock;

use axum::extract::State;
use mv_core::{Error, MediaId, Problems};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use crate::envelope::{Answer, Envelope};
use crate::error::ApiError;
use crate::extract::caller::{Auth, area};
use crate::extract::path::Path;
use crate::extract::query::{Known, NoParameters, Pairs, Parameters, Query};
use crate::state::AppState;
use crate::wire::media::raw as json;
use crate::wire::metadata::Metadata;

/// Whether every tag is wanted.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents and names the parameters; `read` reads them")]
pub struct MetadataParameters {
    /// Also every tag that was read.
    raw: Option<bool>,
}

impl Parameters for MetadataParameters {
    type Read = bool;

    fn known() -> &'static OnceLock<Vec<Known>> {
        static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
        &KNOWN
    }

    fn read(pairs: &mut Pairs) -> Result<bool, Error> {
        let mut problems = Problems::default();
        let raw = pairs.flag("raw", &mut problems);
        problems.finish()?;
        Ok(raw.unwrap_or(false))
    }
}

/// What a file says of itself.
#[derive(Debug, Serialize, ToSchema)]
pub struct MediaMetadata {
    /// The typed members; null until the item is examined.
    #[schema(value_type = Option<Metadata>)]
    metadata: Option<Box<RawValue>>,
    /// Every tag as text, by group and name, such as `EXIF:Model`; null where they were not asked for.
    #[schema(value_type = Option<std::collections::HashMap<String, String>>)]
    raw: Option<Box<RawValue>>,
}

/// What an item's file says of itself.
#[utoipa::path(get, path = "/media/{id}/metadata", operation_id = "media.metadata", tag = "media",
    params(("id" = String, Path, description = "The item."), MetadataParameters),
    responses((status = 200, description = "What it says.", body = Envelope<MediaMetadata>)))]
pub async fn metadata(
    State(state): State<AppState>,
    Path(id): Path<MediaId>,
    Query(raw): Query<MetadataParameters>,
    Auth(auth, _): Auth<area::MediaRead>,
) -> Result<Answer<MediaMetadata>, ApiError> {
    let view = state.app.get_media(&auth.caller, id).await?;
    let tags = if raw { state.app.raw_metadata(&auth.caller, id).await? } else { None };
    Ok(Answer::ok(MediaMetadata { metadata: json(view.media.examined.metadata), raw: json(tags) }))
}

/// An item that will be looked at again.
#[derive(Debug, Serialize, ToSchema)]
pub struct Reprocessing {
    /// The item.
    id: String,
    /// `processing`.
    #[schema(value_type = String)]
    status: &'static str,
}

/// Have an item's file looked at again, and its thumbnails made anew.
#[utoipa::path(post, path = "/media/{id}/reprocess", operation_id = "media.reprocess", tag = "media",
    params(("id" = String, Path, description = "The item.")),
    responses((status = 202, description = "It will be.", body = Envelope<Reprocessing>)))]
pub async fn reprocess(
    State(state): State<AppState>,
    Path(id): Path<MediaId>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::MediaWrite>,
) -> Result<Answer<Reprocessing>, ApiError> {
    state.app.reprocess_media(&auth.caller, id).await?;
    Ok(Answer::accepted(Reprocessing { id: id.to_string(), status: "processing" }))
}
