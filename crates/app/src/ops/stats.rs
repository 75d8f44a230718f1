//! What an administrator sees of the server as a whole. Every number is kept or read from one row a user; none costs more
//! as libraries grow.

use std::time::Duration;

use mv_core::Caller;
use mv_core::access::Area;
use mv_store::jobs::Counts;
use mv_store::usage::Usage;
use mv_store::{Conn, sessions, usage};

use crate::auth::access::enter;
use crate::{App, Result};

/// The server as a whole.
#[derive(Debug, Clone, Copy)]
pub struct Stats {
    /// Accounts.
    pub users: u64,
    /// Sessions that live.
    pub sessions: u64,
    /// What all accounts hold together. Equal bytes count for each item that stands on them, as in quotas.
    pub held: Usage,
    /// Jobs and what became of them, each counted to 100,000.
    pub jobs: Counts,
    /// Bytes of pictures that can be made again.
    pub cache_bytes: u64,
    /// Bytes that the database takes.
    pub database_bytes: u64,
    /// Bytes that the blob store can still take.
    pub free_bytes: u64,
    /// Bytes of the blob store's disk in all.
    pub total_bytes: u64,
    /// How long this process has run.
    pub uptime: Duration,
}

impl App {
    /// The server as a whole.
    ///
    /// # Errors
    /// `forbidden`.
    pub async fn stats(&self, caller: &Caller) -> Result<Stats> {
        enter(caller, Area::Admin)?;
        let now = self.now();
        let (users, held, sessions, database_bytes) = self
            .store
            .read_slow(move |db: &Conn| -> Result<_> {
                let (users, held) = usage::totals_any(db)?;
                Ok((users, held, sessions::count_any(db, now)?, db.size_bytes()?))
            })
            .await?;
        let jobs = self.job_counts().await?;
        let space = self.blobs.space().await?;
        Ok(Stats {
            users,
            sessions,
            held,
            jobs,
            cache_bytes: self.processing.cache().used(),
            database_bytes,
            free_bytes: space.free_bytes,
            total_bytes: space.total_bytes,
            uptime: self.clock.mono().saturating_sub(self.started),
        })
    }
}
