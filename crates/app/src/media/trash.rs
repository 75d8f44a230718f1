//! The trash: into it, out of it, and away for good. Rows go first, files later (reliability: D1 to D3).

use mv_core::event::{CollectionRef, Event, Happened};
use mv_core::media::Media;
use mv_core::{Caller, EventId, MediaId, Mint, Timestamp};
use mv_store::{Tx, blobs, collection_media, events, media, tombstones, usage};

use super::ItemView;
use crate::auth::access::media_to_change;
use crate::{App, Result};

/// Items deleted in one transaction when many go at once, so that other writers get their turn in between.
const BATCH: u32 = 100;

impl App {
    /// Moves an item to the trash; one that is there already stays as it is.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn trash_media(&self, caller: &Caller, id: MediaId) -> Result<()> {
        let (asked, now, event, mint) = (*caller, self.now(), self.mint.id(), self.mint.clone());
        self.store
            .write(move |tx: &Tx| -> Result<()> {
                let mut item = media_to_change(tx, &asked, id)?;
                if item.deleted_at.is_some() {
                    return Ok(());
                }
                usage::to_trash(tx, &item)?;
                let left = collection_media::set_hidden(tx, id, true, now)?;
                stamp(&mut item, Some(now), now);
                media::set_trashed(tx, &item)?;
                record(tx, event, now, Happened::MediaDeleted { media: item.reference(), permanent: false })?;
                record_each(tx, &mint, now, left, |it| Happened::CollectionMediaRemoved(it, vec![id]))
            })
            .await?;
        mv_blobs::failpoint::hit("C11");
        Ok(())
    }

    /// Brings an item back from the trash; one that is not there stays as it is.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn restore_media(&self, caller: &Caller, id: MediaId) -> Result<ItemView> {
        let (asked, now, event, mint) = (*caller, self.now(), self.mint.id(), self.mint.clone());
        let item = self
            .store
            .write(move |tx: &Tx| -> Result<Media> {
                let mut item = media_to_change(tx, &asked, id)?;
                if item.deleted_at.is_none() {
                    return Ok(item);
                }
                usage::from_trash(tx, &item)?;
                let joined = collection_media::set_hidden(tx, id, false, now)?;
                stamp(&mut item, None, now);
                media::set_trashed(tx, &item)?;
                record(tx, event, now, Happened::MediaRestored(item.reference()))?;
                record_each(tx, &mint, now, joined, |it| Happened::CollectionMediaAdded(it, vec![id]))?;
                Ok(item)
            })
            .await?;
        let key = self.keyring.of(&self.store, item.owner_id).await?;
        self.view(&key, caller, item, now)
    }

    /// Deletes an item for good, from the library or the trash.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn delete_media(&self, caller: &Caller, id: MediaId) -> Result<()> {
        let (asked, now, event, mint) = (*caller, self.now(), self.mint.id(), self.mint.clone());
        self.store
            .write(move |tx: &Tx| -> Result<()> {
                let item = media_to_change(tx, &asked, id)?;
                let left = forget(tx, &item, now)?;
                record(tx, event, now, Happened::MediaDeleted { media: item.reference(), permanent: true })?;
                record_each(tx, &mint, now, left, |it| Happened::CollectionMediaRemoved(it, vec![id]))
            })
            .await?;
        mv_blobs::failpoint::hit("C11");
        Ok(())
    }

    /// Deletes all that is in the caller's trash for good. Returns how many items went.
    pub async fn empty_trash(&self, caller: &Caller) -> Result<u64> {
        let who = caller.user();
        let mut gone = 0;
        loop {
            let ids = self.store.read(move |db| media::trashed_for(db, who, BATCH)).await?;
            if ids.is_empty() {
                return Ok(gone);
            }
            gone += self.delete_trashed(ids.into_iter().map(|id| (id, who)).collect(), self.now()).await?;
        }
    }

    /// Deletes these items for good, those of them that are still in the trash since `cutoff` at the latest.
    pub(crate) async fn delete_trashed(
        &self,
        items: Vec<(MediaId, mv_core::UserId)>,
        cutoff: Timestamp,
    ) -> Result<u64> {
        let now = self.now();
        let items: Vec<_> = items.into_iter().map(|(id, owner)| (id, owner, self.mint.id())).collect();
        self.store
            .write(move |tx: &Tx| -> Result<u64> {
                let mut gone = 0;
                for (id, owner, event) in &items {
                    let Some(item) = media::find_for_change(tx, *owner, *id)? else { continue };
                    if item.deleted_at.is_some_and(|at| at <= cutoff) {
                        // In the trash it was seen in no collection, so none changes.
                        forget(tx, &item, now)?;
                        record(tx, *event, now, Happened::MediaDeleted { media: item.reference(), permanent: true })?;
                        gone += 1;
                    }
                }
                Ok(gone)
            })
            .await
    }
}

fn stamp(item: &mut Media, deleted_at: Option<Timestamp>, now: Timestamp) {
    item.deleted_at = deleted_at;
    item.version += 1;
    item.updated_at = now;
}

fn record(tx: &Tx, id: EventId, at: Timestamp, what: Happened) -> Result<()> {
    Ok(events::append(tx, &Event { id, at, what })?)
}

/// One event for each collection that an item has left or joined.
fn record_each(
    tx: &Tx,
    mint: &Mint,
    at: Timestamp,
    collections: Vec<CollectionRef>,
    what: impl Fn(CollectionRef) -> Happened,
) -> Result<()> {
    collections.into_iter().try_for_each(|collection| record(tx, mint.id(), at, what(collection)))
}

/// An item's rows away and its blob released; the last item over some bytes leaves a tombstone. Returns the collections in
/// which it was seen.
fn forget(tx: &Tx, item: &Media, now: Timestamp) -> Result<Vec<CollectionRef>> {
    usage::remove(tx, item)?;
    let left = collection_media::remove_everywhere(tx, item.id, now)?;
    media::delete(tx, item.id)?;
    if let Some(tag) = blobs::release(tx, item.blob_id, now)? {
        tombstones::remember(tx, item.owner_id, tag, now)?;
    }
    Ok(left)
}
