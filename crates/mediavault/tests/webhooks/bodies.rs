//! What a receiver gets: the reference's body, the headers of Standard Webhooks, once each, in order.

use jsonschema::Validator;
use mv_testkit::{Sink, files, on_both};
use serde_json::{Value, json};

use super::{event, hook, newest, text};

/// The described body of a type.
fn described(kind: &str) -> Validator {
    let mut description: Value = serde_json::from_str(&mv_http::router::description_json().unwrap()).unwrap();
    let pointer = format!("#/webhooks/{kind}/post/requestBody/content/application~1json/schema");
    description["$ref"] = json!(pointer);
    jsonschema::validator_for(&description).unwrap()
}

on_both!(every_change_is_told_once_signed_and_as_described, |server| async move {
    let (alice, sink) = (server.user("alice").await, Sink::start().await);
    let before = alice.upload("before.jpg", &files::noise(1, 40)).await;
    let (id, secret) = hook(&alice, &sink, &["*"]).await;
    let item = text(&alice.upload("a.bin", &files::noise(2, 40)).await, "id");
    alice.patch(&format!("/media/{item}"), json!({ "title": "new" })).await.expect(200);
    let held = event(&alice).await;
    alice.patch(&format!("/collections/{held}"), json!({ "name": "d" })).await.expect(200);
    alice.post(&format!("/collections/{held}/media"), json!({ "media_id": item })).await.expect(200);
    alice.delete(&format!("/collections/{held}/media/{item}")).await.expect(204);
    alice.delete(&format!("/media/{item}")).await.expect(204);
    alice.post_empty(&format!("/media/{item}/restore")).await.expect(200);
    alice.delete(&format!("/media/{item}?permanent=true")).await.expect(204);
    alice.delete(&format!("/collections/{held}")).await.expect(204);

    let received = sink.wait_for(10).await;
    let of = |id: &str| -> Vec<String> {
        let mine = received.iter().filter(|it| it.json()["data"]["id"] == id);
        mine.map(|it| it.kind()).collect()
    };
    assert_eq!(of(&item), ["media.uploaded", "media.updated", "media.deleted", "media.restored", "media.deleted"]);
    let of_collection = [
        "collection.created",
        "collection.updated",
        "collection.media_added",
        "collection.media_removed",
        "collection.deleted",
    ];
    assert_eq!(of(&held), of_collection, "in order");
    assert!(of(before["id"].as_str().unwrap()).is_empty(), "what was before the webhook is not told");
    let mut ids: Vec<&str> = received.iter().map(|it| it.id()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 10);
    for it in &received {
        assert!(it.verifies(&secret), "{it:?}");
        let (body, kind) = (it.json(), it.kind());
        assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["data", "event", "timestamp"]);
        assert_eq!(body["data"]["user_id"], alice.id);
        let problems: Vec<String> = described(&kind).iter_errors(&body).map(|it| it.to_string()).collect();
        assert!(problems.is_empty(), "{kind}: {problems:?}");
        assert_eq!(it.headers["content-type"], "application/json");
        assert!(it.headers["user-agent"].starts_with("Media-Vault/"));
        assert_eq!(it.target, "/hook");
    }
    let uploaded = received.iter().find(|it| it.kind() == "media.uploaded").unwrap();
    assert!(uploaded.body.starts_with(r#"{"event":"media.uploaded","data":{"#), "as the reference shows it");
    assert!(uploaded.id().starts_with("evt_"));
    let last = newest(&alice, &id, |it| it["status"] == "succeeded").await;
    assert_eq!(
        (&last["attempts"], &last["response_status"], &last["next_attempt_at"]),
        (&json!(1), &json!(204), &Value::Null)
    );
    assert!(last["duration_ms"].is_u64() && last["attempted_at"].is_string());
});

on_both!(only_what_was_asked_for_comes, |server| async move {
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let (some, all) = (Sink::start().await, Sink::start().await);
    hook(&alice, &some, &["collection.deleted", "media.*"]).await;
    hook(&alice, &all, &["*"]).await;
    let held = event(&alice).await;
    event(&bob).await;
    alice.upload("a.bin", &files::noise(3, 40)).await;
    alice.delete(&format!("/collections/{held}")).await.expect(204);
    let mut kinds: Vec<String> = all.wait_for(3).await.iter().map(|it| it.kind()).collect();
    kinds.sort();
    assert_eq!(kinds, ["collection.created", "collection.deleted", "media.uploaded"], "nothing of bob's");
    let mut kinds: Vec<String> = some.wait_for(2).await.iter().map(|it| it.kind()).collect();
    kinds.sort();
    assert_eq!(kinds, ["collection.deleted", "media.uploaded"]);
});

on_both!(a_test_and_another_delivery_can_be_asked_for, |server| async move {
    let (alice, sink) = (server.user("alice").await, Sink::start().await);
    let (id, secret) = hook(&alice, &sink, &["media.uploaded"]).await;
    let made = alice.post_empty(&format!("/webhooks/{id}/test")).await.expect(201);
    assert_eq!(
        (&made["event"], &made["status"], &made["attempts"]),
        (&json!("webhook.test"), &json!("pending"), &json!(0))
    );
    let received = sink.wait_for(1).await;
    assert_eq!(received[0].kind(), "webhook.test");
    assert_eq!(received[0].id(), text(&made, "event_id"));
    assert!(received[0].verifies(&secret));
    assert!(described("webhook.test").is_valid(&received[0].json()));

    alice.upload("a.bin", &files::noise(4, 40)).await;
    let first = sink.wait_for(2).await[1].clone();
    let sent = newest(&alice, &id, |it| it["status"] == "succeeded" && it["event"] == "media.uploaded").await;
    let path = format!("/webhooks/{id}/deliveries/{}/redeliver", text(&sent, "id"));
    let again = alice.post_empty(&path).await.expect(201);
    assert_ne!(again["id"], sent["id"]);
    assert_eq!(again["event_id"], sent["event_id"]);
    let second = sink.wait_for(3).await[2].clone();
    assert_eq!((second.id(), &second.body), (first.id(), &first.body), "the same event");
    assert!(second.verifies(&secret));

    let keyed = |key: &str| alice.request(reqwest::Method::POST, &path).header("idempotency-key", key.to_owned());
    let one = alice.send(keyed("k")).await.expect(201);
    assert_eq!(alice.send(keyed("k")).await.expect(201)["id"], one["id"], "a retry sends nothing more");
    sink.wait_for(4).await;
    let unknown = format!("/webhooks/{id}/deliveries/dlv_01h455vb4pex5vsknk084sn02q/redeliver");
    alice.post_empty(&unknown).await.error(404, "not_found");
    alice.patch(&format!("/webhooks/{id}"), json!({ "enabled": false })).await.expect(200);
    alice.post_empty(&path).await.error(409, "conflict");
    alice.post_empty(&format!("/webhooks/{id}/test")).await.error(409, "conflict");
    assert_eq!(sink.received().len(), 4);
});
