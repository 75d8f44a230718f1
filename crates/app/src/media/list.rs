//! Lists of the caller's items, by page number or by cursor.

use mv_core::access;
use mv_core::media_filter::{MediaFilter, Place, PlaceKey, Sort, SortKey};
use mv_core::page::{MAX_SKIP, PageRequest, Total};
use mv_core::{Caller, Error, MediaId, Scope};
use mv_store::media_list::{self, Part, Window};
use mv_store::{Conn, usage};
use serde::{Deserialize, Serialize};

use crate::view::ListPage;
use crate::{App, Result};

/// What a list is asked for.
#[derive(Debug, Clone)]
pub struct ListRequest {
    /// Which items.
    pub filter: MediaFilter,
    /// In which order.
    pub sort: Sort,
    /// Which page; its number does not matter where there is a cursor.
    pub page: PageRequest,
    /// Where to go on.
    pub cursor: Option<String>,
}

/// A place as a cursor holds it.
#[derive(Serialize, Deserialize)]
enum Mark {
    Id(MediaId),
    Int(i64, MediaId),
    Text(String, MediaId),
}

impl App {
    /// One page of the caller's items.
    ///
    /// # Errors
    /// `validation_error` on `cursor`, or on `page` where it lies deeper than numbers lead; `forbidden` where a key asks
    /// what is in a collection without `collections:read`.
    pub async fn list_media(&self, caller: &Caller, request: ListRequest) -> Result<ListPage> {
        let who = caller.user();
        let ListRequest { filter, sort, page, cursor } = request;
        if filter.collection_id.is_some() {
            access::scoped(caller, &[Scope::CollectionsRead])?;
        }
        let list = format!("media {} {filter:?}", sort.as_str());
        let after = match cursor {
            Some(cursor) => Some(place(self.cursors.open(who, &list, &cursor)?)),
            None => None,
        };
        let indexed = filter.is_indexed(sort);
        let limit = page.per_page;
        let read = move |db: &Conn| -> Result<_> {
            let total = total(db, who, &filter)?;
            let part = match &after {
                Some(place) => Part::After(place.clone()),
                None => numbered(page, total, filter.is_plain() && !filter.trashed && sort.key == SortKey::CreatedAt)?,
            };
            // Of the last page, only what is on it; else one more, to know whether more follows.
            let wanted = match part {
                Part::SkipFromEnd(_) => {
                    u32::try_from(total.count.saturating_sub(page.offset())).unwrap_or(limit).min(limit)
                }
                // Behind the end nothing is read: to walk there would cost as much as the whole library.
                Part::Skip(skip) if total.exact && skip > 0 && skip >= total.count => 0,
                _ => limit + 1,
            };
            Ok((total, media_list::page(db, who, &filter, sort, Window { part: &part, limit: wanted })?, part))
        };
        let (total, mut items, part) =
            if indexed { self.store.read(read).await? } else { self.store.read_slow(read).await? };
        let more = match part {
            Part::SkipFromEnd(left) => left > 0,
            _ => items.len() > limit as usize,
        };
        items.truncate(limit as usize);
        let next_cursor = match items.last().filter(|_| more) {
            Some(last) => {
                Some(self.cursors.seal(who, &list, &mark(media_list::place_of(last, sort)), self.entropy.as_ref())?)
            }
            None => None,
        };
        let key = self.keyring.of(&self.store, who).await?;
        let now = self.now();
        let items = items.into_iter().map(|media| self.view(&key, caller, media, now)).collect::<Result<_>>()?;
        Ok(ListPage { items, total, next_cursor })
    }
}

/// From kept numbers where there are any, else counted up to a limit.
fn total(db: &Conn, who: mv_core::UserId, filter: &MediaFilter) -> Result<Total> {
    if filter.is_plain() {
        let held = usage::of(db, who)?;
        return Ok(Total::exactly(if filter.trashed { held.trash_items } else { held.items }));
    }
    match filter.facet() {
        Some(facet) => Ok(Total::exactly(usage::facet(db, who, &facet)?)),
        None => Ok(Total::bounded(media_list::count(db, who, filter)?)),
    }
}

/// Where page N begins, counted from the nearer end.
fn numbered(page: PageRequest, total: Total, kept_positions: bool) -> Result<Part> {
    let skip = page.offset();
    if skip == 0 || (kept_positions && skip < total.count && skip <= total.count / 2) {
        return Ok(Part::Skip(skip));
    }
    if total.exact && skip < total.count {
        let left = total.count.saturating_sub(skip + u64::from(page.per_page));
        if kept_positions || (left < skip && left <= MAX_SKIP) {
            return Ok(Part::SkipFromEnd(left));
        }
    }
    if skip <= MAX_SKIP || (total.exact && skip >= total.count) {
        // Behind the end an empty page, which costs nothing to find where the total is known.
        return Ok(Part::Skip(if total.exact { skip.min(total.count) } else { skip }));
    }
    let message = format!("Must begin within {MAX_SKIP} items of either end; go on with cursor for deeper pages");
    Err(Error::invalid("page", message).into())
}

fn mark(place: Place) -> Mark {
    match place.key {
        PlaceKey::None => Mark::Id(place.id),
        PlaceKey::Int(key) => Mark::Int(key, place.id),
        PlaceKey::Text(key) => Mark::Text(key, place.id),
    }
}

fn place(mark: Mark) -> Place {
    match mark {
        Mark::Id(id) => Place { key: PlaceKey::None, id },
        Mark::Int(key, id) => Place { key: PlaceKey::Int(key), id },
        Mark::Text(key, id) => Place { key: PlaceKey::Text(key), id },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_begin_from_the_nearer_end_and_deep_ones_are_refused() {
        let page = |page| PageRequest { page, per_page: 20 };
        let (small, large) = (Total::exactly(150), Total::exactly(1_000_000));
        assert_eq!(numbered(page(1), small, false).unwrap(), Part::Skip(0));
        assert_eq!(numbered(page(2), small, false).unwrap(), Part::Skip(20));
        assert_eq!(numbered(page(8), small, false).unwrap(), Part::SkipFromEnd(0));
        assert_eq!(numbered(page(9), small, false).unwrap(), Part::Skip(150), "behind the end");
        assert_eq!(numbered(page(50_000), large, false).unwrap(), Part::SkipFromEnd(0));
        assert_eq!(numbered(page(500), large, false).unwrap(), Part::Skip(9980));
        assert!(numbered(page(25_000), large, false).is_err());
        assert_eq!(numbered(page(25_000), large, true).unwrap(), Part::Skip(499_980));
        assert_eq!(numbered(page(25_002), large, true).unwrap(), Part::SkipFromEnd(499_960));
        assert_eq!(numbered(page(100), Total { count: 10_000, exact: false }, false).unwrap(), Part::Skip(1980));
        assert!(numbered(page(1000), Total { count: 10_000, exact: false }, false).is_err());
    }
}
