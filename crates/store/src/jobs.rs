//! The queue of work on items. A job is claimed before it runs and removed by the transaction that writes its outcome, so
//! that a crash at any place leaves it in the queue or done.

use mv_core::job::{Job, JobKind};
use mv_core::{JobId, MediaId, Timestamp, UserId};

use crate::{Conn, FromRow, Result, Row, Tx, sql};

impl FromRow for Job {
    fn from_row(row: &mut Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.read()?,
            owner_id: row.read()?,
            media_id: row.read()?,
            kind: row.read()?,
            anew: row.read()?,
            attempts: row.read()?,
            interruptions: row.read()?,
            created_at: row.read()?,
        })
    }
}

macro_rules! job_columns {
    () => {
        "id, owner_id, media_id, kind, anew, attempts, interruptions, created_at"
    };
}

/// Puts a job into the queue; where the item has one of this kind that waits already, that one is asked to do it anew.
pub fn enqueue(tx: &Tx, job: &Job) -> Result<()> {
    tx.changed(
        sql(
            "INSERT INTO jobs (id, owner_id, media_id, kind, anew, attempts, interruptions, leased, due_at, created_at)
             VALUES ($1, $2, $3, $4, $5, 0, 0, FALSE, $6, $6)
             ON CONFLICT (media_id, kind) DO UPDATE SET anew = excluded.anew OR jobs.anew",
        )
        .bind(job.id)
        .bind(job.owner_id)
        .bind(job.media_id)
        .bind(job.kind.as_str())
        .bind(job.anew)
        .bind(job.created_at),
    )?;
    Ok(())
}

/// Whether an item has a job of this kind in the queue.
pub fn is_queued(db: &Conn, media: MediaId, kind: JobKind) -> Result<bool> {
    let found: Option<JobId> =
        db.optional(sql("SELECT id FROM jobs WHERE media_id = $1 AND kind = $2").bind(media).bind(kind.as_str()))?;
    Ok(found.is_some())
}

/// The next owner behind `after` who has a job of this kind that is due.
pub fn next_owner_any(db: &Conn, kind: JobKind, after: UserId, now: Timestamp) -> Result<Option<UserId>> {
    db.optional(
        sql("SELECT owner_id FROM jobs WHERE kind = $1 AND owner_id > $2 AND due_at <= $3 ORDER BY owner_id LIMIT 1")
            .bind(kind.as_str())
            .bind(after)
            .bind(now),
    )
}

/// Claims an owner's next job of this kind. The run is counted before it begins: one that was found leased was interrupted, any other
/// is a new attempt.
pub fn claim_any(tx: &Tx, kind: JobKind, owner: UserId, now: Timestamp) -> Result<Option<Job>> {
    let found: Option<JobId> = tx.optional(
        sql("SELECT id FROM jobs WHERE kind = $1 AND owner_id = $2 AND due_at <= $3 ORDER BY due_at, id LIMIT 1")
            .bind(kind.as_str())
            .bind(owner)
            .bind(now),
    )?;
    let Some(id) = found else { return Ok(None) };
    tx.optional(
        sql(concat!(
            "UPDATE jobs SET attempts = attempts + CASE WHEN leased THEN 0 ELSE 1 END,
                             interruptions = interruptions + CASE WHEN leased THEN 1 ELSE 0 END,
                             leased = TRUE, due_at = $3
             WHERE id = $1 AND due_at <= $2 RETURNING ",
            job_columns!()
        ))
        .bind(id)
        .bind(now)
        .bind(now.plus(kind.lease())),
    )
}

/// Lets a job wait until `due`: `interrupted` keeps it leased, so that the next claim counts no attempt.
pub fn put_off_any(tx: &Tx, id: JobId, due: Timestamp, interrupted: bool) -> Result<()> {
    tx.changed(sql("UPDATE jobs SET leased = $3, due_at = $2 WHERE id = $1").bind(id).bind(due).bind(interrupted))?;
    Ok(())
}

/// Gives a job that was claimed back as if it had never been.
pub fn give_back_any(tx: &Tx, id: JobId, now: Timestamp) -> Result<()> {
    tx.changed(
        sql("UPDATE jobs SET attempts = CASE WHEN attempts > 0 THEN attempts - 1 ELSE 0 END, leased = FALSE, due_at = $2 WHERE id = $1")
            .bind(id)
            .bind(now),
    )?;
    Ok(())
}

/// Removes a job that is done or given up; `false` where it is gone already, with its item or by somebody else.
pub fn finish_any(tx: &Tx, id: JobId) -> Result<bool> {
    Ok(tx.changed(sql("DELETE FROM jobs WHERE id = $1").bind(id))? == 1)
}

/// Makes every leased job due: at the start, when nobody can be working on one. Returns how many.
pub fn release_leases_any(tx: &Tx, now: Timestamp) -> Result<u64> {
    tx.changed(sql("UPDATE jobs SET due_at = $1 WHERE leased = TRUE AND due_at > $1").bind(now))
}

/// How many jobs there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Waiting for their turn or their next try.
    pub waiting: u64,
    /// Running now.
    pub running: u64,
    /// Items that were given up.
    pub failed: u64,
}

/// How many jobs there are, counted up to `limit` each.
pub fn counts_any(db: &Conn, limit: u64) -> Result<Counts> {
    Ok(Counts {
        waiting: db.one(
            sql("SELECT count(*) FROM (SELECT id FROM jobs WHERE leased = FALSE LIMIT $1) AS counted").bind(limit),
        )?,
        running: db.one(
            sql("SELECT count(*) FROM (SELECT id FROM jobs WHERE leased = TRUE LIMIT $1) AS counted").bind(limit),
        )?,
        failed: db.one(
            sql("SELECT count(*) FROM (SELECT id FROM media WHERE status = 'failed' LIMIT $1) AS counted").bind(limit),
        )?,
    })
}

/// Jobs in the order of their ids, from behind `after`, for operators.
pub fn page_any(db: &Conn, after: Option<JobId>, limit: u32) -> Result<Vec<Job>> {
    let after = after.unwrap_or(JobId::from_uuid(uuid::Uuid::nil()));
    let statement = sql(concat!("SELECT ", job_columns!(), " FROM jobs WHERE id > $1 ORDER BY id LIMIT $2"));
    db.all(statement.bind(after).bind(limit))
}
