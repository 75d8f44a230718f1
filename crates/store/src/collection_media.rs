//! What is in a collection and in which order. Rows of items in the trash are hidden, not gone.

use mv_core::collection::POSITION_STEP;
use mv_core::media::Media;
use mv_core::{CollectionId, MediaId, Timestamp, UserId};

use crate::media::media_columns;
use crate::{Conn, Result, Tx, sql};

/// Puts items at the end. Returns those that were not in it yet; the cost does not grow with the collection.
/// The collection's row is held by `collections::find_for_change`.
pub fn append(tx: &Tx, collection: CollectionId, ids: &[MediaId], by: UserId, now: Timestamp) -> Result<Vec<MediaId>> {
    let room = i64::try_from(ids.len()).unwrap_or(i64::MAX).saturating_mul(POSITION_STEP);
    let last: i64 = tx.one(
        sql("UPDATE collections SET last_position = last_position + $2 WHERE id = $1 RETURNING last_position").bind(collection).bind(room),
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
pub fn set_hidden(tx: &Tx, id: MediaId, hidden: bool) -> Result<()> {
    let statement = sql("UPDATE collection_media SET hidden = $2 WHERE media_id = $1 AND hidden <> $2 RETURNING collection_id");
    let mut changed: Vec<CollectionId> = tx.all(statement.bind(id).bind(hidden))?;
    changed.sort_unstable();
    count(tx, &changed, if hidden { -1 } else { 1 })
}

/// Takes an item that is about to be deleted out of every collection and counts it there.
pub fn remove_everywhere(tx: &Tx, id: MediaId) -> Result<()> {
    let statement = sql("DELETE FROM collection_media WHERE media_id = $1 RETURNING collection_id, hidden");
    let rows: Vec<(CollectionId, bool)> = tx.all(statement.bind(id))?;
    let mut seen: Vec<CollectionId> = rows.into_iter().filter(|(_, hidden)| !hidden).map(|(collection, _)| collection).collect();
    seen.sort_unstable();
    count(tx, &seen, -1)
}

fn count(tx: &Tx, collections: &[CollectionId], step: i64) -> Result<()> {
    for collection in collections {
        let statement = sql("UPDATE collections SET media_count = media_count + $2 WHERE id = $1");
        tx.changed(statement.bind(*collection).bind(step))?;
    }
    Ok(())
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
    query.push(if from_end { " ORDER BY c.position DESC, c.media_id DESC" } else { " ORDER BY c.position, c.media_id" });
    query.push(" LIMIT ").push_bind(limit).push(" OFFSET ").push_bind(skip);
    let mut items = db.all(query)?;
    if from_end {
        items.reverse();
    }
    Ok(items)
}

/// Every item's id in the collection's order, hidden ones too, for setting a whole order.
pub fn order(db: &Conn, collection: CollectionId, limit: u32) -> Result<Vec<MediaId>> {
    db.all(
        sql("SELECT media_id FROM collection_media WHERE collection_id = $1 ORDER BY position, media_id LIMIT $2")
            .bind(collection)
            .bind(limit),
    )
}

/// An item's position.
pub fn position(db: &Conn, collection: CollectionId, id: MediaId) -> Result<Option<i64>> {
    db.optional(sql("SELECT position FROM collection_media WHERE collection_id = $1 AND media_id = $2").bind(collection).bind(id))
}

/// The position of the first item behind `position` other than `except`; `None` where there is none.
pub fn next_position(db: &Conn, collection: CollectionId, position: i64, except: MediaId) -> Result<Option<i64>> {
    db.optional(
        sql("SELECT position FROM collection_media WHERE collection_id = $1 AND position > $2 AND media_id <> $3
             ORDER BY position LIMIT 1")
        .bind(collection)
        .bind(position)
        .bind(except),
    )
}

/// The smallest position in the collection other than `except`'s.
pub fn first_position(db: &Conn, collection: CollectionId, except: MediaId) -> Result<Option<i64>> {
    db.optional(
        sql("SELECT position FROM collection_media WHERE collection_id = $1 AND media_id <> $2 ORDER BY position LIMIT 1")
            .bind(collection)
            .bind(except),
    )
}

/// Sets an item's position; the end of the collection moves along.
pub fn set_position(tx: &Tx, collection: CollectionId, id: MediaId, position: i64) -> Result<()> {
    let statement = sql("UPDATE collection_media SET position = $3 WHERE collection_id = $1 AND media_id = $2");
    tx.changed(statement.bind(collection).bind(id).bind(position))?;
    tx.changed(
        sql("UPDATE collections SET last_position = $2 WHERE id = $1 AND last_position < $2").bind(collection).bind(position),
    )?;
    Ok(())
}

/// The user's collections whose kept count differs from what is in them, for `check`: id, kept, counted.
pub fn miscounted_any(db: &Conn) -> Result<Vec<(CollectionId, u64, u64)>> {
    db.all(sql(
        "SELECT c.id, c.media_count, count(m.media_id) FROM collections c
         LEFT JOIN collection_media m ON m.collection_id = c.id AND NOT m.hidden
         GROUP BY c.id, c.media_count HAVING c.media_count <> count(m.media_id)",
    ))
}
