//! `GET /media`: filters, order and pages (contract section 4).

use std::sync::OnceLock;

use axum::extract::State;
use mv_app::media::list::ListRequest;
use mv_core::media::{COMPARABLE_BYTES, check_rating, fold_tag};
use mv_core::media_filter::{Bounds, MediaFilter, Sort};
use mv_core::mime::{MediaType, MimeFilter};
use mv_core::{Error, Problems, Timestamp};
use utoipa::IntoParams;

use crate::envelope::PageEnvelope;
use crate::error::ApiError;
use crate::extract::caller::{Auth, area};
use crate::extract::query::{Known, Pairs, Parameters, Query};
use crate::state::AppState;
use crate::wire::media::MediaOut;
use crate::wire::media_page::MediaPage;
use crate::wire::page::ListLinks;

/// What a list of items may be asked for.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents and names the parameters; `read` reads them")]
pub struct ListParameters {
    /// Page number, from 1.
    #[param(minimum = 1, default = 1)]
    page: Option<u32>,
    /// Items on a page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    per_page: Option<u32>,
    /// Where to go on: `meta.pagination.next_cursor` of the page before. Not together with `page`.
    cursor: Option<String>,
    /// `created_at`, `taken_at`, `filename`, `size` or `rating`, with `-` before it for descending.
    #[param(default = "-created_at")]
    sort: Option<String>,
    /// `image`, `video`, `audio`, `document` or `other`.
    r#type: Option<String>,
    /// An exact type, or a family such as `image/*`.
    mime_type: Option<String>,
    /// With this tag, whatever its case.
    tag: Option<String>,
    /// In this collection.
    collection_id: Option<String>,
    /// Marked, or not.
    favorite: Option<bool>,
    /// Rated at least so.
    #[param(minimum = -1, maximum = 5)]
    rating_min: Option<i8>,
    /// With this id of the application's.
    external_id: Option<String>,
    /// With this value of the property `key`, at most 1024 bytes; numbers and booleans as they are written. May be given
    /// for several keys.
    #[param(rename = "property[key]")]
    property: Option<String>,
    /// Made after this instant.
    #[param(format = DateTime)]
    created_after: Option<String>,
    /// Made before this instant.
    #[param(format = DateTime)]
    created_before: Option<String>,
    /// Taken after this instant.
    #[param(format = DateTime)]
    taken_after: Option<String>,
    /// Taken before this instant.
    #[param(format = DateTime)]
    taken_before: Option<String>,
    /// At least so many bytes.
    min_size: Option<u64>,
    /// At most so many bytes.
    max_size: Option<u64>,
    /// Taken within `west,south,east,north`, degrees.
    #[param(example = "5.8,47.2,15.1,55.1")]
    bbox: Option<String>,
    /// Whose items: only `own` on this server.
    scope: Option<String>,
    /// What is in the trash instead of the library.
    trashed: Option<bool>,
}

/// A list request and what its links keep.
pub struct ListQuery {
    request: ListRequest,
    links: ListLinks,
}

impl Parameters for ListParameters {
    type Read = ListQuery;

    fn known() -> &'static OnceLock<Vec<Known>> {
        static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
        &KNOWN
    }

    fn read(pairs: &mut Pairs) -> Result<ListQuery, Error> {
        let links = ListLinks::new("/media", pairs.sent());
        let mut problems = Problems::default();
        let filter = filter(pairs, &mut problems);
        let sort = pairs.parse("sort", &mut problems, Sort::parse).unwrap_or_default();
        let (page, cursor) = pairs.page(&mut problems);
        pairs.parse("scope", &mut problems, |scope| match scope {
            "own" => Ok(()),
            _ => Err(Error::invalid("scope", "Must be own: nothing is shared on this server")),
        });
        problems.finish()?;
        Ok(ListQuery { request: ListRequest { filter, sort, page, cursor }, links })
    }
}

fn filter(pairs: &mut Pairs, problems: &mut Problems) -> MediaFilter {
    let instant = |name: &'static str| move |text: &str| Timestamp::read(name, text);
    MediaFilter {
        media_type: pairs.parse("type", problems, |text| {
            MediaType::parse(text)
                .ok_or_else(|| Error::invalid("type", "Must be one of image, video, audio, document, other"))
        }),
        mime_type: pairs.parse("mime_type", problems, |text| MimeFilter::parse("mime_type", text)),
        // Folding may lengthen a tag, so it is measured as it was sent.
        tag: pairs.parse("tag", problems, |text| match text.trim().chars().count() {
            1..=64 => Ok(fold_tag(text)),
            _ => Err(Error::invalid("tag", "Must be 1 to 64 characters")),
        }),
        collection_id: pairs.parse("collection_id", problems, |text| {
            text.parse().map_err(|_| Error::invalid("collection_id", "Must be an id that begins with col_"))
        }),
        favorite: pairs.flag("favorite", problems),
        rating_min: pairs.parse("rating_min", problems, |text| {
            let stars = text.parse().map_err(|_| Error::invalid("rating_min", "Must be between -1 and 5"))?;
            check_rating(stars).map_err(|_| Error::invalid("rating_min", "Must be between -1 and 5"))
        }),
        external_id: pairs.take("external_id"),
        properties: properties(pairs, problems),
        created_after: pairs.parse("created_after", problems, instant("created_after")),
        created_before: pairs.parse("created_before", problems, instant("created_before")),
        taken_after: pairs.parse("taken_after", problems, instant("taken_after")),
        taken_before: pairs.parse("taken_before", problems, instant("taken_before")),
        min_size: pairs.number("min_size", problems),
        max_size: pairs.number("max_size", problems),
        bounds: pairs.parse("bbox", problems, Bounds::parse),
        trashed: pairs.flag("trashed", problems).unwrap_or(false),
    }
}

/// Values that are too long to be compared are refused: they would match nothing.
fn properties(pairs: &mut Pairs, problems: &mut Problems) -> Vec<(String, String)> {
    let asked = pairs.take_keyed("property");
    for (key, _) in asked.iter().filter(|(_, value)| value.len() > COMPARABLE_BYTES) {
        let key: String = key.chars().filter(|c| !c.is_control()).take(64).collect();
        problems.add(format!("property[{key}]"), "Must be at most 1024 bytes");
    }
    asked
}

/// The caller's items, a page at a time.
#[utoipa::path(get, path = "/media", operation_id = "media.list", tag = "media", params(ListParameters),
    responses((status = 200, description = "One page.", body = PageEnvelope<MediaOut>)))]
pub async fn list(
    State(state): State<AppState>,
    Query(query): Query<ListParameters>,
    Auth(auth, _): Auth<area::MediaRead>,
) -> Result<MediaPage, ApiError> {
    let ListQuery { request, links } = query;
    let (page, by_cursor) = (request.page, request.cursor.is_some());
    let found = state.app.list_media(&auth.caller, request).await?;
    let pagination = links.pagination(page, by_cursor, found.items.len(), found.total, found.next_cursor);
    Ok(MediaPage { items: found.items, pagination })
}
