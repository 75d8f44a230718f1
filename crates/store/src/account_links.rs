//! Links that work once, found by the SHA-256 of their secret. One that was used or replaced stays until it is purged,
//! with its end moved to its beginning, so that what was made lately can be counted.

use mv_core::link::{Link, LinkKind};
use mv_core::{Timestamp, UserId};

use crate::{Conn, Result, Tx, row, sql};

row!(Link { user_id, email });

/// The SHA-256 of a link's secret.
pub type SecretHash = [u8; 32];

/// A new link.
pub fn insert(tx: &Tx, hash: &SecretHash, kind: LinkKind, link: &Link, now: Timestamp) -> Result<()> {
    tx.changed(
        sql("INSERT INTO account_links (secret_hash, kind, user_id, email, expires_at, created_at)
             VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(hash.to_vec())
        .bind(kind.as_str())
        .bind(link.user_id)
        .bind(link.email.as_deref())
        .bind(now.plus(kind.life()))
        .bind(now),
    )?;
    Ok(())
}

/// The link, if it still holds. It may be taken by another before this one does: [`take`] decides.
pub fn find(db: &Conn, hash: &SecretHash, kind: LinkKind, now: Timestamp) -> Result<Option<Link>> {
    db.optional(
        sql("SELECT user_id, email FROM account_links
             WHERE secret_hash = $1 AND kind = $2 AND expires_at > $3 AND expires_at > created_at")
        .bind(hash.to_vec())
        .bind(kind.as_str())
        .bind(now),
    )
}

/// Uses a link up. Of many at once exactly one gets it: whether it was used is asked of the row alone, since the others'
/// `now` may lie before that of the one who used it.
pub fn take(tx: &Tx, hash: &SecretHash, kind: LinkKind, now: Timestamp) -> Result<Option<Link>> {
    let statement = sql("UPDATE account_links SET expires_at = created_at
                         WHERE secret_hash = $1 AND kind = $2 AND expires_at > $3 AND expires_at > created_at");
    if tx.changed(statement.bind(hash.to_vec()).bind(kind.as_str()).bind(now))? == 0 {
        return Ok(None);
    }
    tx.optional(sql("SELECT user_id, email FROM account_links WHERE secret_hash = $1").bind(hash.to_vec()))
}

/// Ends the user's links of one kind.
pub fn end(tx: &Tx, user: UserId, kind: LinkKind) -> Result<()> {
    let statement = sql("UPDATE account_links SET expires_at = created_at WHERE user_id = $1 AND kind = $2");
    tx.changed(statement.bind(user).bind(kind.as_str()))?;
    Ok(())
}

/// Ends every link of the user.
pub fn end_all(tx: &Tx, user: UserId) -> Result<()> {
    tx.changed(sql("UPDATE account_links SET expires_at = created_at WHERE user_id = $1").bind(user))?;
    Ok(())
}

/// Ends the links to the first administrator's account.
pub fn end_setup(tx: &Tx) -> Result<()> {
    let statement = sql("UPDATE account_links SET expires_at = created_at WHERE kind = $1");
    tx.changed(statement.bind(LinkKind::Setup.as_str()))?;
    Ok(())
}

/// How many links of this kind were made for the user since then.
pub fn count_since(db: &Conn, user: UserId, kind: LinkKind, since: Timestamp) -> Result<u64> {
    db.one(
        sql("SELECT count(*) FROM account_links WHERE user_id = $1 AND kind = $2 AND created_at > $3")
            .bind(user)
            .bind(kind.as_str())
            .bind(since),
    )
}

/// Forgets links that ended before this; returns how many.
pub fn purge(tx: &Tx, ended_before: Timestamp) -> Result<u64> {
    tx.changed(sql("DELETE FROM account_links WHERE expires_at < $1").bind(ended_before))
}
