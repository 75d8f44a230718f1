//! Upload tokens, for an application's own end users (contract section 3).

use axum::extract::State;
use axum::response::Response;
use mv_app::auth::upload_tokens::{MadeUploadToken, NewUploadToken};
use mv_core::{Error, Problems, Timestamp, UploadTokenId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::envelope::{Envelope, NoContent};
use crate::error::ApiError;
use crate::extract::caller::{Auth, Sender, area};
use crate::extract::creating::{Creating, IdempotencyParameter, Made, OptionalCreating};
use crate::extract::path::Path;
use crate::extract::query::{NoParameters, Query};
use crate::state::AppState;

/// What a token is to allow.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "expires_in": 600, "max_files": 3, "max_bytes": 50_000_000, "mime_types": ["image/*"], "tags": ["claim"] }))]
pub struct CreateUploadToken {
    /// Seconds that it holds.
    #[schema(minimum = 60, maximum = 86_400, default = 3600)]
    expires_in: Option<u64>,
    /// How many files it takes in all.
    #[schema(minimum = 1, maximum = 10_000, default = 1)]
    max_files: Option<u64>,
    /// How many bytes it takes in all; without it as many as the account may hold.
    #[schema(minimum = 1, maximum = 9_223_372_036_854_775_807_i64)]
    max_bytes: Option<u64>,
    /// Which kinds of files it takes, told from their bytes: `image/*`, `application/pdf`; 1 to 50. Without it all.
    mime_types: Option<Vec<String>>,
    /// A collection of the caller's that the items go into; a key needs `collections:write` for it.
    collection_id: Option<String>,
    /// What every item is tagged with, beside what its sender says.
    tags: Option<Vec<String>>,
    /// What every item gets, beside what its sender says: flat JSON.
    #[schema(value_type = Option<Object>)]
    properties: Option<Map<String, Value>>,
    /// The origin of pages that may upload with it, such as `https://app.example.org`: their uploads get CORS headers.
    origin: Option<String>,
}

/// A new token with its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedUploadToken {
    /// Its id.
    #[schema(example = "upt_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// The secret, shown this once: for `Authorization: Bearer`.
    #[schema(example = "mvu_...")]
    token: String,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl CreateUploadToken {
    fn checked(self) -> Result<NewUploadToken, Error> {
        let mut problems = Problems::default();
        let collection_id = self.collection_id.and_then(|text| {
            let bad = |_| Error::invalid("collection_id", "Must be an id that begins with col_");
            problems.check(text.parse().map_err(bad))
        });
        problems.finish()?;
        Ok(NewUploadToken {
            expires_in: self.expires_in,
            max_files: self.max_files,
            max_bytes: self.max_bytes,
            mime_types: self.mime_types,
            collection_id,
            tags: self.tags.unwrap_or_default(),
            properties: self.properties.unwrap_or_default(),
            origin: self.origin,
        })
    }
}

/// Issue an upload token: whoever has it may upload into the caller's account within its bounds, and do nothing else.
#[utoipa::path(post, path = "/upload-tokens", operation_id = "uploadTokens.create", tag = "upload-tokens", params(IdempotencyParameter),
    request_body(content = Option<CreateUploadToken>), responses((status = 201, description = "The token.", body = Envelope<CreatedUploadToken>)))]
pub async fn create(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::MediaWrite>,
    Sender(client): Sender,
    OptionalCreating(Creating { body, key }): OptionalCreating<CreateUploadToken>,
) -> Result<Response, ApiError> {
    let wanted = body.checked()?;
    let make = |creation| state.app.create_upload_token(&auth.caller, wanted, &client, creation);
    let show = |(made, secret): &MadeUploadToken| Made {
        data: CreatedUploadToken { id: made.id.to_string(), token: secret.clone(), expires_at: made.expires_at },
        location: None,
    };
    key.make(&state.app, auth.caller.user(), "uploadTokens.create", show, make).await
}

/// Delete an upload token: it is refused from the next request on. What came in by it stays.
#[utoipa::path(delete, path = "/upload-tokens/{id}", operation_id = "uploadTokens.delete", tag = "upload-tokens",
    params(("id" = String, Path, description = "The token's id.")),
    responses((status = 204, description = "Done.")))]
pub async fn delete(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::MediaWrite>,
    Sender(client): Sender,
    Path(id): Path<UploadTokenId>,
) -> Result<NoContent, ApiError> {
    state.app.delete_upload_token(&auth.caller, id, &client).await?;
    Ok(NoContent)
}
