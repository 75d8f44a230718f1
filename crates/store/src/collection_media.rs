//! What is in a collection and in which order. Rows of items in the trash are hidden, not gone.

use mv_core::collection::POSITION_STEP;
use mv_core::event::CollectionRef;
use mv_core::media::Media;
use mv_core::{BlobId, CollectionId, MediaId, Timestamp, UserId};

use crate::collections::touch;
use crate::media::media_columns;
use crate::{Conn, Result, Tx, row, sql};

/// Puts items at the end. Returns those that were not in it yet; the cost does not grow with the collection.
/// The collection's row is held by `collections::find_for_change`.
pub fn append(tx: &Tx, collection: CollectionId, ids: &[MediaId], by: UserId, now: Timestamp) -> Result<Vec<MediaId>> {
    let room = i64::try_from(ids.len()).unwrap_or(i64::MAX).saturating_mul(POSITION_STEP);
    let last: i64 = tx.one(
        sql("UPDATE collections SET last_position = last_position + $2 WHERE id = $1 RETURNING last_position")
            .bind(collection)
            .bind(room),
    )?;
    let mut position = last - room;
    let mut added = Vec::new();
    for id in ids {
        position += POSITION_STEP;
        let inserted = tx.changed(
            sql("INSERT INTO collection_media (collection_id, media_id, position, hidden, added_by, added_at)
                 VALUES ($1, $2, $3, FALSE, $4, $5) ON CONFLICT (collection_id, media_id) DO NOTHING")
            .bind(collection)
            .bind(*id)
            .bind(position)
            .bind(by)
            .bind(now),
        )?;
        if inserted == 1 {
            added.push(*id);
        }
    }
    Ok(added)
}

/// Takes an item out. Returns whether it was in, and seen.
pub fn remove(tx: &Tx, collection: CollectionId, id: MediaId) -> Result<Option<bool>> {
    let statement = sql("DELETE FROM collection_media WHERE collection_id = $1 AND media_id = $2 RETURNING hidden");
    let hidden: Option<bool> = tx.optional(statement.bind(collection).bind(id))?;
    Ok(hidden.map(|hidden| !hidden))
}

/// Hides or shows an item in every collection as it goes to the trash or comes back, and counts it there.
/// The item's row is held by `media::find_for_change`. Returns the collections in which that is seen.
pub fn set_hidden(tx: &Tx, id: MediaId, hidden: bool, now: Timestamp) -> Result<Vec<CollectionRef>> {
    if !hold_collections_of(tx, id)? {
        return Ok(Vec::new());
    }
    let statement =
        sql("UPDATE collection_media SET hidden = $2 WHERE media_id = $1 AND hidden <> $2 RETURNING collection_id");
    let changed: Vec<CollectionId> = tx.all(statement.bind(id).bind(hidden))?;
    count(tx, &changed, if hidden { -1 } else { 1 }, now)
}

/// Takes an item that is about to be deleted out of every collection and counts it there.
/// The item's row is held by `media::find_for_change`. Returns the collections in which that is seen.
pub fn remove_everywhere(tx: &Tx, id: MediaId, now: Timestamp) -> Result<Vec<CollectionRef>> {
    if !hold_collections_of(tx, id)? {
        return Ok(Vec::new());
    }
    let statement = sql("DELETE FROM collection_media WHERE media_id = $1 RETURNING collection_id, hidden");
    let rows: Vec<(CollectionId, bool)> = tx.all(statement.bind(id))?;
    let seen: Vec<CollectionId> =
        rows.into_iter().filter(|(_, hidden)| !hidden).map(|(collection, _)| collection).collect();
    count(tx, &seen, -1, now)
}

/// Holds every collection that an item is in; false where there is none. Whoever changes what is in collections holds
/// items first, then collections by id, then memberships, so that no two wait for each other.
fn hold_collections_of(tx: &Tx, id: MediaId) -> Result<bool> {
    let collections: Vec<CollectionId> =
        tx.all(sql("SELECT collection_id FROM collection_media WHERE media_id = $1 ORDER BY collection_id").bind(id))?;
    for collection in &collections {
        tx.changed(sql("UPDATE collections SET version = version WHERE id = $1").bind(*collection))?;
    }
    Ok(!collections.is_empty())
}

fn count(tx: &Tx, collections: &[CollectionId], step: i64, now: Timestamp) -> Result<Vec<CollectionRef>> {
    let counted = collections.iter().map(|id| Ok(CollectionRef { id: *id, user_id: touch(tx, *id, step, now)? }));
    counted.collect()
}

/// Where a page of a collection begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// Behind this position and item.
    Behind(i64, MediaId),
    /// After so many.
    Skip(u64),
    /// Before so many, counted from the end; the result is in the collection's order all the same.
    SkipFromEnd(u64),
}

/// A page of what is in a collection, each item with its position.
pub fn page(db: &Conn, collection: CollectionId, from: From, limit: u32) -> Result<Vec<(i64, Media)>> {
    let mut query = sql(concat!(
        "SELECT c.position, ",
        media_columns!(),
        " FROM collection_media c CROSS JOIN media m WHERE m.id = c.media_id AND c.collection_id = $1 AND c.hidden = FALSE"
    ))
    .bind(collection);
    let mut skip = 0;
    match from {
        From::Behind(position, id) => {
            query.push(" AND (c.position, c.media_id) > (").push_bind(position).push(", ").push_bind(id).push(")");
        }
        From::Skip(count) | From::SkipFromEnd(count) => skip = count,
    }
    let from_end = matches!(from, From::SkipFromEnd(_));
    query.push(if from_end {
        " ORDER BY c.position DESC, c.media_id DESC"
    } else {
        " ORDER BY c.position, c.media_id"
    });
    query.push(" LIMIT ").push_bind(limit).push(" OFFSET ").push_bind(skip);
    let mut items = db.all(query)?;
    if from_end {
        items.reverse();
    }
    Ok(items)
}

/// An item of a collection, as far as an archive of its original must know it beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredOriginal {
    /// The item.
    pub media_id: MediaId,
    /// Its bytes.
    pub blob_id: BlobId,
    /// Its name.
    pub filename: String,
    /// How many bytes.
    pub size: u64,
    /// CRC-32 of the bytes.
    pub crc32: u32,
    /// When it was taken, else when it was made here.
    pub dated: Timestamp,
}
row!(StoredOriginal { media_id, blob_id, filename, size, crc32, dated });

/// The first originals of a collection in its order.
pub fn originals(db: &Conn, collection: CollectionId, limit: u32) -> Result<Vec<StoredOriginal>> {
    db.all(
        sql("SELECT m.id, m.blob_id, m.filename, b.size, b.crc32, coalesce(m.taken_at, m.created_at)
             FROM collection_media c CROSS JOIN media m CROSS JOIN blobs b
             WHERE m.id = c.media_id AND b.id = m.blob_id AND c.collection_id = $1 AND c.hidden = FALSE
             ORDER BY c.position, c.media_id LIMIT $2")
        .bind(collection)
        .bind(limit),
    )
}

/// Every item's id in the collection's order, and whether it is hidden.
pub fn order(db: &Conn, collection: CollectionId) -> Result<Vec<(MediaId, bool)>> {
    db.all(
        sql("SELECT media_id, hidden FROM collection_media WHERE collection_id = $1 ORDER BY position, media_id")
            .bind(collection),
    )
}

/// The position of an item that is seen in the collection.
pub fn position(db: &Conn, collection: CollectionId, id: MediaId) -> Result<Option<i64>> {
    let statement =
        sql("SELECT position FROM collection_media WHERE collection_id = $1 AND media_id = $2 AND hidden = FALSE");
    db.optional(statement.bind(collection).bind(id))
}

/// The first item that is seen behind `position`, or of all (`None`).
pub fn next_seen(db: &Conn, collection: CollectionId, position: Option<i64>) -> Result<Option<MediaId>> {
    db.optional(
        sql("SELECT media_id FROM collection_media WHERE collection_id = $1 AND hidden = FALSE AND position > $2
             ORDER BY position, media_id LIMIT 1")
        .bind(collection)
        .bind(position.unwrap_or(i64::MIN)),
    )
}

/// The position of the first item behind `position` (`None`: of all) other than `except`, hidden ones too, so that no
/// two come to stand in one place; `None` where there is none.
pub fn next_position(
    db: &Conn,
    collection: CollectionId,
    position: Option<i64>,
    except: MediaId,
) -> Result<Option<i64>> {
    let next = |hidden: bool| -> Result<Option<i64>> {
        db.optional(
            sql("SELECT position FROM collection_media WHERE collection_id = $1 AND hidden = $2 AND position > $3 AND media_id <> $4
                 ORDER BY position LIMIT 1")
            .bind(collection)
            .bind(hidden)
            .bind(position.unwrap_or(i64::MIN))
            .bind(except),
        )
    };
    // One look into each part of the index: both parts at once could only be sorted.
    Ok(next(false)?.into_iter().chain(next(true)?).min())
}

/// Sets an item's position; the end of the collection moves along.
pub fn set_position(tx: &Tx, collection: CollectionId, id: MediaId, position: i64) -> Result<()> {
    put_at(tx, collection, id, position)?;
    tx.changed(
        sql("UPDATE collections SET last_position = $2 WHERE id = $1 AND last_position < $2")
            .bind(collection)
            .bind(position),
    )?;
    Ok(())
}

/// Numbers every item of the collection anew, in this order.
pub fn renumber(tx: &Tx, collection: CollectionId, order: &[MediaId]) -> Result<()> {
    let mut position = 0;
    for id in order {
        position += POSITION_STEP;
        put_at(tx, collection, *id, position)?;
    }
    tx.changed(sql("UPDATE collections SET last_position = $2 WHERE id = $1").bind(collection).bind(position))?;
    Ok(())
}

fn put_at(tx: &Tx, collection: CollectionId, id: MediaId, position: i64) -> Result<()> {
    let statement = sql("UPDATE collection_media SET position = $3 WHERE collection_id = $1 AND media_id = $2");
    tx.changed(statement.bind(collection).bind(id).bind(position))?;
    Ok(())
}

/// The user's collections whose kept count differs from what is in them, for `check`: id, kept, counted.
pub fn miscounted_any(db: &Conn) -> Result<Vec<(CollectionId, u64, u64)>> {
    db.all(sql("SELECT c.id, c.media_count, count(m.media_id) FROM collections c
         JOIN users u ON u.id = c.owner_id AND u.deleted_at IS NULL
         LEFT JOIN collection_media m ON m.collection_id = c.id AND NOT m.hidden
         GROUP BY c.id, c.media_count HAVING c.media_count <> count(m.media_id)"))
}

/// Collections in which items are hidden that are not in the trash, or the other way round, for `check`: id, how many.
pub fn misplaced_any(db: &Conn) -> Result<Vec<(CollectionId, u64)>> {
    db.all(sql("SELECT c.collection_id, count(*) FROM collection_media c JOIN media m ON m.id = c.media_id
         WHERE c.hidden <> m.trashed GROUP BY c.collection_id"))
}
