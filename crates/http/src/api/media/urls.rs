//! `POST /media/urls`: signed links for a chosen time (contract section 4).

use axum::extract::State;
use mv_app::media::links::{LinkTo, LinkUse, Moving};
use mv_app::pictures::{Ask, PREVIEW};
use mv_core::{MediaId, Problems, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::envelope::{Answer, Envelope};
use crate::error::ApiError;
use crate::extract::body::Json;
use crate::extract::caller::{Auth, area};
use crate::extract::query::{NoParameters, Query};
use crate::state::AppState;
use crate::wire::picture::{self, Wish};

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
    /// `content`, `thumbnail` (with `size`), `preview`, `render` (with the parameters of that address), `playback`, `motion` or
    /// `storyboard`.
    #[schema(example = "content")]
    variant: String,
    /// Whether a browser saves the file instead of showing it; of `content`.
    download: Option<bool>,
    /// Of `thumbnail`.
    size: Option<u64>,
    /// Of `render`.
    w: Option<u64>,
    /// Of `render`.
    h: Option<u64>,
    /// Of `render`.
    fit: Option<String>,
    /// Of `render`.
    format: Option<String>,
    /// Of `render`.
    q: Option<u64>,
    /// Of `render`.
    dpr: Option<f64>,
    /// Of `render`.
    animated: Option<bool>,
}

/// A signed link.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignedUrl {
    /// The item.
    id: String,
    /// What it leads to.
    variant: String,
    /// The link; works without a header.
    url: String,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl UrlItem {
    /// What the link is to lead to; what does not belong to it, or is wrong with it, is noted.
    fn leads_to(&self, place: usize, problems: &mut Problems) -> Option<LinkTo> {
        let stray = [
            ("download", self.download.is_some(), self.variant == "content"),
            ("size", self.size.is_some(), self.variant == "thumbnail"),
            ("w", self.w.is_some(), self.variant == "render"),
            ("h", self.h.is_some(), self.variant == "render"),
            ("fit", self.fit.is_some(), self.variant == "render"),
            ("format", self.format.is_some(), self.variant == "render"),
            ("q", self.q.is_some(), self.variant == "render"),
            ("dpr", self.dpr.is_some(), self.variant == "render"),
            ("animated", self.animated.is_some(), self.variant == "render"),
        ];
        for (name, given, fits) in stray {
            if given && !fits {
                problems.add(format!("items[{place}].{name}"), "Does not belong to this variant");
            }
        }
        let mut mine = Problems::default();
        let to = match self.variant.as_str() {
            "content" => Some(LinkTo::Content(LinkUse { download: self.download.unwrap_or(false) })),
            "thumbnail" => mine.check(picture::thumbnail(self.size)).map(LinkTo::Picture),
            "preview" => Some(LinkTo::Picture(Ask::Thumbnail(PREVIEW))),
            "render" => {
                let Self { w, h, q, dpr, animated, .. } = *self;
                let wish = Wish { w, h, fit: self.fit.clone(), format: self.format.clone(), q, dpr, animated };
                Some(LinkTo::Picture(wish.ask(&mut mine)))
            }
            "storyboard" => Some(LinkTo::Picture(Ask::Storyboard)),
            "playback" => Some(LinkTo::Moving(Moving::Playback)),
            "motion" => Some(LinkTo::Moving(Moving::Motion)),
            _ => {
                mine.add("variant", "Must be content, thumbnail, preview, render, playback, motion or storyboard");
                None
            }
        };
        if let Err(error) = mine.finish() {
            for detail in error.details {
                problems.add(format!("items[{place}].{}", detail.field), detail.message);
            }
            return None;
        }
        to
    }
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
    let mut wanted: Vec<(MediaId, LinkTo)> = Vec::with_capacity(body.items.len().min(500));
    for (place, item) in body.items.iter().enumerate().take(500) {
        let to = item.leads_to(place, &mut problems);
        match item.id.parse() {
            Ok(id) => wanted.extend(to.map(|to| (id, to))),
            Err(_) => problems.add(format!("items[{place}].id"), "Must be an id that begins with media_"),
        }
    }
    problems.finish()?;
    let made = state.app.make_links(&auth.caller, wanted, expires_in.unwrap_or_default()).await?;
    let out = made.into_iter().zip(body.items).map(|(link, item)| SignedUrl {
        id: link.id.to_string(),
        variant: item.variant,
        url: link.url,
        expires_at: link.expires_at,
    });
    Ok(Answer::ok(out.collect()))
}
