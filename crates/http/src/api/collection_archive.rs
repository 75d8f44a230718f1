//! `GET|HEAD /collections/{id}/archive`: a collection's originals as one zip, made while it is sent.
//! Promise: `Content-Length` is exact and a download that broke off can go on by `Range`; a file that is damaged or gone
//! cuts the connection, never a zip that lacks it.

use std::ops::Range;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
use mv_app::App;
use mv_app::archive::Archive;
use mv_core::CollectionId;
use mv_core::byte_range::{self, Ranges};
use mv_core::filename::Disposition;
use mv_core::zip::Piece;

use crate::context;
use crate::error::ApiError;
use crate::extract::caller::{Auth, area};
use crate::extract::conditional::{Verdict, judge_tag};
use crate::extract::path::Path;
use crate::extract::query::{NoParameters, Query};
use crate::state::AppState;
use crate::wire::bytes::{broken, content_range, pieces, unsatisfiable};
use crate::wire::media::Binary;
use mv_app::media::read::Content;

/// All originals of a collection as a zip: in its order, nothing compressed, names that come twice numbered. At most
/// 10,000 items. The entity tag changes with anything in it, so a download goes on by `Range` and `If-Range`.
#[utoipa::path(get, path = "/collections/{id}/archive", operation_id = "collections.archive", tag = "collections",
    params(("id" = String, Path, description = "The collection."),
        ("Range" = Option<String>, Header, description = "One range of bytes.", example = "bytes=1024-"),
        ("If-Range" = Option<String>, Header, description = "The range holds only while this tag does."),
        ("If-None-Match" = Option<String>, Header, description = "304 where the client has it.")),
    responses((status = 200, description = "The zip.", content_type = "application/zip", body = Binary),
        (status = 206, description = "The range of it.", content_type = "application/zip", body = Binary),
        (status = 304, description = "As the client has it.")))]
pub async fn get(
    State(state): State<AppState>,
    Path(id): Path<CollectionId>,
    _: Query<NoParameters>,
    method: Method,
    headers: HeaderMap,
    Auth(auth, _): Auth<area::CollectionContents>,
) -> Result<Response, ApiError> {
    let archive = state.app.archive_collection(&auth.caller, id).await?;
    let (tag, length) = (format!("\"{}\"", archive.version), archive.plan.length());
    let common = common_headers(&archive, &tag);
    if judge_tag(&headers, &tag)? == Verdict::NotModified {
        return Ok((StatusCode::NOT_MODIFIED, common).into_response());
    }
    let (status, range) = match range(&method, &headers, &tag, length) {
        Ranges::One(range) => (StatusCode::PARTIAL_CONTENT, range),
        Ranges::Unsatisfiable => return Err(unsatisfiable(length)),
        // Several ranges of a zip are of no use to anybody; a server may ignore them (RFC 9110 section 14.2).
        Ranges::Many(_) | Ranges::Ignore => (StatusCode::OK, 0..length),
    };
    let mut response =
        (status, common, [(header::CONTENT_LENGTH, HeaderValue::from(range.end - range.start))]).into_response();
    if status == StatusCode::PARTIAL_CONTENT
        && let Ok(value) = HeaderValue::from_str(&content_range(&range, length))
    {
        response.headers_mut().insert(header::CONTENT_RANGE, value);
    }
    if method != Method::HEAD {
        *response.body_mut() = Body::from_stream(bytes_of(state.app, archive, range));
    }
    Ok(response)
}

/// The headers of the zip, without its bytes: how large it is.
#[utoipa::path(head, path = "/collections/{id}/archive", operation_id = "collections.archiveHead", tag = "collections",
    params(("id" = String, Path, description = "The collection.")),
    responses((status = 200, description = "The headers that GET would give."), (status = 304, description = "As the client has it.")))]
pub async fn head(
    state: State<AppState>,
    path: Path<CollectionId>,
    query: Query<NoParameters>,
    headers: HeaderMap,
    auth: Auth<area::CollectionContents>,
) -> Result<Response, ApiError> {
    get(state, path, query, Method::HEAD, headers, auth).await
}

/// Only GET has ranges (RFC 9110 section 14.2). There is no date, so `If-Range` holds for the tag alone.
fn range(method: &Method, headers: &HeaderMap, tag: &str, length: u64) -> Ranges {
    let applies = headers.get(header::IF_RANGE).is_none_or(|value| value.as_bytes() == tag.as_bytes());
    let mut values = headers.get_all(header::RANGE).iter();
    match (values.next().and_then(|value| value.to_str().ok()), values.next()) {
        (Some(range), None) if method == Method::GET && applies => byte_range::parse(range, length),
        _ => Ranges::Ignore,
    }
}

/// What every answer about the zip carries: it is saved, never shown, and its files are not for other sites.
fn common_headers(archive: &Archive, tag: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut set = |name: header::HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, "application/zip");
    set(header::CONTENT_DISPOSITION, &archive.filename.content_disposition(Disposition::Attachment));
    set(header::ETAG, tag);
    set(header::ACCEPT_RANGES, "bytes");
    set(header::CACHE_CONTROL, "private, no-cache");
    set(header::VARY, "Authorization");
    set(header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'; frame-ancestors 'none'");
    set(header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    headers
}

/// A range of the zip. Each file is opened when its turn comes.
fn bytes_of(
    app: Arc<App>,
    archive: Archive,
    range: Range<u64>,
) -> impl Stream<Item = Result<Bytes, mv_app::Error>> + Send + 'static {
    let (archive, request) = (Arc::new(archive), context::current().id);
    stream::iter(Arc::clone(&archive.plan).pieces(range)).flat_map(move |piece| match piece {
        Piece::Bytes(bytes) => stream::iter([Ok(Bytes::from(bytes))]).left_stream(),
        Piece::Content { entry, range } => {
            let (app, archive, request) = (Arc::clone(&app), Arc::clone(&archive), request.clone());
            let opening = async move {
                let reader = app.open_archived(&archive, entry).await.map_err(|error| broken(error, &request))?;
                Ok::<_, mv_app::Error>(pieces(Content::Original(reader), range, request))
            };
            stream::once(opening).try_flatten().right_stream()
        }
    })
}
