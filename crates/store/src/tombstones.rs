//! Deletions, remembered as keyed hashes: a client can ask before it sends the same bytes again.

use mv_core::{Timestamp, UserId};

use crate::{Conn, Result, Tx, sql};

/// Remembers that the owner's last item with this content is gone.
pub fn remember(tx: &Tx, owner: UserId, tag: [u8; 32], now: Timestamp) -> Result<()> {
    tx.changed(
        sql("INSERT INTO tombstones (owner_id, dedupe_tag, deleted_at) VALUES ($1, $2, $3)
             ON CONFLICT (owner_id, dedupe_tag) DO UPDATE SET deleted_at = excluded.deleted_at")
        .bind(owner)
        .bind(tag.to_vec())
        .bind(now),
    )?;
    Ok(())
}

/// When the owner deleted each of these contents.
pub fn among(db: &Conn, owner: UserId, tags: &[[u8; 32]]) -> Result<Vec<([u8; 32], Timestamp)>> {
    let mut statement =
        sql("SELECT dedupe_tag, deleted_at FROM tombstones WHERE owner_id = $1 AND dedupe_tag IN ").bind(owner);
    statement.push_list(tags.iter().map(|tag| tag.to_vec()));
    db.all(statement)
}

/// Forgets deletions from before this; returns how many.
pub fn purge(tx: &Tx, deleted_before: Timestamp) -> Result<u64> {
    tx.changed(sql("DELETE FROM tombstones WHERE deleted_at < $1").bind(deleted_before))
}
