//! The audit trail.

use std::sync::OnceLock;

use axum::extract::State;
use mv_core::audit::{AuditFilter, Recorded};
use mv_core::page::PageRequest;
use mv_core::{Error, Problems, Timestamp};
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::envelope::PageEnvelope;
use crate::error::ApiError;
use crate::extract::caller::{Auth, area};
use crate::extract::query::{Known, Pairs, Parameters, Query};
use crate::state::AppState;
use crate::wire::page::ListLinks;

/// An entry of the trail.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub struct EntryOut {
    /// Its id.
    #[schema(example = "evt_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// What was done.
    #[serde(rename = "type")]
    #[schema(example = "user.disabled")]
    what: String,
    /// Who did it; null where nobody was known.
    actor: Option<ActorOut>,
    /// By what: `session`, `api_key`, `upload_token`, `link`, `anonymous` or `operator` (at the machine itself). Null for
    /// events of content, which tell of their owner alone.
    credential: Option<String>,
    /// The id of the thing it was done to; null where there is none.
    resource: Option<String>,
    /// From which address, where it is known.
    address: Option<String>,
    /// What else is worth knowing.
    #[schema(value_type = Object)]
    data: Value,
}

/// Who did something.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditActor)]
pub struct ActorOut {
    /// The account's id; the account may be gone.
    id: String,
}

impl From<Recorded> for EntryOut {
    fn from(entry: Recorded) -> Self {
        Self {
            id: entry.id.to_string(),
            at: entry.at,
            what: entry.what,
            actor: entry.actor.map(|actor| ActorOut { id: actor.to_string() }),
            credential: entry.credential,
            resource: Some(entry.resource).filter(|resource| !resource.is_empty()),
            address: entry.address,
            data: serde_json::from_str(&entry.data).unwrap_or_else(|_| Value::Object(serde_json::Map::new())),
        }
    }
}

/// Which entries.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents and names the parameters; `read` reads them")]
pub struct AuditParameters {
    /// Entries on a page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    per_page: Option<u32>,
    /// Where to go on: `meta.pagination.next_cursor` of the page before.
    cursor: Option<String>,
    /// Done by this account.
    #[param(example = "user_01h455vb4pex5vsknk084sn02q")]
    actor: Option<String>,
    /// Exactly this type.
    #[param(example = "user.disabled")]
    r#type: Option<String>,
    /// Done to the thing with this id.
    resource: Option<String>,
    /// At or after this instant, to the millisecond.
    #[param(format = DateTime)]
    since: Option<String>,
    /// Before this instant, to the millisecond.
    #[param(format = DateTime)]
    until: Option<String>,
}

/// Which entries, and what the links keep.
pub struct Wanted {
    filter: AuditFilter,
    page: PageRequest,
    cursor: Option<String>,
    links: ListLinks,
}

impl Parameters for AuditParameters {
    type Read = Wanted;

    fn known() -> &'static OnceLock<Vec<Known>> {
        static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
        &KNOWN
    }

    fn read(pairs: &mut Pairs) -> Result<Wanted, Error> {
        let links = ListLinks::new("/admin/audit", pairs.sent());
        let mut problems = Problems::default();
        let instant = |name: &'static str| move |text: &str| Timestamp::read(name, text);
        let word = |name: &'static str| {
            move |text: &str| {
                let sound = (1..=64).contains(&text.len())
                    && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._".contains(&byte));
                let bad = || Error::invalid(name, "Must be 1 to 64 of letters, digits, '.' and '_'");
                sound.then(|| text.to_owned()).ok_or_else(bad)
            }
        };
        let filter = AuditFilter {
            actor: pairs.parse("actor", &mut problems, |text| {
                text.parse().map_err(|_| Error::invalid("actor", "Must be an id that begins with user_"))
            }),
            what: pairs.parse("type", &mut problems, word("type")),
            resource: pairs.parse("resource", &mut problems, word("resource")),
            since: pairs.parse("since", &mut problems, instant("since")),
            until: pairs.parse("until", &mut problems, instant("until")),
        };
        let (page, cursor) = pairs.page(&mut problems);
        problems.finish()?;
        Ok(Wanted { filter, page, cursor, links })
    }
}

/// What was done to accounts, keys, the server and content, newest first. Events of content are kept for
/// `events.retention_days`.
#[utoipa::path(get, path = "/admin/audit", operation_id = "admin.audit", tag = "admin", params(AuditParameters),
    responses((status = 200, description = "One page.", body = PageEnvelope<EntryOut>)))]
pub async fn list(
    State(state): State<AppState>,
    Query(Wanted { filter, page, cursor, links }): Query<AuditParameters>,
    Auth(auth, _): Auth<area::Admin>,
) -> Result<PageEnvelope<EntryOut>, ApiError> {
    let found = state.app.audit_trail(&auth.caller, filter, page.per_page, cursor).await?;
    // The trail has no page numbers: every page is one that a cursor leads to.
    let pagination = links.pagination(page, true, found.entries.len(), found.total, found.next_cursor);
    Ok(PageEnvelope::current(found.entries.into_iter().map(EntryOut::from).collect(), pagination))
}
