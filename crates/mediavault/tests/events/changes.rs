//! `GET /changes`: pages of what changed, cursors, and what keys see.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mv_store::{Tx, events};
use mv_testkit::{Actor, files, on_both};
use serde_json::{Value, json};

use crate::order::writers;
use crate::streams::key;

fn text(object: &Value, member: &str) -> String {
    object[member].as_str().unwrap_or_else(|| panic!("no {member} in {object}")).to_owned()
}

/// A page behind a cursor.
async fn page(actor: &Actor, cursor: &str, limit: u32) -> Value {
    actor.get(&format!("/changes?cursor={cursor}&limit={limit}")).await.expect(200)
}

async fn now(actor: &Actor) -> String {
    let page = actor.get("/changes?cursor=now").await.expect(200);
    assert_eq!((&page["changes"], &page["has_more"]), (&json!([]), &json!(false)));
    text(&page, "next_cursor")
}

/// `op resource id` of each change.
fn told(page: &Value) -> Vec<String> {
    let changes = page["changes"].as_array().unwrap().iter();
    changes.map(|it| format!("{} {} {}", text(it, "op"), text(it, "resource"), text(it, "id"))).collect()
}

on_both!(each_thing_comes_once_as_it_is_now, |server| async move {
    let ann = server.user("ann").await;
    let cursor = now(&ann).await;
    let one = ann.try_upload("", "one.bin", b"1", &[("title", "one")]).await.expect(201);
    let two = text(&ann.upload("two.bin", b"2").await, "id");
    let three = text(&ann.upload("three.bin", b"3").await, "id");
    let trip = text(&ann.post("/collections", json!({ "name": "Trip" })).await.expect(201), "id");
    let one = text(&one, "id");
    ann.post(&format!("/collections/{trip}/media"), json!({ "media_ids": [one, two] })).await.expect(200);
    ann.patch(&format!("/media/{one}"), json!({ "title": "first" })).await.expect(200);
    ann.delete(&format!("/media/{two}")).await.expect(204);
    ann.delete(&format!("/media/{three}?permanent=true")).await.expect(204);
    let seen = page(&ann, &cursor, 1000).await;
    let mut expected = vec![
        format!("upsert media {one}"),
        format!("upsert media {two}"),
        format!("upsert collection {trip}"),
        format!("delete media {three}"),
    ];
    let mut got = told(&seen);
    expected[1..3].sort();
    got[1..3].sort();
    assert_eq!(got, expected, "in the order in which they changed last");
    assert_eq!(seen["has_more"], false);
    let objects: HashMap<String, Value> =
        seen["changes"].as_array().unwrap().iter().map(|it| (text(it, "id"), it["object"].clone())).collect();
    assert_eq!(objects[&one], ann.get(&format!("/media/{one}")).await.expect(200), "as the API shows it, links too");
    assert!(objects[&one]["urls"]["content"].is_string());
    assert_eq!(objects[&two], ann.get(&format!("/media/{two}")).await.expect(200));
    assert!(objects[&two]["deleted_at"].is_string());
    assert_eq!(objects[&trip], ann.get(&format!("/collections/{trip}")).await.expect(200));
    assert_eq!(objects[&trip]["media_count"], 1, "the one in the trash is not counted");
    assert!(objects[&three].is_null());
    // Behind it there is nothing, and the same page is the same again.
    assert_eq!(told(&page(&ann, &text(&seen, "next_cursor"), 10).await), Vec::<String>::new());
    assert_eq!(page(&ann, &cursor, 1000).await["changes"], seen["changes"]);
    // From the beginning, without a cursor, it is the same.
    assert_eq!(ann.get("/changes").await.expect(200)["changes"], seen["changes"]);
    let bob = server.user("bob").await;
    assert_eq!(told(&bob.get("/changes").await.expect(200)), Vec::<String>::new(), "nothing of others");
});

on_both!(pages_are_as_long_as_asked_for, |server| async move {
    let ann = server.user("ann").await;
    let cursor = now(&ann).await;
    let mut ids = Vec::new();
    for number in 0..7 {
        ids.push(text(&ann.upload("a.bin", &files::noise(number + 1, 9)).await, "id"));
    }
    let (mut at, mut seen, mut pages) = (cursor.clone(), Vec::new(), 0);
    loop {
        let page = page(&ann, &at, 3).await;
        let changes = page["changes"].as_array().unwrap();
        assert!(changes.len() <= 3);
        seen.extend(changes.iter().map(|change| text(change, "id")));
        at = text(&page, "next_cursor");
        pages += 1;
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!((seen, pages), (ids, 3));
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=x", "limit"),
        ("limit=-1", "limit"),
        ("cursor=", "cursor"),
        ("cursor=nonsense", "cursor"),
        ("since=now", "since"),
        ("cursor=now&cursor=now", "cursor"),
    ] {
        ann.get(&format!("/changes?{query}")).await.error_on(400, "validation_error", &[field]);
    }
    assert_eq!(ann.get("/changes?limit=1000").await.status, 200);
    let bob = server.user("bob").await;
    bob.get(&format!("/changes?cursor={cursor}")).await.error_on(400, "validation_error", &["cursor"]);
    let list = ann.get("/media?per_page=1").await.meta()["pagination"]["next_cursor"].as_str().unwrap().to_owned();
    ann.get(&format!("/changes?cursor={list}")).await.error_on(400, "validation_error", &["cursor"]);
});

on_both!(a_cursor_is_too_old_only_where_something_may_be_missed, |server| async move {
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let (old, idle) = (now(&ann).await, now(&bob).await);
    for number in 0..4 {
        ann.upload("a.bin", &files::noise(number + 1, 9)).await;
    }
    // Bob, to whom nothing happened, looks now and then; his cursor moves along.
    let idle = text(&page(&bob, &idle, 10).await, "next_cursor");
    let late = server.app().now().plus(Duration::from_secs(86_400));
    server.store().write(move |tx: &Tx| events::prune(tx, late, i64::MAX, 1000)).await.unwrap();
    ann.get(&format!("/changes?cursor={old}")).await.error_on(410, "gone", &[]);
    assert_eq!(told(&page(&bob, &idle, 10).await), Vec::<String>::new());
    assert_eq!(told(&ann.get("/changes").await.expect(200)).len(), 1, "the newest is kept");
    let item = text(&bob.upload("b.bin", b"bob's").await, "id");
    assert_eq!(told(&page(&bob, &idle, 10).await), [format!("upsert media {item}")]);
});

on_both!(a_key_sees_what_its_scopes_show, |server| async move {
    let ann = server.user("ann").await;
    let item = text(&ann.upload("a.bin", b"abc").await, "id");
    let trip = text(&ann.post("/collections", json!({ "name": "Trip" })).await.expect(201), "id");
    for (scopes, expected) in [
        (&["media:read"][..], vec![item.clone()]),
        (&["collections:read"], vec![trip.clone()]),
        (&["media:read", "collections:read"], vec![item.clone(), trip.clone()]),
    ] {
        let seen = key(&ann, scopes).await.0.get("/changes").await.expect(200);
        let changes = seen["changes"].as_array().unwrap();
        assert!(changes.iter().all(|change| change["object"].is_object()), "{scopes:?}: {seen}");
        assert_eq!(changes.iter().map(|change| text(change, "id")).collect::<Vec<_>>(), expected, "{scopes:?}");
    }
    let (blind, _) = key(&ann, &["media:write", "users:read"]).await;
    blind.get("/changes").await.error_on(403, "forbidden", &["scope", "scope"]);
});

/// Follows `/changes` page by page until told that no more come; gives the ids seen.
async fn follow(actor: Actor, over: Arc<AtomicBool>) -> Vec<String> {
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let was_over = over.load(Ordering::Acquire);
        let query = cursor.as_ref().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let page = actor.get(&format!("/changes?limit=7{query}")).await.expect(200);
        let changes = page["changes"].as_array().unwrap();
        seen.extend(changes.iter().map(|change| text(change, "id")));
        cursor = Some(text(&page, "next_cursor"));
        if was_over && page["has_more"] == false {
            return seen;
        }
    }
}

on_both!(eight_writers_that_sleep_before_their_commit_lose_nothing, |server| async move {
    let ann = server.user("ann").await;
    let over = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2).map(|_| tokio::spawn(follow(ann.clone(), Arc::clone(&over)))).collect();
    let committed: HashSet<String> = writers(&server, ann.id.parse().unwrap())
        .await
        .into_iter()
        .map(|id| mv_core::CollectionId::from_uuid(id.uuid()).to_string())
        .collect();
    over.store(true, Ordering::Release);
    for reader in readers {
        let seen = reader.await.unwrap();
        let distinct: HashSet<_> = seen.iter().cloned().collect();
        assert_eq!(distinct.len(), seen.len(), "nothing twice");
        assert_eq!(distinct, committed, "nothing missing, nothing that was given up");
    }
});
