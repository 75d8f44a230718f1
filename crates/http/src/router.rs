//! **Every route of the product.** The same routes stand under both bases; their description is made from them.

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, OriginalUri};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Router, middleware};
use mv_core::{Code, Error};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::api::{
    account, account_links, admin, api_keys, auth, changes, collection_archive, collections, events, invites, lookup,
    media, server, sessions, upload_tokens, users, webhooks, whoami,
};
use crate::areas::routes;
use crate::error::ApiError;
use crate::realtime::socket;
use crate::state::AppState;
use crate::{docs_page, layers, link_pages, openapi, ops};

/// The API's routes, relative to the base.
fn api() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(openapi::ApiDescription::openapi())
        .routes(routes!(server::get))
        // accounts
        .routes(routes!(auth::register))
        .routes(routes!(auth::login))
        .routes(routes!(auth::refresh))
        .routes(routes!(auth::logout))
        .routes(routes!(whoami::whoami))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::end))
        .routes(routes!(users::me, users::update, account::delete))
        .routes(routes!(account::usage))
        .routes(routes!(account::change_password))
        .routes(routes!(lookup::lookup))
        // credentials of programs
        .routes(routes!(api_keys::create, api_keys::list))
        .routes(routes!(api_keys::delete))
        .routes(routes!(upload_tokens::create))
        .routes(routes!(upload_tokens::delete))
        // links that work once
        .routes(routes!(account_links::set_up))
        .routes(routes!(account_links::forgot_password))
        .routes(routes!(account_links::reset_password))
        .routes(routes!(account_links::confirm_email))
        .routes(routes!(account_links::create_reset_link))
        .routes(routes!(invites::create, invites::list))
        .routes(routes!(invites::delete))
        // collections
        .routes(routes!(collections::create, collections::list))
        .routes(routes!(collections::get, collections::update, collections::delete))
        .routes(routes!(collections::add_media, collections::media))
        .routes(routes!(collections::remove_media))
        .routes(routes!(collections::set_order, collections::move_media))
        .routes(routes!(collection_archive::get, collection_archive::head))
        // what happens
        .routes(routes!(events::stream))
        .routes(routes!(events::ticket))
        .routes(routes!(changes::list))
        .routes(routes!(webhooks::create, webhooks::list))
        .routes(routes!(webhooks::get, webhooks::update, webhooks::delete))
        .routes(routes!(webhooks::test))
        .routes(routes!(webhooks::rotate_secret))
        .routes(routes!(webhooks::deliveries))
        .routes(routes!(webhooks::redeliver))
        // administration
        .routes(routes!(admin::users::create, admin::users::list))
        .routes(routes!(admin::users::get, admin::users::update, admin::users::delete))
        .routes(routes!(admin::stats::get))
        .routes(routes!(admin::audit::list))
        .routes(routes!(admin::jobs::list))
        .routes(routes!(admin::jobs::retry))
        .merge(items())
}

/// The routes of items.
fn items() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(media::upload::upload))
        .routes(routes!(media::list::list))
        .routes(routes!(media::check::check))
        .routes(routes!(media::urls::urls))
        .routes(routes!(media::item::empty_trash))
        .routes(routes!(media::item::get, media::item::update, media::item::delete))
        .routes(routes!(media::item::restore))
        .routes(routes!(media::content::get, media::content::head))
        .routes(routes!(media::rendition::thumbnail, media::rendition::thumbnail_head))
        .routes(routes!(media::rendition::render, media::rendition::render_head))
        .routes(routes!(media::rendition::storyboard, media::rendition::storyboard_head))
        .routes(routes!(media::rendition::waveform))
        .routes(routes!(media::moving::playback, media::moving::playback_head))
        .routes(routes!(media::moving::motion, media::moving::motion_head))
        .routes(routes!(media::examined::metadata))
        .routes(routes!(media::examined::reprocess))
}

/// The description of the API.
pub fn description() -> utoipa::openapi::OpenApi {
    openapi::with_errors(api().to_openapi())
}

/// The description as the JSON text that is served, committed and compared.
///
/// # Errors
/// None that these types can cause.
pub fn description_json() -> Result<String, serde_json::Error> {
    description().to_pretty_json().map(|text| text + "\n")
}

/// Made when they are first asked for: they would take up half of the server's start.
static DESCRIPTION: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(description_json().unwrap_or_default()));
static PAGE: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(docs_page::render(&DESCRIPTION)));

/// The product's whole surface.
pub fn router(state: AppState) -> Router {
    let (api, _) = api().split_for_parts();
    let no_policy = HeaderValue::from_static(docs_page::NO_POLICY);
    let policy = HeaderValue::from_str(&docs_page::policy()).unwrap_or_else(|_| no_policy.clone());
    let json = move || async move { served(DESCRIPTION.clone(), "application/json", no_policy) };
    let docs = move || async move { served(PAGE.clone(), "text/html; charset=utf-8", policy) };
    // OpenAPI has no word for a WebSocket; docs/guide/realtime.md describes it.
    let base = api.route("/openapi.json", get(json)).route("/realtime", get(socket::open));
    Router::new()
        .nest("/api/v1", base.clone())
        .nest("/v1", base)
        .route("/realtime", get(socket::open))
        .route("/api/docs", get(docs))
        .route("/", get(|| async { Redirect::temporary("/api/docs") }))
        .merge(link_pages::routes())
        .route("/health/live", get(ops::live))
        .route("/health/ready", get(ops::ready))
        .route("/metrics", get(ops::metrics))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn_with_state(state.clone(), layers::frame))
        // Bodies are counted where they are read: JSON at 1 MiB, uploads at the operator's limit.
        .layer(DefaultBodyLimit::disable())
        .with_state(state)
}

/// A text that is the same for every request of this version.
fn served(body: Bytes, kind: &'static str, policy: HeaderValue) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, body).into_response()
}

async fn unknown(OriginalUri(_): OriginalUri) -> ApiError {
    Error::not_found().into()
}

/// OPTIONS asks what is there and is told by `Allow` (RFC 9110 section 9.3.7); any other method is wrong.
async fn wrong_method(method: Method) -> Response {
    if method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    ApiError::from(Error::new(Code::MethodNotAllowed, "This method is not allowed here")).into_response()
}
