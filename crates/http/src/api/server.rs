//! What the server is, for clients that have not logged in yet (contract section 1).

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::envelope::{Answer, Envelope, VERSION};
use crate::extract::query::{NoParameters, Query};
use crate::state::AppState;

/// What the server is and can do.
#[derive(Debug, Serialize, ToSchema)]
pub struct Server {
    /// Always `Media Vault`.
    #[schema(value_type = String)]
    name: &'static str,
    /// Its version.
    #[schema(value_type = String)]
    version: &'static str,
    /// Versions of this API.
    #[schema(value_type = Vec<String>)]
    api_versions: [&'static str; 1],
    /// Who may make an account: `open` (everybody), `invite` (whoever has an invite) or `closed` (nobody).
    #[schema(value_type = String)]
    registration: &'static str,
    /// Ways to log in.
    login: LoginWays,
    /// Limits of uploads.
    limits: ServerLimits,
    /// File formats that are understood.
    formats: ServerFormats,
    /// Parts of the API that this server has.
    #[schema(value_type = Vec<String>)]
    features: [&'static str; 8],
}

/// Ways to log in.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoginWays {
    /// By name and password.
    password: bool,
    /// Names of OpenID Connect providers.
    oidc: Vec<String>,
}

/// Limits of uploads.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServerLimits {
    /// The most bytes of one file.
    max_upload_bytes: u64,
    /// The best size of a piece of a resumable upload; null where the server has none.
    tus_chunk_bytes: Option<u64>,
}

/// File formats that are understood beyond being stored.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServerFormats {
    /// Formats of which pictures can be made.
    decode: Vec<String>,
    /// Formats in which pictures are made.
    render: Vec<String>,
}

/// What can be shown here: by this program itself, and by those that were found beside it.
fn formats(state: &AppState) -> ServerFormats {
    let standing = state.app.processing_standing();
    let decode = mv_app::pictures::shown(standing.video, standing.heif).into_iter().map(str::to_owned).collect();
    let render = ["image/jpeg", "image/webp", "image/avif", "image/png"].map(str::to_owned).to_vec();
    ServerFormats { decode, render }
}

/// What the server is and can do.
#[utoipa::path(get, path = "/server", operation_id = "server.get", tag = "server", security(()),
    responses((status = 200, description = "The server.", body = Envelope<Server>)))]
pub async fn get(State(state): State<AppState>, _: Query<NoParameters>) -> Answer<Server> {
    let options = state.app.options();
    Answer::ok(Server {
        name: "Media Vault",
        version: VERSION,
        api_versions: ["v1"],
        registration: options.registration.as_str(),
        login: LoginWays { password: true, oidc: Vec::new() },
        limits: ServerLimits { max_upload_bytes: options.max_upload_bytes, tus_chunk_bytes: None },
        formats: formats(&state),
        features: ["upload", "media", "trash", "collections", "signed_urls", "idempotency", "renditions", "metadata"],
    })
}
