//! Sessions and keys by their ids, for what was opened with them and goes on: whether they still hold.

use mv_core::user::User;
use mv_core::{ApiKeyId, SessionId, Timestamp};

use crate::users::user_columns;
use crate::{Conn, Result, row, sql};

/// A key as its use needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldKey {
    /// What its owner called it.
    pub name: String,
    /// Its scopes, as the database keeps them.
    pub scopes: String,
    /// When it ends; `None` is never.
    pub expires_at: Option<Timestamp>,
}

row!(HeldKey { name, scopes, expires_at });

/// A key and its user.
pub fn key_with_user(db: &Conn, id: ApiKeyId) -> Result<Option<(HeldKey, User)>> {
    db.optional(
        sql(concat!(
            "SELECT k.name, k.scopes, k.expires_at, ",
            user_columns!(),
            " FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.id = $1"
        ))
        .bind(id),
    )
}

/// Those of the sessions that hold: neither they nor their accounts have ended.
pub fn sessions_alive_any(db: &Conn, ids: &[SessionId], now: Timestamp) -> Result<Vec<SessionId>> {
    let mut statement = sql("SELECT s.id FROM sessions s JOIN users u ON u.id = s.user_id
                             WHERE s.revoked_at IS NULL AND s.expires_at > $1 AND u.disabled = FALSE AND s.id IN ")
    .bind(now);
    statement.push_list(ids.iter().copied());
    db.all(statement)
}

/// Those of the keys that hold: neither they nor their accounts have ended.
pub fn keys_alive_any(db: &Conn, ids: &[ApiKeyId], now: Timestamp) -> Result<Vec<ApiKeyId>> {
    let mut statement = sql("SELECT k.id FROM api_keys k JOIN users u ON u.id = k.user_id
                             WHERE (k.expires_at IS NULL OR k.expires_at > $1) AND u.disabled = FALSE AND k.id IN ")
    .bind(now);
    statement.push_list(ids.iter().copied());
    db.all(statement)
}
