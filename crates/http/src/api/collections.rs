//! Collections and what is in them (contract section 5).

use std::sync::OnceLock;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use mv_app::collections::contents::Named;
use mv_core::collection::{Collection, CollectionPatch, MAX_BATCH, check_name};
use mv_core::media::check_description;
use mv_core::{CollectionId, Error, MediaId, Problems};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::envelope::{Answer, Envelope, NoContent, PageEnvelope};
use crate::error::ApiError;
use crate::extract::body::{Json, nullable};
use crate::extract::caller::{Auth, area};
use crate::extract::conditional::version_matches;
use crate::extract::creating::{Creating, IdempotencyParameter, Made};
use crate::extract::page::{PageParameters, Paged};
use crate::extract::path::Path;
use crate::extract::query::{Known, NoParameters, Pairs, Parameters, Query};
use crate::state::AppState;
use crate::wire::collection::CollectionOut;
use crate::wire::media::MediaOut;
use crate::wire::media_page::MediaPage;

/// A new collection.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateCollection {
    /// 1 to 255 characters; need not be unique.
    name: String,
    /// At most 10,000 characters.
    description: Option<String>,
}

/// Make a collection.
#[utoipa::path(post, path = "/collections", operation_id = "collections.create", tag = "collections", request_body = CreateCollection,
    params(IdempotencyParameter),
    responses((status = 201, description = "The collection.", body = Envelope<CollectionOut>)))]
pub async fn create(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::CollectionsWrite>,
    Creating { body, key }: Creating<CreateCollection>,
) -> Result<Response, ApiError> {
    let mut problems = Problems::default();
    let name = problems.check(check_name(&body.name)).unwrap_or_default();
    let description =
        body.description.and_then(|text| problems.check(check_description("description", &text))).flatten();
    problems.finish()?;
    let make = |creation| state.app.create_collection(&auth.caller, name, description, creation);
    key.make(&state.app, auth.caller.user(), "collections.create", shown, make).await
}

fn shown(made: &Collection) -> Made<CollectionOut> {
    let location = format!("/api/v1/collections/{}", made.id);
    Made { data: made.clone().into(), location: Some(location) }
}

/// Which part of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents and names the parameters; `read` reads them")]
pub struct CollectionsParameters {
    /// Page number, from 1.
    #[param(minimum = 1, default = 1)]
    page: Option<u32>,
    /// Items on a page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    per_page: Option<u32>,
    /// Where to go on: `meta.pagination.next_cursor` of the page before. Not together with `page`.
    cursor: Option<String>,
    /// What the caller may do with them: only `owner` on this server.
    role: Option<String>,
}

impl Parameters for CollectionsParameters {
    type Read = Paged;

    fn known() -> &'static OnceLock<Vec<Known>> {
        static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
        &KNOWN
    }

    fn read(pairs: &mut Pairs) -> Result<Paged, Error> {
        let mut problems = Problems::default();
        let paged = Paged::read(pairs, &mut problems);
        pairs.parse("role", &mut problems, |role| match role {
            "owner" => Ok(()),
            _ => Err(Error::invalid("role", "Must be owner: nothing is shared on this server")),
        });
        problems.finish()?;
        Ok(paged)
    }
}

/// The caller's collections, newest first.
#[utoipa::path(get, path = "/collections", operation_id = "collections.list", tag = "collections", params(CollectionsParameters),
    responses((status = 200, description = "One page.", body = PageEnvelope<CollectionOut>)))]
pub async fn list(
    State(state): State<AppState>,
    Query(paged): Query<CollectionsParameters>,
    Auth(auth, _): Auth<area::CollectionsRead>,
) -> Result<PageEnvelope<CollectionOut>, ApiError> {
    let found = state.app.list_collections(&auth.caller, paged.page, paged.cursor.clone()).await?;
    let collections = found.collections.into_iter().map(CollectionOut::from).collect();
    Ok(paged.answer("/collections", collections, found.total, found.next_cursor))
}

/// A collection.
#[utoipa::path(get, path = "/collections/{id}", operation_id = "collections.get", tag = "collections",
    params(("id" = String, Path, description = "The collection.")),
    responses((status = 200, description = "The collection.", body = Envelope<CollectionOut>)))]
pub async fn get(
    State(state): State<AppState>,
    Path(id): Path<CollectionId>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::CollectionsRead>,
) -> Result<Answer<CollectionOut>, ApiError> {
    let found = state.app.get_collection(&auth.caller, id).await?;
    Ok(tagged(found))
}

/// With its entity tag, which `If-Match` of an edit compares.
fn tagged(collection: mv_core::collection::Collection) -> Answer<CollectionOut> {
    let tag = format!("\"{}\"", collection.version);
    Answer::ok(collection.into()).with(header::ETAG, &tag)
}

/// What to change: absent keeps, null clears (RFC 7396).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateCollection {
    /// A new name; cannot be cleared.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    name: Option<Option<String>>,
    /// A new text.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    description: Option<Option<String>>,
    /// The item of the collection that stands for it; null lets the first stand for it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    cover_media_id: Option<Option<String>>,
}

impl UpdateCollection {
    fn checked(self) -> Result<CollectionPatch, Error> {
        let mut problems = Problems::default();
        let name = match self.name {
            Some(None) => {
                problems.add("name", "Cannot be cleared");
                None
            }
            Some(Some(name)) => problems.check(check_name(&name)),
            None => None,
        };
        let description = self
            .description
            .and_then(|text| problems.check(text.map_or(Ok(None), |text| check_description("description", &text))));
        let cover_media_id = self
            .cover_media_id
            .and_then(|cover| problems.check(cover.map(|id| media_id("cover_media_id", &id)).transpose()));
        problems.finish()?;
        Ok(CollectionPatch { name, description, cover_media_id })
    }
}

fn media_id(field: impl Into<std::borrow::Cow<'static, str>>, text: &str) -> Result<MediaId, Error> {
    text.parse().map_err(|_| Error::invalid(field, "Must be an id that begins with media_"))
}

/// Change a collection. `If-Match` compares the version.
#[utoipa::path(patch, path = "/collections/{id}", operation_id = "collections.update", tag = "collections",
    params(("id" = String, Path, description = "The collection."),
        ("If-Match" = Option<String>, Header, description = "The tag that GET gave; 412 where it was changed since.")),
    request_body = UpdateCollection,
    responses((status = 200, description = "The collection as it is now.", body = Envelope<CollectionOut>)))]
pub async fn update(
    State(state): State<AppState>,
    Path(id): Path<CollectionId>,
    _: Query<NoParameters>,
    headers: HeaderMap,
    Auth(auth, _): Auth<area::CollectionsWrite>,
    Json(body): Json<UpdateCollection>,
) -> Result<Answer<CollectionOut>, ApiError> {
    let check = Box::new(move |version| version_matches(&headers, version));
    Ok(tagged(state.app.update_collection(&auth.caller, id, body.checked()?, check).await?))
}

/// Delete a collection; its items stay.
#[utoipa::path(delete, path = "/collections/{id}", operation_id = "collections.delete", tag = "collections",
    params(("id" = String, Path, description = "The collection.")), responses((status = 204, description = "Done.")))]
pub async fn delete(
    State(state): State<AppState>,
    Path(id): Path<CollectionId>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::CollectionsWrite>,
) -> Result<NoContent, ApiError> {
    state.app.delete_collection(&auth.caller, id).await?;
    Ok(NoContent)
}

/// Items to put in: `media_ids`, or `media_id` for one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddMedia {
    /// 1 to 1000 of the caller's items.
    media_ids: Option<Vec<String>>,
    /// One of the caller's items.
    media_id: Option<String>,
}

/// What putting items in came to.
#[derive(Debug, Serialize, ToSchema)]
pub struct AddedMedia {
    /// Items that were not in it.
    added: usize,
    /// Items that were.
    already_present: usize,
}

impl AddMedia {
    fn checked(self) -> Result<Named, Error> {
        match (self.media_ids, self.media_id) {
            (Some(ids), None) => checked_ids(&ids).map(Named::Many),
            (None, Some(id)) => media_id("media_id", &id).map(Named::One),
            _ => Err(Error::invalid("media_ids", "Either media_ids or media_id is required")),
        }
    }
}

fn checked_ids(ids: &[String]) -> Result<Vec<MediaId>, Error> {
    if !(1..=MAX_BATCH).contains(&ids.len()) {
        return Err(Error::invalid("media_ids", "Must be 1 to 1000"));
    }
    let mut problems = Problems::default();
    let checked = ids
        .iter()
        .enumerate()
        .filter_map(|(place, id)| problems.check(media_id(format!("media_ids[{place}]"), id)))
        .collect();
    problems.finish()?;
    Ok(checked)
}

/// Put items at the end of a collection: all or none.
#[utoipa::path(post, path = "/collections/{id}/media", operation_id = "collections.addMedia", tag = "collections",
    params(("id" = String, Path, description = "The collection.")), request_body = AddMedia,
    responses((status = 200, description = "How many were new to it.", body = Envelope<AddedMedia>)))]
pub async fn add_media(
    State(state): State<AppState>,
    Path(id): Path<CollectionId>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::CollectionsWrite>,
    Json(body): Json<AddMedia>,
) -> Result<Answer<AddedMedia>, ApiError> {
    let done = state.app.add_to_collection(&auth.caller, id, body.checked()?).await?;
    Ok(Answer::ok(AddedMedia { added: done.added, already_present: done.already_present }))
}

/// What is in a collection, in its order.
#[utoipa::path(get, path = "/collections/{id}/media", operation_id = "collections.media", tag = "collections",
    params(("id" = String, Path, description = "The collection."), PageParameters),
    responses((status = 200, description = "One page.", body = PageEnvelope<MediaOut>)))]
pub async fn media(
    State(state): State<AppState>,
    Path(id): Path<CollectionId>,
    Query(paged): Query<PageParameters>,
    Auth(auth, _): Auth<area::CollectionContents>,
) -> Result<MediaPage, ApiError> {
    let found = state.app.list_collection(&auth.caller, id, paged.page, paged.cursor.clone()).await?;
    let path = format!("/collections/{id}/media");
    let pagination = paged.pagination(path, found.items.len(), found.total, found.next_cursor);
    Ok(MediaPage { items: found.items, pagination })
}

/// Take an item out of a collection; the item stays.
#[utoipa::path(delete, path = "/collections/{id}/media/{media_id}", operation_id = "collections.removeMedia", tag = "collections",
    params(("id" = String, Path, description = "The collection."), ("media_id" = String, Path, description = "The item.")),
    responses((status = 204, description = "Done.")))]
pub async fn remove_media(
    State(state): State<AppState>,
    Path((id, item)): Path<(CollectionId, MediaId)>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::CollectionsWrite>,
) -> Result<NoContent, ApiError> {
    state.app.remove_from_collection(&auth.caller, id, item).await?;
    Ok(NoContent)
}

/// A whole order.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "media_ids": ["media_01h455vb4pex5vsknk084sn02q"] }))]
pub struct SetOrder {
    /// Every item of the collection that is not in the trash, exactly once; at most 1000.
    media_ids: Vec<String>,
}

/// Put all items of a collection into this order.
#[utoipa::path(put, path = "/collections/{id}/order", operation_id = "collections.setOrder", tag = "collections",
    params(("id" = String, Path, description = "The collection.")), request_body = SetOrder,
    responses((status = 204, description = "Done.")))]
pub async fn set_order(
    State(state): State<AppState>,
    Path(id): Path<CollectionId>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::CollectionsWrite>,
    Json(body): Json<SetOrder>,
) -> Result<NoContent, ApiError> {
    state.app.order_collection(&auth.caller, id, checked_ids(&body.media_ids)?).await?;
    Ok(NoContent)
}

/// One move.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveMedia {
    /// The item that moves.
    media_id: String,
    /// The item that it then stands behind; null or absent moves it to the front.
    after: Option<String>,
}

/// Move one item of a collection behind another.
#[utoipa::path(patch, path = "/collections/{id}/order", operation_id = "collections.moveMedia", tag = "collections",
    params(("id" = String, Path, description = "The collection.")), request_body = MoveMedia,
    responses((status = 204, description = "Done.")))]
pub async fn move_media(
    State(state): State<AppState>,
    Path(id): Path<CollectionId>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::CollectionsWrite>,
    Json(body): Json<MoveMedia>,
) -> Result<NoContent, ApiError> {
    let mut problems = Problems::default();
    let item = problems.check(media_id("media_id", &body.media_id));
    let after = body.after.and_then(|id| problems.check(media_id("after", &id)));
    problems.finish()?;
    let item = item.ok_or_else(Error::not_found)?;
    state.app.move_in_collection(&auth.caller, id, item, after).await?;
    Ok(NoContent)
}
