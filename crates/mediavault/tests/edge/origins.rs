//! Reliability row 24: which pages of other origins may read answers.

use mv_testkit::{Actor, Answer, Options, on_both};
use reqwest::Method;
use serde_json::json;

const GOOD: &str = "https://good.example";

fn listed() -> Options {
    Options::with("cors.allowed_origins", json!([GOOD]))
}

async fn from(actor: &Actor, method: Method, path: &str, origin: &str) -> Answer {
    actor.send(actor.request(method, path).header("origin", origin)).await
}

async fn preflight(actor: &Actor, path: &str, origin: &str) -> Answer {
    let request = actor.request(Method::OPTIONS, path).header("origin", origin);
    actor.send(request.header("access-control-request-method", "POST")).await
}

fn allows(answer: &Answer) -> &str {
    answer.header("access-control-allow-origin")
}

on_both!(row_24_only_listed_origins_may_read, listed(), |server| async move {
    let ann = server.user("ann").await;
    for path in ["/users/me", "/media", "/server", "/nothing"] {
        let answer = from(&ann, Method::GET, path, GOOD).await;
        assert_eq!(allows(&answer), GOOD, "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), "true", "{path}");
        assert!(answer.header("vary").to_lowercase().contains("origin"), "{path}");
        assert!(answer.header("access-control-expose-headers").contains("X-RateLimit-Remaining"), "{path}");
    }
    let told = preflight(&ann, "/media/upload", GOOD).await;
    assert_eq!((told.status, allows(&told)), (204, GOOD));
    assert!(told.header("access-control-allow-headers").contains("Authorization"));
    assert!(told.header("access-control-allow-methods").contains("POST"));
    for origin in [
        "null",
        "https://evil.example",
        "https://good.evil",
        "http://good.example",
        "https://good.example.evil",
        "https://evilgood.example",
        "https://good.example:444",
        "HTTPS://GOOD.EXAMPLE",
        "https://good.example/",
        "*",
        "",
    ] {
        for answer in [
            from(&ann, Method::GET, "/users/me", origin).await,
            from(&ann, Method::GET, "/nothing", origin).await,
            preflight(&ann, "/users/me", origin).await,
            preflight(&ann, "/media/upload", origin).await,
        ] {
            assert_eq!(allows(&answer), "", "{origin:?}");
            assert_eq!(answer.header("access-control-allow-credentials"), "", "{origin:?}");
        }
    }
});

on_both!(without_a_list_there_is_nothing, |server| async move {
    let ann = server.user("ann").await;
    let answer = from(&ann, Method::GET, "/users/me", GOOD).await;
    assert_eq!((answer.status, allows(&answer)), (200, ""));
    assert_eq!(allows(&preflight(&ann, "/users/me", GOOD).await), "");
});

on_both!(pages_that_an_upload_token_names_may_upload_and_no_more, |server| async move {
    let ann = server.user("ann").await;
    let page = "https://app.example";
    assert_eq!(allows(&preflight(&ann, "/media/upload", page).await), "", "nobody named it yet");
    let made = ann.post("/upload-tokens", json!({ "origin": page })).await.expect(201);
    let told = preflight(&server.anonymous(), "/media/upload", page).await;
    assert_eq!((told.status, allows(&told)), (204, page));
    assert_eq!(told.header("access-control-allow-credentials"), "", "tokens are sent by scripts, not by browsers");
    assert_eq!(allows(&preflight(&ann, "/media", page).await), "");
    assert_eq!(allows(&preflight(&ann, "/media/upload", "https://other.example").await), "");
    let guest = ann.with_token(made["token"].as_str().unwrap());
    let request = guest.request(Method::POST, "/media/upload").header("origin", page);
    let answer = guest.send(request.header("content-type", "text/plain").body("hello")).await;
    assert_eq!((answer.status, allows(&answer)), (201, page));
    assert_eq!(ann.delete(&format!("/upload-tokens/{}", made["id"].as_str().unwrap())).await.status, 204);
    assert_eq!(allows(&preflight(&ann, "/media/upload", page).await), "", "it ended with its token");
});
