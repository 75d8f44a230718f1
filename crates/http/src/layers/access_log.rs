//! One line a request, and its metrics. Never a query, a token, a name or a body; text of the client's is escaped by the
//! log's own writer.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{LazyLock, PoisonError, RwLock};
use std::time::Duration;

use axum::extract::{MatchedPath, Request};
use axum::http::{Method, Uri};
use axum::response::Response;
use metrics::{Counter, Histogram, counter, histogram};

/// The longest path that a line shows whole, in bytes.
const PATH: usize = 512;

/// What the line tells of the request.
pub(super) struct Seen {
    method: Method,
    uri: Uri,
    route: Option<MatchedPath>,
    client: Option<IpAddr>,
    began: Duration,
}

impl Seen {
    /// Notes what will be gone when the answer is there.
    pub(super) fn of(request: &Request, client: Option<IpAddr>, began: Duration) -> Self {
        let route = request.extensions().get::<MatchedPath>().cloned();
        Self { method: request.method().clone(), uri: request.uri().clone(), route, client, began }
    }

    /// Writes the line.
    pub(super) fn log(self, response: &Response, request_id: &str, now: Duration) {
        let took = now.saturating_sub(self.began);
        let status = response.status().as_u16();
        let route = self.route.as_ref().map_or("", MatchedPath::as_str);
        SERIES.record(method(&self.method), route, status, took);
        let path = self.uri.path();
        let path = path.get(..path.floor_char_boundary(PATH)).unwrap_or_default();
        tracing::info!(
            target: "access",
            request_id,
            method = self.method.as_str(),
            path,
            status,
            duration_us = took.as_micros() as u64,
            client = %Client(self.client),
            "{} {path} {status}",
            self.method.as_str(),
        );
    }
}

/// An address, or a dash where none is known.
struct Client(Option<IpAddr>);

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("-"),
        }
    }
}

/// Handles of the metrics, kept since looking one up by its labels costs several allocations.
struct Series {
    durations: Histogram,
    /// By method and status, then by route.
    requests: RwLock<HashMap<(&'static str, u16), Routes>>,
}

/// One counter a route.
type Routes = HashMap<Box<str>, Counter>;

/// Made with the first request, when the recorder is long there.
static SERIES: LazyLock<Series> =
    LazyLock::new(|| Series { durations: histogram!("http_request_duration_seconds"), requests: RwLock::default() });

impl Series {
    fn record(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        self.durations.record(took.as_secs_f64());
        let known = self.requests.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = known.get(&(method, status)).and_then(|routes| routes.get(route)) {
            counter.increment(1);
            return;
        }
        drop(known);
        let labels = [("method", method.to_owned()), ("route", route.to_owned()), ("status", status.to_string())];
        let counter = counter!("http_requests_total", &labels);
        counter.increment(1);
        let mut known = self.requests.write().unwrap_or_else(PoisonError::into_inner);
        known.entry((method, status)).or_default().insert(route.into(), counter);
    }
}

/// Unknown methods share one label, so that a client cannot make new series.
fn method(method: &Method) -> &'static str {
    const KNOWN: [Method; 7] =
        [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
    const NAMES: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN.iter().zip(NAMES).find(|(known, _)| *known == method).map_or("other", |(_, name)| name)
}
