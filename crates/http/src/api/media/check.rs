//! `POST /media/check`: asking before sending (contract section 4).

use axum::extract::State;
use mv_app::media::check::State as Known;
use mv_core::{Checksum, Error, Problems, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::envelope::{Answer, Envelope};
use crate::error::ApiError;
use crate::extract::body::Json;
use crate::extract::caller::{Auth, area};
use crate::extract::query::{NoParameters, Query};
use crate::state::AppState;

/// The contents in question.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckRequest {
    /// 1 to 1000, each `sha256:` and 64 hexadecimal digits.
    checksums: Vec<String>,
}

/// What is known of a content, among the caller's own items.
#[derive(Debug, Serialize, ToSchema)]
pub struct CheckedContent {
    /// As it was asked.
    checksum: String,
    /// `unknown`, `present`, `trashed` or `deleted`.
    #[schema(value_type = String)]
    state: &'static str,
    /// The item that has it, in the library or the trash.
    media_id: Option<String>,
    /// When that item went to the trash, or the last one was deleted.
    #[schema(value_type = Option<String>, format = DateTime)]
    deleted_at: Option<Timestamp>,
}

/// Which of these contents does the caller have, or had and deleted?
#[utoipa::path(post, path = "/media/check", operation_id = "media.check", tag = "media", request_body = CheckRequest,
    responses((status = 200, description = "One answer for each, in the order asked.", body = Envelope<Vec<CheckedContent>>)))]
pub async fn check(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::MediaRead>,
    Json(body): Json<CheckRequest>,
) -> Result<Answer<Vec<CheckedContent>>, ApiError> {
    if !(1..=1000).contains(&body.checksums.len()) {
        return Err(Error::invalid("checksums", "Must be 1 to 1000").into());
    }
    let mut problems = Problems::default();
    let mut checksums = Vec::with_capacity(body.checksums.len());
    for (place, text) in body.checksums.iter().enumerate() {
        match Checksum::parse(text) {
            Some(checksum) => checksums.push(checksum),
            None => problems.add(format!("checksums[{place}]"), "Must be sha256: and 64 hexadecimal digits"),
        }
    }
    problems.finish()?;
    let states = state.app.check_contents(&auth.caller, &checksums).await?;
    Ok(Answer::ok(body.checksums.into_iter().zip(states).map(answer).collect()))
}

fn answer((checksum, known): (String, Known)) -> CheckedContent {
    let (state, media_id, deleted_at) = match known {
        Known::Unknown => ("unknown", None, None),
        Known::Present(id) => ("present", Some(id.to_string()), None),
        Known::Trashed(id, at) => ("trashed", Some(id.to_string()), Some(at)),
        Known::Deleted(at) => ("deleted", None, Some(at)),
    };
    CheckedContent { checksum, state, media_id, deleted_at }
}
