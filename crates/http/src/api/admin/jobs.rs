//! The queue of work on items.

use std::sync::OnceLock;

use axum::extract::State;
use mv_core::job::Job;
use mv_core::{Error, JobId, Problems, Timestamp};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::envelope::{Answer, Envelope};
use crate::error::ApiError;
use crate::extract::caller::{Auth, area};
use crate::extract::query::{Known, NoParameters, Pairs, Parameters, Query};
use crate::state::AppState;

/// A job that waits or runs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub struct JobOut {
    /// Its id.
    #[schema(example = "job_01h455vb4pex5vsknk084sn02q")]
    id: String,
    /// `examine` or `playback`.
    #[schema(value_type = String)]
    kind: &'static str,
    /// The item that it is about.
    media_id: String,
    /// Whose item that is.
    user_id: String,
    /// Runs that were begun.
    attempts: u32,
    /// Runs that ended with the server or by somebody's hand.
    interruptions: u32,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<Job> for JobOut {
    fn from(job: Job) -> Self {
        Self {
            id: job.id.to_string(),
            kind: job.kind.as_str(),
            media_id: job.media_id.to_string(),
            user_id: job.owner_id.to_string(),
            attempts: job.attempts,
            interruptions: job.interruptions,
            created_at: job.created_at,
        }
    }
}

/// Which jobs.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents and names the parameters; `read` reads them")]
pub struct JobsParameters {
    /// Jobs at most.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// Those made after this one.
    #[param(example = "job_01h455vb4pex5vsknk084sn02q")]
    after: Option<String>,
}

impl Parameters for JobsParameters {
    type Read = (Option<JobId>, u32);

    fn known() -> &'static OnceLock<Vec<Known>> {
        static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
        &KNOWN
    }

    fn read(pairs: &mut Pairs) -> Result<Self::Read, Error> {
        let mut problems = Problems::default();
        let after = pairs.parse("after", &mut problems, |text| {
            text.parse().map_err(|_| Error::invalid("after", "Must be an id that begins with job_"))
        });
        let limit = pairs.parse("limit", &mut problems, |text| {
            let number = text.parse().ok().filter(|limit| (1..=100).contains(limit));
            number.ok_or_else(|| Error::invalid("limit", "Must be 1 to 100"))
        });
        problems.finish()?;
        Ok((after, limit.unwrap_or(20)))
    }
}

/// Jobs that wait or run, oldest first. What is done leaves the queue; how many there are stands in `GET /admin/stats`.
#[utoipa::path(get, path = "/admin/jobs", operation_id = "admin.jobs", tag = "admin", params(JobsParameters),
    responses((status = 200, description = "The jobs.", body = Envelope<Vec<JobOut>>)))]
pub async fn list(
    State(state): State<AppState>,
    Query((after, limit)): Query<JobsParameters>,
    Auth(auth, _): Auth<area::Admin>,
) -> Result<Answer<Vec<JobOut>>, ApiError> {
    let jobs = state.app.list_jobs(&auth.caller, after, limit).await?;
    Ok(Answer::ok(jobs.into_iter().map(JobOut::from).collect()))
}

/// How many items will be looked at again.
#[derive(Debug, Serialize, ToSchema)]
pub struct Retried {
    /// Items.
    items: u64,
}

/// Have all items that failed looked at again.
#[utoipa::path(post, path = "/admin/jobs/retry", operation_id = "admin.retryJobs", tag = "admin",
    responses((status = 202, description = "They will be.", body = Envelope<Retried>)))]
pub async fn retry(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::Admin>,
) -> Result<Answer<Retried>, ApiError> {
    Ok(Answer::accepted(Retried { items: state.app.retry_failed(&auth.caller).await? }))
}
