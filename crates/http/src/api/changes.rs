//! What changed, page by page, for clients that keep a copy (contract section 4).

use std::sync::OnceLock;

use axum::extract::State;
use mv_app::events::changes::{Change, Object, Since};
use mv_core::event::Channel;
use mv_core::{Error, Problems};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::envelope::{Answer, Envelope};
use crate::error::ApiError;
use crate::extract::caller::{Auth, area};
use crate::extract::query::{Known, Pairs, Parameters, Query};
use crate::state::AppState;
use crate::wire::collection::CollectionOut;
use crate::wire::media::MediaOut;

/// Changes on a page where the request does not say.
const DEFAULT_LIMIT: u32 = 100;
/// The most on a page.
const MAX_LIMIT: u32 = 1000;

/// Which part of the changes.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents and names the parameters; `read` reads them")]
pub struct ChangesParameters {
    /// Where to go on: `next_cursor` of the page before. `now` gives no changes and a cursor behind all that happened until
    /// now; without it the oldest changes that are kept come first.
    #[param(example = "now")]
    cursor: Option<String>,
    /// Changes at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

/// The parameters, read.
pub struct Wanted {
    since: Since,
    limit: u32,
}

impl Parameters for ChangesParameters {
    type Read = Wanted;

    fn known() -> &'static OnceLock<Vec<Known>> {
        static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
        &KNOWN
    }

    fn read(pairs: &mut Pairs) -> Result<Wanted, Error> {
        let mut problems = Problems::default();
        let since = match pairs.take("cursor") {
            None => Since::Oldest,
            Some(cursor) if cursor == "now" => Since::Now,
            Some(cursor) => Since::Cursor(cursor),
        };
        let limit = match pairs.number("limit", &mut problems) {
            None => Some(DEFAULT_LIMIT),
            Some(number) => u32::try_from(number).ok().filter(|limit| (1..=MAX_LIMIT).contains(limit)),
        };
        if limit.is_none() {
            problems.add("limit", "Must be a whole number from 1 to 1000");
        }
        problems.finish()?;
        Ok(Wanted { since, limit: limit.unwrap_or(DEFAULT_LIMIT) })
    }
}

/// A page of changes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Changes)]
pub struct ChangesOut {
    /// In the order in which the things last changed; each thing once a page.
    changes: Vec<ChangeOut>,
    /// The `cursor` of the next page; to be kept by a client that comes back later.
    next_cursor: String,
    /// Whether more is there already.
    has_more: bool,
}

/// A thing that changed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Change)]
struct ChangeOut {
    /// `media` or `collection`.
    #[schema(value_type = String, example = "media")]
    resource: &'static str,
    /// `upsert`: it is there, as `object` says. `delete`: it is gone for good, or was never seen.
    #[schema(value_type = String, example = "upsert")]
    op: &'static str,
    /// Its id.
    #[schema(example = "media_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// As it is now, an item of the trash too (`deleted_at`); null where it is gone.
    object: Option<ObjectOut>,
}

/// A thing as it is now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum ObjectOut {
    Media(Box<MediaOut>),
    Collection(CollectionOut),
}

impl From<Change> for ChangeOut {
    fn from(change: Change) -> Self {
        Self {
            resource: match change.channel {
                Channel::Media => "media",
                Channel::Collections => "collection",
            },
            op: if change.object.is_some() { "upsert" } else { "delete" },
            id: change.id,
            object: change.object.map(|object| match object {
                Object::Media(view) => ObjectOut::Media(Box::new((*view).into())),
                Object::Collection(collection) => ObjectOut::Collection(collection.into()),
            }),
        }
    }
}

/// What changed of the caller's items and collections since a cursor, each as it is now. A key gets items with `media:read`,
/// collections with `collections:read`. What is in a collection is not shown: a change of it changes the collection's
/// `updated_at`, and its items are listed anew.
#[utoipa::path(get, path = "/changes", operation_id = "changes.list", tag = "events", params(ChangesParameters),
    responses((status = 200, description = "One page.", body = Envelope<ChangesOut>),
        (status = 410, description = "What changed since then is no longer kept: list everything anew.",
            body = crate::error::ErrorEnvelope)))]
pub async fn list(
    State(state): State<AppState>,
    Query(Wanted { since, limit }): Query<ChangesParameters>,
    Auth(auth, _): Auth<area::Events>,
) -> Result<Answer<ChangesOut>, ApiError> {
    let found = state.app.changes(&auth.caller, since, limit).await?;
    Ok(Answer::ok(ChangesOut {
        changes: found.changes.into_iter().map(ChangeOut::from).collect(),
        next_cursor: found.next_cursor,
        has_more: found.has_more,
    }))
}
