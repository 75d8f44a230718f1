//! Collections themselves; what is in them is in `collection_media.rs`.

use mv_core::collection::Collection;
use mv_core::{CollectionId, MediaId, Timestamp, UserId};

use crate::{Conn, Result, Tx, row, sql};

row!(Collection { id, owner_id, name, description, cover_media_id, media_count, version, created_at, updated_at });

/// The chosen cover while it is seen in the collection, else the first item.
macro_rules! collection_columns {
    () => {
        "c.id, c.owner_id, c.name, c.description, \
         coalesce((SELECT v.media_id FROM collection_media v \
                   WHERE v.collection_id = c.id AND v.media_id = c.cover_media_id AND v.hidden = FALSE), \
                  (SELECT f.media_id FROM collection_media f WHERE f.collection_id = c.id AND f.hidden = FALSE \
                   ORDER BY f.position, f.media_id LIMIT 1)), \
         c.media_count, c.version, c.created_at, c.updated_at"
    };
}

/// A new, empty collection.
pub fn insert(tx: &Tx, collection: &Collection) -> Result<()> {
    tx.changed(
        sql("INSERT INTO collections (id, owner_id, name, description, cover_media_id, media_count, last_position, version, created_at,
                                      updated_at) VALUES ($1, $2, $3, $4, NULL, 0, 0, $5, $6, $7)")
        .bind(collection.id)
        .bind(collection.owner_id)
        .bind(collection.name.as_str())
        .bind(collection.description.as_deref())
        .bind(collection.version)
        .bind(collection.created_at)
        .bind(collection.updated_at),
    )?;
    Ok(())
}

/// The collection.
pub fn find_for(db: &Conn, who: UserId, id: CollectionId) -> Result<Option<Collection>> {
    let statement =
        sql(concat!("SELECT ", collection_columns!(), " FROM collections c WHERE c.id = $1 AND c.owner_id = $2"));
    db.optional(statement.bind(id).bind(who))
}

/// Those of the ids that are the user's.
pub fn among(db: &Conn, who: UserId, ids: &[CollectionId]) -> Result<Vec<Collection>> {
    let mut statement =
        sql(concat!("SELECT ", collection_columns!(), " FROM collections c WHERE c.owner_id = $1 AND c.id IN "))
            .bind(who);
    statement.push_list(ids.iter().copied());
    db.all(statement)
}

/// The collection, held until the transaction ends. Changes of what is in it hold it too, so they come one after the other.
pub fn find_for_change(tx: &Tx, who: UserId, id: CollectionId) -> Result<Option<Collection>> {
    let held =
        tx.changed(sql("UPDATE collections SET version = version WHERE id = $1 AND owner_id = $2").bind(id).bind(who))?;
    if held == 1 { find_for(tx, who, id) } else { Ok(None) }
}

/// The cover that was chosen, whether or not it is seen now.
pub fn chosen_cover(db: &Conn, id: CollectionId) -> Result<Option<MediaId>> {
    db.one(sql("SELECT cover_media_id FROM collections WHERE id = $1").bind(id))
}

/// How many collections the user has.
pub fn count_for(db: &Conn, who: UserId) -> Result<u64> {
    db.one(sql("SELECT count(*) FROM collections WHERE owner_id = $1").bind(who))
}

/// The user's collections, newest first: behind `after`, or after `skip` of them.
pub fn page_for(db: &Conn, who: UserId, after: Option<CollectionId>, skip: u64, limit: u32) -> Result<Vec<Collection>> {
    let mut query =
        sql(concat!("SELECT ", collection_columns!(), " FROM collections c WHERE c.owner_id = $1")).bind(who);
    if let Some(after) = after {
        query.push(" AND c.id < ").push_bind(after);
    }
    query.push(" ORDER BY c.id DESC LIMIT ").push_bind(limit).push(" OFFSET ").push_bind(skip);
    db.all(query)
}

/// Writes name, description and the chosen cover (`None` within: the first item; outer `None`: as it was).
pub fn update(tx: &Tx, collection: &Collection, cover: Option<Option<MediaId>>) -> Result<()> {
    tx.changed(
        sql("UPDATE collections SET name = $2, description = $3, version = $4, updated_at = $5 WHERE id = $1")
            .bind(collection.id)
            .bind(collection.name.as_str())
            .bind(collection.description.as_deref())
            .bind(collection.version)
            .bind(collection.updated_at),
    )?;
    if let Some(cover) = cover {
        tx.changed(sql("UPDATE collections SET cover_media_id = $2 WHERE id = $1").bind(collection.id).bind(cover))?;
    }
    Ok(())
}

/// Notes that what is in the collection has changed: so many items more or less. Returns whose it is.
pub fn touch(tx: &Tx, id: CollectionId, step: i64, now: Timestamp) -> Result<UserId> {
    tx.one(
        sql("UPDATE collections SET media_count = media_count + $2, version = version + 1, updated_at = $3 WHERE id = $1
             RETURNING owner_id")
        .bind(id)
        .bind(step)
        .bind(now),
    )
}

/// Deletes a collection with its memberships; its items stay.
pub fn delete(tx: &Tx, id: CollectionId) -> Result<()> {
    tx.changed(sql("DELETE FROM collections WHERE id = $1").bind(id))?;
    Ok(())
}
