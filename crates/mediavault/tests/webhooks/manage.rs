//! Webhooks made, listed, changed and deleted, and what is refused.

use mv_testkit::{Options, Sink, on_both};
use reqwest::Method;
use serde_json::{Value, json};

use super::{event, hook, log, newest, text};

on_both!(a_webhook_is_made_shown_changed_and_deleted, |server| async move {
    let (alice, sink) = (server.user("alice").await, Sink::start().await);
    let body =
        json!({ "url": sink.url(), "events": ["media.*", "collection.created", "media.*"], "description": " mine " });
    let answer = alice.post("/webhooks", body).await;
    let made = answer.expect(201);
    let id = text(&made, "id");
    assert_eq!(answer.header("location"), format!("/api/v1/webhooks/{id}"));
    assert!(id.starts_with("whk_") && text(&made, "secret").starts_with("whsec_"));
    assert_eq!(made["events"], json!(["collection.created", "media.*"]));
    assert_eq!((&made["description"], &made["scope"], &made["enabled"]), (&json!("mine"), &json!("own"), &json!(true)));
    let shown = alice.get(&format!("/webhooks/{id}")).await.expect(200);
    assert!(shown.get("secret").is_none(), "the secret is told once");
    let mut without = made.clone();
    without.as_object_mut().unwrap().remove("secret");
    assert_eq!(shown, without);
    let (second, _) = hook(&alice, &sink, &["*"]).await;
    let listed = alice.get("/webhooks").await.expect(200);
    let ids: Vec<String> = listed.as_array().unwrap().iter().map(|it| text(it, "id")).collect();
    assert_eq!(ids, [second.clone(), id.clone()], "newest first");

    let path = format!("/webhooks/{id}");
    let changed = alice.patch(&path, json!({ "events": ["*"], "description": null })).await.expect(200);
    assert_eq!(
        (&changed["events"], &changed["description"], &changed["url"]),
        (&json!(["*"]), &Value::Null, &made["url"])
    );
    let other = Sink::start().await;
    alice.patch(&path, json!({ "url": other.url() })).await.expect(200);
    event(&alice).await;
    other.wait_for(1).await;
    assert_eq!(sink.wait_for(1).await.len(), 1, "the second webhook's alone");

    alice.delete(&path).await.expect(204);
    alice.get(&path).await.error(404, "not_found");
    alice.get(&format!("{path}/deliveries")).await.error(404, "not_found");
    alice.delete(&path).await.error(404, "not_found");
    event(&alice).await;
    sink.wait_for(2).await;
    assert_eq!(other.received().len(), 1, "nothing goes to one that was deleted");
    for _ in 0..200 {
        let left: i64 = server
            .store()
            .read(|db| db.one(mv_store::sql("SELECT count(DISTINCT webhook_id) FROM deliveries")))
            .await
            .map_err(|error: mv_store::Error| error)
            .unwrap();
        if left == 1 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("the deliveries of a webhook go with it");
});

on_both!(switched_off_it_gets_nothing_and_what_waits_is_given_up, |server| async move {
    let (alice, sink) = (server.user("alice").await, Sink::start().await);
    sink.answers(mv_testkit::Reply::status(500));
    let (id, _) = hook(&alice, &sink, &["*"]).await;
    event(&alice).await;
    newest(&alice, &id, |it| it["attempts"] == 1).await;
    alice.patch(&format!("/webhooks/{id}"), json!({ "enabled": false })).await.expect(200);
    server.clock().advance(std::time::Duration::from_secs(60));
    let given_up = newest(&alice, &id, |it| it["status"] == "failed").await;
    assert_eq!((&given_up["error"], &given_up["attempts"]), (&json!("webhook_off"), &json!(1)));
    event(&alice).await;
    sink.answers(mv_testkit::Reply::status(200));
    let on = alice.patch(&format!("/webhooks/{id}"), json!({ "enabled": true })).await.expect(200);
    assert_eq!(on["failing_since"], Value::Null, "a clean slate");
    event(&alice).await;
    newest(&alice, &id, |it| it["status"] == "succeeded").await;
    assert_eq!(log(&alice, &id).await.len(), 2, "what happened while it was off is not told");
});

// Rows 97 and 17 of reliability, as far as they are about what is written: none changes anything.
on_both!(bad_webhooks_are_refused_by_name, |server| async move {
    let (alice, sink) = (server.user("alice").await, Sink::start().await);
    let (id, _) = hook(&alice, &sink, &["*"]).await;
    let path = format!("/webhooks/{id}");
    let before = alice.get(&path).await.expect(200);
    let url = sink.url();
    let many = vec!["media.uploaded"; 10_000];
    for (body, field) in [
        (json!({ "url": url, "events": [] }), "events"),
        (json!({ "url": url, "events": many }), "events"),
        (json!({ "url": url, "events": ["media.unknown"] }), "events"),
        (json!({ "url": url, "events": ["media"] }), "events"),
        (json!({ "url": url, "events": ["m*"] }), "events"),
        (json!({ "url": url, "events": ["user.registered"] }), "events"),
        (json!({ "url": url, "events": [7] }), "events"),
        (json!({ "url": url, "events": "media.uploaded" }), "events"),
        (json!({ "url": url }), "events"),
        (json!({ "events": ["*"] }), "url"),
        (json!({ "url": "", "events": ["*"] }), "url"),
        (json!({ "url": "not a url", "events": ["*"] }), "url"),
        (json!({ "url": "ftp://example.com/", "events": ["*"] }), "url"),
        (json!({ "url": "file:///etc/passwd", "events": ["*"] }), "url"),
        (json!({ "url": "http://user:pass@example.com/", "events": ["*"] }), "url"),
        (json!({ "url": format!("http://example.com/{}", "a".repeat(20_000)), "events": ["*"] }), "url"),
        (json!({ "url": url, "events": ["*"], "description": "x".repeat(501) }), "description"),
        (json!({ "url": url, "events": ["*"], "description": "a\u{7}" }), "description"),
        (json!({ "url": url, "events": ["*"], "scope": "every" }), "scope"),
        (json!({ "url": url, "events": ["*"], "secret": "mine" }), "secret"),
    ] {
        let fields = alice.post("/webhooks", body.clone()).await.error(400, "validation_error");
        assert!(fields.iter().all(|it| it.starts_with(field)) && !fields.is_empty(), "{fields:?}");
        let mut patch = body;
        let members = patch.as_object_mut().unwrap();
        if members.len() < 2 || field == "scope" || field == "secret" {
            continue;
        }
        members.retain(|name, _| name == field);
        if patch[field] != Value::Null {
            alice.patch(&path, patch).await.error(400, "validation_error");
        }
    }
    alice.patch(&path, json!({ "scope": "all" })).await.error(400, "validation_error");
    alice.patch(&path, json!({ "enabled": "no" })).await.error(400, "validation_error");
    alice.post("/webhooks", json!({ "url": "nonsense", "events": [], "description": "\u{0}" })).await.error_on(
        400,
        "validation_error",
        &["events", "description", "url"],
    );
    alice.get("/webhooks?page=2").await.error(400, "validation_error");
    alice.get(&format!("{path}/deliveries?status=lost")).await.error_on(400, "validation_error", &["status"]);
    alice.get(&format!("{path}/deliveries?cursor=x")).await.error_on(400, "validation_error", &["cursor"]);
    alice.get("/webhooks/media_01h455vb4pex5vsknk084sn02q").await.error_on(400, "validation_error", &["id"]);
    let bare = alice.request(Method::POST, "/webhooks").header("content-type", "application/json").body("{");
    alice.send(bare).await.error(400, "validation_error");
    assert_eq!(alice.get(&path).await.expect(200), before);
    assert_eq!(alice.get("/webhooks").await.expect(200).as_array().unwrap().len(), 1);
});

on_both!(there_are_at_most_a_hundred_also_at_once, |server| async move {
    let (alice, sink) = (server.user("alice").await, Sink::start().await);
    let made: Vec<_> = (0..110)
        .map(|_| {
            let (alice, url) = (alice.clone(), sink.url());
            tokio::spawn(async move { alice.post("/webhooks", json!({ "url": url, "events": ["*"] })).await.status })
        })
        .collect();
    let mut statuses = Vec::new();
    for one in made {
        statuses.push(one.await.unwrap());
    }
    let count = |status| statuses.iter().filter(|it| **it == status).count();
    assert_eq!((count(201), count(409)), (100, 10));
    assert_eq!(alice.get("/webhooks").await.expect(200).as_array().unwrap().len(), 100);
});

on_both!(the_log_has_pages, |server| async move {
    let (alice, sink) = (server.user("alice").await, Sink::start().await);
    let (id, _) = hook(&alice, &sink, &["*"]).await;
    for _ in 0..7 {
        event(&alice).await;
    }
    sink.wait_for(7).await;
    newest(&alice, &id, |it| it["status"] == "succeeded").await;
    let path = format!("/webhooks/{id}/deliveries?per_page=3");
    let (mut seen, mut next) = (Vec::new(), path.clone());
    loop {
        let page = alice.get(&next).await;
        seen.extend(page.expect(200).as_array().unwrap().iter().map(|it| text(it, "id")));
        assert_eq!(page.meta()["pagination"]["total"], 7);
        let Some(cursor) = page.meta()["pagination"]["next_cursor"].as_str().map(str::to_owned) else { break };
        next = format!("{path}&cursor={cursor}");
    }
    let mut sorted = seen.clone();
    sorted.sort_by(|one, two| two.cmp(one));
    sorted.dedup();
    assert_eq!((seen.len(), &seen), (7, &sorted), "newest first, each once");
    let second = alice.get(&format!("{path}&page=2")).await.expect(200);
    assert_eq!(text(&second[0], "id"), seen[3]);
    let failed = alice.get(&format!("/webhooks/{id}/deliveries?status=failed")).await;
    assert_eq!(failed.meta()["pagination"]["total"], 0);
});

on_both!(keys_of_retries_make_one_webhook, Options::default(), |server| async move {
    let (alice, sink) = (server.user("alice").await, Sink::start().await);
    let body = json!({ "url": sink.url(), "events": ["*"] });
    let send = || alice.request(Method::POST, "/webhooks").header("idempotency-key", "k").json(&body);
    let (one, two) = (alice.send(send()).await.expect(201), alice.send(send()).await.expect(201));
    assert_eq!(one, two, "with its secret");
    assert_eq!(alice.get("/webhooks").await.expect(200).as_array().unwrap().len(), 1);
});
