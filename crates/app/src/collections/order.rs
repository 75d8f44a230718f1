//! The order of a collection: all of it at once, or one item behind another. Only items that are seen count; those in
//! the trash stay behind what they were behind.

use std::collections::{HashMap, HashSet};

use mv_core::collection::{MAX_BATCH, between};
use mv_core::event::{Event, Happened};
use mv_core::{Caller, CollectionId, Error, MediaId};
use mv_store::{Tx, collection_media, collections, events};

use crate::auth::access::collection_to_change;
use crate::{App, Result};

impl App {
    /// Puts the items of a collection into this order; it must name each exactly once. The same order is no change.
    ///
    /// # Errors
    /// `not_found`, `validation_error` on `media_ids`.
    pub async fn order_collection(&self, caller: &Caller, id: CollectionId, wanted: Vec<MediaId>) -> Result<()> {
        let (asked, now, event) = (*caller, self.now(), self.mint.id());
        self.store
            .write(move |tx: &Tx| -> Result<()> {
                let collection = collection_to_change(tx, &asked, id)?;
                if collection.media_count > MAX_BATCH as u64 {
                    return Err(Error::invalid(
                        "media_ids",
                        "The collection has more than 1000 items; move them one by one with PATCH",
                    )
                    .into());
                }
                let held = collection_media::order(tx, id)?;
                let order = arrange(&held, &wanted)?;
                if held.iter().map(|(known, _)| known).eq(&order) {
                    return Ok(());
                }
                collection_media::renumber(tx, id, &order)?;
                collections::touch(tx, id, 0, now)?;
                events::append(
                    tx,
                    &Event { id: event, at: now, what: Happened::CollectionUpdated(collection.reference()) },
                )?;
                Ok(())
            })
            .await
    }

    /// Moves one item behind another, or to the front (`after` is `None`). Where it is there already, nothing changes.
    ///
    /// # Errors
    /// `not_found`, `validation_error` where one of the two is not in the collection.
    pub async fn move_in_collection(
        &self,
        caller: &Caller,
        id: CollectionId,
        item: MediaId,
        after: Option<MediaId>,
    ) -> Result<()> {
        let (asked, now, event) = (*caller, self.now(), self.mint.id());
        self.store
            .write(move |tx: &Tx| -> Result<()> {
                let collection = collection_to_change(tx, &asked, id)?;
                if !place(tx, id, item, after)? {
                    return Ok(());
                }
                collections::touch(tx, id, 0, now)?;
                events::append(
                    tx,
                    &Event { id: event, at: now, what: Happened::CollectionUpdated(collection.reference()) },
                )?;
                Ok(())
            })
            .await
    }
}

/// The whole order, hidden items too, from the wanted one of those that are seen.
fn arrange(held: &[(MediaId, bool)], wanted: &[MediaId]) -> Result<Vec<MediaId>> {
    let seen: HashSet<MediaId> = held.iter().filter(|(_, hidden)| !hidden).map(|(id, _)| *id).collect();
    let named: HashSet<MediaId> = wanted.iter().copied().collect();
    if named.len() != wanted.len() || named != seen {
        return Err(Error::invalid("media_ids", "Must name every item of the collection exactly once").into());
    }
    let mut followers: HashMap<Option<MediaId>, Vec<MediaId>> = HashMap::new();
    let mut leader = None;
    for (id, hidden) in held {
        if *hidden {
            followers.entry(leader).or_default().push(*id);
        } else {
            leader = Some(*id);
        }
    }
    let mut order = followers.remove(&None).unwrap_or_default();
    for id in wanted {
        order.push(*id);
        order.extend(followers.remove(&Some(*id)).unwrap_or_default());
    }
    Ok(order)
}

/// Puts the item behind `after`; false where it is there already.
fn place(tx: &Tx, id: CollectionId, item: MediaId, after: Option<MediaId>) -> Result<bool> {
    let absent = |field| Error::invalid(field, "Is not in the collection");
    collection_media::position(tx, id, item)?.ok_or_else(|| absent("media_id"))?;
    if after == Some(item) {
        return Err(Error::invalid("after", "Must be another item").into());
    }
    let before = match after {
        Some(after) => Some(collection_media::position(tx, id, after)?.ok_or_else(|| absent("after"))?),
        None => None,
    };
    if collection_media::next_seen(tx, id, before)? == Some(item) {
        return Ok(false);
    }
    if let Some(position) = between(before, collection_media::next_position(tx, id, before, item)?) {
        collection_media::set_position(tx, id, item, position)?;
        return Ok(true);
    }
    // No room between the two: all are numbered anew, once in many moves to the same place.
    let mut order: Vec<MediaId> = collection_media::order(tx, id)?.into_iter().map(|(known, _)| known).collect();
    order.retain(|known| *known != item);
    let at = after.and_then(|after| order.iter().position(|known| *known == after)).map_or(0, |at| at + 1);
    order.insert(at, item);
    collection_media::renumber(tx, id, &order)?;
    Ok(true)
}
