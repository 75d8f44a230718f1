//! Things that go from one account to another, before the first one goes away.

use mv_core::media::Media;
use mv_core::{CollectionId, MediaId, Timestamp, UserId};

use crate::media::media_columns;
use crate::{Conn, Result, Tx, sql};

/// Notes that all of the user's things are to go to another account.
pub fn insert(tx: &Tx, from: UserId, to: UserId, now: Timestamp) -> Result<()> {
    tx.changed(
        sql("INSERT INTO transfers (user_id, to_id, created_at) VALUES ($1, $2, $3)").bind(from).bind(to).bind(now),
    )?;
    Ok(())
}

/// To whom the user's things are to go. Once they have gone, and the account with them, nobody asks any more.
pub fn of(db: &Conn, from: UserId) -> Result<Option<UserId>> {
    db.optional(sql("SELECT t.to_id FROM transfers t JOIN users u ON u.id = t.user_id WHERE t.user_id = $1 AND u.deleted_at IS NULL")
            .bind(from),
    )
}

/// Accounts whose things are on their way, and to whom.
pub fn pending(db: &Conn, limit: u32) -> Result<Vec<(UserId, UserId)>> {
    db.all(
        sql("SELECT t.user_id, t.to_id FROM transfers t JOIN users u ON u.id = t.user_id WHERE u.deleted_at IS NULL
             ORDER BY t.user_id LIMIT $1")
        .bind(limit),
    )
}

/// Whether the user is being given somebody's things.
pub fn is_receiving(db: &Conn, to: UserId) -> Result<bool> {
    let found: Option<UserId> = db.optional(
        sql("SELECT t.user_id FROM transfers t JOIN users u ON u.id = t.user_id WHERE t.to_id = $1 AND u.deleted_at IS NULL
             LIMIT 1")
        .bind(to),
    )?;
    Ok(found.is_some())
}

/// Items that are still the user's.
pub fn items(db: &Conn, from: UserId, limit: u32) -> Result<Vec<Media>> {
    db.all(
        sql(concat!(
            "SELECT ",
            media_columns!(),
            " FROM media m WHERE m.owner_id = $1 ORDER BY m.trashed, m.id LIMIT $2"
        ))
        .bind(from)
        .bind(limit),
    )
}

/// Whether the owner has an item with this id of an application's.
pub fn has_external_id(db: &Conn, owner: UserId, external_id: &str) -> Result<bool> {
    let statement = sql("SELECT id FROM media WHERE owner_id = $1 AND external_id = $2");
    let found: Option<MediaId> = db.optional(statement.bind(owner).bind(external_id))?;
    Ok(found.is_some())
}

/// Writes whose an item is now, over which blob, with its index rows. The row is held by `media::find_for_change`.
pub fn give_media(tx: &Tx, media: &Media) -> Result<()> {
    tx.changed(
        sql("UPDATE media SET owner_id = $2, blob_id = $3, checksum_sealed = $4, external_id = $5, version = $6, updated_at = $7
             WHERE id = $1")
        .bind(media.id)
        .bind(media.owner_id)
        .bind(media.blob_id)
        .bind(media.checksum_sealed.clone())
        .bind(media.labels.external_id.as_deref())
        .bind(media.version)
        .bind(media.updated_at),
    )?;
    tx.changed(sql("UPDATE media_tags SET owner_id = $2 WHERE media_id = $1").bind(media.id).bind(media.owner_id))?;
    tx.changed(
        sql("UPDATE media_properties SET owner_id = $2 WHERE media_id = $1").bind(media.id).bind(media.owner_id),
    )?;
    Ok(())
}

/// Gives all collections of one account to another, with what is in them. Returns which.
pub fn give_collections(tx: &Tx, from: UserId, to: UserId, now: Timestamp) -> Result<Vec<CollectionId>> {
    tx.all(
        sql("UPDATE collections SET owner_id = $2, version = version + 1, updated_at = $3 WHERE owner_id = $1
             RETURNING id")
        .bind(from)
        .bind(to)
        .bind(now),
    )
}
