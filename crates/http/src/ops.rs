//! For operators and their machines: health and metrics.

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mv_core::{Code, Error};
use serde::Serialize;

use crate::context;
use crate::envelope;
use crate::error::ApiError;
use crate::layers::identity::bearer;
use crate::server::Peer;
use crate::state::AppState;

/// What a health check answers.
#[derive(Serialize)]
struct Health {
    status: &'static str,
}

/// What a check of readiness answers.
#[derive(Serialize)]
struct Ready {
    status: &'static str,
    processing: Processing,
}

/// How files are looked at: what is missing leaves the server ready, with less to show.
#[derive(Serialize)]
struct Processing {
    /// `on`, `off`, `starting`, or `broken`: then nothing is processed.
    sandbox: &'static str,
    /// ffmpeg and ffprobe were found.
    video: bool,
    /// heif-thumbnailer was found.
    heif: bool,
}

/// The process runs.
pub async fn live() -> Response {
    envelope::json(StatusCode::OK, &Health { status: "ok" })
}

/// Requests can be served: the database answers and the blob store takes bytes. Nothing is told of what is away.
pub async fn ready(State(state): State<AppState>) -> Response {
    match state.app.ready().await {
        Ok(()) => {
            let standing = state.app.processing_standing();
            let processing =
                Processing { sandbox: standing.sandbox.as_str(), video: standing.video, heif: standing.heif };
            envelope::json(StatusCode::OK, &Ready { status: "ok", processing })
        }
        Err(error) => {
            // The cause is logged here; the client learns only that it must wait.
            let _ = error.for_client(&context::current().id);
            envelope::json(StatusCode::SERVICE_UNAVAILABLE, &Health { status: "unavailable" })
        }
    }
}

/// Prometheus metrics: from loopback, or with the token.
pub async fn metrics(State(state): State<AppState>, request: Request) -> Result<Response, ApiError> {
    let token = bearer(request.headers())?;
    let by_token = match (&state.wire.metrics_token, token) {
        (Some(expected), Some(sent)) => constant_time_equal(expected.as_bytes(), sent.as_bytes()),
        _ => false,
    };
    // Behind a proxy the peer is the proxy, so nearness proves nothing there; with a token set, it is asked for.
    let near = request.extensions().get::<Peer>().is_some_and(|peer| peer.0.ip().is_loopback());
    let by_place = near && state.wire.trusted_proxy.is_none() && state.wire.metrics_token.is_none();
    if !by_token && !by_place {
        return Err(Error::new(Code::Forbidden, "Metrics are for loopback or with the metrics token").into());
    }
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], (state.wire.metrics)()).into_response())
}

/// Compares without telling by its time where the first difference is.
fn constant_time_equal(expected: &[u8], sent: &[u8]) -> bool {
    expected.len() == sent.len() && expected.iter().zip(sent).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}
