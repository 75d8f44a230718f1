//! The end of an account. First it is closed, in one short transaction: its keys, its ways in and its names are gone, and
//! nothing finds it any more. Then what it stored is taken apart, a part at a time, and at last its row goes. Each part
//! may run twice harmlessly, also on several nodes at once.

use mv_core::{BlobId, Role, Timestamp, UserId};

use crate::{Conn, Result, Sql, Tx, sql};

/// Closes an account. Its wrapped key goes, and with it everything that it stored can no longer be read; its address and
/// names are free for others. Without its usage nothing more can be stored for it, also not by an upload under way.
pub fn close(tx: &Tx, id: UserId, now: Timestamp) -> Result<()> {
    for statement in [
        sql("DELETE FROM user_keys WHERE user_id = $1"),
        sql("DELETE FROM usage WHERE owner_id = $1"),
        sql("DELETE FROM sessions WHERE user_id = $1"),
        sql("DELETE FROM api_keys WHERE user_id = $1"),
        sql("DELETE FROM upload_tokens WHERE user_id = $1"),
        sql("DELETE FROM account_links WHERE user_id = $1"),
        sql("DELETE FROM event_tickets WHERE user_id = $1"),
        // Their deliveries go in parts, as those of every webhook that is gone.
        sql("DELETE FROM webhooks WHERE owner_id = $1"),
    ] {
        tx.changed(statement.bind(id))?;
    }
    // No address looks like an id, so it keeps nobody from an address.
    tx.changed(
        sql("UPDATE users SET email = '', email_folded = $2, username = NULL, username_folded = NULL, display_name = NULL,
                              password_hash = '', role = $4, time_zone = 'UTC', quota_bytes = NULL,
                              link_epoch = link_epoch + 1, disabled = TRUE, deleted_at = $3, updated_at = $3
             WHERE id = $1")
        .bind(id)
        .bind(id.to_string())
        .bind(now)
        .bind(Role::User.as_str()),
    )?;
    Ok(())
}

/// Whether this account was closed and is not yet gone.
pub fn is_closed(db: &Conn, id: UserId) -> Result<bool> {
    let found: Option<UserId> =
        db.optional(sql("SELECT id FROM users WHERE id = $1 AND deleted_at IS NOT NULL").bind(id))?;
    Ok(found.is_some())
}

/// Accounts that were closed and are not yet gone, from behind `after`.
pub fn closed_any(db: &Conn, after: Option<UserId>, limit: u32) -> Result<Vec<UserId>> {
    let after = after.unwrap_or(UserId::from_uuid(uuid::Uuid::nil()));
    let statement = sql("SELECT id FROM users WHERE deleted_at IS NOT NULL AND id > $1 ORDER BY id LIMIT $2");
    db.all(statement.bind(after).bind(limit))
}

/// Takes some items of a closed account away, with their tags, properties and places in collections. Returns the blobs
/// that they stood on, one an item, to be released in the same transaction; none when no item is left.
pub fn take_items(tx: &Tx, owner: UserId, limit: u32) -> Result<Vec<BlobId>> {
    tx.all(
        sql("DELETE FROM media WHERE id IN (SELECT id FROM media WHERE owner_id = $1 LIMIT $2) RETURNING blob_id")
            .bind(owner)
            .bind(limit),
    )
}

/// Takes some of what else a closed account left away. Returns how many rows went, 0 when none is left.
pub fn take_rest(tx: &Tx, owner: UserId, limit: u32) -> Result<u64> {
    let parts: [Sql; 5] = [
        sql("DELETE FROM collections WHERE id IN (SELECT id FROM collections WHERE owner_id = $1 LIMIT $2)"),
        sql("DELETE FROM idempotency WHERE user_id = $1
             AND key_hash IN (SELECT key_hash FROM idempotency WHERE user_id = $1 LIMIT $2)"),
        sql("DELETE FROM tombstones WHERE owner_id = $1
             AND dedupe_tag IN (SELECT dedupe_tag FROM tombstones WHERE owner_id = $1 LIMIT $2)"),
        sql("DELETE FROM media_facets WHERE owner_id = $1
             AND facet IN (SELECT facet FROM media_facets WHERE owner_id = $1 LIMIT $2)"),
        sql("DELETE FROM media_runs WHERE owner_id = $1
             AND first_id IN (SELECT first_id FROM media_runs WHERE owner_id = $1 LIMIT $2)"),
    ];
    let mut gone = 0;
    for part in parts {
        gone += tx.changed(part.bind(owner).bind(limit))?;
    }
    Ok(gone)
}

/// Deletes the row of a closed account that holds nothing any more; returns whether it did. Blobs keep it until their
/// files go.
pub fn finish(tx: &Tx, id: UserId) -> Result<bool> {
    let statement = sql("DELETE FROM users WHERE id = $1 AND deleted_at IS NOT NULL
                         AND NOT EXISTS (SELECT 1 FROM blobs WHERE owner_id = $1)
                         AND NOT EXISTS (SELECT 1 FROM media WHERE owner_id = $1)
                         AND NOT EXISTS (SELECT 1 FROM collections WHERE owner_id = $1)");
    Ok(tx.changed(statement.bind(id))? == 1)
}
