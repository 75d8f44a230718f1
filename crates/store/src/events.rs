//! The outbox: every change writes its event in the same transaction, so none is lost and none tells of what was rolled
//! back. Readers follow `position`, which grows in commit order.
//! SQLite numbers at once, since it has one writer. On PostgreSQL a smaller number could be committed later than a larger
//! one, so rows come without a number and `number` gives it to those that are committed, one caller at a time.

use mv_core::event::{Event, Recorded};
use mv_core::{EventId, Timestamp, UserId};

use crate::{Conn, Result, Tx, per, row, sql};

row!(Recorded { position, id, owner, kind, resource, data, at });

macro_rules! event_columns {
    () => {
        "position, id, owner_id, type, resource, data, created_at"
    };
}

/// Events that get their numbers in one statement.
const NUMBERED_AT_ONCE: u32 = 500;

/// Records an event with the change it tells of.
pub fn append(tx: &Tx, event: &Event) -> Result<()> {
    tx.note_event();
    tx.changed(
        per(
            tx,
            "INSERT INTO events (id, position, owner_id, type, resource, data, created_at)
             VALUES ($1, (SELECT coalesce(max(position), 0) + 1 FROM events), $2, $3, $4, $5, $6)",
            "INSERT INTO events (id, position, owner_id, type, resource, data, created_at) VALUES ($1, NULL, $2, $3, $4, $5, $6)",
        )
        .bind(event.id)
        .bind(event.what.owner())
        .bind(event.what.name())
        .bind(event.what.resource())
        .bind(event.what.data().to_string())
        .bind(event.at),
    )?;
    Ok(())
}

/// Gives committed events without a number theirs, in the order of their ids, where the database did not number them at
/// once. Whoever runs this at the same time waits for its commit, and so never gives a number that was given. Returns
/// how many were numbered.
pub fn number(tx: &Tx) -> Result<u64> {
    // The row is the lock: it is held until the commit, and what is read after it was waited for is what is committed.
    tx.changed(sql("UPDATE event_order SET last = last WHERE only_row = 1"))?;
    let mut all = 0;
    loop {
        // So many at once: a planner that expects none, since mostly there are none, may choose a way whose cost grows
        // with the square of what it finds.
        let numbered = tx.changed(
            per(
                tx,
                "UPDATE event_order SET last = last WHERE only_row = 1 AND last < 0 - $1",
                "UPDATE events SET position = n.position
                 FROM (SELECT id, (SELECT last FROM event_order) + row_number() OVER (ORDER BY id) AS position
                       FROM (SELECT id FROM events WHERE position IS NULL ORDER BY id LIMIT $1) AS waiting) AS n
                 WHERE events.id = n.id",
            )
            .bind(NUMBERED_AT_ONCE),
        )?;
        if numbered > 0 {
            tx.changed(sql(
                "UPDATE event_order SET last = (SELECT coalesce(max(position), 0) FROM events) WHERE only_row = 1",
            ))?;
        }
        all += numbered;
        if numbered < u64::from(NUMBERED_AT_ONCE) {
            return Ok(all);
        }
    }
}

/// Whether an event waits for its number.
pub fn unnumbered(db: &Conn) -> Result<bool> {
    let found: Option<EventId> = db.optional(sql("SELECT id FROM events WHERE position IS NULL LIMIT 1"))?;
    Ok(found.is_some())
}

/// The last position given; 0 before the first.
pub fn last(db: &Conn) -> Result<i64> {
    db.one(sql("SELECT coalesce(max(position), 0) FROM events"))
}

/// Up to `limit` events after a position, everybody's, for whoever sends them on.
pub fn after_any(db: &Conn, position: i64, limit: u32) -> Result<Vec<Recorded>> {
    db.all(
        sql(concat!("SELECT ", event_columns!(), " FROM events WHERE position > $1 ORDER BY position LIMIT $2"))
            .bind(position)
            .bind(limit),
    )
}

/// Up to `limit` of an owner's events after a position.
pub fn after(db: &Conn, owner: UserId, position: i64, limit: u32) -> Result<Vec<Recorded>> {
    db.all(
        sql(concat!(
            "SELECT ",
            event_columns!(),
            " FROM events WHERE owner_id = $1 AND position > $2 ORDER BY position LIMIT $3"
        ))
        .bind(owner)
        .bind(position)
        .bind(limit),
    )
}

/// Where an owner's event stands, if it is still there and numbered.
pub fn position_of(db: &Conn, owner: UserId, id: EventId) -> Result<Option<i64>> {
    db.optional(
        sql("SELECT position FROM events WHERE id = $1 AND owner_id = $2 AND position IS NOT NULL")
            .bind(id)
            .bind(owner),
    )
}

/// The highest position that was removed for its age: who has not read beyond it may have missed something.
pub fn pruned(db: &Conn) -> Result<i64> {
    db.one(sql("SELECT pruned FROM event_order WHERE only_row = 1"))
}

/// Removes up to `limit` events from before `oldest`, never beyond `until`, the position up to which all have been sent
/// on, and never the newest one, from which SQLite counts on. Returns how many.
pub fn prune(tx: &Tx, oldest: Timestamp, until: i64, limit: u32) -> Result<u64> {
    let last: Option<i64> = tx.one(
        sql("SELECT max(position) FROM (SELECT position FROM events WHERE position <= $2 AND created_at < $1
             AND position < (SELECT max(position) FROM events) ORDER BY position LIMIT $3) AS old")
        .bind(oldest)
        .bind(until)
        .bind(limit),
    )?;
    let Some(last) = last else { return Ok(0) };
    tx.changed(sql("UPDATE event_order SET pruned = $1 WHERE only_row = 1 AND pruned < $1").bind(last))?;
    // An event that was committed late may be younger than its neighbours; it goes with them, a moment too early.
    tx.changed(sql("DELETE FROM events WHERE position <= $1").bind(last))
}
