//! What happens, as it happens (contract section 6): a stream for `EventSource`, and tickets for clients that cannot send a
//! header. WebSockets carry the same.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use mv_app::auth::tickets::LIFE;
use mv_core::{Code, Error};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use utoipa::{IntoParams, ToSchema};

use crate::envelope::{Answer, Envelope};
use crate::error::ApiError;
use crate::extract::caller::{Auth, area, bad_credentials};
use crate::extract::query::{Known, NoParameters, Pairs, Parameters, Query};
use crate::layers::identity::{Credentials, Identity};
use crate::realtime::sse::EventStream;
use crate::server::Stopping;
use crate::state::AppState;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
/// How long a client waits for a server that stops, or for the one that takes its place.
const AWAY: Duration = Duration::from_secs(3);

/// From where, and with which right.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents and names the parameters; `read` reads them")]
pub struct StreamParameters {
    /// The id of an event, or a cursor: what happened since then comes first. `Last-Event-ID` goes before it.
    since: Option<String>,
    /// A ticket, instead of the `Authorization` header.
    ticket: Option<String>,
}

/// The parameters, read.
pub struct StreamQuery {
    since: Option<String>,
    ticket: Option<String>,
}

impl Parameters for StreamParameters {
    type Read = StreamQuery;

    fn known() -> &'static OnceLock<Vec<Known>> {
        static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
        &KNOWN
    }

    fn read(pairs: &mut Pairs) -> Result<StreamQuery, Error> {
        Ok(StreamQuery { since: pairs.take("since"), ticket: pairs.take("ticket") })
    }
}

/// Follow what happens to the caller's things, as Server-Sent Events: `id` is the event's, `event` its type, `data` the
/// message that a WebSocket gets. A key gets the events of items with `media:read`, of collections with `collections:read`.
/// The stream ends with the credentials, and when it is read too slowly; a client comes back with `Last-Event-ID`.
#[utoipa::path(get, path = "/events", operation_id = "events.stream", tag = "events", security(("ticket" = [])),
    params(StreamParameters,
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that came; browsers send it by themselves.")),
    responses((status = 200, description = "Events without an end.", content_type = "text/event-stream", body = String),
        (status = 410, description = "What happened since then is no longer kept.", body = crate::error::ErrorEnvelope)))]
pub async fn stream(
    State(state): State<AppState>,
    Query(query): Query<StreamParameters>,
    Opening { stop, has_credentials, last_seen }: Opening,
    auth: Result<Auth<area::Events>, ApiError>,
) -> Result<Response, ApiError> {
    let auth = match query.ticket {
        Some(_) if has_credentials => {
            return Err(Error::invalid("ticket", "Must not be given together with other credentials").into());
        }
        Some(ticket) => {
            let used = state.app.use_ticket(&ticket).await;
            used.map_err(|error| bad_credentials(error.into()))?
        }
        None => auth?.0,
    };
    // A browser that comes back asks for the same address again, so what it has seen goes before what the address says.
    let position = match last_seen.or(query.since) {
        Some(since) => Some(state.app.position_since(auth.caller.user(), &since).await?),
        None => None,
    };
    let watched = state.app.watch(&auth)?;
    let follower = state.app.follow(auth.caller.user(), position).await?;
    let stream = EventStream { app: Arc::clone(&state.app), caller: auth.caller, follower, watched, stop };
    let fields = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // nginx holds answers back until they are complete, unless told otherwise.
        (BUFFERING, HeaderValue::from_static("no")),
    ];
    Ok((fields, stream.into_body()).into_response())
}

/// What else a request for a stream says.
pub struct Opening {
    /// The server stops.
    stop: CancellationToken,
    /// Whether it carries credentials, good or not.
    has_credentials: bool,
    /// `Last-Event-ID`.
    last_seen: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Opening {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let stop = parts.extensions.get::<Stopping>().map(|stopping| stopping.0.clone()).unwrap_or_default();
        if stop.is_cancelled() {
            return Err(Error::new(Code::ServiceUnavailable, "The server is stopping").retry_after(AWAY).into());
        }
        let credentials = parts.extensions.get::<Identity>().map(|identity| &identity.credentials);
        let last_seen = match parts.headers.get(LAST_EVENT_ID).map(HeaderValue::to_str) {
            None | Some(Ok("")) => None,
            Some(Ok(text)) => Some(text.to_owned()),
            Some(Err(_)) => return Err(Error::invalid("Last-Event-ID", "Must be an event's id or a cursor").into()),
        };
        Ok(Self { stop, has_credentials: !matches!(credentials, None | Some(Credentials::None)), last_seen })
    }
}

/// A ticket for `GET /events`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventTicket)]
pub struct TicketOut {
    /// Works once.
    ticket: String,
    /// For how many seconds.
    #[schema(example = 30)]
    expires_in: u64,
}

/// Get a ticket that opens `GET /events?ticket=` once, with the caller's rights, for clients that cannot send a header.
#[utoipa::path(post, path = "/events/ticket", operation_id = "events.ticket", tag = "events",
    responses((status = 201, description = "The ticket.", body = Envelope<TicketOut>)))]
pub async fn ticket(
    State(state): State<AppState>,
    _: Query<NoParameters>,
    Auth(auth, _): Auth<area::Events>,
) -> Result<Answer<TicketOut>, ApiError> {
    let ticket = state.app.make_ticket(&auth).await?;
    Ok(Answer::created(TicketOut { ticket, expires_in: LIFE.as_secs() }))
}
