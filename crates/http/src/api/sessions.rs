//! Where the caller is logged in (contract section 3).

use std::sync::OnceLock;

use axum::extract::State;
use mv_core::page::PageRequest;
use mv_core::session::Device;
use mv_core::{Caller, Error, Problems, SessionId, Timestamp};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::envelope::{NoContent, PageEnvelope};
use crate::error::ApiError;
use crate::extract::caller::{Auth, Sender, area};
use crate::extract::path::Path;
use crate::extract::query::{Known, NoParameters, Pairs, Parameters, Query};
use crate::state::AppState;
use crate::wire::page::ListLinks;

/// A session that lives.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionOut {
    /// Its id.
    #[schema(example = "ses_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// What the program that began it called itself (`User-Agent`).
    device: Option<String>,
    /// The address from which it was begun.
    address: Option<String>,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When its tokens were last renewed, which a program in use does every hour.
    #[schema(value_type = String, format = DateTime)]
    last_used_at: Timestamp,
    /// When it ends at the latest.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// Whether it is the one that asks.
    current: bool,
}

impl SessionOut {
    fn new(device: Device, caller: &Caller) -> Self {
        Self {
            current: matches!(caller, Caller::Session { session, .. } if *session == device.id),
            id: device.id.to_string(),
            device: device.user_agent,
            address: device.address,
            created_at: device.created_at,
            last_used_at: device.rotated_at,
            expires_at: device.expires_at,
        }
    }
}

/// Which part of the list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents and names the parameters; `read` reads them")]
pub struct SessionsParameters {
    /// Page number, from 1.
    #[param(minimum = 1, default = 1)]
    page: Option<u32>,
    /// Items on a page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    per_page: Option<u32>,
    /// Where to go on: `meta.pagination.next_cursor` of the page before. Not together with `page`.
    cursor: Option<String>,
}

/// Which page, and what the links keep.
pub struct Wanted {
    page: PageRequest,
    cursor: Option<String>,
    links: ListLinks,
}

impl Parameters for SessionsParameters {
    type Read = Wanted;

    fn known() -> &'static OnceLock<Vec<Known>> {
        static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
        &KNOWN
    }

    fn read(pairs: &mut Pairs) -> Result<Wanted, Error> {
        let links = ListLinks::new("/auth/sessions", pairs.sent());
        let mut problems = Problems::default();
        let (page, cursor) = pairs.page(&mut problems);
        problems.finish()?;
        Ok(Wanted { page, cursor, links })
    }
}

/// The caller's sessions that live, newest first.
#[utoipa::path(get, path = "/auth/sessions", operation_id = "sessions.list", tag = "auth", params(SessionsParameters),
    responses((status = 200, description = "One page.", body = PageEnvelope<SessionOut>)))]
pub async fn list(
    State(state): State<AppState>,
    Query(Wanted { page, cursor, links }): Query<SessionsParameters>,
    Auth(auth, _): Auth<area::Account>,
) -> Result<PageEnvelope<SessionOut>, ApiError> {
    let by_cursor = cursor.is_some();
    let found = state.app.list_sessions(&auth.caller, page, cursor).await?;
    let pagination = links.pagination(page, by_cursor, found.sessions.len(), found.total, found.next_cursor);
    let sessions = found.sessions.into_iter().map(|device| SessionOut::new(device, &auth.caller)).collect();
    Ok(PageEnvelope::current(sessions, pagination))
}

/// End a session, also the one that asks: every token of it is refused from the next request on.
#[utoipa::path(delete, path = "/auth/sessions/{id}", operation_id = "sessions.end", tag = "auth",
    params(("id" = String, Path, description = "The session's id.")),
    responses((status = 204, description = "The session has ended.")))]
pub async fn end(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::Account>,
    Sender(client): Sender,
    Path(id): Path<SessionId>,
) -> Result<NoContent, ApiError> {
    state.app.end_session(&auth.caller, &client, id).await?;
    Ok(NoContent)
}
