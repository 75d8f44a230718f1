//! `Idempotency-Key` of requests that make one thing: a retry is answered as the first try was, and makes nothing new.

use futures_util::future::join_all;
use mv_testkit::client::PASSWORD;
use mv_testkit::{Actor, Answer, Options, on_both};
use reqwest::Method;
use serde_json::{Value, json};

async fn keyed(actor: &Actor, path: &str, key: &str, body: &Value) -> Answer {
    actor.send(actor.request(Method::POST, path).header("idempotency-key", key).json(body)).await
}

/// The first administrator, logged in.
async fn administrator(actor: &Actor) -> Actor {
    let mut admin = actor.clone();
    admin.email = "root@example.com".to_owned();
    admin.log_in(PASSWORD).await;
    admin
}

fn with_administrator() -> Options {
    Options::with("admin.email", "root@example.com").and("admin.password", PASSWORD)
}

on_both!(a_retry_makes_nothing_new, with_administrator(), |server| async move {
    let nobody = server.anonymous();
    let admin = administrator(&nobody).await;
    for (actor, path, body, other) in [
        (&admin, "/collections", json!({ "name": "a", "description": "b" }), json!({ "name": "c" })),
        (
            &admin,
            "/admin/users",
            json!({ "email": "ann@example.com", "password": PASSWORD }),
            json!({ "email": "ann@example.com", "password": PASSWORD, "role": "admin" }),
        ),
        (&admin, "/admin/invites", json!({ "email": "bob@example.com" }), json!({})),
        (
            &nobody,
            "/auth/register",
            json!({ "email": "cid@example.com", "password": PASSWORD }),
            json!({ "email": "cid@example.com", "password": PASSWORD, "username": "cid" }),
        ),
    ] {
        let first = keyed(actor, path, "k-1", &body).await;
        let made = first.expect(201);
        assert_eq!(first.header("idempotency-replayed"), "", "{path}");
        let turned: Value = serde_json::from_str(&format!(" {body} ")).unwrap();
        for again in [keyed(actor, path, "k-1", &body).await, keyed(actor, path, "\"k-1\"", &turned).await] {
            assert_eq!(again.expect(201), made, "{path}");
            assert_eq!(again.header("idempotency-replayed"), "true", "{path}");
            assert_eq!(again.header("location"), first.header("location"), "{path}");
        }
        let refused = keyed(actor, path, "k-1", &other).await;
        refused.error_on(409, "conflict", &["Idempotency-Key"]);
        assert_eq!(refused.json()["error"]["details"][0]["message"], "reused", "{path}");
        for bad in ["", "a b", "\u{e4}", &"x".repeat(256)] {
            let sent = actor.request(Method::POST, path).header("idempotency-key", bad.as_bytes()).json(&body);
            actor.send(sent).await.error_on(400, "validation_error", &["Idempotency-Key"]);
        }
    }
    // Without a body it is the path that counts.
    let users = admin.get("/admin/users").await.expect(200);
    let link = |place: usize| format!("/admin/users/{}/reset-link", users[place]["id"].as_str().unwrap());
    let keyed_link = |place: usize| {
        let request = admin.request(Method::POST, &link(place)).header("idempotency-key", "k-1");
        admin.send(request)
    };
    let first = keyed_link(0).await.expect(201);
    assert_eq!(keyed_link(0).await.expect(201), first);
    keyed_link(1).await.error_on(409, "conflict", &["Idempotency-Key"]);
    assert_eq!(admin.get("/collections").await.expect(200).as_array().unwrap().len(), 1);
    assert_eq!(admin.get("/admin/users").await.expect(200).as_array().unwrap().len(), 3);
    assert_eq!(admin.get("/admin/invites").await.expect(200).as_array().unwrap().len(), 1);
    // A failure is not kept: what was wrong can be put right under the same key.
    keyed(&admin, "/collections", "k-2", &json!({ "name": "" })).await.error_on(400, "validation_error", &["name"]);
    keyed(&admin, "/collections", "k-2", &json!({ "name": "right" })).await.expect(201);
    // Another caller's key is another key.
    let ann = { server.user("dan").await };
    keyed(&ann, "/collections", "k-1", &json!({ "name": "mine" })).await.expect(201);
});

on_both!(of_fifty_with_one_key_one_makes_it, |server| async move {
    let alice = server.user("alice").await;
    let body = json!({ "name": "once" });
    let answers = join_all((0..50).map(|_| keyed(&alice, "/collections", "race", &body))).await;
    let mut ids: Vec<_> = Vec::new();
    for answer in answers {
        match answer.status {
            201 => ids.push(answer.expect(201)["id"].clone()),
            _ => answer.error_on(409, "conflict", &["Idempotency-Key"]),
        }
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(alice.get("/collections").await.expect(200).as_array().unwrap().len(), 1);
});
