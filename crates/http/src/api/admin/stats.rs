//! The server in numbers.

use axum::extract::State;
use mv_app::ops::stats::Stats;
use serde::Serialize;
use utoipa::ToSchema;

use crate::envelope::{Answer, Envelope, VERSION};
use crate::error::ApiError;
use crate::extract::caller::{Auth, area};
use crate::extract::query::{NoParameters, Query};
use crate::state::AppState;

/// The server in numbers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Stats)]
pub struct StatsOut {
    /// The server's version.
    #[schema(value_type = String)]
    version: &'static str,
    /// Seconds since the process began to serve.
    uptime_seconds: u64,
    /// Accounts.
    users: u64,
    /// Sessions that live.
    sessions: u64,
    /// Items in all libraries.
    items: u64,
    /// Bytes of these items; equal bytes count once for each item, as in quotas.
    bytes: u64,
    /// Items in all trashes.
    trash_items: u64,
    /// Bytes of these items.
    trash_bytes: u64,
    /// Jobs that wait for their turn or their next try.
    jobs_waiting: u64,
    /// Jobs that run.
    jobs_running: u64,
    /// Items whose files could not be read to the end.
    items_failed: u64,
    /// Bytes of pictures that can be made again.
    cache_bytes: u64,
    /// Bytes that the database takes on its disk.
    database_bytes: u64,
    /// Bytes that the storage of files can still take.
    storage_free_bytes: u64,
    /// Bytes of that storage in all.
    storage_total_bytes: u64,
}

impl From<Stats> for StatsOut {
    fn from(stats: Stats) -> Self {
        Self {
            version: VERSION,
            uptime_seconds: stats.uptime.as_secs(),
            users: stats.users,
            sessions: stats.sessions,
            items: stats.held.items,
            bytes: stats.held.bytes,
            trash_items: stats.held.trash_items,
            trash_bytes: stats.held.trash_bytes,
            jobs_waiting: stats.jobs.waiting,
            jobs_running: stats.jobs.running,
            items_failed: stats.jobs.failed,
            cache_bytes: stats.cache_bytes,
            database_bytes: stats.database_bytes,
            storage_free_bytes: stats.free_bytes,
            storage_total_bytes: stats.total_bytes,
        }
    }
}

/// The server in numbers. Costs the same however much is stored.
#[utoipa::path(get, path = "/admin/stats", operation_id = "admin.stats", tag = "admin",
    responses((status = 200, description = "The numbers.", body = Envelope<StatsOut>)))]
pub async fn get(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::Admin>,
) -> Result<Answer<StatsOut>, ApiError> {
    Ok(Answer::ok(state.app.stats(&auth.caller).await?.into()))
}
