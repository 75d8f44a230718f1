//! The order of a collection: all of it at once, or one item behind another.

use std::collections::HashSet;

use mv_core::collection::{MAX_BATCH, POSITION_STEP, between};
use mv_core::event::{Event, Happened};
use mv_core::{Caller, CollectionId, Error, MediaId};
use mv_store::{Tx, collection_media, collections, events};

use crate::auth::access::collection_to_change;
use crate::{App, Result};

impl App {
    /// Puts all items of a collection into this order; it must name each exactly once.
    ///
    /// # Errors
    /// `not_found`, `validation_error` on `media_ids`.
    pub async fn order_collection(&self, caller: &Caller, id: CollectionId, wanted: Vec<MediaId>) -> Result<()> {
        let (asked, now, event) = (*caller, self.now(), self.mint.id());
        self.store
            .write(move |tx: &Tx| -> Result<()> {
                let collection = collection_to_change(tx, &asked, id)?;
                let held = collection_media::order(tx, id, MAX_BATCH as u32 + 1)?;
                let (have, want): (HashSet<_>, HashSet<_>) = (held.iter().collect(), wanted.iter().collect());
                if held.len() > MAX_BATCH {
                    return Err(Error::invalid("media_ids", "The collection has more than 1000 items; move them one by one with PATCH").into());
                }
                if want.len() != wanted.len() || have != want {
                    return Err(Error::invalid("media_ids", "Must name every item of the collection exactly once").into());
                }
                renumber(tx, id, &wanted)?;
                collections::touch(tx, id, 0, now)?;
                events::append(tx, &Event { id: event, at: now, what: Happened::CollectionUpdated(collection.reference()) })?;
                Ok(())
            })
            .await
    }

    /// Moves one item behind another, or to the front (`after` is `None`).
    ///
    /// # Errors
    /// `not_found`, `validation_error` where one of the two is not in the collection.
    pub async fn move_in_collection(&self, caller: &Caller, id: CollectionId, item: MediaId, after: Option<MediaId>) -> Result<()> {
        let (asked, now, event) = (*caller, self.now(), self.mint.id());
        self.store
            .write(move |tx: &Tx| -> Result<()> {
                let collection = collection_to_change(tx, &asked, id)?;
                place(tx, id, item, after)?;
                collections::touch(tx, id, 0, now)?;
                events::append(tx, &Event { id: event, at: now, what: Happened::CollectionUpdated(collection.reference()) })?;
                Ok(())
            })
            .await
    }
}

fn place(tx: &Tx, id: CollectionId, item: MediaId, after: Option<MediaId>) -> Result<()> {
    let absent = |field| Error::invalid(field, "Is not in the collection");
    collection_media::position(tx, id, item)?.ok_or_else(|| absent("media_id"))?;
    if after == Some(item) {
        return Err(Error::invalid("after", "Must be another item").into());
    }
    let (before, behind) = neighbours(tx, id, item, after)?.ok_or_else(|| absent("after"))?;
    if let Some(position) = between(before, behind) {
        collection_media::set_position(tx, id, item, position)?;
        return Ok(());
    }
    // No room between the two: all are numbered anew, once in many moves to the same place.
    let mut order = collection_media::order(tx, id, u32::MAX)?;
    order.retain(|known| *known != item);
    let at = after.and_then(|after| order.iter().position(|known| *known == after)).map_or(0, |at| at + 1);
    order.insert(at, item);
    renumber(tx, id, &order)
}

/// The positions between which the item goes; `None` where `after` is not in the collection.
fn neighbours(tx: &Tx, id: CollectionId, item: MediaId, after: Option<MediaId>) -> Result<Option<(Option<i64>, Option<i64>)>> {
    let Some(after) = after else {
        return Ok(Some((None, collection_media::first_position(tx, id, item)?)));
    };
    let Some(before) = collection_media::position(tx, id, after)? else { return Ok(None) };
    Ok(Some((Some(before), collection_media::next_position(tx, id, before, item)?)))
}

fn renumber(tx: &Tx, id: CollectionId, order: &[MediaId]) -> Result<()> {
    for (place, item) in (1_i64..).zip(order) {
        collection_media::set_position(tx, id, *item, place.saturating_mul(POSITION_STEP))?;
    }
    Ok(())
}
