//! `GET|HEAD /media/{id}/thumbnail` and `/render`: small pictures of an item (contract section 4).

use std::sync::OnceLock;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mv_app::pictures::Ask;
use mv_app::processing::render::Rendition;
use mv_core::{Code, Error, MediaId, Problems};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::envelope::{Answer, Envelope};
use crate::error::ApiError;
use crate::extract::caller::{Auth, area};
use crate::extract::conditional::{Verdict, judge};
use crate::extract::path::Path;
use crate::extract::query::{Known, NoParameters, Pairs, Parameters, Query};
use crate::state::AppState;
use crate::wire::media::Binary;
use crate::wire::picture::{Wish, negotiate, thumbnail as size};

/// Which thumbnail.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents and names the parameters; `read` reads them")]
pub struct ThumbnailParameters {
    /// Pixels of the longer side: 256, 512 or 1024. A smaller original is not enlarged.
    #[param(default = 512)]
    size: Option<u32>,
    /// The signature of a link, instead of the `Authorization` header.
    sig: Option<String>,
}

/// A picture that is asked for.
pub struct Asked {
    ask: Ask,
    signature: Option<String>,
}

impl Parameters for ThumbnailParameters {
    type Read = Asked;

    fn known() -> &'static OnceLock<Vec<Known>> {
        static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
        &KNOWN
    }

    fn read(pairs: &mut Pairs) -> Result<Asked, Error> {
        let mut problems = Problems::default();
        let wanted = pairs.number("size", &mut problems);
        problems.finish()?;
        Ok(Asked { ask: size(wanted)?, signature: pairs.take("sig") })
    }
}

/// Which rendition.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents and names the parameters; `read` reads them")]
pub struct RenderParameters {
    /// Pixels across. `w`, `h` or both must be given; with one the other follows.
    #[param(minimum = 1, maximum = 4096, example = 800)]
    w: Option<u32>,
    /// Pixels down.
    #[param(minimum = 1, maximum = 4096)]
    h: Option<u32>,
    /// `inside` (whole, within the box), `cover` (fills the box, cut at the edges) or `contain` (whole, on a ground that
    /// fills the box). A picture is never enlarged.
    #[param(default = "inside")]
    fit: Option<String>,
    /// `auto` (by `Accept`), `jpeg`, `webp`, `avif` or `png`.
    #[param(default = "auto")]
    format: Option<String>,
    /// Quality, 1 to 100; not of PNG.
    #[param(minimum = 1, maximum = 100, default = 80)]
    q: Option<u32>,
    /// Pixels of the screen for each one asked for, 1 to 4.
    #[param(minimum = 1, maximum = 4, default = 1)]
    dpr: Option<f64>,
    /// Whether an animation goes on moving: up to 300 frames and 10 seconds of a GIF, WebP or PNG, as WebP.
    #[param(default = false)]
    animated: Option<bool>,
    /// The signature of a link, instead of the `Authorization` header.
    sig: Option<String>,
}

impl Parameters for RenderParameters {
    type Read = Asked;

    fn known() -> &'static OnceLock<Vec<Known>> {
        static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
        &KNOWN
    }

    fn read(pairs: &mut Pairs) -> Result<Asked, Error> {
        let mut problems = Problems::default();
        let ask = Wish::take(pairs, &mut problems).ask(&mut problems);
        problems.finish()?;
        Ok(Asked { ask, signature: pairs.take("sig") })
    }
}

/// A small picture of an item. It is there once the item is `ready`; 404 where there is none.
#[utoipa::path(get, path = "/media/{id}/thumbnail", operation_id = "media.thumbnail", tag = "media", security(("signature" = [])),
    params(("id" = String, Path, description = "The item."), ThumbnailParameters,
        ("If-None-Match" = Option<String>, Header, description = "304 where the client has it.")),
    responses((status = 200, description = "JPEG, or WebP where the picture can be seen through.", content_type = "image/*", body = Binary),
        (status = 304, description = "As the client has it.")))]
pub async fn thumbnail(
    State(state): State<AppState>,
    Path(id): Path<MediaId>,
    Query(asked): Query<ThumbnailParameters>,
    method: Method,
    headers: HeaderMap,
    auth: Result<Auth<area::MediaRead>, ApiError>,
) -> Result<Response, ApiError> {
    answer(&state, id, asked, (&method, &headers), auth).await
}

/// The headers of a thumbnail, without its bytes.
#[utoipa::path(head, path = "/media/{id}/thumbnail", operation_id = "media.thumbnailHead", tag = "media", security(("signature" = [])),
    params(("id" = String, Path, description = "The item."), ThumbnailParameters),
    responses((status = 200, description = "The headers that GET would give."), (status = 304, description = "As the client has it.")))]
pub async fn thumbnail_head(
    State(state): State<AppState>,
    Path(id): Path<MediaId>,
    Query(asked): Query<ThumbnailParameters>,
    headers: HeaderMap,
    auth: Result<Auth<area::MediaRead>, ApiError>,
) -> Result<Response, ApiError> {
    answer(&state, id, asked, (&Method::HEAD, &headers), auth).await
}

/// A picture of an item in any size and format, made at need and kept. sRGB, without any metadata.
#[utoipa::path(get, path = "/media/{id}/render", operation_id = "media.render", tag = "media", security(("signature" = [])),
    params(("id" = String, Path, description = "The item."), RenderParameters,
        ("Accept" = Option<String>, Header, description = "With `format=auto`: AVIF or WebP where they are named, else JPEG.", example = "image/webp"),
        ("If-None-Match" = Option<String>, Header, description = "304 where the client has it.")),
    responses((status = 200, description = "The picture.", content_type = "image/*", body = Binary),
        (status = 304, description = "As the client has it.")))]
pub async fn render(
    State(state): State<AppState>,
    Path(id): Path<MediaId>,
    Query(asked): Query<RenderParameters>,
    method: Method,
    headers: HeaderMap,
    auth: Result<Auth<area::MediaRead>, ApiError>,
) -> Result<Response, ApiError> {
    answer(&state, id, asked, (&method, &headers), auth).await
}

/// The headers of a rendition, without its bytes.
#[utoipa::path(head, path = "/media/{id}/render", operation_id = "media.renderHead", tag = "media", security(("signature" = [])),
    params(("id" = String, Path, description = "The item."), RenderParameters),
    responses((status = 200, description = "The headers that GET would give."), (status = 304, description = "As the client has it.")))]
pub async fn render_head(
    State(state): State<AppState>,
    Path(id): Path<MediaId>,
    Query(asked): Query<RenderParameters>,
    headers: HeaderMap,
    auth: Result<Auth<area::MediaRead>, ApiError>,
) -> Result<Response, ApiError> {
    answer(&state, id, asked, (&Method::HEAD, &headers), auth).await
}

/// How a link is given.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents and names the parameters; `read` reads them")]
pub struct StoryboardParameters {
    /// The signature of a link, instead of the `Authorization` header.
    sig: Option<String>,
}

impl Parameters for StoryboardParameters {
    type Read = Asked;

    fn known() -> &'static OnceLock<Vec<Known>> {
        static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
        &KNOWN
    }

    fn read(pairs: &mut Pairs) -> Result<Asked, Error> {
        Ok(Asked { ask: Ask::Storyboard, signature: pairs.take("sig") })
    }
}

/// Ten pictures of a film from its beginning to its end, side by side and equally wide (at most 160 pixels each): what a player
/// shows where the pointer hovers. Made at need and kept; 404 where there is no ffmpeg.
#[utoipa::path(get, path = "/media/{id}/storyboard", operation_id = "media.storyboard", tag = "media", security(("signature" = [])),
    params(("id" = String, Path, description = "The item."), StoryboardParameters,
        ("If-None-Match" = Option<String>, Header, description = "304 where the client has it.")),
    responses((status = 200, description = "JPEG.", content_type = "image/jpeg", body = Binary),
        (status = 304, description = "As the client has it.")))]
pub async fn storyboard(
    State(state): State<AppState>,
    Path(id): Path<MediaId>,
    Query(asked): Query<StoryboardParameters>,
    method: Method,
    headers: HeaderMap,
    auth: Result<Auth<area::MediaRead>, ApiError>,
) -> Result<Response, ApiError> {
    answer(&state, id, asked, (&method, &headers), auth).await
}

/// The headers of a storyboard, without its bytes.
#[utoipa::path(head, path = "/media/{id}/storyboard", operation_id = "media.storyboardHead", tag = "media", security(("signature" = [])),
    params(("id" = String, Path, description = "The item."), StoryboardParameters),
    responses((status = 200, description = "The headers that GET would give."), (status = 304, description = "As the client has it.")))]
pub async fn storyboard_head(
    State(state): State<AppState>,
    Path(id): Path<MediaId>,
    Query(asked): Query<StoryboardParameters>,
    headers: HeaderMap,
    auth: Result<Auth<area::MediaRead>, ApiError>,
) -> Result<Response, ApiError> {
    answer(&state, id, asked, (&Method::HEAD, &headers), auth).await
}

/// How loud a film or a song is from its beginning to its end.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Waveform {
    /// Seconds of sound.
    duration: f64,
    /// The largest deflection in each slice, 0 to 255; at most 2000 slices, all equally long.
    peaks: Vec<u8>,
}

/// How loud a film or a song is, to be drawn. Made at need and kept; 404 where nothing sounds or there is no ffmpeg.
#[utoipa::path(get, path = "/media/{id}/waveform", operation_id = "media.waveform", tag = "media",
    params(("id" = String, Path, description = "The item.")),
    responses((status = 200, description = "Its peaks.", body = Envelope<Waveform>)))]
pub async fn waveform(
    State(state): State<AppState>,
    Path(id): Path<MediaId>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::MediaRead>,
) -> Result<Answer<Waveform>, ApiError> {
    let rendition = state.app.rendition(&auth.caller, id, &Ask::Waveform).await?;
    Ok(Answer::ok(serde_json::from_slice(&rendition.bytes).map_err(mv_app::Error::internal)?))
}

async fn answer(
    state: &AppState,
    id: MediaId,
    asked: Asked,
    (method, headers): (&Method, &HeaderMap),
    auth: Result<Auth<area::MediaRead>, ApiError>,
) -> Result<Response, ApiError> {
    let Asked { mut ask, signature } = asked;
    let negotiated = negotiated(&mut ask, headers);
    let (rendition, caching) = match signature {
        None => {
            let Auth(auth, _) = auth?;
            (state.app.rendition(&auth.caller, id, &ask).await?, "private, no-cache".to_owned())
        }
        Some(_) if headers.contains_key(header::AUTHORIZATION) || headers.contains_key("x-api-key") => {
            return Err(Error::invalid("sig", "Must not be given together with other credentials").into());
        }
        Some(signature) => {
            let (rendition, ends) = state.app.rendition_by_link(id, &signature, &ask).await?;
            let left = ends.since(state.app.now()).as_secs().min(86_400);
            (rendition, format!("private, max-age={left}, immutable"))
        }
    };
    let tag = format!("\"{}.{}\"", rendition.media.blob_id, ask.name());
    let mut answer = served(&rendition, &tag, &caching, negotiated);
    let shown_by = if caching.ends_with("immutable") && !state.wire.allowed_origins.is_empty() {
        "cross-origin"
    } else {
        "same-origin"
    };
    answer.insert("cross-origin-resource-policy", HeaderValue::from_static(shown_by));
    match judge(headers, &tag, rendition.media.created_at)? {
        Verdict::Failed => {
            Err(Error::new(Code::PreconditionFailed, "The condition of the request does not hold").into())
        }
        Verdict::NotModified => Ok((StatusCode::NOT_MODIFIED, answer).into_response()),
        Verdict::Proceed => {
            answer.insert(header::CONTENT_LENGTH, HeaderValue::from(rendition.bytes.len()));
            let body = if *method == Method::HEAD { Body::empty() } else { Body::from(rendition.bytes) };
            Ok((StatusCode::OK, answer, body).into_response())
        }
    }
}

/// Settles the format where the client has the word; whether it had.
fn negotiated(ask: &mut Ask, headers: &HeaderMap) -> bool {
    let Ask::Render { params, auto: true } = ask else { return false };
    let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    params.output = negotiate(&accept.collect::<Vec<_>>().join(","));
    true
}

fn served(rendition: &Rendition, tag: &str, caching: &str, negotiated: bool) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut set = |name: header::HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, rendition.mime_type);
    set(header::CONTENT_DISPOSITION, "inline");
    set(header::ETAG, tag);
    set(header::CACHE_CONTROL, caching);
    set(header::VARY, if negotiated { "Authorization, Accept" } else { "Authorization" });
    set(header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'; frame-ancestors 'none'");
    headers
}
