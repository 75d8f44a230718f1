//! Large libraries in no time: items written by the store's own functions, over one real blob.

use super::*;
use mv_core::media::Media;
use mv_core::{MediaId, Timestamp};
use mv_store::{Tx, blobs, media, sql, usage};

/// Random numbers, the same for the same seed.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }

    pub(super) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }

    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// An item of the actor's as the database has it, to be copied; it stays in the library.
pub(super) async fn template(actor: &Actor) -> Media {
    let item = actor.upload("template.jpg", &jpeg(1, 100)).await;
    let (owner, id) = (actor.id.parse().unwrap(), id_of(&item).parse().unwrap());
    actor.server.store().read(move |db| media::find_for(db, owner, id)).await.unwrap().unwrap()
}

/// A copy of the template, made at this millisecond.
pub(super) fn copy(template: &Media, millis: i64, dice: &mut Dice) -> Media {
    let tail = u128::from(dice.below(1 << 40)) << 20 | u128::from(dice.below(1 << 20));
    let uuid = (u128::try_from(millis).unwrap() << 80) | (0x7 << 76) | (0x2 << 62) | tail;
    let at = Timestamp::from_millis(millis);
    Media { id: MediaId::from_uuid(uuid::Uuid::from_u128(uuid)), created_at: at, updated_at: at, ..template.clone() }
}

/// Items in one transaction: few enough to be done within its time limit on a busy machine.
const BATCH: usize = 200;

/// Writes the items as uploads would, and moves those with `deleted_at` to the trash.
pub(super) async fn insert(server: &Server, items: Vec<Media>) {
    for batch in items.chunks(BATCH) {
        insert_batch(server, batch.to_vec()).await;
    }
}

async fn insert_batch(server: &Server, items: Vec<Media>) {
    let write = move |tx: &Tx| -> mv_store::Result<()> {
        for item in &items {
            let live = Media { deleted_at: None, ..item.clone() };
            assert!(usage::add(tx, &live, None)?);
            media::insert(tx, &live)?;
            tx.changed(sql("UPDATE blobs SET refs = refs + 1 WHERE id = $1").bind(item.blob_id))?;
            if item.deleted_at.is_some() {
                usage::to_trash(tx, &live)?;
                media::set_trashed(tx, item)?;
            }
        }
        Ok(())
    };
    server.store().write(write).await.unwrap();
}

/// Deletes these items for good.
pub(super) async fn remove(server: &Server, items: Vec<Media>) {
    for batch in items.chunks(BATCH) {
        remove_batch(server, batch.to_vec()).await;
    }
}

async fn remove_batch(server: &Server, items: Vec<Media>) {
    let now = Timestamp::from_millis(1);
    let write = move |tx: &Tx| -> mv_store::Result<()> {
        for item in &items {
            usage::remove(tx, item)?;
            media::delete(tx, item.id)?;
            blobs::release(tx, item.blob_id, now)?;
        }
        Ok(())
    };
    server.store().write(write).await.unwrap();
}
