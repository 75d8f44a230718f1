//! Requests that make one thing: a JSON body and perhaps an `Idempotency-Key`, under which a retry is answered as the first
//! try was, for 24 hours, by caller and route.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mv_app::{App, Begun, Creation, Sent};
use mv_core::UserId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::envelope::Answer;
use crate::error::ApiError;
use crate::extract::body;
use crate::extract::idempotency::IdempotencyKey;

/// Describes the header, for operations that take it.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "documents the header; `IdempotencyKey` reads it")]
pub struct IdempotencyParameter {
    /// A retry with the same key answers as the first try did, for 24 hours.
    #[param(rename = "Idempotency-Key", min_length = 1, max_length = 255)]
    key: Option<String>,
}

/// The body of a request that makes one thing.
pub struct Creating<B> {
    /// What is to be made.
    pub body: B,
    /// The rest of what was sent.
    pub key: CreationKey,
}

/// Under which key something is to be made, and what the request says.
pub struct CreationKey {
    key: Option<String>,
    fingerprint: [u8; 32],
}

impl<B: DeserializeOwned + ToSchema, S: Send + Sync> FromRequest<S> for Creating<B> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (key, request) = key_of(request, state).await?;
        let bytes = body::json_bytes(request).await?;
        Ok(Self { body: body::parse(&bytes)?, key: CreationKey::new(key, &bytes) })
    }
}

/// As [`Creating`], where the body may be missing altogether.
pub struct OptionalCreating<B>(pub Creating<B>);

impl<B: DeserializeOwned + ToSchema + Default, S: Send + Sync> FromRequest<S> for OptionalCreating<B> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (key, request) = key_of(request, state).await?;
        let bytes = body::optional_json_bytes(request).await?;
        let body = if bytes.is_empty() { B::default() } else { body::parse(&bytes)? };
        Ok(Self(Creating { body, key: CreationKey::new(key, &bytes) }))
    }
}

async fn key_of<S: Send + Sync>(request: Request, state: &S) -> Result<(Option<String>, Request), ApiError> {
    let (mut parts, content) = request.into_parts();
    let IdempotencyKey(key) = IdempotencyKey::from_request_parts(&mut parts, state).await?;
    Ok((key, Request::from_parts(parts, content)))
}

/// Bodies are compared by what they say: members in any order, whatever the blanks between. A password is left out: its
/// plain digest must never stand in the database, where it could be guessed at leisure.
fn fingerprint(bytes: &[u8]) -> [u8; 32] {
    let canonical = serde_json::from_slice::<serde_json::Value>(bytes).map(|mut value| {
        if let Some(members) = value.as_object_mut() {
            members.remove("password");
        }
        value.to_string()
    });
    let said = canonical.as_ref().map_or(bytes, |text| text.as_bytes());
    Sha256::digest(said).into()
}

/// Of a request without a body: what it says is its path.
impl<S: Send + Sync> FromRequestParts<S> for CreationKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let IdempotencyKey(key) = IdempotencyKey::from_request_parts(parts, state).await?;
        Ok(Self::new(key, parts.uri.path().as_bytes()))
    }
}

/// A thing that was made, as the answer shows it.
pub struct Made<O> {
    /// What the answer's `data` is.
    pub data: O,
    /// Where it can be had from then on, if anywhere.
    pub location: Option<String>,
}

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept<'a> {
    location: Option<String>,
    #[serde(borrow)]
    data: &'a RawValue,
}

impl CreationKey {
    fn new(key: Option<String>, bytes: &[u8]) -> Self {
        let fingerprint = if key.is_some() { fingerprint(bytes) } else { [0; 32] };
        Self { key, fingerprint }
    }

    /// Makes the thing, or answers as an earlier try with the same key was answered. `route` is the operation's id, `show`
    /// is how the thing looks in the answer: 201.
    ///
    /// # Errors
    /// Those of `make`; `conflict` where the key is in use.
    pub async fn make<T, O, F>(
        self,
        app: &App,
        user: UserId,
        route: &'static str,
        show: fn(&T) -> Made<O>,
        make: impl FnOnce(Creation<T>) -> F,
    ) -> Result<Response, ApiError>
    where
        T: 'static,
        O: Serialize + 'static,
        F: Future<Output = mv_app::Result<T>>,
    {
        let render = Arc::new(move |thing: &T| {
            let Made { data, location } = show(thing);
            // Serialising these cannot fail: they hold no maps but of text.
            let text = serde_json::value::to_raw_value(&data).unwrap_or_default();
            serde_json::to_vec(&Kept { location, data: &text }).unwrap_or_default()
        });
        let sent = Sent { route, key: self.key, fingerprint: self.fingerprint, render };
        match app.creation(user, sent).await? {
            Begun::New(creation) => {
                let Made { data, location } = show(&make(creation).await?);
                Ok(located(Answer::created(data), location.as_deref()).into_response())
            }
            Begun::Answered(answer) => {
                const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
                let kept: Kept<'_> = serde_json::from_slice(&answer).map_err(mv_app::Error::internal)?;
                let mut response = located(Answer::created(kept.data), kept.location.as_deref()).into_response();
                *response.status_mut() = StatusCode::CREATED;
                response.headers_mut().insert(REPLAYED, axum::http::HeaderValue::from_static("true"));
                Ok(response)
            }
        }
    }
}

fn located<O>(answer: Answer<O>, location: Option<&str>) -> Answer<O> {
    match location {
        Some(location) => answer.with(header::LOCATION, location),
        None => answer,
    }
}

#[cfg(test)]
mod tests {
    use super::fingerprint;

    #[test]
    fn bodies_are_compared_by_what_they_say() {
        let said = fingerprint(br#"{"a": 1, "b": [true, null]}"#);
        assert_eq!(fingerprint(br#" {"b":[true,null],"a":1}"#), said);
        assert_eq!(fingerprint(br#"{"a": 1, "b": [true, null], "password": "x"}"#), said);
        assert_ne!(fingerprint(br#"{"a": 2, "b": [true, null]}"#), said);
        assert_ne!(fingerprint(br#"{"a": 1, "b": [null, true]}"#), said);
    }
}
