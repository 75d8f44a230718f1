//! The outbox: every change writes its event in the same transaction, so none is lost and none tells of what was rolled back.
//! Order: SQLite numbers at once, since it has one writer; PostgreSQL leaves the number to one leader, since there a
//! smaller number could be committed later than a larger one.

use mv_core::event::Event;

use crate::{Result, Tx, per};

/// Records an event with the change it tells of.
pub fn append(tx: &Tx, event: &Event) -> Result<()> {
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
