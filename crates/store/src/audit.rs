//! The audit trail of accounts, keys and the server. Content has its events; both are read together (`app::ops::audit`).

use mv_core::audit::{AuditFilter, Entry, Recorded};
use mv_core::{EventId, Timestamp};

use crate::{Conn, Result, Sql, Tx, row, sql};

row!(Recorded { id, actor, credential, what, resource, address, data, at });

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

/// Forgets up to `limit` entries from before this; returns how many.
pub fn purge(tx: &Tx, before: Timestamp, limit: u32) -> Result<u64> {
    let statement = sql("DELETE FROM audit WHERE id IN
                         (SELECT id FROM audit WHERE created_at < $1 ORDER BY created_at LIMIT $2)");
    tx.changed(statement.bind(before).bind(limit))
}

/// The newest entries and events that fit, newest first: those behind `after`, or from the newest on. Ids grow with time,
/// so one bound of ids serves the cursor and both times.
pub fn page_any(db: &Conn, filter: &AuditFilter, after: Option<EventId>, limit: u32) -> Result<Vec<Recorded>> {
    let mut found: Vec<Recorded> = db.all(entries(filter, after, limit))?;
    found.extend(db.all::<Recorded>(happenings(filter, after, limit))?);
    found.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.id));
    found.truncate(limit as usize);
    Ok(found)
}

/// How many fit, counted up to `limit` in each of the two.
pub fn count_any(db: &Conn, filter: &AuditFilter, limit: u64) -> Result<u64> {
    let mut entries = sql("SELECT count(*) FROM (SELECT id FROM audit WHERE TRUE");
    narrow(&mut entries, ACTOR, filter, None);
    entries.push(" LIMIT ").push_bind(limit).push(") AS counted");
    let mut events = sql("SELECT count(*) FROM (SELECT id FROM events WHERE TRUE");
    narrow(&mut events, OWNER, filter, None);
    events.push(" LIMIT ").push_bind(limit).push(") AS counted");
    Ok(db.one::<u64>(entries)? + db.one::<u64>(events)?)
}

/// What the two tables call the one who did it.
const ACTOR: &str = " AND actor_id = ";
const OWNER: &str = " AND owner_id = ";

fn entries(filter: &AuditFilter, after: Option<EventId>, limit: u32) -> Sql {
    let mut query =
        sql("SELECT id, actor_id, credential, type, resource, address, data, created_at FROM audit WHERE TRUE");
    narrow(&mut query, ACTOR, filter, after);
    query.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
    query
}

fn happenings(filter: &AuditFilter, after: Option<EventId>, limit: u32) -> Sql {
    let mut query = sql("SELECT id, owner_id, NULL, type, resource, NULL, data, created_at FROM events WHERE TRUE");
    narrow(&mut query, OWNER, filter, after);
    query.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
    query
}

fn narrow(query: &mut Sql, actor: &'static str, filter: &AuditFilter, after: Option<EventId>) {
    if let Some(who) = filter.actor {
        query.push(actor).push_bind(who);
    }
    if let Some(what) = &filter.what {
        query.push(" AND type = ").push_bind(what.as_str());
    }
    if let Some(resource) = &filter.resource {
        query.push(" AND resource = ").push_bind(resource.as_str());
    }
    if let Some(since) = filter.since {
        query.push(" AND id >= ").push_bind(EventId::floor_of(since));
    }
    if let Some(before) = filter.until.map(EventId::floor_of).into_iter().chain(after).min() {
        query.push(" AND id < ").push_bind(before);
    }
}

#[cfg(test)]
mod tests {
    use mv_core::{Timestamp, UserId};
    use rusqlite::Connection;
    use uuid::Uuid;

    use super::*;
    use crate::MIGRATIONS;

    #[test]
    fn sqlite_walks_an_index_for_every_filter_and_sorts_nothing() {
        let connection = Connection::open_in_memory().unwrap();
        MIGRATIONS.iter().for_each(|step| connection.execute_batch(step.sqlite).unwrap());
        let plain = AuditFilter::default;
        let actor = Some(UserId::from_uuid(Uuid::from_u128(1)));
        let cases = [
            (plain(), "sqlite_autoindex"),
            (AuditFilter { actor, ..plain() }, "_id_"),
            (AuditFilter { what: Some("user.created".into()), ..plain() }, "_type_idx"),
            (AuditFilter { resource: Some("user_x".into()), ..plain() }, "_resource_idx"),
            (AuditFilter { since: Some(Timestamp::from_seconds(1)), ..plain() }, "sqlite_autoindex"),
            (AuditFilter { until: Some(Timestamp::from_seconds(9)), ..plain() }, "sqlite_autoindex"),
        ];
        let after = EventId::floor_of(Timestamp::from_seconds(5));
        for (filter, index) in cases {
            for after in [None, Some(after)] {
                for (name, query) in
                    [("audit", entries(&filter, after, 20)), ("events", happenings(&filter, after, 20))]
                {
                    let mut explained = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", query.text())).unwrap();
                    let mut rows = explained.raw_query();
                    let mut steps: Vec<String> = Vec::new();
                    while let Some(row) = rows.next().unwrap() {
                        steps.push(row.get("detail").unwrap());
                    }
                    let [step] = &steps[..] else { panic!("{filter:?} on {name}: {steps:?}") };
                    let ranged = filter.actor.is_some() || filter.what.is_some() || filter.resource.is_some();
                    assert!(step.contains(index) && step.contains("USING"), "{filter:?} on {name}: {step}");
                    assert!(!ranged || step.starts_with("SEARCH"), "{filter:?} on {name}: {step}");
                }
            }
        }
    }
}
