//! Bytes of an item as an answer: conditions, ranges, and headers under which no upload can run as the site.
//! Not here: who may read them, and which they are (`api::media`).

use std::ops::Range;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use mv_app::media::read::Content;
use mv_core::byte_range::{self, Ranges};
use mv_core::filename::{Disposition, FileName};
use mv_core::{Code, Error, Timestamp};

use crate::context;
use crate::error::ApiError;
use crate::extract::conditional::{Verdict, http_date, judge, range_applies};
use crate::state::AppState;
use crate::wire::bytes::{PIECE, content_range, pieces, unsatisfiable};

/// Bytes that may be read, and how they are served.
pub struct Served {
    /// The bytes.
    pub content: Content,
    /// Their entity tag, with its quotes.
    pub tag: String,
    /// Since when they are as they are.
    pub modified: Timestamp,
    /// Their type.
    pub content_type: &'static str,
    /// The name under which they are saved.
    pub filename: String,
    /// Whether a browser saves them instead of showing them.
    pub attachment: bool,
    /// How long they may be kept.
    pub caching: Caching,
}

/// How long an answer may be kept, and which pages may show it.
#[derive(Debug, Clone, Copy)]
pub enum Caching {
    /// With a look at the server each time.
    Checked,
    /// For so many seconds, as long as the link holds. Whether pages of other origins may show it is the operator's word.
    Link(u64, bool),
}

impl Caching {
    /// Of a link that ends then.
    pub fn by_link(state: &AppState, ends: Timestamp) -> Self {
        Self::Link(ends.since(state.app.now()).as_secs().min(86_400), !state.wire.allowed_origins.is_empty())
    }

    /// The value of `Cache-Control`.
    pub fn header(self) -> String {
        match self {
            Self::Checked => "private, no-cache".to_owned(),
            Self::Link(seconds, _) => format!("private, max-age={seconds}, immutable"),
        }
    }

    /// The value of `Cross-Origin-Resource-Policy`.
    pub const fn shown_by(self) -> &'static str {
        if matches!(self, Self::Link(_, true)) { "cross-origin" } else { "same-origin" }
    }
}

/// All of it, the ranges that are asked for, or that the client has it (RFC 9110 sections 13 and 14).
///
/// # Errors
/// `precondition_failed`, `range_not_satisfiable`.
pub fn answer(served: Served, method: &Method, headers: &HeaderMap) -> Result<Response, ApiError> {
    let (modified, size) = (served.modified, served.content.size());
    let common = common_headers(&served)?;
    let status = match judge(headers, &served.tag, modified)? {
        Verdict::Failed => {
            return Err(Error::new(Code::PreconditionFailed, "The condition of the request does not hold").into());
        }
        Verdict::NotModified => Some(StatusCode::NOT_MODIFIED),
        Verdict::Proceed => None,
    };
    if let Some(status) = status {
        return Ok((status, common).into_response());
    }
    let mut response = match ranges(method, headers, &served.tag, modified, size) {
        Ranges::Ignore => whole(served.content, method),
        Ranges::Unsatisfiable => return Err(unsatisfiable(size)),
        Ranges::One(range) => one(served.content, range, size),
        Ranges::Many(ranges) => many(served.content, ranges, size, &common),
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
fn common_headers(served: &Served) -> Result<HeaderMap, Error> {
    const POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src 'self'; frame-ancestors 'none'";
    let disposition = if served.attachment { Disposition::Attachment } else { Disposition::Inline };
    let name = FileName::accept(&served.filename)?.content_disposition(disposition);
    let mut headers = HeaderMap::new();
    let mut set = |name: header::HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, served.content_type);
    set(header::CONTENT_DISPOSITION, &name);
    set(header::ETAG, &served.tag);
    set(header::LAST_MODIFIED, &http_date(served.modified));
    set(header::ACCEPT_RANGES, "bytes");
    set(header::CACHE_CONTROL, &served.caching.header());
    set(header::VARY, "Authorization");
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::HeaderName::from_static("cross-origin-resource-policy"), served.caching.shown_by());
    Ok(headers)
}

fn whole(content: Content, method: &Method) -> Response {
    let size = content.size();
    let body = if method == Method::HEAD { Body::empty() } else { body(content, 0..size) };
    ([(header::CONTENT_LENGTH, HeaderValue::from(size))], body).into_response()
}

fn one(content: Content, range: Range<u64>, size: u64) -> Response {
    let length = range.end - range.start;
    let content_range = content_range(&range, size);
    let headers = [(header::CONTENT_LENGTH, length.to_string()), (header::CONTENT_RANGE, content_range)];
    (StatusCode::PARTIAL_CONTENT, headers, body(content, range)).into_response()
}

/// Several ranges as `multipart/byteranges` (RFC 9110 section 14.6), its length told beforehand.
fn many(content: Content, ranges: Vec<Range<u64>>, size: u64, common: &HeaderMap) -> Response {
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
    let request = context::current().id;
    let stream = stream::iter(parts)
        .flat_map(move |(head, range)| stream::iter([Ok(head)]).chain(pieces(content.clone(), range, request.clone())))
        .chain(stream::iter([Ok(end)]));
    let kind = format!("multipart/byteranges; boundary={boundary}");
    let headers = [(header::CONTENT_TYPE, kind), (header::CONTENT_LENGTH, length.to_string())];
    (StatusCode::PARTIAL_CONTENT, headers, Body::from_stream(stream)).into_response()
}

fn body(content: Content, range: Range<u64>) -> Body {
    let length = range.end - range.start;
    // A small file that lies in the system's cache is read here and now and sent as one piece; the disk is waited for
    // elsewhere.
    if length <= PIECE
        && let Some(bytes) = content.read_cached(range.start, usize::try_from(length).unwrap_or(0))
    {
        return Body::from(bytes);
    }
    Body::from_stream(pieces(content, range, context::current().id))
}
