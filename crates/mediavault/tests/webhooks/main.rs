//! Webhooks, on both databases: made and changed by their owners alone, signed, tried until they are taken, and no
//! receiver in the way of another.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at once when anything is not as it must be")]

mod bodies;
mod crowd;
mod guide;
mod manage;
mod retries;
mod rights;
mod secrets;

use std::time::Duration;

use mv_testkit::{Actor, Sink};
use serde_json::{Value, json};

/// A webhook of the actor's to the sink: its id and secret.
async fn hook(actor: &Actor, sink: &Sink, events: &[&str]) -> (String, String) {
    let made = actor.post("/webhooks", json!({ "url": sink.url(), "events": events })).await.expect(201);
    (text(&made, "id"), text(&made, "secret"))
}

fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_else(|| panic!("no {member} in {value}")).to_owned()
}

/// The same person by an API key, which does not end when a test lets days pass.
async fn by_key(actor: &Actor) -> Actor {
    let scopes = ["media:read", "media:write", "collections:read", "collections:write", "webhooks:write"];
    let made = actor.post("/api-keys", json!({ "name": "k", "scopes": scopes })).await.expect(201);
    actor.with_token(&text(&made, "key"))
}

/// Makes a collection: an event. Gives its id.
async fn event(actor: &Actor) -> String {
    text(&actor.post("/collections", json!({ "name": "c" })).await.expect(201), "id")
}

/// The log of a webhook, newest first.
async fn log(actor: &Actor, hook: &str) -> Vec<Value> {
    let found = actor.get(&format!("/webhooks/{hook}/deliveries?per_page=100")).await.expect(200);
    found.as_array().unwrap().clone()
}

/// Waits until the newest delivery is as wanted, and gives it.
async fn newest(actor: &Actor, hook: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..400 {
        last = log(actor, hook).await.first().cloned().unwrap_or_default();
        if wanted(&last) {
            return last;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the newest delivery is {last:#}");
}
