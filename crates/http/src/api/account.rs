//! What the own account holds, its password and its end (contract section 3). Its profile is in `users.rs`.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::envelope::{Answer, Envelope, NoContent};
use crate::error::ApiError;
use crate::extract::body::Json;
use crate::extract::caller::{Auth, Sender, area};
use crate::extract::query::{NoParameters, Query};
use crate::state::AppState;

/// What an account holds.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Usage)]
pub struct UsageOut {
    /// Bytes of the library's items.
    bytes: u64,
    /// Items in the library.
    items: u64,
    /// Bytes of the trash's items; they count in the quota.
    trash_bytes: u64,
    /// Items in the trash.
    trash_items: u64,
    /// Bytes that the account may hold, trash included; null is no limit.
    quota_bytes: Option<u64>,
}

/// What the caller's account holds.
#[utoipa::path(get, path = "/users/me/usage", operation_id = "me.usage", tag = "users",
    responses((status = 200, description = "What it holds.", body = Envelope<UsageOut>)))]
pub async fn usage(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::UsersRead>,
) -> Result<Answer<UsageOut>, ApiError> {
    let held = state.app.usage(&auth.caller).await?;
    Ok(Answer::ok(UsageOut {
        bytes: held.bytes,
        items: held.items,
        trash_bytes: held.trash_bytes,
        trash_items: held.trash_items,
        quota_bytes: auth.user.quota_bytes,
    }))
}

/// Proof that it is the account's own user.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteMe {
    /// The password.
    password: String,
}

/// Delete the account and all that it holds. It cannot be undone: the keys of its bytes are destroyed before this is
/// answered.
#[utoipa::path(delete, path = "/users/me", operation_id = "me.delete", tag = "users", request_body = DeleteMe,
    responses((status = 204, description = "The account is gone.")))]
pub async fn delete(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::Account>,
    Sender(client): Sender,
    Json(body): Json<DeleteMe>,
) -> Result<NoContent, ApiError> {
    state.app.delete_me(&auth.caller, &client, &body.password).await?;
    Ok(NoContent)
}

/// A new password and the old one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    /// The password as it is.
    current_password: String,
    /// 8 to 256 characters, none of the most common passwords.
    new_password: String,
}

/// Change the password. Every other session ends, and every signed link dies.
#[utoipa::path(post, path = "/users/me/password", operation_id = "me.changePassword", tag = "users", request_body = ChangePassword,
    responses((status = 204, description = "The new password holds.")))]
pub async fn change_password(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::Account>,
    Sender(client): Sender,
    Json(body): Json<ChangePassword>,
) -> Result<NoContent, ApiError> {
    state.app.change_password(&auth.caller, &client, &body.current_password, &body.new_password).await?;
    Ok(NoContent)
}
