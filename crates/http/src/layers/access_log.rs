//! One line a request, and its metrics. Never a query, a token, a name or a body; text of the client's is escaped by the
//! log's own writer.

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use axum::response::Response;
use metrics::{counter, histogram};

/// What the line tells of the request.
pub(super) struct Seen {
    method: Method,
    path: String,
    route: String,
    client: Option<IpAddr>,
    began: Duration,
}

impl Seen {
    /// Notes what will be gone when the answer is there.
    pub(super) fn of(request: &Request, client: Option<IpAddr>, began: Duration) -> Self {
        let route = request.extensions().get::<MatchedPath>().map_or_else(String::new, |path| path.as_str().to_owned());
        let path: String = request.uri().path().chars().take(512).collect();
        Self { method: request.method().clone(), path, route, client, began }
    }

    /// Writes the line.
    pub(super) fn log(self, response: &Response, request_id: &str, now: Duration) {
        let took = now.saturating_sub(self.began);
        let status = response.status().as_u16();
        let labels = [("method", method(&self.method)), ("route", self.route), ("status", status.to_string())];
        counter!("http_requests_total", &labels).increment(1);
        histogram!("http_request_duration_seconds").record(took.as_secs_f64());
        let client = self.client.map_or_else(|| "-".to_owned(), |address| address.to_string());
        tracing::info!(
            target: "access",
            request_id,
            method = %self.method,
            path = %self.path,
            status,
            duration_us = took.as_micros() as u64,
            client = %client,
            "{} {} {status}",
            self.method,
            self.path,
        );
    }
}

/// Unknown methods share one label, so that a client cannot make new series.
fn method(method: &Method) -> String {
    match *method {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::PATCH | Method::DELETE | Method::OPTIONS => {
            method.to_string()
        }
        _ => "other".to_owned(),
    }
}
