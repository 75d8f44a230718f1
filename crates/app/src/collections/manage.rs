//! Collections themselves: made, listed, shown, changed, deleted. Deleting one leaves its items.

use mv_core::access::Need;
use mv_core::collection::{Collection, CollectionPatch};
use mv_core::event::{Event, Happened};
use mv_core::page::{PageRequest, Total};
use mv_core::{Caller, CollectionId, Error, Timestamp};
use mv_store::{Conn, Tx, collection_media, collections, events};

use super::CollectionPage;
use crate::auth::access::{collection_for, collection_to_change};
use crate::idempotency::keep_answer;
use crate::view::VersionCheck;
use crate::{App, Creation, Result};

/// How many collections a user may have; keeps their list short enough to count.
const MAX_COLLECTIONS: u64 = 10_000;

impl App {
    /// Makes a collection.
    ///
    /// # Errors
    /// `conflict` where the user has very many already.
    pub async fn create_collection(
        &self,
        caller: &Caller,
        name: String,
        description: Option<String>,
        creation: Creation<Collection>,
    ) -> Result<Collection> {
        let id: CollectionId = self.mint.id();
        let now = id.minted_at();
        let collection = Collection {
            id,
            owner_id: caller.user(),
            name,
            description,
            cover_media_id: None,
            media_count: 0,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let event = Event { id: self.mint.id(), at: now, what: Happened::CollectionCreated(collection.reference()) };
        let made = collection.clone();
        let answer = self.answer_to_keep(&creation, &collection)?;
        self.store
            .write(move |tx: &Tx| -> Result<()> {
                if collections::count_for(tx, made.owner_id)? >= MAX_COLLECTIONS {
                    return Err(Error::conflict("name", "There are 10000 collections already").into());
                }
                collections::insert(tx, &made)?;
                events::append(tx, &event)?;
                keep_answer(tx, answer.as_ref())
            })
            .await?;
        Ok(collection)
    }

    /// One page of the caller's collections, newest first.
    ///
    /// # Errors
    /// `validation_error` on `cursor`.
    pub async fn list_collections(
        &self,
        caller: &Caller,
        page: PageRequest,
        cursor: Option<String>,
    ) -> Result<CollectionPage> {
        let who = caller.user();
        let after: Option<CollectionId> = match cursor {
            Some(cursor) => Some(self.cursors.open(who, "collections", &cursor)?),
            None => None,
        };
        let (total, mut found) = self
            .store
            .read(move |db: &Conn| -> Result<_> {
                let total = Total::exactly(collections::count_for(db, who)?);
                let skip = if after.is_some() { 0 } else { page.offset().min(total.count) };
                Ok((total, collections::page_for(db, who, after, skip, page.per_page + 1)?))
            })
            .await?;
        let more = found.len() > page.per_page as usize;
        found.truncate(page.per_page as usize);
        let next_cursor = match found.last().filter(|_| more) {
            Some(last) => Some(self.cursors.seal(who, "collections", &last.id, self.entropy.as_ref())?),
            None => None,
        };
        Ok(CollectionPage { collections: found, total, next_cursor })
    }

    /// The collection.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn get_collection(&self, caller: &Caller, id: CollectionId) -> Result<Collection> {
        let asked = *caller;
        self.store.read(move |db: &Conn| collection_for(db, &asked, id, Need::Read)).await
    }

    /// Changes a collection. Nothing new makes no new version and no event.
    ///
    /// # Errors
    /// `not_found`, `precondition_failed`, `validation_error` on `cover_media_id`.
    pub async fn update_collection(
        &self,
        caller: &Caller,
        id: CollectionId,
        patch: CollectionPatch,
        check: VersionCheck,
    ) -> Result<Collection> {
        let (asked, now, event) = (*caller, self.now(), self.mint.id());
        self.store
            .write(move |tx: &Tx| -> Result<Collection> {
                let mut collection = collection_to_change(tx, &asked, id)?;
                check(collection.version)?;
                if !apply(tx, &patch, &mut collection, now)? {
                    return Ok(collection);
                }
                collections::update(tx, &collection, patch.cover_media_id)?;
                events::append(
                    tx,
                    &Event { id: event, at: now, what: Happened::CollectionUpdated(collection.reference()) },
                )?;
                collection_for(tx, &asked, id, Need::Read)
            })
            .await
    }

    /// Deletes a collection; its items stay.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn delete_collection(&self, caller: &Caller, id: CollectionId) -> Result<()> {
        let (asked, now, event) = (*caller, self.now(), self.mint.id());
        self.store
            .write(move |tx: &Tx| -> Result<()> {
                let collection = collection_to_change(tx, &asked, id)?;
                collections::delete(tx, id)?;
                events::append(
                    tx,
                    &Event { id: event, at: now, what: Happened::CollectionDeleted(collection.reference()) },
                )?;
                Ok(())
            })
            .await
    }
}

/// Whether anything changed; the version has grown then.
fn apply(tx: &Tx, patch: &CollectionPatch, collection: &mut Collection, now: Timestamp) -> Result<bool> {
    let before = collection.clone();
    if let Some(name) = &patch.name {
        collection.name.clone_from(name);
    }
    if let Some(description) = &patch.description {
        collection.description.clone_from(description);
    }
    if let Some(Some(cover)) = patch.cover_media_id
        && collection_media::position(tx, collection.id, cover)?.is_none()
    {
        return Err(Error::invalid("cover_media_id", "Is not in the collection").into());
    }
    let chosen = collections::chosen_cover(tx, collection.id)?;
    if *collection == before && patch.cover_media_id.is_none_or(|cover| cover == chosen) {
        return Ok(false);
    }
    collection.version += 1;
    collection.updated_at = now;
    Ok(true)
}
