//! `GET|HEAD /media/{id}/playback` and `/motion`: what browsers can play of an item (contract section 4).

use std::sync::OnceLock;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use mv_app::media::read::{Content, Original};
use mv_app::processing::film::Playback;
use mv_core::mime::served_as;
use mv_core::{Error, MediaId};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::envelope::{Answer, Envelope};
use crate::error::ApiError;
use crate::extract::caller::{Auth, area};
use crate::extract::path::Path;
use crate::extract::query::{Known, Pairs, Parameters, Query};
use crate::state::AppState;
use crate::wire::delivery::{Caching, Served, answer};
use crate::wire::media::Binary;

/// How a link is given.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents and names the parameters; `read` reads them")]
pub struct MovingParameters {
    /// The signature of a link, instead of the `Authorization` header.
    sig: Option<String>,
}

impl Parameters for MovingParameters {
    type Read = Option<String>;

    fn known() -> &'static OnceLock<Vec<Known>> {
        static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
        &KNOWN
    }

    fn read(pairs: &mut Pairs) -> Result<Option<String>, Error> {
        Ok(pairs.take("sig"))
    }
}

/// A film that is being made.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlaybackPending {
    /// Always `processing`.
    #[schema(example = "processing")]
    status: &'static str,
}

/// What browsers can play of a film or a song: the original where they can, else an MP4 (H.264 and AAC, at most 1920 pixels a
/// side) that is made in the background and kept.
#[utoipa::path(get, path = "/media/{id}/playback", operation_id = "media.playback", tag = "media", security(("signature" = [])),
    params(("id" = String, Path, description = "The item."), MovingParameters,
        ("Range" = Option<String>, Header, description = "Up to 16 ranges of bytes.", example = "bytes=0-1023"),
        ("If-Range" = Option<String>, Header, description = "The range holds only while this tag or date does."),
        ("If-None-Match" = Option<String>, Header, description = "304 where the client has it.")),
    responses((status = 200, description = "All of it.", content_type = "*/*", body = Binary),
        (status = 202, description = "It is being made: ask again after `Retry-After` seconds.", body = Envelope<PlaybackPending>),
        (status = 206, description = "The range, or several as multipart/byteranges.", content_type = "*/*", body = Binary),
        (status = 304, description = "As the client has it.")))]
pub async fn playback(
    State(state): State<AppState>,
    Path(id): Path<MediaId>,
    Query(signature): Query<MovingParameters>,
    method: Method,
    headers: HeaderMap,
    auth: Result<Auth<area::MediaRead>, ApiError>,
) -> Result<Response, ApiError> {
    let (playback, caching) = match signature {
        None => {
            let Auth(auth, _) = auth?;
            (state.app.playback(&auth.caller, id).await?, Caching::Checked)
        }
        Some(signature) => {
            alone(&headers)?;
            let (playback, ends) = state.app.playback_by_link(id, &signature).await?;
            (playback, Caching::by_link(&state, ends))
        }
    };
    let served = match playback {
        Playback::Original(original) => {
            let Original { media, reader } = *original;
            Served {
                tag: format!("\"{}\"", media.blob_id),
                modified: media.created_at,
                content_type: served_as(&media.mime_type).content_type,
                filename: media.filename,
                attachment: false,
                content: Content::Original(reader),
                caching,
            }
        }
        Playback::Film(film) => Served {
            tag: format!("\"{}.film-{}\"", film.media.blob_id, film.size()),
            modified: film.media.created_at,
            content_type: film.mime_type(),
            filename: named(&film.media.filename, if film.mime_type() == "audio/mp4" { "m4a" } else { "mp4" }),
            attachment: false,
            content: Content::Film(film),
            caching,
        },
        Playback::Making(wait) => return Ok(making(wait)),
    };
    answer(served, &method, &headers)
}

/// The headers of what can be played, without its bytes.
#[utoipa::path(head, path = "/media/{id}/playback", operation_id = "media.playbackHead", tag = "media", security(("signature" = [])),
    params(("id" = String, Path, description = "The item."), MovingParameters),
    responses((status = 200, description = "The headers that GET would give."), (status = 202, description = "It is being made."),
        (status = 304, description = "As the client has it.")))]
pub async fn playback_head(
    state: State<AppState>,
    path: Path<MediaId>,
    query: Query<MovingParameters>,
    headers: HeaderMap,
    auth: Result<Auth<area::MediaRead>, ApiError>,
) -> Result<Response, ApiError> {
    playback(state, path, query, Method::HEAD, headers, auth).await
}

/// The film inside a motion photo, as it lies there. 404 where the item's `motion` is null.
#[utoipa::path(get, path = "/media/{id}/motion", operation_id = "media.motion", tag = "media", security(("signature" = [])),
    params(("id" = String, Path, description = "The item."), MovingParameters,
        ("Range" = Option<String>, Header, description = "Up to 16 ranges of bytes.", example = "bytes=0-1023"),
        ("If-Range" = Option<String>, Header, description = "The range holds only while this tag or date does."),
        ("If-None-Match" = Option<String>, Header, description = "304 where the client has it.")),
    responses((status = 200, description = "All of it.", content_type = "video/*", body = Binary),
        (status = 206, description = "The range, or several as multipart/byteranges.", content_type = "video/*", body = Binary),
        (status = 304, description = "As the client has it.")))]
pub async fn motion(
    State(state): State<AppState>,
    Path(id): Path<MediaId>,
    Query(signature): Query<MovingParameters>,
    method: Method,
    headers: HeaderMap,
    auth: Result<Auth<area::MediaRead>, ApiError>,
) -> Result<Response, ApiError> {
    let (part, caching) = match signature {
        None => {
            let Auth(auth, _) = auth?;
            (state.app.motion(&auth.caller, id).await?, Caching::Checked)
        }
        Some(signature) => {
            alone(&headers)?;
            let (part, ends) = state.app.motion_by_link(id, &signature).await?;
            (part, Caching::by_link(&state, ends))
        }
    };
    let served = Served {
        tag: format!("\"{}.motion\"", part.media.blob_id),
        modified: part.media.created_at,
        content_type: part.mime_type,
        filename: named(&part.media.filename, if part.mime_type == "video/quicktime" { "mov" } else { "mp4" }),
        attachment: false,
        content: part.content,
        caching,
    };
    answer(served, &method, &headers)
}

/// The headers of the film inside a motion photo, without its bytes.
#[utoipa::path(head, path = "/media/{id}/motion", operation_id = "media.motionHead", tag = "media", security(("signature" = [])),
    params(("id" = String, Path, description = "The item."), MovingParameters),
    responses((status = 200, description = "The headers that GET would give."), (status = 304, description = "As the client has it.")))]
pub async fn motion_head(
    state: State<AppState>,
    path: Path<MediaId>,
    query: Query<MovingParameters>,
    headers: HeaderMap,
    auth: Result<Auth<area::MediaRead>, ApiError>,
) -> Result<Response, ApiError> {
    motion(state, path, query, Method::HEAD, headers, auth).await
}

/// A link is its own permission.
fn alone(headers: &HeaderMap) -> Result<(), Error> {
    if headers.contains_key(header::AUTHORIZATION) || headers.contains_key("x-api-key") {
        return Err(Error::invalid("sig", "Must not be given together with other credentials"));
    }
    Ok(())
}

/// The name of what was made of a file.
fn named(filename: &str, ending: &str) -> String {
    let stem = filename.rsplit_once('.').map_or(filename, |(stem, _)| stem);
    format!("{stem}.{ending}")
}

fn making(wait: Duration) -> Response {
    let mut answer = Answer::accepted(PlaybackPending { status: "processing" }).into_response();
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    answer
}
