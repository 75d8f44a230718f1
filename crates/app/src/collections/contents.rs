//! What is in a collection: put in, taken out, listed in its order.

use std::collections::HashSet;

use mv_core::access::Need;
use mv_core::event::{Event, Happened};
use mv_core::page::{MAX_SKIP, PageRequest, Total};
use mv_core::{Caller, CollectionId, Error, MediaId};
use mv_store::collection_media::{self, From};
use mv_store::{Conn, Tx, collections, events, media};

use crate::auth::access::{collection_for, collection_to_change};
use crate::view::ListPage;
use crate::{App, Result};

/// Items to put in, as they were named.
#[derive(Debug, Clone)]
pub enum Named {
    /// One, as `media_id`.
    One(MediaId),
    /// A list, as `media_ids`; the same may be in it twice.
    Many(Vec<MediaId>),
}

impl Named {
    fn ids(&self) -> &[MediaId] {
        match self {
            Self::One(id) => std::slice::from_ref(id),
            Self::Many(ids) => ids,
        }
    }

    fn field(&self, place: usize) -> String {
        match self {
            Self::One(_) => "media_id".to_owned(),
            Self::Many(_) => format!("media_ids[{place}]"),
        }
    }
}

/// What putting items in came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Added {
    /// Items that were not in it.
    pub added: usize,
    /// Items that were.
    pub already_present: usize,
}

impl App {
    /// Puts the caller's items at the end of a collection: all or none of them.
    ///
    /// # Errors
    /// `not_found` for the collection, `validation_error` naming each item that is not the caller's.
    pub async fn add_to_collection(&self, caller: &Caller, id: CollectionId, named: Named) -> Result<Added> {
        let (asked, now, event) = (*caller, self.now(), self.mint.id());
        let mut unique = named.ids().to_vec();
        let mut seen = HashSet::new();
        unique.retain(|id| seen.insert(*id));
        self.store
            .write(move |tx: &Tx| -> Result<Added> {
                let held = media::hold_live_among(tx, asked.user(), &unique)?;
                let collection = collection_to_change(tx, &asked, id)?;
                check_items(&named, &held)?;
                let added = collection_media::append(tx, id, &unique, asked.user(), now)?;
                let outcome = Added { added: added.len(), already_present: unique.len() - added.len() };
                if !added.is_empty() {
                    collections::touch(tx, id, i64::try_from(added.len()).unwrap_or(0), now)?;
                    let what = Happened::CollectionMediaAdded(collection.reference(), added);
                    events::append(tx, &Event { id: event, at: now, what })?;
                }
                Ok(outcome)
            })
            .await
    }

    /// Takes an item out of a collection; the item stays.
    ///
    /// # Errors
    /// `not_found` where the collection is not the caller's or the item is not in it.
    pub async fn remove_from_collection(&self, caller: &Caller, id: CollectionId, item: MediaId) -> Result<()> {
        let (asked, now, event) = (*caller, self.now(), self.mint.id());
        self.store
            .write(move |tx: &Tx| -> Result<()> {
                let collection = collection_to_change(tx, &asked, id)?;
                let seen = collection_media::remove(tx, id, item)?.ok_or_else(Error::not_found)?;
                collections::touch(tx, id, if seen { -1 } else { 0 }, now)?;
                let what = Happened::CollectionMediaRemoved(collection.reference(), vec![item]);
                events::append(tx, &Event { id: event, at: now, what })?;
                Ok(())
            })
            .await
    }

    /// One page of a collection's items in its order.
    ///
    /// # Errors
    /// `not_found`, `validation_error` on `cursor` or `page`.
    pub async fn list_collection(
        &self,
        caller: &Caller,
        id: CollectionId,
        page: PageRequest,
        cursor: Option<String>,
    ) -> Result<ListPage> {
        let (asked, who) = (*caller, caller.user());
        let list = format!("collection {id}");
        let after: Option<(i64, MediaId)> = match cursor {
            Some(cursor) => Some(self.cursors.open(who, &list, &cursor)?),
            None => None,
        };
        let limit = page.per_page;
        let (total, mut found, left) = self
            .store
            .read(move |db: &Conn| -> Result<_> {
                let total = Total::exactly(collection_for(db, &asked, id, Need::Read)?.media_count);
                let from = match after {
                    Some((position, item)) => From::Behind(position, item),
                    None => numbered(page, total)?,
                };
                let (wanted, left) = match from {
                    From::SkipFromEnd(left) => {
                        (limit.min(u32::try_from(total.count - page.offset()).unwrap_or(limit)), left)
                    }
                    _ => (limit + 1, 0),
                };
                Ok((total, collection_media::page(db, id, from, wanted)?, left))
            })
            .await?;
        let more = left > 0 || found.len() > limit as usize;
        found.truncate(limit as usize);
        let next_cursor = match found.last().filter(|_| more) {
            Some((position, last)) => {
                Some(self.cursors.seal(who, &list, &(*position, last.id), self.entropy.as_ref())?)
            }
            None => None,
        };
        let key = self.keyring.of(&self.store, who).await?;
        let now = self.now();
        let items = found.into_iter().map(|(_, item)| self.view(&key, caller, item, now)).collect::<Result<_>>()?;
        Ok(ListPage { items, total, next_cursor })
    }
}

/// Where page N begins, counted from the nearer end.
fn numbered(page: PageRequest, total: Total) -> Result<From> {
    let skip = page.offset();
    let left = total.count.saturating_sub(skip + u64::from(page.per_page));
    if skip >= total.count {
        return Ok(From::Skip(total.count));
    }
    if skip <= left.max(u64::from(page.per_page)) && skip <= MAX_SKIP {
        return Ok(From::Skip(skip));
    }
    if left <= MAX_SKIP {
        return Ok(From::SkipFromEnd(left));
    }
    let message = format!("Must begin within {MAX_SKIP} items of either end; go on with cursor for deeper pages");
    Err(Error::invalid("page", message).into())
}

fn check_items(named: &Named, held: &[MediaId]) -> Result<()> {
    let held: HashSet<&MediaId> = held.iter().collect();
    let mut problems = mv_core::Problems::default();
    for (place, _) in named.ids().iter().enumerate().filter(|(_, id)| !held.contains(id)) {
        problems.add(named.field(place), "Is not one of your items");
    }
    Ok(problems.finish()?)
}
