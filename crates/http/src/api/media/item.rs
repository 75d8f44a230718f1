//! One item: shown, changed, trashed, restored, deleted (contract section 4).

use std::sync::OnceLock;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mv_app::auth::access::Authenticated;
use mv_app::media::ItemView;
use mv_core::filename::FileName;
use mv_core::media::{check_description, check_external_id, check_rating, check_tags, check_title};
use mv_core::media_patch::{MediaPatch, TakenPatch};
use mv_core::taken::{Taken, TakenSource};
use mv_core::{Error, MediaId, Problems};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::envelope::{Answer, Envelope, NoContent};
use crate::error::ApiError;
use crate::extract::body::{Json, nullable};
use crate::extract::caller::{Auth, area};
use crate::extract::conditional::{Verdict, judge_tag, version_matches};
use crate::extract::path::Path;
use crate::extract::query::{Known, NoParameters, Pairs, Parameters, Query};
use crate::state::AppState;
use crate::wire::media::{LocationBody, MediaOut, entity_tag};

fn shown(state: &AppState, auth: &Authenticated, view: ItemView) -> Answer<MediaOut> {
    let tag = entity_tag(view.media.version, &state.app.link_epoch(&auth.caller));
    Answer::ok(view.into()).with(header::ETAG, &tag)
}

/// An item, in the library or the trash.
#[utoipa::path(get, path = "/media/{id}", operation_id = "media.get", tag = "media",
    params(("id" = String, Path, description = "The item."),
        ("If-None-Match" = Option<String>, Header, description = "304 where the client has this state.")),
    responses((status = 200, description = "The item.", body = Envelope<MediaOut>), (status = 304, description = "As the client has it.")))]
pub async fn get(
    State(state): State<AppState>,
    Path(id): Path<MediaId>,
    _: Query<NoParameters>,
    headers: HeaderMap,
    Auth(auth, _): Auth<area::MediaRead>,
) -> Result<Response, ApiError> {
    let view = state.app.get_media(&auth.caller, id).await?;
    let tag = entity_tag(view.media.version, &state.app.link_epoch(&auth.caller));
    version_matches(&headers, view.media.version)?;
    if judge_tag(&headers, &tag)? == Verdict::NotModified {
        let tag = HeaderValue::from_str(&tag).map_err(|_| Error::not_found())?;
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    Ok(shown(&state, &auth, view).into_response())
}

/// What to change: absent keeps, null clears (RFC 7396). `tags` are replaced whole, `properties` merged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "title": "At the lake", "tags": ["summer"], "rating": 4, "description": null }))]
pub struct UpdateMedia {
    /// A heading, at most 255 characters.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    title: Option<Option<String>>,
    /// A longer text, at most 10,000 characters.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    description: Option<Option<String>>,
    /// Its name; cannot be cleared.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    filename: Option<Option<String>>,
    /// All tags anew: at most 100 of 1 to 64 characters.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Vec<String>>)]
    tags: Option<Option<Vec<String>>>,
    /// The mark.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<bool>)]
    favorite: Option<Option<bool>>,
    /// -1 (rejected) to 5.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<i8>)]
    rating: Option<Option<i64>>,
    /// When it was taken, with an offset.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    taken_at: Option<Option<String>>,
    /// When it was taken by the clock on the wall. Not together with `taken_at`.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    taken_at_local: Option<Option<String>>,
    /// Where it was taken.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<LocationBody>)]
    location: Option<Option<LocationBody>>,
    /// Members to merge: text, numbers or booleans; null removes one.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Object>)]
    properties: Option<Option<Map<String, Value>>>,
    /// The application's own id, unique among the owner's items.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    external_id: Option<Option<String>>,
}

impl UpdateMedia {
    fn checked(self) -> Result<MediaPatch, Error> {
        let mut problems = Problems::default();
        let taken = self.taken(&mut problems);
        let filename = match self.filename {
            Some(None) => {
                problems.add("filename", "Cannot be cleared");
                None
            }
            Some(Some(name)) => problems.check(FileName::accept(&name)).map(|name| name.as_str().to_owned()),
            None => None,
        };
        let patch = MediaPatch {
            title: self.title.and_then(|title| problems.check(title.map_or(Ok(None), |text| check_title(&text)))),
            description: self
                .description
                .and_then(|text| problems.check(text.map_or(Ok(None), |text| check_description("description", &text)))),
            filename,
            tags: self
                .tags
                .and_then(|tags| problems.check(check_tags(tags.unwrap_or_default().iter().map(String::as_str)))),
            favorite: self.favorite.map(Option::unwrap_or_default),
            rating: self.rating.and_then(|stars| problems.check(stars.map(check_rating).transpose())),
            taken,
            location: self.location.and_then(|place| {
                problems.check(place.map(|place| mv_core::media::Location::from(place).check()).transpose())
            }),
            properties: self.properties,
            external_id: self
                .external_id
                .and_then(|id| problems.check(id.map(|id| check_external_id(&id)).transpose())),
        };
        problems.finish()?;
        Ok(patch)
    }

    fn taken(&self, problems: &mut Problems) -> Option<TakenPatch> {
        match (&self.taken_at, &self.taken_at_local) {
            (Some(Some(_)), Some(Some(_))) => {
                problems.add("taken_at_local", "Must not be given together with taken_at");
                None
            }
            (Some(Some(text)), _) => problems.check(Taken::from_instant(text, TakenSource::User)).map(TakenPatch::At),
            (_, Some(Some(text))) => problems
                .check(Taken::from_local(text, "UTC", TakenSource::User))
                .map(|_| TakenPatch::Local(text.clone())),
            (None, None) => None,
            (Some(None), _) | (None, Some(None)) => Some(TakenPatch::Clear),
        }
    }
}

/// Change an item in the library. `If-Match` compares the version.
#[utoipa::path(patch, path = "/media/{id}", operation_id = "media.update", tag = "media",
    params(("id" = String, Path, description = "The item."),
        ("If-Match" = Option<String>, Header, description = "The tag that GET gave; 412 where the item was changed since.")),
    request_body = UpdateMedia,
    responses((status = 200, description = "The item as it is now.", body = Envelope<MediaOut>)))]
pub async fn update(
    State(state): State<AppState>,
    Path(id): Path<MediaId>,
    _: Query<NoParameters>,
    headers: HeaderMap,
    Auth(auth, _): Auth<area::MediaWrite>,
    Json(body): Json<UpdateMedia>,
) -> Result<Answer<MediaOut>, ApiError> {
    let check = Box::new(move |version| version_matches(&headers, version));
    let view = state.app.update_media(&auth.caller, id, body.checked()?, check).await?;
    Ok(shown(&state, &auth, view))
}

/// How an item is deleted.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents and names the parameters; `read` reads them")]
pub struct DeleteParameters {
    /// For good, instead of into the trash.
    permanent: Option<bool>,
}

impl Parameters for DeleteParameters {
    type Read = bool;

    fn known() -> &'static OnceLock<Vec<Known>> {
        static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
        &KNOWN
    }

    fn read(pairs: &mut Pairs) -> Result<bool, Error> {
        let mut problems = Problems::default();
        let permanent = pairs.flag("permanent", &mut problems);
        problems.finish()?;
        Ok(permanent.unwrap_or(false))
    }
}

/// Move an item to the trash, or delete it for good.
#[utoipa::path(delete, path = "/media/{id}", operation_id = "media.delete", tag = "media",
    params(("id" = String, Path, description = "The item."), DeleteParameters),
    responses((status = 204, description = "Done.")))]
pub async fn delete(
    State(state): State<AppState>,
    Path(id): Path<MediaId>,
    Query(permanent): Query<DeleteParameters>,
    Auth(auth, _): Auth<area::MediaWrite>,
) -> Result<NoContent, ApiError> {
    if permanent {
        state.app.delete_media(&auth.caller, id).await?;
    } else {
        state.app.trash_media(&auth.caller, id).await?;
    }
    Ok(NoContent)
}

/// Bring an item back from the trash.
#[utoipa::path(post, path = "/media/{id}/restore", operation_id = "media.restore", tag = "media",
    params(("id" = String, Path, description = "The item.")),
    responses((status = 200, description = "The item, in the library again.", body = Envelope<MediaOut>)))]
pub async fn restore(
    State(state): State<AppState>,
    Path(id): Path<MediaId>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::MediaWrite>,
) -> Result<Answer<MediaOut>, ApiError> {
    let view = state.app.restore_media(&auth.caller, id).await?;
    Ok(shown(&state, &auth, view))
}

/// Delete all that is in the trash for good.
#[utoipa::path(delete, path = "/media/trash", operation_id = "media.emptyTrash", tag = "media",
    responses((status = 204, description = "The trash is empty.")))]
pub async fn empty_trash(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::MediaWrite>,
) -> Result<NoContent, ApiError> {
    state.app.empty_trash(&auth.caller).await?;
    Ok(NoContent)
}
