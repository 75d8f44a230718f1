//! Login sessions and their generations.

use mv_core::session::{Device, Session};
use mv_core::user::User;
use mv_core::{Client, SessionId, Timestamp, UserId};

use crate::users::user_columns;
use crate::{Conn, Result, Tx, row, sql};

row!(Device { id, user_agent, address, created_at, rotated_at, expires_at });
row!(Session { id, user_id, generation, rotated_at, expires_at, revoked_at, created_at });

/// A new session, begun from there.
pub fn insert(tx: &Tx, session: &Session, client: &Client) -> Result<()> {
    tx.changed(
        sql("INSERT INTO sessions (id, user_id, generation, rotated_at, expires_at, revoked_at, created_at, user_agent, address)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)")
        .bind(session.id)
        .bind(session.user_id)
        .bind(session.generation)
        .bind(session.rotated_at)
        .bind(session.expires_at)
        .bind(session.revoked_at)
        .bind(session.created_at)
        .bind(client.user_agent.as_deref())
        .bind(client.address.map(|address| address.to_string())),
    )?;
    Ok(())
}

/// A session and its user, as a token of it needs them.
pub fn with_user(db: &Conn, id: SessionId) -> Result<Option<(Session, User)>> {
    db.optional(
        sql(concat!(
            "SELECT s.id, s.user_id, s.generation, s.rotated_at, s.expires_at, s.revoked_at, s.created_at, ",
            user_columns!(),
            " FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1"
        ))
        .bind(id),
    )
}

/// Begins the next generation, if `generation` is still the current one. Of many at once exactly one succeeds.
pub fn advance(tx: &Tx, id: SessionId, generation: u32, now: Timestamp) -> Result<bool> {
    let statement = sql("UPDATE sessions SET generation = generation + 1, rotated_at = $3
                         WHERE id = $1 AND generation = $2 AND revoked_at IS NULL");
    Ok(tx.changed(statement.bind(id).bind(generation).bind(now))? == 1)
}

/// Ends a session; no token of it is good from here on.
pub fn revoke(tx: &Tx, id: SessionId, now: Timestamp) -> Result<()> {
    tx.changed(sql("UPDATE sessions SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL").bind(id).bind(now))?;
    Ok(())
}

/// Ends every session of a user.
pub fn revoke_all(tx: &Tx, user: UserId, now: Timestamp) -> Result<()> {
    tx.changed(
        sql("UPDATE sessions SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL").bind(user).bind(now),
    )?;
    Ok(())
}

/// Ends every session of a user but this one.
pub fn revoke_others(tx: &Tx, user: UserId, kept: SessionId, now: Timestamp) -> Result<()> {
    tx.changed(
        sql("UPDATE sessions SET revoked_at = $3 WHERE user_id = $1 AND id <> $2 AND revoked_at IS NULL")
            .bind(user)
            .bind(kept)
            .bind(now),
    )?;
    Ok(())
}

/// Ends a session that lives, if it is the user's; returns whether it was.
pub fn revoke_for(tx: &Tx, who: UserId, id: SessionId, now: Timestamp) -> Result<bool> {
    let statement = sql("UPDATE sessions SET revoked_at = $3
                         WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL AND expires_at > $3");
    Ok(tx.changed(statement.bind(id).bind(who).bind(now))? == 1)
}

/// How many sessions of the user live.
pub fn count_for(db: &Conn, who: UserId, now: Timestamp) -> Result<u64> {
    let statement = sql("SELECT count(*) FROM sessions WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2");
    db.one(statement.bind(who).bind(now))
}

/// The user's sessions that live, newest first: behind `after`, or after `skip` of them.
pub fn page_for(
    db: &Conn,
    who: UserId,
    now: Timestamp,
    (after, skip): (Option<SessionId>, u64),
    limit: u32,
) -> Result<Vec<Device>> {
    let mut query = sql("SELECT id, user_agent, address, created_at, rotated_at, expires_at FROM sessions
                         WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2")
    .bind(who)
    .bind(now);
    if let Some(after) = after {
        query.push(" AND id < ").push_bind(after);
    }
    query.push(" ORDER BY id DESC LIMIT ").push_bind(limit).push(" OFFSET ").push_bind(skip);
    db.all(query)
}

/// Forgets sessions that ended before this; returns how many.
pub fn purge(tx: &Tx, ended_before: Timestamp) -> Result<u64> {
    tx.changed(sql("DELETE FROM sessions WHERE expires_at < $1").bind(ended_before))
}

/// How many sessions live.
pub fn count_any(db: &Conn, now: Timestamp) -> Result<u64> {
    db.one(sql("SELECT count(*) FROM sessions WHERE expires_at > $1 AND revoked_at IS NULL").bind(now))
}
