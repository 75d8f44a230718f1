//! API keys and upload tokens through HTTP on both databases.
//! Promise: a key does what its scopes say and nothing else; what has ended is refused on the very next request; bounds
//! hold exactly, however many come at once.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at once when anything is not as it must be")]

use std::time::Duration;

use mv_store::sql;
use mv_testkit::{Actor, Answer, Options, Server, files, on_both};
use reqwest::Method;
use serde_json::{Value, json};

mod api_keys;
mod scopes;
mod token_races;
mod tokens;

/// Every scope.
const ALL: [&str; 7] = [
    "media:read",
    "media:write",
    "collections:read",
    "collections:write",
    "shares:write",
    "webhooks:write",
    "users:read",
];

/// A key of the person's: its id and somebody who sends it.
async fn key(of: &Actor, scopes: &[&str]) -> (String, Actor) {
    let made = of.post("/api-keys", json!({ "name": "key", "scopes": scopes })).await.expect(201);
    (text(&made, "id").to_owned(), of.with_token(text(&made, "key")))
}

/// A string member.
fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or_else(|| panic!("no {member} in {value}"))
}

/// Must be 401 with the challenge for credentials that do not hold.
#[track_caller]
fn refused(what: &str, answer: &Answer) {
    assert_eq!(answer.status, 401, "{what}: {}", String::from_utf8_lossy(&answer.body));
    assert_eq!(answer.header("www-authenticate"), r#"Bearer realm="mediavault", error="invalid_token""#, "{what}");
    answer.error_on(401, "unauthorized", &[]);
}

/// The server with a first administrator.
fn with_root() -> Options {
    Options::with("admin.email", "root@example.com").and("admin.password", mv_testkit::client::PASSWORD)
}

/// That administrator, logged in.
async fn root(server: &Server) -> Actor {
    let mut root = Actor { email: "root@example.com".to_owned(), ..server.anonymous() };
    root.log_in(mv_testkit::client::PASSWORD).await;
    root
}
