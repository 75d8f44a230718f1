//! What the server takes the caller for (contract section 3): open to every kind of credentials.

use axum::extract::State;
use mv_app::auth::whoami::Whoami;
use mv_core::{Scope, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::envelope::{Answer, Envelope};
use crate::extract::caller::{Auth, area};
use crate::extract::query::{NoParameters, Query};
use crate::state::AppState;
use crate::wire::user::UserOut;

/// A caller and the credentials that it sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Whoami)]
pub struct WhoamiOut {
    user: ActedFor,
    credential: CredentialOut,
}

/// The account that is acted for: whole where the credentials may read it (`users:read`), else its id alone.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum ActedFor {
    Whole(UserOut),
    Named(UserId),
}

/// An account's id alone.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UserId {
    /// Its id.
    #[schema(example = "user_01h455vb4pex5vsknk084sn02q")]
    id: String,
}

/// The credentials that were sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Credential)]
struct CredentialOut {
    /// `session`, `api_key` or `upload_token`.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: &'static str,
    /// The id of the session, key or token.
    id: String,
    /// What the key is called; null for sessions and upload tokens.
    name: Option<String>,
    /// What it may do; null is all that the account may. An upload token has none: it uploads, and nothing else.
    #[schema(value_type = Option<Vec<String>>)]
    scopes: Option<Vec<&'static str>>,
    /// When it ends; null is never.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

impl From<Whoami> for WhoamiOut {
    fn from(who: Whoami) -> Self {
        Self {
            user: match who.account {
                Some(account) => ActedFor::Whole(account.into()),
                None => ActedFor::Named(UserId { id: who.user.to_string() }),
            },
            credential: CredentialOut {
                kind: who.kind,
                id: who.id,
                name: who.name,
                scopes: who.scopes.map(|scopes| scopes.iter().map(Scope::as_str).collect()),
                expires_at: who.expires_at,
            },
        }
    }
}

/// Who the server takes the caller for, and by which credentials.
#[utoipa::path(get, path = "/auth/whoami", operation_id = "auth.whoami", tag = "auth",
    responses((status = 200, description = "The caller.", body = Envelope<WhoamiOut>)))]
pub async fn whoami(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::Any>,
) -> Answer<WhoamiOut> {
    Answer::ok(state.app.whoami(&auth).into())
}
