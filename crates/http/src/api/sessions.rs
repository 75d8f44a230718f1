//! Where the caller is logged in (contract section 3).

use axum::extract::State;
use mv_core::session::Device;
use mv_core::{Caller, SessionId, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::envelope::{NoContent, PageEnvelope};
use crate::error::ApiError;
use crate::extract::caller::{Auth, Sender, area};
use crate::extract::page::PageParameters;
use crate::extract::path::Path;
use crate::extract::query::{NoParameters, Query};
use crate::state::AppState;

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

/// The caller's sessions that live, newest first.
#[utoipa::path(get, path = "/auth/sessions", operation_id = "sessions.list", tag = "auth", params(PageParameters),
    responses((status = 200, description = "One page.", body = PageEnvelope<SessionOut>)))]
pub async fn list(
    State(state): State<AppState>,
    Query(paged): Query<PageParameters>,
    Auth(auth, _): Auth<area::Account>,
) -> Result<PageEnvelope<SessionOut>, ApiError> {
    let found = state.app.list_sessions(&auth.caller, paged.page, paged.cursor.clone()).await?;
    let sessions = found.sessions.into_iter().map(|device| SessionOut::new(device, &auth.caller)).collect();
    Ok(paged.answer("/auth/sessions", sessions, found.total, found.next_cursor))
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
