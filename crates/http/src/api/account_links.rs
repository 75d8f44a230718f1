//! Links that work once: the first administrator, a forgotten password, a new address (contract section 3).

use axum::extract::State;
use axum::response::Response;
use mv_app::accounts::register::NewAccount;
use mv_core::UserId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::envelope::{Accepted, Answer, Envelope, NoContent};
use crate::error::ApiError;
use crate::extract::body::Json;
use crate::extract::caller::{Auth, Sender, area};
use crate::extract::creating::{CreationKey, IdempotencyParameter, Made};
use crate::extract::path::Path;
use crate::extract::query::{NoParameters, Query};
use crate::state::AppState;
use crate::wire::user::UserOut;

/// What the first administrator gives.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetupRequest {
    /// What stands behind `#token=` in the link that the server printed.
    token: String,
    /// The address, also the login name.
    email: String,
    /// 8 to 256 characters, none of the most common passwords.
    password: String,
    /// A second login name: 2 to 32 of letters, digits, `.`, `_`, `-`.
    username: Option<String>,
    /// What others see.
    display_name: Option<String>,
}

/// Make the first administrator, by the link that the server prints while there is none. It works once, for 30 minutes;
/// 410 after that, and as soon as there is an administrator.
#[utoipa::path(post, path = "/setup", operation_id = "setup.create", tag = "auth", security(()),
    request_body = SetupRequest, responses((status = 201, description = "The administrator's account.", body = Envelope<UserOut>)))]
pub async fn set_up(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Sender(client): Sender,
    Json(body): Json<SetupRequest>,
) -> Result<Answer<UserOut>, ApiError> {
    let account = NewAccount {
        email: body.email,
        password: body.password,
        username: body.username,
        display_name: body.display_name,
        id: None,
    };
    Ok(Answer::created(state.app.set_up(&body.token, account, &client).await?.into()))
}

/// Whose password was forgotten.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgotPassword {
    /// The account's address.
    #[schema(example = "user@example.com")]
    email: String,
}

/// Ask for a mail with a link to a new password. The answer is the same whether or not there is such an account, and
/// also where the server sends no mail.
#[utoipa::path(post, path = "/auth/password/forgot", operation_id = "auth.password.forgot", tag = "auth", security(()),
    request_body = ForgotPassword, responses((status = 202, description = "If there is such an account, a mail is on its way.")))]
pub async fn forgot_password(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Sender(client): Sender,
    Json(body): Json<ForgotPassword>,
) -> Result<Accepted, ApiError> {
    state.app.forgot_password(&body.email, &client)?;
    Ok(Accepted)
}

/// A new password, by a link.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetPassword {
    /// What stands behind `#token=` in the link.
    token: String,
    /// 8 to 256 characters, none of the most common passwords.
    new_password: String,
}

/// Set a new password by a link from a mail or from an administrator. It works once, for an hour; 410 after that. All
/// sessions, signed links and other links of the account end.
#[utoipa::path(post, path = "/auth/password/reset", operation_id = "auth.password.reset", tag = "auth", security(()),
    request_body = ResetPassword, responses((status = 204, description = "The password is set.")))]
pub async fn reset_password(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Sender(client): Sender,
    Json(body): Json<ResetPassword>,
) -> Result<NoContent, ApiError> {
    state.app.reset_password_by_link(&body.token, &body.new_password, &client).await?;
    Ok(NoContent)
}

/// Proof of a new address.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmEmail {
    /// What stands behind `#token=` in the link that was sent to the new address.
    token: String,
}

/// Confirm a new e-mail address by the link that was sent to it. It works once, for a day; 410 after that.
#[utoipa::path(post, path = "/auth/email/confirm", operation_id = "auth.email.confirm", tag = "auth", security(()),
    request_body = ConfirmEmail, responses((status = 204, description = "The account has the new address.")))]
pub async fn confirm_email(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Sender(client): Sender,
    Json(body): Json<ConfirmEmail>,
) -> Result<NoContent, ApiError> {
    state.app.confirm_email(&body.token, &client).await?;
    Ok(NoContent)
}

/// A link that works once.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResetLink {
    /// Its address, shown this once. The secret stands behind `#`, which browsers do not send.
    #[schema(example = "https://vault.example.org/reset#token=...")]
    url: String,
}

/// Make a link to a new password for a user, to be handed over by other means than mail. It works once, for an hour.
#[utoipa::path(post, path = "/admin/users/{id}/reset-link", operation_id = "admin.users.resetLink", tag = "admin",
    params(("id" = String, Path, description = "The user."), IdempotencyParameter),
    responses((status = 201, description = "The link.", body = Envelope<ResetLink>)))]
pub async fn create_reset_link(
    State(state): State<AppState>,
    Path(id): Path<UserId>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::Admin>,
    Sender(client): Sender,
    key: CreationKey,
) -> Result<Response, ApiError> {
    let make = |creation| state.app.create_reset_link(Some(&auth.caller), id, &client, creation);
    let show = |url: &String| Made { data: ResetLink { url: url.clone() }, location: None };
    key.make(&state.app, auth.caller.user(), "admin.users.resetLink", show, make).await
}
