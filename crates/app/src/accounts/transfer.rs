//! The things of an account that an administrator deletes, given to another one first. What is stored is sealed for its
//! owner, so the bytes are read with the old owner's key and written with the new one's, item by item, never held whole in
//! memory. The account is shut out at once; when nothing is left it is deleted like any other (`delete.rs`).
//! Promise: an item is one account's or the other's at any moment, with its bytes; whatever stops it, the timetable goes on.
//! Bytes that cannot be read stop it, and the account stays, shut, until they can be.

use std::sync::Arc;

use mv_blobs::{Expect, MAX_READ, NewBlob, Stored, UserKey};
use mv_core::access::Area;
use mv_core::audit::Entry;
use mv_core::event::{CollectionRef, Event, Happened};
use mv_core::media::Media;
use mv_core::user::User;
use mv_core::{Caller, Client, Code, EventId, SegmentId, Timestamp, UserId};
use mv_store::{Conn, Tx, administration, audit, blobs, events, media, sessions, transfers, usage, users};
use serde_json::json;

use super::administration::keep_an_administrator;
use crate::auth::access::enter;
use crate::ingest::{manifest, segment_row};
use crate::{App, Error, Result};

/// Items looked up at once.
const BATCH: u32 = 100;

/// How much is given in one go.
#[derive(Clone, Copy)]
struct Portion {
    items: u64,
    bytes: u64,
}

/// What the request itself waits for; enough for small accounts.
const AT_ONCE: Portion = Portion { items: 50, bytes: 64 * 1024 * 1024 };
/// What the timetable does before its other work has its turn.
const A_MINUTE: Portion = Portion { items: 20_000, bytes: 4 * 1024 * 1024 * 1024 };

/// What became of an item.
enum Given {
    /// It is the other's now, over these bytes.
    Over(mv_core::BlobId),
    /// It was the other's already, or is gone.
    Before,
    /// The other's equal bytes went away meanwhile: they must be copied after all.
    NoBytes,
}

impl App {
    /// Deletes an account: with all that it holds, or after giving it to another one.
    ///
    /// # Errors
    /// `forbidden`, `not_found`; `conflict` where nobody could administer any more, or where the account's things are on
    /// their way already; `validation_error` on `transfer_to`; `quota_exceeded` where they would not fit there.
    pub async fn delete_user(
        &self,
        caller: &Caller,
        client: &Client,
        id: UserId,
        transfer_to: Option<UserId>,
    ) -> Result<()> {
        enter(caller, Area::Admin)?;
        let entry = self.audit(Some(caller), client, "user.deleted", id.to_string());
        let Some(to) = transfer_to else {
            if self.store.read(move |db| transfers::of(db, id)).await?.is_some() {
                return Err(on_its_way().into());
            }
            return self.delete_account(id, None, entry).await;
        };
        let entry = Entry { data: json!({ "transfer_to": to }), ..entry };
        let now = self.now();
        self.store.write(move |tx: &Tx| shut(tx, id, to, &entry, now)).await?;
        self.access.clear();
        // The account is shut: what fails now is done by the timetable.
        if let Err(error) = self.transfer(id, to, AT_ONCE).await {
            tracing::warn!(user.id = %id, cause = %crate::chain(&error), "the things of {id} are given away later");
        }
        Ok(())
    }

    /// Goes on giving the things of accounts away.
    ///
    /// # Errors
    /// Of the database or the blob store, after every account had its turn; the rest is done the next time.
    pub(crate) async fn give_on(&self) -> Result<()> {
        let mut outcome = Ok(());
        for (from, to) in self.store.read(|db| transfers::pending(db, BATCH)).await? {
            if let Err(error) = self.transfer(from, to, A_MINUTE).await {
                outcome = Err(error);
            }
        }
        outcome
    }

    /// Gives items of one account to another until the portion is used up; when nothing is left, the collections, and
    /// the account goes.
    async fn transfer(&self, from: UserId, to: UserId, mut portion: Portion) -> Result<()> {
        loop {
            let items = self.store.read(move |db| transfers::items(db, from, BATCH)).await?;
            if items.is_empty() {
                break;
            }
            for item in &items {
                if portion.items == 0 || portion.bytes == 0 {
                    return Ok(());
                }
                self.give(item, to).await?;
                portion.items -= 1;
                portion.bytes = portion.bytes.saturating_sub(item.size);
            }
        }
        let now = self.now();
        // Last, so that a collection never shows its new owner what is not theirs yet.
        let mint = self.mint.clone();
        self.store
            .write(move |tx: &Tx| -> Result<()> {
                for id in transfers::give_collections(tx, from, to, now)? {
                    let what = Happened::CollectionUpdated(CollectionRef { id, user_id: to });
                    events::append(tx, &Event { id: mint.id(), at: now, what })?;
                }
                Ok(())
            })
            .await?;
        let entry = Entry {
            credential: "server",
            data: json!({ "to": to }),
            ..self.audit(None, &Client::default(), "user.transferred", from.to_string())
        };
        self.delete_account(from, None, entry).await
    }

    async fn give(&self, item: &Media, to: UserId) -> Result<()> {
        let old = self.keyring.of(&self.store, item.owner_id).await?;
        let new = self.keyring.of(&self.store, to).await?;
        let sha256 = old.open_checksum(item.blob_id, &item.checksum_sealed)?;
        let tag = new.dedupe_tag(&sha256);
        if self.store.read(move |db| blobs::by_tag(db, to, tag)).await?.is_some()
            && !matches!(self.hand_over(item, to, tag, None).await?, Given::NoBytes)
        {
            return Ok(());
        }
        let stored = self.copy(item, &old, &new, sha256).await?;
        let (blob, segment) = (stored.blob, stored.segment.id);
        let copied = (
            blobs::NewBlob {
                id: blob,
                owner_id: to,
                dedupe_tag: tag,
                size: stored.size,
                crc32: stored.crc32,
                checksum_sealed: new.seal_checksum(blob, &sha256, self.entropy.as_ref())?,
                manifest_mac: stored.manifest_mac.to_vec(),
                created_at: self.now(),
            },
            segment_row(&stored.segment),
        );
        match self.hand_over(item, to, tag, Some(copied)).await {
            Ok(Given::Over(id)) if id == blob => Ok(()),
            // The outcome of a lost commit is unknown: the file stays for the sweep to judge.
            Err(error @ Error::Unavailable(_)) => Err(error),
            Ok(_) => self.discard(segment).await,
            Err(error) => self.discard(segment).await.and(Err(error)),
        }
    }

    async fn discard(&self, segment: SegmentId) -> Result<()> {
        Ok(self.blobs.discard(segment).await?)
    }

    /// The item's bytes again, sealed for the other.
    async fn copy(&self, item: &Media, old: &Arc<UserKey>, new: &Arc<UserKey>, sha256: [u8; 32]) -> Result<Stored> {
        let id = item.blob_id;
        let found = self.store.read(move |db: &Conn| blobs::manifest(db, id)).await?;
        let (row, segments) = found.ok_or_else(|| Error::internal(format!("{id} has no row")))?;
        let reader = self.blobs.open(manifest(&row, segments)?, old).await?;
        let size = reader.size();
        let mut incoming = self.blobs.begin(NewBlob {
            blob: self.mint.id(),
            segment: self.segment_id(),
            key: new.clone(),
            declared: Some(size),
            limit: size,
        })?;
        let mut at = 0;
        while at < size {
            let bytes = reader.read(at, MAX_READ).await?;
            at += bytes.len() as u64;
            incoming.write(bytes).await?;
        }
        Ok(incoming.finish(Expect { sha256: Some(sha256), length: Some(size) }).await?)
    }

    async fn hand_over(
        &self,
        item: &Media,
        to: UserId,
        tag: [u8; 32],
        copied: Option<(blobs::NewBlob, blobs::SegmentRow)>,
    ) -> Result<Given> {
        let handing = Handing { item: item.clone(), to, tag, copied, event: self.mint.id(), now: self.now() };
        self.store.write(move |tx: &Tx| handing.write(tx)).await
    }
}

fn on_its_way() -> mv_core::Error {
    mv_core::Error::new(Code::Conflict, "The account is being deleted; what it holds is being given to another one")
}

/// Shuts an account and notes to whom its things go.
fn shut(tx: &Tx, id: UserId, to: UserId, entry: &Entry, now: Timestamp) -> Result<()> {
    administration::hold_administrators(tx)?;
    let before = users::find_for_change(tx, id)?.ok_or_else(mv_core::Error::not_found)?;
    if transfers::of(tx, id)?.is_some() || transfers::is_receiving(tx, id)? {
        return Err(on_its_way().into());
    }
    let invalid = |message: &'static str| mv_core::Error::invalid("transfer_to", message);
    let receiver = administration::find(tx, to)?.filter(|(user, _)| !user.disabled);
    let Some((receiver, there)) = receiver else { return Err(invalid("Is not an account that can be used").into()) };
    if to == id {
        return Err(invalid("Must be another account").into());
    }
    let held = usage::of(tx, id)?;
    let wanted =
        [there.bytes, there.trash_bytes, held.bytes, held.trash_bytes].into_iter().fold(0, u64::saturating_add);
    if receiver.quota_bytes.is_some_and(|quota| wanted > quota) {
        let message = format!("The receiver's quota is too small: together the accounts hold {wanted} bytes");
        return Err(mv_core::Error::new(Code::QuotaExceeded, message).into());
    }
    let after = User { disabled: true, link_epoch: before.link_epoch + 1, updated_at: now, ..before.clone() };
    keep_an_administrator(tx, &before, &after)?;
    administration::set_rights(tx, &after)?;
    sessions::revoke_all(tx, id, now)?;
    transfers::insert(tx, id, to, now)?;
    Ok(audit::append(tx, entry)?)
}

/// All that the transaction needs, so that it can be run again.
struct Handing {
    item: Media,
    to: UserId,
    tag: [u8; 32],
    copied: Option<(blobs::NewBlob, blobs::SegmentRow)>,
    event: EventId,
    now: Timestamp,
}

impl Handing {
    fn write(&self, tx: &Tx) -> Result<Given> {
        let Some(item) = media::find_for_change(tx, self.item.owner_id, self.item.id)? else {
            return Ok(Given::Before);
        };
        let referred = match &self.copied {
            Some((blob, segment)) => Some(blobs::refer(tx, blob, std::slice::from_ref(segment))?),
            None => blobs::refer_again(tx, self.to, self.tag)?,
        };
        let Some((blob_id, checksum_sealed)) = referred else { return Ok(Given::NoBytes) };
        let mut given = Media {
            owner_id: self.to,
            blob_id,
            checksum_sealed,
            version: item.version + 1,
            updated_at: self.now,
            ..item.clone()
        };
        if let Some(known) = &given.labels.external_id
            && transfers::has_external_id(tx, self.to, known)?
        {
            given.labels.external_id = None;
        }
        usage::remove(tx, &item)?;
        transfers::give_media(tx, &given)?;
        usage::add(tx, &Media { deleted_at: None, ..given.clone() }, None)?;
        if given.deleted_at.is_some() {
            usage::to_trash(tx, &given)?;
        }
        blobs::release(tx, item.blob_id, self.now)?;
        let what = Happened::MediaUpdated(given.reference());
        events::append(tx, &Event { id: self.event, at: self.now, what })?;
        Ok(Given::Over(blob_id))
    }
}
