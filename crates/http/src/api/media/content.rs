//! `GET|HEAD /media/{id}/content`: the original, whole or in ranges, with headers under which no upload can run as the site.

use std::sync::OnceLock;

use axum::extract::State;
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use mv_app::media::links::LinkUse;
use mv_app::media::read::{Content, Original};
use mv_core::mime::served_as;
use mv_core::{Error, MediaId, Problems};
use utoipa::IntoParams;

use crate::error::ApiError;
use crate::extract::caller::{Auth, area};
use crate::extract::path::Path;
use crate::extract::query::{Known, Pairs, Parameters, Query};
use crate::state::AppState;
use crate::wire::delivery::{Caching, Served, answer};
use crate::wire::media::Binary;

/// How the bytes are asked for.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents and names the parameters; `read` reads them")]
pub struct ContentParameters {
    /// The browser saves the file instead of showing it.
    download: Option<bool>,
    /// The signature of a link, instead of the `Authorization` header.
    sig: Option<String>,
}

/// The parameters, read.
pub struct ContentQuery {
    download: bool,
    signature: Option<String>,
}

impl Parameters for ContentParameters {
    type Read = ContentQuery;

    fn known() -> &'static OnceLock<Vec<Known>> {
        static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
        &KNOWN
    }

    fn read(pairs: &mut Pairs) -> Result<ContentQuery, Error> {
        let mut problems = Problems::default();
        let download = pairs.flag("download", &mut problems).unwrap_or(false);
        problems.finish()?;
        Ok(ContentQuery { download, signature: pairs.take("sig") })
    }
}

/// The original. `Range` (one and several), `If-Range` and the other conditions hold as RFC 9110 has them.
#[utoipa::path(get, path = "/media/{id}/content", operation_id = "media.content", tag = "media", security(("signature" = [])),
    params(("id" = String, Path, description = "The item."), ContentParameters,
        ("Range" = Option<String>, Header, description = "Up to 16 ranges of bytes.", example = "bytes=0-1023"),
        ("If-Range" = Option<String>, Header, description = "The range holds only while this tag or date does."),
        ("If-None-Match" = Option<String>, Header, description = "304 where the client has it.")),
    responses((status = 200, description = "All of it.", content_type = "*/*", body = Binary),
        (status = 206, description = "The range, or several as multipart/byteranges.", content_type = "*/*", body = Binary),
        (status = 304, description = "As the client has it.")))]
pub async fn get(
    State(state): State<AppState>,
    Path(id): Path<MediaId>,
    Query(query): Query<ContentParameters>,
    method: Method,
    headers: HeaderMap,
    auth: Result<Auth<area::MediaRead>, ApiError>,
) -> Result<Response, ApiError> {
    let served = open(&state, id, query, &headers, auth).await?;
    answer(served, &method, &headers)
}

/// The headers of the original, without its bytes.
#[utoipa::path(head, path = "/media/{id}/content", operation_id = "media.contentHead", tag = "media", security(("signature" = [])),
    params(("id" = String, Path, description = "The item."), ContentParameters),
    responses((status = 200, description = "The headers that GET would give."), (status = 304, description = "As the client has it.")))]
pub async fn head(
    state: State<AppState>,
    path: Path<MediaId>,
    query: Query<ContentParameters>,
    headers: HeaderMap,
    auth: Result<Auth<area::MediaRead>, ApiError>,
) -> Result<Response, ApiError> {
    get(state, path, query, Method::HEAD, headers, auth).await
}

async fn open(
    state: &AppState,
    id: MediaId,
    query: ContentQuery,
    headers: &HeaderMap,
    auth: Result<Auth<area::MediaRead>, ApiError>,
) -> Result<Served, ApiError> {
    let Some(signature) = query.signature else {
        let Auth(auth, _) = auth?;
        let original = state.app.open_media(&auth.caller, id).await?;
        return Ok(served(original, query.download, Caching::Checked));
    };
    if headers.contains_key(header::AUTHORIZATION) || headers.contains_key("x-api-key") {
        return Err(Error::invalid("sig", "Must not be given together with other credentials").into());
    }
    let (original, LinkUse { download }, ends) = state.app.open_by_link(id, &signature).await?;
    Ok(served(original, download || query.download, Caching::by_link(state, ends)))
}

fn served(original: Original, attachment: bool, caching: Caching) -> Served {
    let Original { media, reader } = original;
    let kind = served_as(&media.mime_type);
    Served {
        tag: format!("\"{}\"", media.blob_id),
        modified: media.created_at,
        content_type: kind.content_type,
        filename: media.filename,
        attachment: attachment || !kind.inline,
        content: Content::Original(reader),
        caching,
    }
}
