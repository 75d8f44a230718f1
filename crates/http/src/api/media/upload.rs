//! `POST /media/upload`: a form with one part `file`, or the file itself as the body (contract section 4).

use std::sync::Arc;

use axum::body::{Body, BodyDataStream};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt};
use mv_app::Retry;
use mv_app::ingest::{Announced, Novelty, Receiving, Render, Uploaded};
use mv_app::media::ItemView;
use mv_core::filename::FileName;
use mv_core::{Caller, Code, Error, Problems};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::upload_digests::{Digests, Hashing, differs};
use super::upload_fields::{FORM_FIELDS, UploadParameters, fields};
use crate::envelope::{Answer, Envelope};
use crate::error::ApiError;
use crate::extract::body::broken_body;
use crate::extract::caller::{Auth, area};
use crate::extract::idempotency::IdempotencyKey;
use crate::extract::query::{Pairs, Query};
use crate::multipart::{Boundary, Malformed, Multipart, PartHead, ReadError};
use crate::state::AppState;
use crate::wire::media::{Binary, MediaOut};

/// What a form may have around its file: part heads and fields.
const FORM_SLACK: u64 = 1024 * 1024;
/// The most bytes of one field, and of all fields together.
const MAX_FIELD_BYTES: usize = 64 * 1024;
const MAX_FIELDS_BYTES: usize = 256 * 1024;

/// An upload's form.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "documents the form; its parts are read as they stream by")]
pub struct UploadForm {
    /// The file, streamed.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// A heading.
    title: Option<String>,
    /// A longer text.
    description: Option<String>,
    /// May be repeated.
    tags: Option<Vec<String>>,
    /// A collection of the caller's that the item goes into.
    collection_id: Option<String>,
    /// `sha256:` and 64 hexadecimal digits of the file.
    checksum: Option<String>,
    /// When it was taken, with an offset.
    taken_at: Option<String>,
    /// When it was taken by the clock on the wall.
    taken_at_local: Option<String>,
    /// The application's own id.
    external_id: Option<String>,
    /// A flat JSON object.
    properties: Option<String>,
}

/// Upload a file.
#[utoipa::path(post, path = "/media/upload", operation_id = "media.upload", tag = "media", params(UploadParameters,
        ("Idempotency-Key" = Option<String>, Header, description = "A retry with the same key answers as the first try did, for 24 h."),
        ("Content-Digest" = Option<String>, Header, description = "RFC 9530; of a form it covers the whole body."),
        ("Repr-Digest" = Option<String>, Header, description = "RFC 9530; of a form it covers the whole body."),
        ("Content-Disposition" = Option<String>, Header, description = "Of a raw body: `attachment; filename*=UTF-8''...`.")),
    request_body(description = "A form, or the file itself under its own content type.", content(
        (UploadForm = "multipart/form-data"), (Binary = "application/octet-stream"))),
    responses((status = 201, description = "The new item; for an upload token only its id and status.", body = Envelope<UploadedOut>),
        (status = 200, description = "The caller's own item that already has these bytes.", body = Envelope<MediaOut>)))]
pub async fn upload(
    State(state): State<AppState>,
    Query(parameters): Query<UploadParameters>,
    IdempotencyKey(key): IdempotencyKey,
    Auth(auth, _): Auth<area::Upload>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let kind = Kind::of(&headers)?;
    let asked = fields(parameters.clone(), None)?;
    let digests = Digests::sent(&headers)?;
    let retry = state.app.take_key(auth.caller.user(), "media.upload", key).await?;
    // A retry gets the first try's answer, whatever the library looks like by now.
    if !retry.as_ref().is_some_and(Retry::answered)
        && let Some(view) = state.app.foresee_upload(&auth.caller, &asked).await?
    {
        return Ok(existing(view));
    }
    let mut job =
        Job { state: &state, caller: &auth.caller, parameters, digests, retry, length: content_length(&headers) };
    let uploaded = match kind {
        Kind::Form(boundary) => job.form(&boundary, body).await?,
        Kind::Raw => job.raw(&headers, body).await?,
    };
    Ok(match uploaded {
        Uploaded::New(view) => created(&auth.caller, view),
        Uploaded::Existing(view) => existing(view),
        Uploaded::Replayed(answer) => replayed(&answer)?,
    })
}

/// How the file comes.
enum Kind {
    Form(Boundary),
    Raw,
}

impl Kind {
    fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        let refused = |message: &'static str| ApiError::from(Error::new(Code::UnsupportedMediaType, message));
        if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            return Err(refused("The body must have no content coding"));
        }
        let value = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        let essence = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
        match essence.as_slice() {
            b"multipart/form-data" => Ok(Self::Form(Boundary::from_content_type(value).map_err(malformed)?)),
            b"" | b"application/x-www-form-urlencoded" => {
                Err(refused("The body must be multipart/form-data, or a file under its own content type"))
            }
            multipart if multipart.starts_with(b"multipart/") => {
                Err(refused("Of multipart bodies only multipart/form-data is taken"))
            }
            _ => Ok(Self::Raw),
        }
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// One upload on its way through.
struct Job<'a> {
    state: &'a AppState,
    caller: &'a Caller,
    parameters: Pairs,
    digests: Digests,
    retry: Option<Retry>,
    length: Option<u64>,
}

impl Job<'_> {
    async fn raw(&mut self, headers: &HeaderMap, body: Body) -> Result<Uploaded, ApiError> {
        let filename = disposition_name(headers)?;
        let mut fields = fields(std::mem::take(&mut self.parameters), filename)?;
        let by_header = fields.checksum.is_none();
        fields.checksum = self.digests.agree(fields.checksum)?;
        let announced = self.length.map_or(Announced::Nothing, Announced::Exactly);
        let mut receiving = self.state.app.begin_upload(self.caller, announced, self.retry.take()).await?;
        let mut hashing = self.digests.hashing_beside_sha256();
        let mut stream = body.into_data_stream();
        while let Some(bytes) = stream.next().await {
            let bytes = bytes.map_err(|error| broken_body(&error))?;
            hashing.update(&bytes);
            receiving.write(bytes).await?;
        }
        hashing.finish()?;
        let finished = self.state.app.finish_upload(self.caller, receiving, fields, render(self.caller)).await;
        finished.map_err(|error| match self.digests.name_of_sha256() {
            Some(name) if by_header && error.is(Code::ChecksumMismatch) => differs(name).into(),
            _ => error.into(),
        })
    }

    async fn form(&mut self, boundary: &Boundary, body: Body) -> Result<Uploaded, ApiError> {
        let least =
            self.length.map_or(Announced::Nothing, |length| Announced::AtLeast(length.saturating_sub(FORM_SLACK)));
        if let Announced::AtLeast(length) = least
            && length > self.state.app.options().max_upload_bytes
        {
            return Err(Error::new(Code::PayloadTooLarge, "The file is larger than this server takes").into());
        }
        let mut hashing = self.digests.hashing();
        let stream = Watched { inner: body.into_data_stream(), hashing: &mut hashing };
        let mut form = Multipart::new(stream, boundary);
        let (mut text, mut file, mut seen) = (std::mem::take(&mut self.parameters), None, 0);
        while let Some(head) = form.next_part().await.map_err(unreadable)? {
            if head.name == "file" {
                if file.is_some() {
                    return Err(Error::invalid("file", "Must be given once").into());
                }
                file = Some(self.file(&head, least, &mut form).await?);
            } else {
                seen += field(head, &mut form, &mut text).await?;
                if seen > MAX_FIELDS_BYTES {
                    return Err(Error::new(Code::PayloadTooLarge, "The fields of the form are too large").into());
                }
            }
        }
        drop(form);
        let Some((filename, receiving)) = file else {
            return Err(Error::invalid("file", "Is required").into());
        };
        check_repeats(&text)?;
        let fields = fields(text, filename)?;
        hashing.finish()?;
        Ok(self.state.app.finish_upload(self.caller, receiving, fields, render(self.caller)).await?)
    }

    async fn file<S>(
        &mut self,
        head: &PartHead,
        least: Announced,
        form: &mut Multipart<S>,
    ) -> Result<(Option<FileName>, Receiving), ApiError>
    where
        S: Stream<Item = Result<Bytes, axum::Error>> + Unpin,
    {
        let filename = head.filename.as_deref().map(FileName::accept).transpose()?;
        let mut receiving = self.state.app.begin_upload(self.caller, least, self.retry.take()).await?;
        while let Some(bytes) = form.next_chunk().await.map_err(unreadable)? {
            receiving.write(bytes).await?;
        }
        Ok((filename, receiving))
    }
}

/// The body's bytes as they pass, for digests of the whole body.
struct Watched<'a> {
    inner: BodyDataStream,
    hashing: &'a mut Hashing,
}

impl Stream for Watched<'_> {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let polled = self.inner.poll_next_unpin(context);
        if let std::task::Poll::Ready(Some(Ok(bytes))) = &polled {
            self.hashing.update(bytes);
        }
        polled
    }
}

/// Reads a text field into the pairs; returns its length.
async fn field<S>(head: PartHead, form: &mut Multipart<S>, pairs: &mut Pairs) -> Result<usize, ApiError>
where
    S: Stream<Item = Result<Bytes, axum::Error>> + Unpin,
{
    if !FORM_FIELDS.contains(&head.name.as_str()) {
        let name: String = head.name.chars().filter(|c| !c.is_control()).take(100).collect();
        return Err(Error::invalid(name, "Is not known here").into());
    }
    let mut value = Vec::new();
    while let Some(bytes) = form.next_chunk().await.map_err(unreadable)? {
        value.extend_from_slice(&bytes);
        if value.len() > MAX_FIELD_BYTES {
            return Err(Error::invalid(head.name, "Must be at most 64 KiB").into());
        }
    }
    let length = value.len();
    match String::from_utf8(value) {
        Ok(text) => pairs.add(head.name, text),
        Err(_) => return Err(Error::invalid(head.name, "Must be UTF-8").into()),
    }
    Ok(length)
}

/// Only tags may come more than once, be it as parts, as parameters, or one of each.
fn check_repeats(pairs: &Pairs) -> Result<(), Error> {
    let mut problems = Problems::default();
    for name in FORM_FIELDS.iter().filter(|name| **name != "tags") {
        if pairs.sent().iter().filter(|(sent, _)| sent == name).count() > 1 {
            problems.add(*name, "Must be given once");
        }
    }
    problems.finish()
}

/// The name in `Content-Disposition: attachment; filename="a"; filename*=UTF-8''b`; the exact form wins (RFC 6266).
fn disposition_name(headers: &HeaderMap) -> Result<Option<FileName>, Error> {
    match headers.get(header::CONTENT_DISPOSITION) {
        Some(value) => super::disposition::filename(value.as_bytes())?.map(|name| FileName::accept(&name)).transpose(),
        None => Ok(None),
    }
}

fn malformed(error: Malformed) -> ApiError {
    let code = if error == Malformed::NotMultipart { Code::UnsupportedMediaType } else { Code::ValidationError };
    let field = match error {
        Malformed::NotUtf8("filename") => "filename",
        Malformed::NotMultipart | Malformed::NoBoundary | Malformed::BadBoundary => "Content-Type",
        _ => "body",
    };
    Error::new(code, "The body is not a form that can be read").with(field, sentence(&error.to_string())).into()
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn unreadable(error: ReadError<axum::Error>) -> ApiError {
    match error {
        ReadError::Malformed(error) => malformed(error),
        ReadError::Source(error) => broken_body(&error).into(),
    }
}

/// A new item, as far as its sender may know it.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum UploadedOut {
    /// To the account itself.
    Item(Box<MediaOut>),
    /// To whoever holds an upload token.
    Receipt(Receipt),
}

/// That an upload came, and as what.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UploadReceipt)]
pub struct Receipt {
    /// The new item's id.
    #[schema(example = "media_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// `processing`, `ready` or `failed`.
    #[schema(value_type = String, example = "ready")]
    status: &'static str,
}

impl UploadedOut {
    fn new(caller: &Caller, view: ItemView) -> Self {
        let item = MediaOut::from(view);
        match caller {
            Caller::UploadToken { .. } => Self::Receipt(Receipt { id: item.id, status: item.status }),
            _ => Self::Item(Box::new(item)),
        }
    }
}

/// An answer as it is kept under an `Idempotency-Key`.
#[derive(Serialize, Deserialize)]
struct KeptAnswer<'a> {
    existing: bool,
    location: String,
    #[serde(borrow)]
    data: &'a RawValue,
}

fn location(id: &str) -> String {
    format!("/api/v1/media/{id}")
}

fn render(caller: &Caller) -> Render {
    let caller = *caller;
    Arc::new(move |view: &ItemView, novelty| {
        let id = view.media.id.to_string();
        // Serialising these cannot fail: they hold no maps but of text.
        let text = serde_json::value::to_raw_value(&UploadedOut::new(&caller, view.clone())).unwrap_or_default();
        let kept = KeptAnswer { existing: novelty == Novelty::Existing, location: location(&id), data: &text };
        serde_json::to_vec(&kept).unwrap_or_default()
    })
}

fn created(caller: &Caller, view: ItemView) -> Response {
    let location = location(&view.media.id.to_string());
    Answer::created(UploadedOut::new(caller, view)).with(header::LOCATION, &location).into_response()
}

fn existing(view: ItemView) -> Response {
    let data = MediaOut::from(view);
    let location = location(&data.id);
    Answer::ok(data).with(header::CONTENT_LOCATION, &location).into_response()
}

fn replayed(answer: &[u8]) -> Result<Response, ApiError> {
    const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
    let kept: KeptAnswer<'_> = serde_json::from_slice(answer).map_err(mv_app::Error::internal)?;
    let answer = if kept.existing {
        Answer::ok(kept.data).with(header::CONTENT_LOCATION, &kept.location)
    } else {
        Answer::created(kept.data).with(header::LOCATION, &kept.location)
    };
    Ok(answer.with(REPLAYED, "true").into_response())
}
