//! `GET|HEAD /media/{id}/content`: the original, whole or in ranges, with headers under which no upload can run as the site.

use std::ops::Range;
use std::sync::OnceLock;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use mv_app::media::links::LinkUse;
use mv_app::media::read::Original;
use mv_core::byte_range::{self, Ranges};
use mv_core::filename::{Disposition, FileName};
use mv_core::mime::served_as;
use mv_core::{Code, Error, MediaId, Problems, Timestamp};
use utoipa::IntoParams;

use crate::context;
use crate::error::ApiError;
use crate::extract::caller::{Auth, area};
use crate::extract::conditional::{Verdict, http_date, judge, range_applies};
use crate::extract::path::Path;
use crate::extract::query::{Known, Pairs, Parameters, Query};
use crate::state::AppState;
use crate::wire::bytes::{PIECE, content_range, pieces, unsatisfiable};
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

/// Bytes that may be read, and how they are served.
struct Served {
    original: Original,
    attachment: bool,
    caching: String,
    /// Whether pages of other origins may show the bytes.
    shown_anywhere: bool,
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
        return Ok(Served {
            original,
            attachment: query.download,
            caching: "private, no-cache".to_owned(),
            shown_anywhere: false,
        });
    };
    if headers.contains_key(header::AUTHORIZATION) || headers.contains_key("x-api-key") {
        return Err(Error::invalid("sig", "Must not be given together with other credentials").into());
    }
    let (original, LinkUse { download }, ends) = state.app.open_by_link(id, &signature).await?;
    let left = ends.since(state.app.now()).as_secs().min(86_400);
    Ok(Served {
        original,
        attachment: download || query.download,
        caching: format!("private, max-age={left}, immutable"),
        // A link is its own permission, but whether pages elsewhere may show it is the operator's word.
        shown_anywhere: !state.wire.allowed_origins.is_empty(),
    })
}

fn answer(served: Served, method: &Method, headers: &HeaderMap) -> Result<Response, ApiError> {
    let media = &served.original.media;
    let (tag, modified, size) = (format!("\"{}\"", media.blob_id), media.created_at, served.original.reader.size());
    let common = common_headers(&served, &tag, modified)?;
    let status = match judge(headers, &tag, modified)? {
        Verdict::Failed => {
            return Err(Error::new(Code::PreconditionFailed, "The condition of the request does not hold").into());
        }
        Verdict::NotModified => Some(StatusCode::NOT_MODIFIED),
        Verdict::Proceed => None,
    };
    if let Some(status) = status {
        return Ok((status, common).into_response());
    }
    let mut response = match ranges(method, headers, &tag, modified, size) {
        Ranges::Ignore => whole(served.original, method),
        Ranges::Unsatisfiable => return Err(unsatisfiable(size)),
        Ranges::One(range) => one(served.original, range, size),
        Ranges::Many(ranges) => many(served.original, ranges, size, &common),
    };
    for (name, value) in &common {
        response.headers_mut().entry(name).or_insert(value.clone());
    }
    Ok(response)
}

/// Only GET has ranges (RFC 9110 section 14.2), and only if `If-Range` agrees.
fn ranges(method: &Method, headers: &HeaderMap, tag: &str, modified: Timestamp, size: u64) -> Ranges {
    let mut values = headers.get_all(header::RANGE).iter();
    match (values.next().and_then(|value| value.to_str().ok()), values.next()) {
        (Some(range), None) if method == Method::GET && range_applies(headers, tag, modified) => {
            byte_range::parse(range, size)
        }
        _ => Ranges::Ignore,
    }
}

/// What every answer about the bytes carries: they can neither run as the site nor be taken for another type.
fn common_headers(served: &Served, tag: &str, modified: Timestamp) -> Result<HeaderMap, Error> {
    const POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src 'self'; frame-ancestors 'none'";
    let media = &served.original.media;
    let kind = served_as(&media.mime_type);
    let disposition = if kind.inline && !served.attachment { Disposition::Inline } else { Disposition::Attachment };
    let name = FileName::accept(&media.filename)?.content_disposition(disposition);
    let mut headers = HeaderMap::new();
    let mut set = |name: header::HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, kind.content_type);
    set(header::CONTENT_DISPOSITION, &name);
    set(header::ETAG, tag);
    set(header::LAST_MODIFIED, &http_date(modified));
    set(header::ACCEPT_RANGES, "bytes");
    set(header::CACHE_CONTROL, &served.caching);
    set(header::VARY, "Authorization");
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    let shown_by = if served.shown_anywhere { "cross-origin" } else { "same-origin" };
    set(header::HeaderName::from_static("cross-origin-resource-policy"), shown_by);
    Ok(headers)
}

fn whole(original: Original, method: &Method) -> Response {
    let size = original.reader.size();
    let body = if method == Method::HEAD { Body::empty() } else { body(original, 0..size) };
    ([(header::CONTENT_LENGTH, HeaderValue::from(size))], body).into_response()
}

fn one(original: Original, range: Range<u64>, size: u64) -> Response {
    let length = range.end - range.start;
    let content_range = content_range(&range, size);
    let headers = [(header::CONTENT_LENGTH, length.to_string()), (header::CONTENT_RANGE, content_range)];
    (StatusCode::PARTIAL_CONTENT, headers, body(original, range)).into_response()
}

/// Several ranges as `multipart/byteranges` (RFC 9110 section 14.6), its length told beforehand.
fn many(original: Original, ranges: Vec<Range<u64>>, size: u64, common: &HeaderMap) -> Response {
    let boundary = format!("mv-{}", context::current().id);
    let kind =
        common.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("application/octet-stream");
    let head = |range: &Range<u64>| {
        Bytes::from(format!(
            "\r\n--{boundary}\r\nContent-Type: {kind}\r\nContent-Range: {}\r\n\r\n",
            content_range(range, size)
        ))
    };
    let parts: Vec<(Bytes, Range<u64>)> = ranges.iter().map(|range| (head(range), range.clone())).collect();
    let end = Bytes::from(format!("\r\n--{boundary}--\r\n"));
    let length: u64 =
        parts.iter().map(|(head, range)| head.len() as u64 + range.end - range.start).sum::<u64>() + end.len() as u64;
    let (reader, request) = (original.reader, context::current().id);
    let stream = stream::iter(parts)
        .flat_map(move |(head, range)| stream::iter([Ok(head)]).chain(pieces(reader.clone(), range, request.clone())))
        .chain(stream::iter([Ok(end)]));
    let kind = format!("multipart/byteranges; boundary={boundary}");
    let headers = [(header::CONTENT_TYPE, kind), (header::CONTENT_LENGTH, length.to_string())];
    (StatusCode::PARTIAL_CONTENT, headers, Body::from_stream(stream)).into_response()
}

fn body(original: Original, range: Range<u64>) -> Body {
    let (reader, length) = (original.reader, range.end - range.start);
    // A small file that lies in the system's cache is read here and now and sent as one piece; the disk is waited for
    // elsewhere.
    if length <= PIECE
        && let Some(Ok(bytes)) = reader.read_cached(range.start, usize::try_from(length).unwrap_or(0))
    {
        return Body::from(bytes);
    }
    Body::from_stream(pieces(reader, range, context::current().id))
}
