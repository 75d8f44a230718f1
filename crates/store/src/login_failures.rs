//! Wrong passwords, counted by account and by address for all nodes alike. Keys are keyed hashes: neither names nor
//! addresses stand here.

use mv_core::Timestamp;

use crate::{Conn, Result, Tx, sql};

/// Whose failures: a keyed hash.
pub type Key = [u8; 32];

/// Until when a key must wait; nothing where it need not.
pub fn blocked_until(db: &Conn, key: &Key, now: Timestamp) -> Result<Option<Timestamp>> {
    db.optional(
        sql("SELECT blocked_until FROM login_failures WHERE key = $1 AND blocked_until > $2")
            .bind(key.to_vec())
            .bind(now),
    )
}

/// Counts one more failure, unless the key must wait; what ended before `forgotten` begins anew. Returns the count, or
/// nothing where the key must wait: of many at once each is counted or told so, on whatever node.
pub fn count(tx: &Tx, key: &Key, now: Timestamp, forgotten: Timestamp) -> Result<Option<u32>> {
    tx.optional(
        sql("INSERT INTO login_failures (key, count, last_at, blocked_until) VALUES ($1, 1, $2, 0)
             ON CONFLICT (key) DO UPDATE
             SET count = CASE WHEN login_failures.last_at < $3 AND login_failures.blocked_until < $3 THEN 1
                              ELSE login_failures.count + 1 END,
                 last_at = excluded.last_at
             WHERE login_failures.blocked_until <= $2 RETURNING count")
        .bind(key.to_vec())
        .bind(now)
        .bind(forgotten),
    )
}

/// Lets a key wait.
pub fn block(tx: &Tx, key: &Key, until: Timestamp) -> Result<()> {
    tx.changed(sql("UPDATE login_failures SET blocked_until = $2 WHERE key = $1").bind(key.to_vec()).bind(until))?;
    Ok(())
}

/// Forgets a key's failures.
pub fn clear(tx: &Tx, key: &Key) -> Result<()> {
    tx.changed(sql("DELETE FROM login_failures WHERE key = $1").bind(key.to_vec()))?;
    Ok(())
}

/// Forgets what ended before this; returns how many.
pub fn purge(tx: &Tx, before: Timestamp) -> Result<u64> {
    tx.changed(sql("DELETE FROM login_failures WHERE last_at < $1 AND blocked_until < $1").bind(before))
}
