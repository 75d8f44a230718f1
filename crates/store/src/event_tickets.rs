//! Tickets that open a stream of events once, found by the SHA-256 of their secret.

use mv_core::{ApiKeyId, SessionId, Timestamp, UserId};

use crate::account_links::SecretHash;
use crate::{Result, Tx, row, sql};

/// Whose rights a ticket carries: a session's or a key's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// The account.
    pub user_id: UserId,
    /// The session that asked for it.
    pub session_id: Option<SessionId>,
    /// The key that asked for it.
    pub key_id: Option<ApiKeyId>,
    /// When what it opens ends at the latest: with the access token that asked for it.
    pub good_until: Option<Timestamp>,
}

row!(Ticket { user_id, session_id, key_id, good_until });

/// A new ticket.
pub fn insert(tx: &Tx, hash: &SecretHash, ticket: &Ticket, expires_at: Timestamp, now: Timestamp) -> Result<()> {
    tx.changed(
        sql("INSERT INTO event_tickets (secret_hash, user_id, session_id, key_id, good_until, expires_at, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(hash.to_vec())
        .bind(ticket.user_id)
        .bind(ticket.session_id)
        .bind(ticket.key_id)
        .bind(ticket.good_until)
        .bind(expires_at)
        .bind(now),
    )?;
    Ok(())
}

/// Uses a ticket up. Of many at once exactly one gets it; nobody does after its end.
pub fn take(tx: &Tx, hash: &SecretHash, now: Timestamp) -> Result<Option<Ticket>> {
    tx.optional(
        sql("DELETE FROM event_tickets WHERE secret_hash = $1 AND expires_at > $2
             RETURNING user_id, session_id, key_id, good_until")
        .bind(hash.to_vec())
        .bind(now),
    )
}

/// Forgets tickets that ended before this without being used; returns how many.
pub fn purge(tx: &Tx, ended_before: Timestamp) -> Result<u64> {
    tx.changed(sql("DELETE FROM event_tickets WHERE expires_at < $1").bind(ended_before))
}
