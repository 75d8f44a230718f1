//! Invites to register, found by the SHA-256 of their secret. They belong to the server, not to whoever made them.

use mv_core::invite::Invite;
use mv_core::{InviteId, Timestamp, UserId};

use crate::account_links::SecretHash;
use crate::{Conn, Result, Tx, row, sql};

row!(Invite { id, email, role, quota_bytes, expires_at, created_by, used_by, used_at, created_at });

macro_rules! invite_columns {
    () => {
        "id, email, role, quota_bytes, expires_at, created_by, used_by, used_at, created_at"
    };
}

/// A new invite.
pub fn insert(tx: &Tx, invite: &Invite, hash: &SecretHash) -> Result<()> {
    tx.changed(
        sql("INSERT INTO invites (id, secret_hash, email, role, quota_bytes, expires_at, created_by, used_by, used_at, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, NULL, NULL, $8)")
        .bind(invite.id)
        .bind(hash.to_vec())
        .bind(invite.email.as_deref())
        .bind(invite.role.as_str())
        .bind(invite.quota_bytes)
        .bind(invite.expires_at)
        .bind(invite.created_by)
        .bind(invite.created_at),
    )?;
    Ok(())
}

/// The invite with this secret, if it still holds. It may be used by another before this one is: [`take`] decides.
pub fn by_secret(db: &Conn, hash: &SecretHash, now: Timestamp) -> Result<Option<Invite>> {
    db.optional(
        sql(concat!(
            "SELECT ",
            invite_columns!(),
            " FROM invites WHERE secret_hash = $1 AND used_at IS NULL AND expires_at > $2"
        ))
        .bind(hash.to_vec())
        .bind(now),
    )
}

/// Uses an invite up for this account. Of many at once exactly one succeeds.
pub fn take(tx: &Tx, id: InviteId, user: UserId, now: Timestamp) -> Result<bool> {
    let statement = sql("UPDATE invites SET used_by = $2, used_at = $3
                         WHERE id = $1 AND used_at IS NULL AND expires_at > $3");
    Ok(tx.changed(statement.bind(id).bind(user).bind(now))? == 1)
}

/// How many there are.
pub fn count(db: &Conn) -> Result<u64> {
    db.one(sql("SELECT count(*) FROM invites"))
}

/// Invites, newest first: behind `after`, or after `skip` of them.
pub fn page(db: &Conn, after: Option<InviteId>, skip: u64, limit: u32) -> Result<Vec<Invite>> {
    let mut query = sql(concat!("SELECT ", invite_columns!(), " FROM invites WHERE TRUE"));
    if let Some(after) = after {
        query.push(" AND id < ").push_bind(after);
    }
    query.push(" ORDER BY id DESC LIMIT ").push_bind(limit).push(" OFFSET ").push_bind(skip);
    db.all(query)
}

/// Takes an invite back. Returns whether there was one.
pub fn delete(tx: &Tx, id: InviteId) -> Result<bool> {
    Ok(tx.changed(sql("DELETE FROM invites WHERE id = $1").bind(id))? == 1)
}

/// Forgets invites that ended before this; returns how many.
pub fn purge(tx: &Tx, ended_before: Timestamp) -> Result<u64> {
    tx.changed(sql("DELETE FROM invites WHERE expires_at < $1").bind(ended_before))
}
