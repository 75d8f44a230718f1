//! Accounts, sessions, the envelope and the edge through HTTP on both databases.
//! Promise: whatever a client sends, it gets one well-formed answer below 500, and what is refused changes nothing.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at once when anything is not as it must be")]

use std::time::Duration;

use mv_store::sql;
use mv_testkit::{Actor, Answer, Options, Server, on_both};
use reqwest::Method;
use serde_json::{Value, json};

mod admin;
mod bodies;
mod cookies;
mod deletion;
mod envelope;
mod jwt;
mod login;
mod lookup;
mod me;
mod operate;
mod password;
mod proxies;
mod refresh;
mod register;
mod sessions;
mod wire;

/// The password that `Server::user` gives.
const PASSWORD: &str = "correct horse battery";

/// Every account, how many sessions each has, and the events: what a refused request must leave as it was.
async fn state(server: &Server) -> Value {
    type Row = (String, Option<String>, Option<String>, String, String, String, i64);
    let users: Vec<Row> = server
        .store()
        .read(|db| {
            db.all(sql("SELECT email, username, display_name, time_zone, role, password_hash,
                               (SELECT count(*) FROM sessions s WHERE s.user_id = u.id AND s.revoked_at IS NULL)
                        FROM users u ORDER BY email_folded"))
        })
        .await
        .map_err(|error: mv_store::Error| error)
        .unwrap();
    json!({ "users": users, "events": server.events().await.len() })
}

/// The error without what differs from request to request.
fn bare(answer: &Answer) -> Value {
    let mut body = answer.json();
    body.as_object_mut().unwrap().remove("meta").unwrap();
    body
}

/// Must be 401 with the challenge for a token that does not hold.
#[track_caller]
fn refused(what: &str, answer: &Answer) {
    assert_eq!(answer.status, 401, "{what}: {}", String::from_utf8_lossy(&answer.body));
    assert_eq!(answer.header("www-authenticate"), r#"Bearer realm="mediavault", error="invalid_token""#, "{what}");
    answer.error_on(401, "unauthorized", &[]);
}

/// A string member.
fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or_else(|| panic!("no {member} in {value}"))
}

/// `GET /users/me` with this token.
async fn whoami(actor: &Actor, token: &str) -> Answer {
    actor.with_token(token).get("/users/me").await
}
