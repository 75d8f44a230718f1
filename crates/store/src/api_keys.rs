//! API keys, found by the SHA-256 of their secret.

use mv_core::api_key::ApiKey;
use mv_core::user::User;
use mv_core::{ApiKeyId, Timestamp, UserId};

use crate::account_links::SecretHash;
use crate::users::user_columns;
use crate::{Conn, Result, Tx, row, sql};

row!(ApiKey { id, user_id, name, scopes, expires_at, last_used_at, created_at });

macro_rules! key_columns {
    () => {
        "k.id, k.user_id, k.name, k.scopes, k.expires_at, k.last_used_at, k.created_at"
    };
}

/// A new key.
pub fn insert(tx: &Tx, key: &ApiKey, hash: &SecretHash) -> Result<()> {
    tx.changed(
        sql("INSERT INTO api_keys (id, user_id, name, secret_hash, scopes, expires_at, last_used_at, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, NULL, $7)")
        .bind(key.id)
        .bind(key.user_id)
        .bind(key.name.as_str())
        .bind(hash.to_vec())
        .bind(key.scopes.to_text())
        .bind(key.expires_at)
        .bind(key.created_at),
    )?;
    Ok(())
}

/// The key with this secret and its owner, as a request by it needs them; whether they hold is not asked.
pub fn with_user_any(db: &Conn, hash: &SecretHash) -> Result<Option<(ApiKey, User)>> {
    db.optional(
        sql(concat!(
            "SELECT ",
            key_columns!(),
            ", ",
            user_columns!(),
            " FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.secret_hash = $1"
        ))
        .bind(hash.to_vec()),
    )
}

/// A key and its user, for what was opened with the key.
pub fn by_id_with_user_any(db: &Conn, id: ApiKeyId) -> Result<Option<(ApiKey, User)>> {
    db.optional(
        sql(concat!(
            "SELECT ",
            key_columns!(),
            ", ",
            user_columns!(),
            " FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.id = $1"
        ))
        .bind(id),
    )
}

/// All keys of the user, newest first; there are at most `MAX_API_KEYS`.
pub fn list_for(db: &Conn, who: UserId) -> Result<Vec<ApiKey>> {
    db.all(
        sql(concat!("SELECT ", key_columns!(), " FROM api_keys k WHERE k.user_id = $1 ORDER BY k.id DESC")).bind(who),
    )
}

/// How many keys the user has.
pub fn count_for(db: &Conn, who: UserId) -> Result<u64> {
    db.one(sql("SELECT count(*) FROM api_keys WHERE user_id = $1").bind(who))
}

/// Deletes a key; returns whether the user had it.
pub fn delete_for(tx: &Tx, who: UserId, id: ApiKeyId) -> Result<bool> {
    Ok(tx.changed(sql("DELETE FROM api_keys WHERE id = $1 AND user_id = $2").bind(id).bind(who))? == 1)
}

/// Notes that a key was used, unless its last use was noted after `unless_after`.
pub fn note_use_any(tx: &Tx, id: ApiKeyId, now: Timestamp, unless_after: Timestamp) -> Result<()> {
    let statement =
        sql("UPDATE api_keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)");
    tx.changed(statement.bind(id).bind(now).bind(unless_after))?;
    Ok(())
}
