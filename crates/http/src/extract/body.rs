//! JSON bodies: bounded, of the right content type, without unknown members; every bad member is named.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use http_body_util::{BodyExt, Limited};
use mv_core::{Code, Error, Problems};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;
use utoipa::openapi::schema::{SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};

use crate::error::ApiError;
use crate::server::BodyError;

/// The most bytes a JSON body may have.
pub const MAX_JSON_BYTES: usize = 1024 * 1024;

/// How many unknown members are named at most.
const NAMED: usize = 100;

/// A JSON body as `T`. `T` denies unknown members; its schema names them in errors.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + ToSchema, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        parse(&json_bytes(request).await?).map(Json)
    }
}

/// The bytes of a body that is said to be JSON.
///
/// # Errors
/// `unsupported_media_type`, `payload_too_large`, or what broke the body off.
pub(super) async fn json_bytes(request: Request) -> Result<Bytes, ApiError> {
    let patch = request.method() == Method::PATCH;
    check_content_type(request.headers(), patch)?;
    collect(request).await
}

/// As `json_bytes`, of a body that may be missing: then there are none.
///
/// # Errors
/// As `json_bytes`.
pub(super) async fn optional_json_bytes(request: Request) -> Result<Bytes, ApiError> {
    let headers = request.headers().clone();
    let bytes = collect(request).await?;
    if !bytes.is_empty() {
        check_content_type(&headers, false)?;
    }
    Ok(bytes)
}

/// A JSON body that may be missing altogether.
#[derive(Debug)]
pub struct OptionalJson<T>(pub Option<T>);

impl<T: DeserializeOwned + ToSchema, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let bytes = optional_json_bytes(request).await?;
        if bytes.is_empty() {
            return Ok(Self(None));
        }
        parse(&bytes).map(|value| Self(Some(value)))
    }
}

fn check_content_type(headers: &HeaderMap, patch: bool) -> Result<(), ApiError> {
    let sent = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = sent.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let fits = essence == "application/json" || (patch && essence == "application/merge-patch+json");
    let plain = headers.get(header::CONTENT_ENCODING).is_none_or(|coding| coding == "identity");
    if fits && plain {
        return Ok(());
    }
    let error = ApiError::from(Error::new(
        Code::UnsupportedMediaType,
        "The body must be application/json without a content coding",
    ));
    if patch {
        let accepted = HeaderValue::from_static("application/json, application/merge-patch+json");
        return Err(error.with(header::HeaderName::from_static("accept-patch"), accepted));
    }
    Err(error)
}

async fn collect(request: Request) -> Result<Bytes, ApiError> {
    let declared =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > MAX_JSON_BYTES as u64) {
        return Err(too_large());
    }
    match Limited::new(request.into_body(), MAX_JSON_BYTES).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(too_large()),
        Err(error) => Err(broken_body(error.as_ref()).into()),
    }
}

fn too_large() -> ApiError {
    Error::new(Code::PayloadTooLarge, "A JSON body may have at most 1 MiB").into()
}

/// What a body that broke off means: too slow, or cut.
pub fn broken_body(error: &(dyn std::error::Error + 'static)) -> Error {
    match crate::server::body_error(error) {
        Some(BodyError::Idle(_)) => Error::new(Code::RequestTimeout, "The body stopped coming"),
        Some(BodyError::Broken(_)) | None => Error::invalid("body", "Must be complete"),
    }
}

/// Reads a body as `T`.
///
/// # Errors
/// `validation_error` that names every bad member.
pub(super) fn parse<T: DeserializeOwned + ToSchema>(bytes: &[u8]) -> Result<T, ApiError> {
    if bytes.is_empty() {
        return Err(Error::invalid("body", "Must be a JSON object").into());
    }
    // Serde would take a list for an object, member by member.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(Error::invalid("body", "Must be a JSON object").into());
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut deserializer);
    match parsed {
        Ok(value) => match deserializer.end() {
            Ok(()) => Ok(value),
            Err(_) => Err(Error::invalid("body", "Must be one JSON object and nothing behind it").into()),
        },
        Err(error) => Err(explain::<T>(bytes, &error).into()),
    }
}

/// Names every member that is unknown, missing or of a wrong type; else the one at which parsing stopped.
fn explain<T: ToSchema>(bytes: &[u8], error: &serde_path_to_error::Error<serde_json::Error>) -> Error {
    let mut problems = Problems::default();
    let members = match serde_json::from_slice::<serde_json::Value>(bytes) {
        Ok(serde_json::Value::Object(members)) => members,
        Ok(_) => return Error::invalid("body", "Must be a JSON object"),
        Err(_) => return Error::invalid("body", "Must be valid JSON"),
    };
    if let RefOr::T(Schema::Object(schema)) = T::schema() {
        for name in members.keys().filter(|name| !schema.properties.contains_key(*name)).take(NAMED) {
            problems.add(shorten(name), "Is not known here");
        }
        for (name, expected) in
            members.iter().filter_map(|(name, value)| Some((name, mistyped(schema.properties.get(name)?, value)?)))
        {
            problems.add(name.clone(), expected);
        }
        for name in schema.required.iter().filter(|name| !members.contains_key(*name)) {
            problems.add(name.clone(), "Is required");
        }
    }
    if let Err(named) = problems.finish() {
        return named;
    }
    let path = error.path().to_string();
    let reason = error.inner().to_string();
    let reason = reason.split(" at line ").next().unwrap_or_default().to_owned();
    if let Some(twice) = reason.strip_prefix("duplicate field `").and_then(|rest| rest.strip_suffix('`')) {
        return Error::invalid(shorten(twice), "Must be given once");
    }
    Error::invalid(if path == "." { "body".to_owned() } else { shorten(&path) }, sentence(&reason))
}

/// What a member must be by its schema, where the value is something else.
fn mistyped(schema: &RefOr<Schema>, value: &serde_json::Value) -> Option<String> {
    let expected = match schema {
        RefOr::T(Schema::Object(object)) => &object.schema_type,
        RefOr::T(Schema::Array(array)) => &array.schema_type,
        _ => return None,
    };
    let types = match expected {
        SchemaType::Type(one) => std::slice::from_ref(one),
        SchemaType::Array(several) => several,
        SchemaType::AnyValue => return None,
    };
    let fits = |expected: &Type| match expected {
        Type::Object => value.is_object(),
        Type::String => value.is_string(),
        Type::Integer => value.is_i64() || value.is_u64(),
        Type::Number => value.is_number(),
        Type::Boolean => value.is_boolean(),
        Type::Array => value.is_array(),
        Type::Null => value.is_null(),
    };
    if types.iter().any(fits) {
        return None;
    }
    let names: Vec<&str> = types.iter().map(type_name).collect();
    Some(format!("Must be {}", names.join(" or ")))
}

const fn type_name(of: &Type) -> &'static str {
    match of {
        Type::Object => "an object",
        Type::String => "a string",
        Type::Integer => "a whole number",
        Type::Number => "a number",
        Type::Boolean => "true or false",
        Type::Array => "a list",
        Type::Null => "null",
    }
}

fn shorten(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(100).collect()
}

fn sentence(reason: &str) -> String {
    let reason = shorten(reason);
    let mut letters = reason.chars();
    letters.next().map_or_else(|| "Is not acceptable".to_owned(), |first| first.to_uppercase().chain(letters).collect())
}

/// For members of a merge patch: absent is `None`, `null` is `Some(None)` (RFC 7396).
///
/// # Errors
/// Those of `T`.
pub fn nullable<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}
