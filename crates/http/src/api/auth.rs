//! Registration, login, refresh, logout (contract section 3).

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mv_app::accounts::register::NewAccount;
use mv_app::auth::login::Granted;
use mv_core::Error;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::envelope::{self, Answer, Envelope, Meta, NoContent};
use crate::error::ApiError;
use crate::extract::body::{Json, OptionalJson};
use crate::extract::caller::{Auth, Sender, area, bad_credentials};
use crate::extract::query::{NoParameters, Query};
use crate::layers::identity::bearer;
use crate::state::AppState;
use crate::wire::user::UserOut;

/// What a person gives for an account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterRequest {
    /// The address, also the login name.
    email: String,
    /// 8 to 256 characters, none of the most common passwords.
    password: String,
    /// A second login name: 2 to 32 of letters, digits, `.`, `_`, `-`.
    username: Option<String>,
    /// What others see.
    display_name: Option<String>,
    /// The secret of an invite: what stands behind `#invite=` in its address. Needed where `registration` is `invite`.
    invite_token: Option<String>,
}

/// Make an account.
#[utoipa::path(post, path = "/auth/register", operation_id = "auth.register", tag = "auth", security(()),
    request_body = RegisterRequest, responses((status = 201, description = "The account.", body = Envelope<UserOut>)))]
pub async fn register(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Sender(client): Sender,
    Json(body): Json<RegisterRequest>,
) -> Result<Answer<UserOut>, ApiError> {
    let account = NewAccount {
        email: body.email,
        password: body.password,
        username: body.username,
        display_name: body.display_name,
    };
    Ok(Answer::created(state.app.register(account, body.invite_token.as_deref(), &client).await?.into()))
}

/// A name and a password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// The e-mail address or the username, whatever the case.
    #[schema(example = "user@example.com")]
    username: String,
    /// The password.
    password: String,
}

/// Tokens of a session.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Tokens {
    /// The access token, for `Authorization: Bearer`.
    token: String,
    /// Seconds that it holds.
    #[schema(example = 3600)]
    expires_in: u64,
    /// Always `Bearer`.
    #[schema(value_type = String)]
    token_type: &'static str,
    /// For `POST /auth/refresh`; works once. Null where the refresh was asked for by access token.
    refresh_token: Option<String>,
    /// Seconds that the session still lives.
    refresh_expires_in: Option<u64>,
}

/// Tokens, both in `data` and bare at the top level, as the reference shows them.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokensEnvelope {
    /// Always true.
    success: bool,
    #[serde(flatten)]
    bare: Tokens,
    /// The same tokens.
    data: Tokens,
    /// About the answer.
    meta: Meta,
}

impl From<Granted> for Tokens {
    fn from(granted: Granted) -> Self {
        let (refresh_token, refresh_expires_in) =
            granted.refresh.map(|refresh| (refresh.token, refresh.expires_in.as_secs())).unzip();
        Self {
            token: granted.token,
            expires_in: granted.expires_in.as_secs(),
            token_type: "Bearer",
            refresh_token,
            refresh_expires_in,
        }
    }
}

/// Tokens must not be kept by caches (RFC 6749 section 5.1).
fn tokens(granted: Granted) -> Response {
    let data = Tokens::from(granted);
    let body = TokensEnvelope { success: true, bare: data.clone(), data, meta: Meta::current() };
    let mut response = envelope::json(StatusCode::OK, &body);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Log in.
#[utoipa::path(post, path = "/auth/login", operation_id = "auth.login", tag = "auth", security(()),
    request_body = LoginRequest, responses((status = 200, description = "The session's tokens.", body = TokensEnvelope)))]
pub async fn login(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Sender(client): Sender,
    Json(body): Json<LoginRequest>,
) -> Result<Response, ApiError> {
    Ok(tokens(state.app.login(&body.username, &body.password, &client).await?))
}

/// The token to be exchanged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    /// What login or the last refresh gave.
    refresh_token: String,
}

/// Exchange a refresh token, or without a body a still valid access token, for its successor. Each works once.
#[utoipa::path(post, path = "/auth/refresh", operation_id = "auth.refresh", tag = "auth", security((), ("bearer" = [])),
    request_body(content = Option<RefreshRequest>), responses((status = 200, description = "The successors.", body = TokensEnvelope)))]
pub async fn refresh(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Sender(client): Sender,
    headers: HeaderMap,
    OptionalJson(body): OptionalJson<RefreshRequest>,
) -> Result<Response, ApiError> {
    if let Some(RefreshRequest { refresh_token }) = body {
        return Ok(tokens(state.app.refresh_by_token(&refresh_token, &client).await?));
    }
    let refused = |error: ApiError| bad_credentials(error);
    match bearer(&headers).map_err(|error| refused(error.into()))? {
        Some(token) => {
            Ok(tokens(state.app.refresh_by_bearer(token, &client).await.map_err(|error| refused(error.into()))?))
        }
        None => Err(Error::unauthorized("A refresh token or an access token is required").into()),
    }
}

/// End the session: every token of it is refused from the next request on.
#[utoipa::path(post, path = "/auth/logout", operation_id = "auth.logout", tag = "auth",
    responses((status = 204, description = "The session has ended.")))]
pub async fn logout(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::Account>,
    Sender(client): Sender,
) -> Result<Response, ApiError> {
    state.app.logout(&auth.caller, &client).await?;
    Ok(NoContent.into_response())
}
