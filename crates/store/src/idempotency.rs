//! Answers kept under a caller's `Idempotency-Key`, sealed, for a day.

use mv_core::{Timestamp, UserId};

use crate::{Conn, Result, Tx, row, sql};

/// Whose key on which route.
#[derive(Debug, Clone)]
pub struct Key {
    /// Keys of different callers never meet.
    pub user: UserId,
    /// Nor those of different routes.
    pub route: &'static str,
    /// SHA-256 of the key.
    pub hash: [u8; 32],
}

/// An answer that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Digest of what the request said.
    pub fingerprint: [u8; 32],
    /// Status and body, sealed.
    pub answer_sealed: Vec<u8>,
}
row!(Kept { fingerprint, answer_sealed });

/// The answer kept under the key, unless it is from before `oldest`.
pub fn find(db: &Conn, key: &Key, oldest: Timestamp) -> Result<Option<Kept>> {
    db.optional(
        sql("SELECT fingerprint, answer_sealed FROM idempotency WHERE user_id = $1 AND route = $2 AND key_hash = $3 AND created_at >= $4")
            .bind(key.user)
            .bind(key.route)
            .bind(key.hash.to_vec())
            .bind(oldest),
    )
}

/// Keeps an answer, in the transaction that made what it tells of. An answer older than `oldest` gives way.
/// Returns false where another request has taken the key meanwhile: the transaction must not commit then.
pub fn save(tx: &Tx, key: &Key, kept: &Kept, now: Timestamp, oldest: Timestamp) -> Result<bool> {
    let changed = tx.changed(
        sql("INSERT INTO idempotency (user_id, route, key_hash, fingerprint, answer_sealed, created_at) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (user_id, route, key_hash) DO UPDATE
             SET fingerprint = excluded.fingerprint, answer_sealed = excluded.answer_sealed, created_at = excluded.created_at
             WHERE idempotency.created_at < $7")
        .bind(key.user)
        .bind(key.route)
        .bind(key.hash.to_vec())
        .bind(kept.fingerprint.to_vec())
        .bind(kept.answer_sealed.clone())
        .bind(now)
        .bind(oldest),
    )?;
    Ok(changed == 1)
}

/// Forgets answers from before this; returns how many.
pub fn purge(tx: &Tx, before: Timestamp) -> Result<u64> {
    tx.changed(sql("DELETE FROM idempotency WHERE created_at < $1").bind(before))
}
