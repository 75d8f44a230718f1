//! Upload tokens, found by the SHA-256 of their secret, and the count of what came in by each.

use mv_core::media::Properties;
use mv_core::upload_token::UploadToken;
use mv_core::user::User;
use mv_core::{ApiKeyId, Timestamp, UploadTokenId, UserId};

use crate::account_links::SecretHash;
use crate::users::user_columns;
use crate::{Conn, Error, FromRow, Result, Row, Tx, sql};

macro_rules! token_columns {
    () => {
        "t.id, t.user_id, t.max_files, t.files, t.max_bytes, t.bytes, t.mime_types, t.collection_id, t.tags, t.properties, \
         t.origin, t.expires_at, t.created_at"
    };
}

impl FromRow for UploadToken {
    fn from_row(row: &mut Row<'_>) -> std::result::Result<Self, Error> {
        Ok(Self {
            id: row.read()?,
            user_id: row.read()?,
            max_files: row.read()?,
            files: row.read()?,
            max_bytes: row.read()?,
            bytes: row.read()?,
            mime_types: list(row.read()?),
            collection_id: row.read()?,
            tags: list(row.read()?),
            properties: Properties::from_json(row.read::<Option<String>>()?.as_deref().unwrap_or_default()),
            origin: row.read()?,
            expires_at: row.read()?,
            created_at: row.read()?,
        })
    }
}

/// A list of texts as JSON; none is NULL.
fn list(text: Option<String>) -> Vec<String> {
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

fn list_text(list: &[String]) -> Option<String> {
    (!list.is_empty()).then(|| serde_json::Value::from(list.to_vec()).to_string())
}

/// A new token, made with this API key, if it was one: it dies with it.
pub fn insert(tx: &Tx, token: &UploadToken, hash: &SecretHash, by_key: Option<ApiKeyId>) -> Result<()> {
    tx.changed(
        sql("INSERT INTO upload_tokens (id, user_id, secret_hash, max_files, files, max_bytes, bytes, mime_types, collection_id, tags,
                                        properties, origin, expires_at, created_at, api_key_id)
             VALUES ($1, $2, $3, $4, 0, $5, 0, $6, $7, $8, $9, $10, $11, $12, $13)")
        .bind(token.id)
        .bind(token.user_id)
        .bind(hash.to_vec())
        .bind(token.max_files)
        .bind(token.max_bytes)
        .bind(list_text(&token.mime_types))
        .bind(token.collection_id)
        .bind(list_text(&token.tags))
        .bind(token.properties.to_json())
        .bind(token.origin.as_deref())
        .bind(token.expires_at)
        .bind(token.created_at)
        .bind(by_key),
    )?;
    Ok(())
}

/// The token with this secret and its issuer, as a request by it needs them; whether they hold is not asked.
pub fn with_user_any(db: &Conn, hash: &SecretHash) -> Result<Option<(UploadToken, User)>> {
    db.optional(
        sql(concat!(
            "SELECT ",
            token_columns!(),
            ", ",
            user_columns!(),
            " FROM upload_tokens t JOIN users u ON u.id = t.user_id WHERE t.secret_hash = $1"
        ))
        .bind(hash.to_vec()),
    )
}

/// The user's token.
pub fn find_for(db: &Conn, who: UserId, id: UploadTokenId) -> Result<Option<UploadToken>> {
    let statement =
        sql(concat!("SELECT ", token_columns!(), " FROM upload_tokens t WHERE t.id = $1 AND t.user_id = $2"));
    db.optional(statement.bind(id).bind(who))
}

/// How many tokens of the user hold.
pub fn count_live_for(db: &Conn, who: UserId, now: Timestamp) -> Result<u64> {
    db.one(sql("SELECT count(*) FROM upload_tokens WHERE user_id = $1 AND expires_at > $2").bind(who).bind(now))
}

/// Counts a file in, if the token has room for it. Of many at once only as many succeed as fit.
pub fn take(tx: &Tx, id: UploadTokenId, size: u64) -> Result<bool> {
    let statement = sql("UPDATE upload_tokens SET files = files + 1, bytes = bytes + $2
                         WHERE id = $1 AND files < max_files AND (max_bytes IS NULL OR bytes + $2 <= max_bytes)");
    Ok(tx.changed(statement.bind(id).bind(size))? == 1)
}

/// Deletes a token; returns whether the user had it.
pub fn delete_for(tx: &Tx, who: UserId, id: UploadTokenId) -> Result<bool> {
    Ok(tx.changed(sql("DELETE FROM upload_tokens WHERE id = $1 AND user_id = $2").bind(id).bind(who))? == 1)
}

/// Whether any token that holds names this origin.
pub fn any_names_origin(db: &Conn, origin: &str, now: Timestamp) -> Result<bool> {
    let statement = sql("SELECT id FROM upload_tokens WHERE origin = $1 AND expires_at > $2 LIMIT 1");
    Ok(db.optional::<UploadTokenId>(statement.bind(origin).bind(now))?.is_some())
}

/// Forgets tokens that ended before this; returns how many.
pub fn purge(tx: &Tx, ended_before: Timestamp) -> Result<u64> {
    tx.changed(sql("DELETE FROM upload_tokens WHERE expires_at < $1").bind(ended_before))
}
