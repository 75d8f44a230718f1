//! What belongs to the vault as a whole: its id, the root key's check value; and the wrapped key of each user.

use mv_core::{Timestamp, UserId};

use crate::{Conn, Result, Tx, sql};

/// A value of the vault's by its name.
pub fn get(db: &Conn, name: &str) -> Result<Option<Vec<u8>>> {
    db.optional(sql("SELECT value FROM vault WHERE name = $1").bind(name))
}

/// Sets a value unless it is set already; returns the one that holds.
pub fn get_or_insert(tx: &Tx, name: &str, value: &[u8]) -> Result<Vec<u8>> {
    tx.changed(
        sql("INSERT INTO vault (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
            .bind(name)
            .bind(value.to_vec()),
    )?;
    tx.one(sql("SELECT value FROM vault WHERE name = $1").bind(name))
}

/// Replaces a value that is `held`; returns whether it was.
pub fn replace(tx: &Tx, name: &str, held: &[u8], value: &[u8]) -> Result<bool> {
    let statement = sql("UPDATE vault SET value = $3 WHERE name = $1 AND value = $2");
    Ok(tx.changed(statement.bind(name).bind(held.to_vec()).bind(value.to_vec()))? == 1)
}

/// The wrapped keys and their versions of up to `limit` users behind this one, for the rotation of the root key.
pub fn user_keys_any(db: &Conn, after: UserId, limit: u32) -> Result<Vec<(UserId, u32, Vec<u8>)>> {
    let statement = sql("SELECT user_id, version, wrapped FROM user_keys WHERE user_id > $1 ORDER BY user_id LIMIT $2");
    db.all(statement.bind(after).bind(limit))
}

/// The same key of a user, wrapped anew.
pub fn rewrap_user_key(tx: &Tx, user: UserId, wrapped: &[u8]) -> Result<()> {
    tx.changed(sql("UPDATE user_keys SET wrapped = $2 WHERE user_id = $1").bind(user).bind(wrapped.to_vec()))?;
    Ok(())
}

/// Keeps a user's wrapped key and its version.
pub fn insert_user_key(tx: &Tx, user: UserId, version: u32, wrapped: &[u8], now: Timestamp) -> Result<()> {
    let statement = sql("INSERT INTO user_keys (user_id, version, wrapped, created_at) VALUES ($1, $2, $3, $4)");
    tx.changed(statement.bind(user).bind(version).bind(wrapped.to_vec()).bind(now))?;
    Ok(())
}

/// A user's wrapped key and its version.
pub fn user_key(db: &Conn, user: UserId) -> Result<Option<(u32, Vec<u8>)>> {
    db.optional(sql("SELECT version, wrapped FROM user_keys WHERE user_id = $1").bind(user))
}
