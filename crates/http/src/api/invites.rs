//! Invites to register, for administrators (contract section 3).

use axum::extract::State;
use axum::response::Response;
use mv_app::accounts::invites::NewInvite;
use mv_core::invite::{Invite, OPERATOR};
use mv_core::{Error, InviteId, Problems, Role, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::envelope::{Envelope, NoContent, PageEnvelope};
use crate::error::ApiError;
use crate::extract::caller::{Auth, Sender, area};
use crate::extract::creating::{Creating, IdempotencyParameter, Made, OptionalCreating};
use crate::extract::page::PageParameters;
use crate::extract::path::Path;
use crate::extract::query::{NoParameters, Query};
use crate::state::AppState;

/// What an invite is to give.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateInvite {
    /// The only address that may register with it; without one anybody's.
    email: Option<String>,
    /// What the account may do: `user` (default) or `admin`.
    role: Option<String>,
    /// Bytes that the account may hold; without it the server's default.
    #[schema(maximum = 9_223_372_036_854_775_807_i64)]
    quota_bytes: Option<u64>,
    /// When it ends: RFC 3339, at most 365 days from now; without it after 7 days.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

impl CreateInvite {
    fn checked(self) -> Result<NewInvite, Error> {
        let mut problems = Problems::default();
        let role = self.role.and_then(|role| {
            problems.check(match role.as_str() {
                "user" => Ok(Role::User),
                "admin" => Ok(Role::Admin),
                _ => Err(Error::invalid("role", "Must be user or admin")),
            })
        });
        let expires_at = self.expires_at.and_then(|text| problems.check(Timestamp::read("expires_at", &text)));
        if self.quota_bytes.is_some_and(|bytes| i64::try_from(bytes).is_err()) {
            problems.add("quota_bytes", "Must be at most 9223372036854775807");
        }
        problems.finish()?;
        Ok(NewInvite { email: self.email, role, quota_bytes: self.quota_bytes, expires_at })
    }
}

/// A new invite.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedInvite {
    /// Its id.
    #[schema(example = "inv_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// Where it is taken up, shown this once. The secret stands behind `#`, which browsers do not send.
    #[schema(example = "https://vault.example.org/register#invite=...")]
    url: String,
}

/// Make an invite to register. It works once.
#[utoipa::path(post, path = "/admin/invites", operation_id = "admin.invites.create", tag = "admin", params(IdempotencyParameter),
    request_body(content = Option<CreateInvite>), responses((status = 201, description = "The invite.", body = Envelope<CreatedInvite>)))]
pub async fn create(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::Admin>,
    Sender(client): Sender,
    OptionalCreating(Creating { body, key }): OptionalCreating<CreateInvite>,
) -> Result<Response, ApiError> {
    let wanted = body.checked()?;
    let make = |creation| state.app.create_invite(Some(&auth.caller), wanted, &client, creation);
    let show = |(invite, url): &(Invite, String)| Made {
        data: CreatedInvite { id: invite.id.to_string(), url: url.clone() },
        location: None,
    };
    key.make(&state.app, auth.caller.user(), "admin.invites.create", show, make).await
}

/// An invite, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Invite)]
pub struct InviteOut {
    /// Its id.
    #[schema(example = "inv_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// The only address that may register with it.
    email: Option<String>,
    /// `user` or `admin`.
    #[schema(value_type = String)]
    role: &'static str,
    /// Bytes that the account may hold; null is the server's default.
    quota_bytes: Option<u64>,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// The administrator who made it; null for the operator at the machine.
    created_by: Option<String>,
    /// The account that was made with it.
    used_by: Option<String>,
    /// When that was.
    #[schema(value_type = Option<String>, format = DateTime)]
    used_at: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<Invite> for InviteOut {
    fn from(invite: Invite) -> Self {
        Self {
            id: invite.id.to_string(),
            email: invite.email,
            role: invite.role.as_str(),
            quota_bytes: invite.quota_bytes,
            expires_at: invite.expires_at,
            created_by: (invite.created_by != OPERATOR).then(|| invite.created_by.to_string()),
            used_by: invite.used_by.map(|user| user.to_string()),
            used_at: invite.used_at,
            created_at: invite.created_at,
        }
    }
}

/// Invites, newest first, used and ended ones too for a while.
#[utoipa::path(get, path = "/admin/invites", operation_id = "admin.invites.list", tag = "admin", params(PageParameters),
    responses((status = 200, description = "One page.", body = PageEnvelope<InviteOut>)))]
pub async fn list(
    State(state): State<AppState>,
    Query(paged): Query<PageParameters>,
    Auth(auth, _): Auth<area::Admin>,
) -> Result<PageEnvelope<InviteOut>, ApiError> {
    let found = state.app.list_invites(&auth.caller, paged.page, paged.cursor.clone()).await?;
    let invites = found.invites.into_iter().map(InviteOut::from).collect();
    Ok(paged.answer("/admin/invites", invites, found.total, found.next_cursor))
}

/// Take an invite back. An account that was made with it stays.
#[utoipa::path(delete, path = "/admin/invites/{id}", operation_id = "admin.invites.delete", tag = "admin",
    params(("id" = String, Path, description = "The invite.")), responses((status = 204, description = "Done.")))]
pub async fn delete(
    State(state): State<AppState>,
    Path(id): Path<InviteId>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::Admin>,
    Sender(client): Sender,
) -> Result<NoContent, ApiError> {
    state.app.delete_invite(&auth.caller, id, &client).await?;
    Ok(NoContent)
}
