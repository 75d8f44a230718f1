//! Registration, login, refresh, logout (contract section 3).

use std::sync::OnceLock;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mv_app::accounts::register::NewAccount;
use mv_app::auth::login::Granted;
use mv_core::user::User;
use mv_core::{Client, Code, Error};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::envelope::{self, Envelope, Meta, NoContent};
use crate::error::ApiError;
use crate::extract::body::{Json, OptionalJson};
use crate::extract::caller::{Auth, Sender, area, bad_credentials};
use crate::extract::cookie::{Held, RefreshCookie};
use crate::extract::creating::{Creating, IdempotencyParameter, Made};
use crate::extract::query::{Known, NoParameters, Pairs, Parameters, Query};
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
    request_body = RegisterRequest, params(IdempotencyParameter), responses((status = 201, description = "The account.", body = Envelope<UserOut>)))]
pub async fn register(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Sender(client): Sender,
    Creating { body, key }: Creating<RegisterRequest>,
) -> Result<Response, ApiError> {
    let (registrant, id) = state.app.registrant(&body.email).await?;
    let invite = body.invite_token;
    let account = NewAccount {
        email: body.email,
        password: body.password,
        username: body.username,
        display_name: body.display_name,
        id,
    };
    let make = |creation| state.app.register(account, invite.as_deref(), &client, creation);
    let show = |user: &User| Made { data: UserOut::from(user.clone()), location: None };
    key.make(&state.app, registrant, "auth.register", show, make).await
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
    /// For `POST /auth/refresh`; works once. Null where it is in a cookie, or where the refresh was asked for by access
    /// token.
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

/// How the refresh token is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// In the body.
    Body,
    /// In a cookie that no script can read.
    Cookie,
}

/// How to log in.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents and names the parameters; `read` reads them")]
pub struct LoginParameters {
    /// `cookie`: the refresh token comes in a cookie that no script can read instead of in the body, for pages that this
    /// server serves.
    mode: Option<String>,
}

impl Parameters for LoginParameters {
    type Read = Mode;

    fn known() -> &'static OnceLock<Vec<Known>> {
        static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
        &KNOWN
    }

    fn read(pairs: &mut Pairs) -> Result<Mode, Error> {
        match pairs.take("mode").as_deref() {
            None => Ok(Mode::Body),
            Some("cookie") => Ok(Mode::Cookie),
            Some(_) => Err(Error::invalid("mode", "Must be cookie, or left out")),
        }
    }
}

/// The cookie of this server.
fn refresh_cookie(state: &AppState) -> RefreshCookie {
    RefreshCookie::at(&state.app.options().public_url)
}

/// What the request's cookies hold of it.
fn held(cookie: RefreshCookie, headers: &HeaderMap) -> Held<'_> {
    cookie.read(headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes))
}

/// Hands the refresh token out in the cookie, and the rest in the body.
fn tokens_with_cookie(mut granted: Granted, cookie: RefreshCookie) -> Response {
    let refresh = granted.refresh.take();
    let set = refresh.as_ref().and_then(|refresh| cookie.set(&refresh.token, refresh.expires_in));
    let mut made = Tokens::from(granted);
    made.refresh_expires_in = refresh.map(|refresh| refresh.expires_in.as_secs());
    let mut response = answered(made);
    response.headers_mut().extend(set.map(|set| (header::SET_COOKIE, set)));
    response
}

fn tokens(granted: Granted) -> Response {
    answered(Tokens::from(granted))
}

/// Tokens must not be kept by caches (RFC 6749 section 5.1).
fn answered(data: Tokens) -> Response {
    let body = TokensEnvelope { success: true, bare: data.clone(), data, meta: Meta::current() };
    let mut response = envelope::json(StatusCode::OK, &body);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Log in.
#[utoipa::path(post, path = "/auth/login", operation_id = "auth.login", tag = "auth", security(()), params(LoginParameters),
    request_body = LoginRequest, responses((status = 200, description = "The session's tokens.", body = TokensEnvelope)))]
pub async fn login(
    State(state): State<AppState>,
    Query(mode): Query<LoginParameters>,
    Sender(client): Sender,
    Json(body): Json<LoginRequest>,
) -> Result<Response, ApiError> {
    let granted = state.app.login(&body.username, &body.password, &client).await?;
    Ok(match mode {
        Mode::Body => tokens(granted),
        Mode::Cookie => tokens_with_cookie(granted, refresh_cookie(&state)),
    })
}

/// The token to be exchanged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    /// What login or the last refresh gave.
    refresh_token: String,
}

/// Exchange a refresh token, or without a body a still valid access token, for its successor. Each works once. A page
/// that this server serves sends neither and is known by its cookie; the successor comes in a cookie again.
#[utoipa::path(post, path = "/auth/refresh", operation_id = "auth.refresh", tag = "auth", security((), ("bearer" = []), ("cookie" = [])),
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
        None => refresh_by_cookie(&state, &headers, &client).await,
    }
}

async fn refresh_by_cookie(state: &AppState, headers: &HeaderMap, client: &Client) -> Result<Response, ApiError> {
    let cookie = refresh_cookie(state);
    let token = match held(cookie, headers) {
        Held::Nothing => return Err(Error::unauthorized("A refresh token or an access token is required").into()),
        _ if !is_same_origin(headers) => {
            let message = "A cookie is taken from this server's own pages only";
            return Err(Error::new(Code::Forbidden, message).into());
        }
        Held::Token(token) => state.app.refresh_by_token(token, client).await.map_err(ApiError::from),
        Held::Unusable => Err(Error::unauthorized("The refresh cookie is not valid").into()),
    };
    match (token, cookie.clear()) {
        (Ok(granted), _) => Ok(tokens_with_cookie(granted, cookie)),
        // The page would go on sending what never holds again.
        (Err(error), Some(clear)) if error.error().code == Code::Unauthorized => {
            Err(error.with(header::SET_COOKIE, clear))
        }
        (Err(error), _) => Err(error),
    }
}

/// Whether a page of this very origin sends the request (Fetch Metadata Request Headers, section 2.4). Every browser that
/// is kept up to date says so, and no page can say it for itself.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all("sec-fetch-site").iter();
    values.next().is_some_and(|value| value == "same-origin") && values.next().is_none()
}

/// End the session: every token of it is refused from the next request on.
#[utoipa::path(post, path = "/auth/logout", operation_id = "auth.logout", tag = "auth",
    responses((status = 204, description = "The session has ended.")))]
pub async fn logout(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::Account>,
    Sender(client): Sender,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    state.app.logout(&auth.caller, &client).await?;
    let mut response = NoContent.into_response();
    let cookie = refresh_cookie(&state);
    if held(cookie, &headers) != Held::Nothing {
        response.headers_mut().extend(cookie.clear().map(|clear| (header::SET_COOKIE, clear)));
    }
    Ok(response)
}
