//! How much anybody may ask for: rate limits, wrong passwords, the pool of password hashes; through HTTP on both databases.
//! Promise: what is tested holds for whoever asks, from wherever, whatever the headers say.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at once when anything is not as it must be")]

use std::time::Duration;

use mv_testkit::{Actor, Answer, Options, Server, on_both};
use reqwest::Method;
use serde_json::json;

mod guesses;
mod pool;
mod rates;
mod timing;

/// The password that `Server::user` gives.
const PASSWORD: &str = "correct horse battery";

/// A server behind a proxy on this machine: who asks is told by `X-Forwarded-For`.
fn proxied() -> Options {
    Options::with("trusted_proxies", "[\"127.0.0.1\"]").and("public_url", "https://vault.example.org")
}

/// A request as the proxy hands it over, for a client at this address.
fn from(actor: &Actor, address: &str, method: Method, path: &str) -> reqwest::RequestBuilder {
    actor.request(method, path).header("x-forwarded-proto", "https").header("x-forwarded-for", address)
}

/// A login from this address.
async fn login_from(server: &Server, address: &str, name: &str, password: &str) -> Answer {
    let nobody = server.anonymous();
    let body = json!({ "username": name, "password": password });
    nobody.send(from(&nobody, address, Method::POST, "/auth/login").json(&body)).await
}

/// An account made from this address.
async fn register_from(server: &Server, address: &str, name: &str) {
    let nobody = server.anonymous();
    let body = json!({ "email": format!("{name}@example.com"), "username": name, "password": PASSWORD });
    nobody.send(from(&nobody, address, Method::POST, "/auth/register").json(&body)).await.expect(201);
}

/// Must be 429 with a time to wait, of at most so many seconds; gives it.
#[track_caller]
fn told_to_wait(answer: &Answer, most: u64) -> u64 {
    answer.error_on(429, "rate_limited", &[]);
    let wait = answer.header("retry-after").parse().unwrap();
    assert!((1..=most).contains(&wait), "Retry-After: {wait}");
    wait
}
