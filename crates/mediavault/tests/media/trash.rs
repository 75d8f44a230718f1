//! The trash: into it, out of it, away for good; bytes go only when nobody stands on them any more.

use super::*;
use mv_app::jobs::schedule::Work;

const DAY: Duration = Duration::from_secs(86_400);

on_both!(into_the_trash_and_back, |server| async move {
    let alice = server.user("alice").await;
    let photo = jpeg(1, 3_000);
    let item =
        alice.try_upload("", "a.jpg", &photo, &[("tags", "t"), ("properties", r#"{"k":"v"}"#)]).await.expect(201);
    let (path, id) = (path_of(&item), id_of(&item).to_owned());
    let link = item["urls"]["content"].as_str().unwrap();
    alice.delete(&path).await.expect(204);
    let shown = alice.get(&path).await.expect(200);
    assert!(shown["deleted_at"].is_string());
    assert_eq!(
        (&shown["version"], &shown["urls"]["content"], &shown["tags"]),
        (&json!(2), &Value::Null, &json!(["t"]))
    );
    for query in ["", "?tag=t", "?property[k]=v", "?type=image"] {
        assert_eq!(total(&alice, query).await, 0, "{query}");
        let joint = if query.is_empty() { "?" } else { "&" };
        assert_eq!(total(&alice, &format!("{query}{joint}trashed=true")).await, 1, "{query}");
    }
    let content = alice.get(&format!("{path}/content")).await;
    assert_eq!((content.status, content.body.as_ref()), (200, photo.as_slice()), "the owner still reads it");
    server.anonymous().get(link).await.error_on(404, "not_found", &[]);
    alice.patch(&path, json!({ "title": "x" })).await.error_on(404, "not_found", &[]);
    let before = state(&alice).await;
    alice.delete(&path).await.expect(204);
    assert_eq!(state(&alice).await, before, "a second time is nothing new");

    let restored = alice.post_empty(&format!("{path}/restore")).await;
    assert!(restored.header("etag").starts_with("\"3."));
    let restored = restored.expect(200);
    assert_eq!(
        (&restored["deleted_at"], &restored["tags"], &restored["version"]),
        (&Value::Null, &json!(["t"]), &json!(3))
    );
    assert_eq!(total(&alice, "?tag=t").await, 1);
    assert_eq!(server.anonymous().get(link).await.body, photo);
    let before = state(&alice).await;
    alice.post_empty(&format!("{path}/restore")).await.expect(200);
    assert_eq!(state(&alice).await, before, "a second time is nothing new");
    assert_eq!(server.events_of(&id).await, ["media.uploaded", "media.deleted", "media.restored"]);
    sound(&server).await;
});

on_both!(away_for_good, |server| async move {
    let alice = server.user("alice").await;
    let from_library = alice.upload("a.jpg", &jpeg(1, 3_000)).await;
    let from_trash = alice.upload("b.jpg", &jpeg(2, 3_000)).await;
    alice.delete(&path_of(&from_trash)).await.expect(204);
    for item in [&from_library, &from_trash] {
        let path = path_of(item);
        alice.delete(&format!("{path}?permanent=true")).await.expect(204);
        for answer in [
            alice.get(&path).await,
            alice.delete(&path).await,
            alice.delete(&format!("{path}?permanent=true")).await,
            alice.patch(&path, json!({ "title": "x" })).await,
            alice.post_empty(&format!("{path}/restore")).await,
            alice.get(&format!("{path}/content")).await,
        ] {
            answer.error_on(404, "not_found", &[]);
        }
    }
    assert_eq!((total(&alice, "").await, total(&alice, "?trashed=true").await), (0, 0));
    let events = server.events().await;
    let deletions: Vec<&Value> =
        events.iter().filter(|(kind, ..)| kind == "media.deleted").map(|(.., data)| data).collect();
    assert_eq!(
        deletions.iter().map(|data| data["permanent"] == true).collect::<Vec<_>>(),
        [false, true, true],
        "{deletions:?}"
    );
    for bad in ["permanent=yes", "permanent=true&permanent=true", "force=true"] {
        let item = alice.upload("c.jpg", &jpeg(3, 300)).await;
        assert_eq!(alice.delete(&format!("{}?{bad}", path_of(&item))).await.status, 400, "{bad}");
        assert_eq!(alice.get(&path_of(&item)).await.expect(200)["deleted_at"], Value::Null, "{bad}");
    }
    sound(&server).await;
});

on_both!(emptying_the_trash_takes_only_what_is_in_it, |server| async move {
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let kept = alice.upload("a.jpg", &jpeg(1, 100)).await;
    let others = bob.upload("b.jpg", &jpeg(2, 100)).await;
    bob.delete(&path_of(&others)).await.expect(204);
    for n in 0..130 {
        let item = alice.upload("t.jpg", &jpeg(n + 10, 100)).await;
        alice.delete(&path_of(&item)).await.expect(204);
    }
    alice.delete("/media/trash").await.expect(204);
    assert_eq!((total(&alice, "").await, total(&alice, "?trashed=true").await), (1, 0));
    assert_eq!(total(&bob, "?trashed=true").await, 1);
    alice.get(&path_of(&kept)).await.expect(200);
    alice.delete("/media/trash").await.expect(204);
    alice.delete("/media/trash?colour=red").await.error_on(400, "validation_error", &["colour"]);
    server.anonymous().delete("/media/trash").await.error(401, "unauthorized");
    let deletions = server
        .events()
        .await
        .iter()
        .filter(|(kind, _, data)| kind == "media.deleted" && data["permanent"] == true)
        .count();
    assert_eq!(deletions, 130);
    sound(&server).await;
});

on_both!(bytes_go_with_their_last_item, |server| async move {
    let mut alice = server.user("alice").await;
    let (shared, single) = (jpeg(1, 30_000), jpeg(2, 30_000));
    let first = alice.upload("a.jpg", &shared).await;
    let second = alice.upload("b.jpg", &shared).await;
    let alone = alice.upload("c.jpg", &single).await;
    assert_eq!(server.stored_files().len(), 2);
    alice.delete(&format!("{}?permanent=true", path_of(&first))).await.expect(204);
    alice.delete(&format!("{}?permanent=true", path_of(&alone))).await.expect(204);
    let sweep = async |minutes: u64, alice: &mut Actor| {
        server.clock().advance(Duration::from_secs(minutes * 60));
        server.app().run_scheduled(Work::DeadBlobs).await.unwrap();
        alice.log_in(mv_testkit::client::PASSWORD).await;
        server.stored_files().len()
    };
    assert_eq!(sweep(14, &mut alice).await, 2, "readers who just looked it up may finish");
    assert_eq!(sweep(2, &mut alice).await, 1);
    assert_eq!(alice.get(&format!("{}/content", path_of(&second))).await.body, shared);
    sound(&server).await;
    // An item in the trash holds its bytes, too.
    alice.delete(&path_of(&second)).await.expect(204);
    assert_eq!(sweep(20, &mut alice).await, 1);
    alice.delete(&format!("{}?permanent=true", path_of(&second))).await.expect(204);
    // Bytes that come again in the time of grace are alive again.
    let again = alice.upload("d.jpg", &shared).await;
    assert_eq!(server.stored_files().len(), 1);
    assert_eq!(sweep(20, &mut alice).await, 1);
    assert_eq!(alice.get(&format!("{}/content", path_of(&again))).await.body, shared);
    alice.delete(&format!("{}?permanent=true", path_of(&again))).await.expect(204);
    assert_eq!(sweep(20, &mut alice).await, 0);
    sound(&server).await;
    alice.upload("e.jpg", &shared).await;
    assert_eq!(server.stored_files().len(), 1, "and after it they are stored anew");
    sound(&server).await;
});

on_both!(the_trash_empties_itself_after_thirty_days, |server| async move {
    let mut alice = server.user("alice").await;
    let old = alice.upload("a.jpg", &jpeg(1, 300)).await;
    let live = alice.upload("b.jpg", &jpeg(2, 300)).await;
    alice.delete(&path_of(&old)).await.expect(204);
    assert_eq!(server.events_of(id_of(&old)).await, ["media.uploaded", "media.deleted"]);
    let pass = async |days: u32, alice: &mut Actor| {
        server.clock().advance(DAY * days);
        alice.log_in(mv_testkit::client::PASSWORD).await;
        server.app().run_scheduled(Work::Expired).await.unwrap();
    };
    pass(20, &mut alice).await;
    let young = alice.upload("c.jpg", &jpeg(3, 300)).await;
    alice.delete(&path_of(&young)).await.expect(204);
    server.clock().advance(DAY * 10 - Duration::from_secs(60));
    pass(0, &mut alice).await;
    assert_eq!(total(&alice, "?trashed=true").await, 2, "not before");
    server.clock().advance(Duration::from_secs(120));
    pass(0, &mut alice).await;
    assert_eq!(total(&alice, "?trashed=true").await, 1);
    alice.get(&path_of(&old)).await.error_on(404, "not_found", &[]);
    assert_eq!(server.events_of(id_of(&old)).await, ["media.deleted"], "events older than 30 days went with it");
    pass(21, &mut alice).await;
    assert_eq!((total(&alice, "?trashed=true").await, total(&alice, "").await), (0, 1));
    alice.get(&path_of(&live)).await.expect(200);
    server.app().run_scheduled(Work::DeadBlobs).await.unwrap();
    sound(&server).await;
});

on_both!(check_tells_what_became_of_bytes, |server| async move {
    let (mut alice, bob) = (server.user("alice").await, server.user("bob").await);
    let photo = jpeg(1, 300);
    let (sum, unknown) = (checksum(&photo), checksum(b"never seen"));
    let ask =
        async |actor: &Actor| actor.post("/media/check", json!({ "checksums": [&sum, &unknown] })).await.expect(200);
    let none = json!({ "checksum": unknown, "state": "unknown", "media_id": null, "deleted_at": null });
    let known = |state: &str, id: &Value, at: &Value| json!({ "checksum": sum, "state": state, "media_id": id, "deleted_at": at });
    assert_eq!(ask(&alice).await, json!([known("unknown", &Value::Null, &Value::Null), none]));
    let first = alice.upload("a.jpg", &photo).await;
    let second = alice.upload("b.jpg", &photo).await;
    assert_eq!(ask(&alice).await, json!([known("present", &first["id"], &Value::Null), none]));
    assert_eq!(ask(&bob).await[0]["state"], "unknown", "own items only");
    alice.delete(&path_of(&first)).await.expect(204);
    assert_eq!(ask(&alice).await, json!([known("present", &second["id"], &Value::Null), none]));
    alice.delete(&path_of(&second)).await.expect(204);
    let trashed = alice.get(&path_of(&first)).await.expect(200);
    assert_eq!(ask(&alice).await, json!([known("trashed", &first["id"], &trashed["deleted_at"]), none]));
    alice.delete("/media/trash").await.expect(204);
    let deleted = ask(&alice).await;
    assert_eq!((&deleted[0]["state"], &deleted[0]["media_id"]), (&json!("deleted"), &Value::Null));
    assert!(deleted[0]["deleted_at"].is_string());
    let third = alice.upload("c.jpg", &photo).await;
    assert_eq!(ask(&alice).await[0]["media_id"], third["id"]);
    alice.delete(&format!("{}?permanent=true", path_of(&third))).await.expect(204);
    server.clock().advance(DAY * 3649);
    server.app().run_scheduled(Work::Expired).await.unwrap();
    alice.log_in(mv_testkit::client::PASSWORD).await;
    assert_eq!(ask(&alice).await[0]["state"], "deleted");
    server.clock().advance(DAY * 2);
    server.app().run_scheduled(Work::Expired).await.unwrap();
    alice.log_in(mv_testkit::client::PASSWORD).await;
    assert_eq!(ask(&alice).await[0]["state"], "unknown", "forgotten after ten years");

    let upper = sum.to_uppercase().replace("SHA256", "sha256");
    let doubles = alice.post("/media/check", json!({ "checksums": [&sum, &upper, &sum] })).await.expect(200);
    assert_eq!(doubles.as_array().unwrap().len(), 3, "one answer for each, in the order asked");
    assert_eq!(doubles[1]["checksum"], upper, "as it was asked");
    let most: Vec<&String> = std::iter::repeat_n(&sum, 1000).collect();
    let more: Vec<&String> = std::iter::repeat_n(&sum, 1001).collect();
    assert_eq!(
        alice.post("/media/check", json!({ "checksums": most })).await.expect(200).as_array().unwrap().len(),
        1000
    );
    for (body, fields) in [
        (json!({ "checksums": more }), vec!["checksums"]),
        (json!({ "checksums": [] }), vec!["checksums"]),
        (json!({}), vec!["checksums"]),
        (json!({ "checksums": [&sum, "x", "md5:1"] }), vec!["checksums[1]", "checksums[2]"]),
        (json!({ "checksums": sum }), vec!["checksums"]),
        (json!({ "checksums": [&sum], "colour": 1 }), vec!["colour"]),
    ] {
        assert_eq!(alice.post("/media/check", body).await.error(400, "validation_error"), fields);
    }
});

on_both!(trash_and_restore_race_without_harm, |server| async move {
    let alice = server.user("alice").await;
    let item = alice.upload("a.jpg", &jpeg(1, 300)).await;
    let path = path_of(&item);
    for _ in 0..5 {
        let racers = (0..12).map(|n| async move { n }).map(|n| {
            let (alice, path) = (alice.clone(), path.clone());
            async move {
                match n.await % 3 {
                    0 => alice.delete(&path).await.status,
                    1 => alice.post_empty(&format!("{path}/restore")).await.status,
                    _ => alice.patch(&path, json!({ "tags": ["a", "b"], "favorite": true })).await.status,
                }
            }
        });
        for status in futures_util::future::join_all(racers).await {
            assert!([200, 204, 404].contains(&status), "{status}");
        }
        sound(&server).await;
        alice.post_empty(&format!("{path}/restore")).await.expect(200);
        alice.patch(&path, json!({ "tags": [], "favorite": false })).await.expect(200);
    }
});
