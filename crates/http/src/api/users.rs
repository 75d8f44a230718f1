//! The own account (contract section 3).

use axum::extract::State;
use mv_app::accounts::profile::ProfilePatch;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::envelope::{Answer, Envelope};
use crate::error::ApiError;
use crate::extract::body::{Json, nullable};
use crate::extract::caller::{Auth, Sender, area};
use crate::extract::query::{NoParameters, Query};
use crate::state::AppState;
use crate::wire::user::UserOut;

/// The caller's account.
#[utoipa::path(get, path = "/users/me", operation_id = "me.get", tag = "users",
    responses((status = 200, description = "The account.", body = Envelope<UserOut>)))]
pub async fn me(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::UsersRead>,
) -> Answer<UserOut> {
    Answer::ok(state.app.me(&auth).into())
}

/// What to change: absent keeps, null clears (RFC 7396).
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "display_name": "Alice", "time_zone": "Europe/Berlin" }))]
pub struct UpdateMe {
    /// What others see.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    display_name: Option<Option<String>>,
    /// The second login name.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    username: Option<Option<String>>,
    /// A new address; needs `current_password`. Where the server sends mail, it waits for the link that is sent to it, and
    /// the answer still has the old one.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    email: Option<Option<String>>,
    /// IANA name; null is UTC.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    time_zone: Option<Option<String>>,
    /// Proof for a new address.
    current_password: Option<String>,
}

/// Change the caller's account.
#[utoipa::path(patch, path = "/users/me", operation_id = "me.update", tag = "users", request_body = UpdateMe,
    responses((status = 200, description = "The account as it is now.", body = Envelope<UserOut>)))]
pub async fn update(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::Account>,
    Sender(client): Sender,
    Json(body): Json<UpdateMe>,
) -> Result<Answer<UserOut>, ApiError> {
    let patch = ProfilePatch {
        display_name: body.display_name,
        username: body.username,
        email: body.email,
        time_zone: body.time_zone,
        current_password: body.current_password,
    };
    Ok(Answer::ok(state.app.update_profile(&auth.caller, patch, &client).await?.into()))
}
