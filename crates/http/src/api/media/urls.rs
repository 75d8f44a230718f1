//! `POST /media/urls`: signed links for a chosen time (contract section 4).

use axum::extract::State;
use mv_app::media::links::LinkUse;
use mv_core::{MediaId, Problems, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::envelope::{Answer, Envelope};
use crate::error::ApiError;
use crate::extract::body::Json;
use crate::extract::caller::{Auth, area};
use crate::extract::query::{NoParameters, Query};
use crate::state::AppState;

/// The links that are wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UrlsRequest {
    /// 1 to 500.
    items: Vec<UrlItem>,
    /// Seconds that the links hold.
    #[schema(minimum = 60, maximum = 604_800, example = 3600)]
    expires_in: i64,
}

/// One link.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UrlItem {
    /// The item.
    #[schema(example = "media_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// `content`; this server makes no pictures of items yet.
    #[schema(example = "content")]
    variant: String,
    /// Whether a browser saves the file instead of showing it.
    #[serde(default)]
    download: bool,
}

/// A signed link.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignedUrl {
    /// The item.
    id: String,
    /// What it leads to.
    #[schema(value_type = String)]
    variant: &'static str,
    /// The link; works without a header.
    url: String,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Sign links to the caller's items.
#[utoipa::path(post, path = "/media/urls", operation_id = "media.urls", tag = "media", request_body = UrlsRequest,
    responses((status = 200, description = "One link for each, in the order asked.", body = Envelope<Vec<SignedUrl>>)))]
pub async fn urls(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::MediaRead>,
    Json(body): Json<UrlsRequest>,
) -> Result<Answer<Vec<SignedUrl>>, ApiError> {
    let mut problems = Problems::default();
    let expires_in = u32::try_from(body.expires_in).ok().filter(|seconds| (60..=604_800).contains(seconds));
    if expires_in.is_none() {
        problems.add("expires_in", "Must be between 60 and 604800");
    }
    if !(1..=500).contains(&body.items.len()) {
        problems.add("items", "Must be 1 to 500");
    }
    let mut wanted: Vec<(MediaId, LinkUse)> = Vec::with_capacity(body.items.len().min(500));
    for (place, item) in body.items.iter().enumerate().take(500) {
        if item.variant != "content" {
            problems.add(format!("items[{place}].variant"), "Must be content");
        }
        match item.id.parse() {
            Ok(id) => wanted.push((id, LinkUse { download: item.download })),
            Err(_) => problems.add(format!("items[{place}].id"), "Must be an id that begins with media_"),
        }
    }
    problems.finish()?;
    let made = state.app.make_links(&auth.caller, wanted, expires_in.unwrap_or_default()).await?;
    let out = made.into_iter().map(|link| SignedUrl {
        id: link.id.to_string(),
        variant: "content",
        url: link.url,
        expires_at: link.expires_at,
    });
    Ok(Answer::ok(out.collect()))
}
