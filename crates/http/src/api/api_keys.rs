//! API keys (contract section 3): for their owner alone, logged in.

use axum::extract::State;
use axum::response::Response;
use mv_app::auth::api_keys::{MadeApiKey, NewApiKey};
use mv_core::api_key::ApiKey;
use mv_core::{ApiKeyId, Error, Problems, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::envelope::{Answer, Envelope, NoContent};
use crate::error::ApiError;
use crate::extract::caller::{Auth, Sender, area};
use crate::extract::creating::{Creating, IdempotencyParameter, Made};
use crate::extract::path::Path;
use crate::extract::query::{NoParameters, Query};
use crate::state::AppState;

/// What a key is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Camera on the roof", "scopes": ["media:write"], "expires_at": "2030-01-01T00:00:00Z" }))]
pub struct CreateApiKey {
    /// What its owner calls it: 1 to 100 characters.
    name: String,
    /// What it may do, at least one of `media:read`, `media:write`, `collections:read`, `collections:write`,
    /// `shares:write`, `webhooks:write`, `users:read`.
    scopes: Vec<String>,
    /// When it ends, RFC 3339; without it never.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// A key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub struct ApiKeyOut {
    /// Its id.
    #[schema(example = "key_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// What its owner calls it.
    name: String,
    /// What it may do.
    #[schema(value_type = Vec<String>)]
    scopes: Vec<&'static str>,
    /// When it ends; null is never.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// When it was last used, to the minute; null is never.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

/// A new key with its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedApiKey {
    #[serde(flatten)]
    about: ApiKeyOut,
    /// The secret, shown this once: for `Authorization: Bearer` or `X-API-Key`.
    #[schema(example = "mvk_...")]
    key: String,
}

impl From<ApiKey> for ApiKeyOut {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name,
            scopes: key.scopes.iter().map(Scope::as_str).collect(),
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
            created_at: key.created_at,
        }
    }
}

impl CreateApiKey {
    fn checked(self) -> Result<NewApiKey, Error> {
        let mut problems = Problems::default();
        let expires_at = self.expires_at.and_then(|text| problems.check(Timestamp::read("expires_at", &text)));
        problems.finish()?;
        Ok(NewApiKey { name: self.name, scopes: self.scopes, expires_at })
    }
}

/// Make an API key. It never does more than its scopes, never manages the account, and is never an administrator.
#[utoipa::path(post, path = "/api-keys", operation_id = "apiKeys.create", tag = "api-keys", params(IdempotencyParameter),
    request_body = CreateApiKey, responses((status = 201, description = "The key.", body = Envelope<CreatedApiKey>)))]
pub async fn create(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::Account>,
    Sender(client): Sender,
    Creating { body, key }: Creating<CreateApiKey>,
) -> Result<Response, ApiError> {
    let wanted = body.checked()?;
    let make = |creation| state.app.create_api_key(&auth.caller, wanted, &client, creation);
    let show = |(made, secret): &MadeApiKey| Made {
        data: CreatedApiKey { about: made.clone().into(), key: secret.clone() },
        location: None,
    };
    key.make(&state.app, auth.caller.user(), "apiKeys.create", show, make).await
}

/// The caller's API keys, newest first, also those that have ended. There are at most 100.
#[utoipa::path(get, path = "/api-keys", operation_id = "apiKeys.list", tag = "api-keys",
    responses((status = 200, description = "All of them.", body = Envelope<Vec<ApiKeyOut>>)))]
pub async fn list(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::Account>,
) -> Result<Answer<Vec<ApiKeyOut>>, ApiError> {
    let found = state.app.list_api_keys(&auth.caller).await?;
    Ok(Answer::ok(found.into_iter().map(ApiKeyOut::from).collect()))
}

/// Delete an API key: it is refused from the next request on, and upload tokens made with it are gone. Signed links that
/// were asked for with it are the account's and hold until they end; a new password ends them all.
#[utoipa::path(delete, path = "/api-keys/{id}", operation_id = "apiKeys.delete", tag = "api-keys",
    params(("id" = String, Path, description = "The key's id.")),
    responses((status = 204, description = "Done.")))]
pub async fn delete(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::Account>,
    Sender(client): Sender,
    Path(id): Path<ApiKeyId>,
) -> Result<NoContent, ApiError> {
    state.app.delete_api_key(&auth.caller, id, &client).await?;
    Ok(NoContent)
}
