//! Whose webhook is whose, and whose events it gets, also when rights change.

use mv_app::accounts::register::NewAccount;
use mv_testkit::client::PASSWORD;
use mv_testkit::{Actor, Server, Sink, on_both};
use serde_json::json;

use super::{event, hook, newest, text};

async fn administrator(server: &Server, name: &str) -> Actor {
    let email = format!("{name}@example.com");
    let account = NewAccount { email: email.clone(), password: PASSWORD.into(), ..NewAccount::default() };
    let user = server.app().create_admin(account).await.unwrap();
    let mut actor = Actor { id: user.id.to_string(), email, ..server.anonymous() };
    actor.log_in(PASSWORD).await;
    actor
}

async fn for_all(actor: &Actor, sink: &Sink) -> String {
    let body = json!({ "url": sink.url(), "events": ["*"], "scope": "all" });
    text(&actor.post("/webhooks", body).await.expect(201), "id")
}

on_both!(everybodys_events_are_for_administrators, |server| async move {
    let (root, alice, sink) = (administrator(&server, "root").await, server.user("alice").await, Sink::start().await);
    let body = json!({ "url": sink.url(), "events": ["*"], "scope": "all" });
    alice.post("/webhooks", body.clone()).await.error(403, "forbidden");
    let key = root.post("/api-keys", json!({ "name": "k", "scopes": ["webhooks:write"] })).await.expect(201);
    let key = root.with_token(&text(&key, "key"));
    key.post("/webhooks", body).await.error(403, "forbidden");
    let id = for_all(&root, &sink).await;
    let (own, _) = hook(&root, &sink, &["media.*"]).await;
    // A key of the administrator's sees what is its owner's alone.
    let seen = key.get("/webhooks").await.expect(200);
    assert_eq!(seen.as_array().unwrap().iter().map(|it| text(it, "id")).collect::<Vec<_>>(), [own]);
    for (method, path) in [
        (reqwest::Method::GET, format!("/webhooks/{id}")),
        (reqwest::Method::DELETE, format!("/webhooks/{id}")),
        (reqwest::Method::GET, format!("/webhooks/{id}/deliveries")),
        (reqwest::Method::POST, format!("/webhooks/{id}/test")),
        (reqwest::Method::POST, format!("/webhooks/{id}/rotate-secret")),
    ] {
        key.send(key.request(method, &path)).await.error(404, "not_found");
    }
    key.patch(&format!("/webhooks/{id}"), json!({ "enabled": false })).await.error(404, "not_found");

    let bob = server.user("bob").await;
    let held = event(&bob).await;
    let received = sink.wait_for(2).await;
    let told: Vec<(String, String)> = received.iter().map(|it| (it.kind(), text(&it.json()["data"], "id"))).collect();
    assert!(told.contains(&("user.registered".into(), bob.id.clone())), "{told:?}");
    assert!(told.contains(&("collection.created".into(), held)));
    assert!(received.iter().all(|it| !it.body.contains("bob@")), "no address in any event");
});

on_both!(an_administrator_no_more_hears_no_more, |server| async move {
    let (root, second) = (administrator(&server, "root").await, administrator(&server, "second").await);
    let (alice, sink) = (server.user("alice").await, Sink::start().await);
    sink.answers(mv_testkit::Reply::status(500));
    let id = for_all(&second, &sink).await;
    event(&alice).await;
    newest(&second, &id, |it| it["attempts"] == 1).await;
    root.patch(&format!("/admin/users/{}", second.id), json!({ "role": "user" })).await.expect(200);
    second.get(&format!("/webhooks/{id}")).await.error(404, "not_found");
    assert_eq!(second.get("/webhooks").await.expect(200), json!([]));
    event(&alice).await;
    server.clock().advance(std::time::Duration::from_secs(10));
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(sink.received().len(), 1, "neither what is new nor what waited");
});

on_both!(webhooks_end_with_their_owner, |server| async move {
    let root = administrator(&server, "root").await;
    let (alice, bob, sink) = (server.user("alice").await, server.user("bob").await, Sink::start().await);
    sink.answers(mv_testkit::Reply::status(500));
    let (of_alice, _) = hook(&alice, &sink, &["*"]).await;
    let (of_bob, _) = hook(&bob, &sink, &["*"]).await;
    event(&alice).await;
    event(&bob).await;
    newest(&alice, &of_alice, |it| it["attempts"] == 1).await;
    newest(&bob, &of_bob, |it| it["attempts"] == 1).await;
    root.patch(&format!("/admin/users/{}", alice.id), json!({ "disabled": true })).await.expect(200);
    bob.send(bob.request(reqwest::Method::DELETE, "/users/me").json(&json!({ "password": PASSWORD })))
        .await
        .expect(204);
    server.clock().advance(std::time::Duration::from_secs(10));
    for _ in 0..200 {
        let left: (i64, i64) = server
            .store()
            .read(|db| {
                db.one(mv_store::sql(
                    "SELECT (SELECT count(*) FROM webhooks), (SELECT count(*) FROM deliveries WHERE next_at IS NOT NULL)",
                ))
            })
            .await
            .map_err(|error: mv_store::Error| error)
            .unwrap();
        if left == (1, 0) {
            assert_eq!(sink.received().len(), 2, "what waited is not sent");
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("webhooks of who is gone, or deliveries of who is locked out, stay");
});

on_both!(foreign_webhooks_are_not_there, |server| async move {
    let (alice, mallory, sink) = (server.user("alice").await, server.user("mallory").await, Sink::start().await);
    let (id, _) = hook(&alice, &sink, &["*"]).await;
    let (own, _) = hook(&mallory, &sink, &["*"]).await;
    event(&alice).await;
    let delivery = text(&newest(&alice, &id, |it| it["status"] == "succeeded").await, "id");
    for hook in [&id, &own] {
        let path = format!("/webhooks/{hook}/deliveries/{delivery}/redeliver");
        mallory.post_empty(&path).await.error(404, "not_found");
    }
    mallory.get(&format!("/webhooks/{id}/deliveries")).await.error(404, "not_found");
    assert_eq!(sink.received().len(), 1);
});
