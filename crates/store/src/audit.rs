//! The audit trail of accounts, keys and the server. Content has its events; both are read together (`app::ops::audit`).

use mv_core::audit::Entry;

use crate::{Result, Tx, sql};

/// Writes an entry with the change it tells of.
pub fn append(tx: &Tx, entry: &Entry) -> Result<()> {
    tx.changed(
        sql("INSERT INTO audit (id, actor_id, credential, type, resource, address, data, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
        .bind(entry.id)
        .bind(entry.actor)
        .bind(entry.credential)
        .bind(entry.what)
        .bind(entry.resource.as_str())
        .bind(entry.address.map(|address| address.to_string()))
        .bind(entry.data.to_string())
        .bind(entry.at),
    )?;
    Ok(())
}
