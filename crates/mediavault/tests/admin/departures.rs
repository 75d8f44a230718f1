//! Accounts deleted by administrators, with all they hold or with what they hold given to another.

use std::time::Duration;

use mv_app::jobs::schedule::Work;
use mv_app::ops::check::Depth;

use super::*;

/// Waits until the account is gone: what large accounts hold goes piece by piece behind the answer.
async fn gone(root: &Actor, id: &str) {
    for _ in 0..200 {
        if root.get(&format!("/admin/users/{id}")).await.status == 404 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{id} is still there");
}

async fn must_be_sound(server: &Server) {
    let report = server.app().check(Depth::Full).await.unwrap();
    assert!(report.problems.is_empty(), "{:?}", report.problems);
}

/// The ids of a list.
async fn ids(actor: &Actor, path: &str) -> Vec<String> {
    let found = actor.get(path).await.expect(200);
    let mut ids: Vec<String> = found.as_array().unwrap().iter().map(|it| text(it, "id").to_owned()).collect();
    ids.sort_unstable();
    ids
}

on_both!(an_account_goes_with_all_it_holds, |server| async move {
    let root = administrator(&server, "root").await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let item = ann.upload("a.bin", &files::noise(1, 100)).await;
    let link = text(&item["urls"], "content").to_owned();
    let kept = bob.upload("b.bin", &files::noise(1, 100)).await;
    root.delete(&path_of(&ann)).await.expect(204);
    ann.get("/users/me").await.error_on(401, "unauthorized", &[]);
    assert!([401, 404].contains(&server.anonymous().get(&link).await.status));
    gone(&root, &ann.id).await;
    root.delete(&path_of(&ann)).await.error_on(404, "not_found", &[]);
    assert_eq!(ids(&bob, "/media").await, [text(&kept, "id")]);
    let deleted = root.get("/admin/audit?type=user.deleted").await.expect(200);
    assert!(deleted.as_array().unwrap().iter().any(|entry| entry["actor"]["id"] == json!(root.id)), "{deleted}");
    // The address is free again.
    server.user("ann").await;
    root.delete(&path_of(&root)).await.error(409, "conflict");
    must_be_sound(&server).await;
});

on_both!(what_an_account_holds_goes_to_another, |server| async move {
    let root = administrator(&server, "root").await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let bytes: Vec<Vec<u8>> = (1..=4).map(|seed| files::noise(seed, 300_000 * seed as usize)).collect();
    let mut given = Vec::new();
    for (number, bytes) in bytes.iter().enumerate() {
        let fields = [("tags", "lake"), ("external_id", &*format!("ext{number}"))];
        given.push(ann.try_upload("", &format!("{number}.bin"), bytes, &fields).await.expect(201));
    }
    let id = |item: &Value| text(item, "id").to_owned();
    let twice = ann.upload("twice.bin", &bytes[0]).await;
    ann.delete(&format!("/media/{}", id(&given[3]))).await.expect(204);
    let album = ann.post("/collections", json!({ "name": "album" })).await.expect(201);
    let in_album = json!({ "media_ids": [id(&given[1]), id(&twice)] });
    ann.post(&format!("/collections/{}/media", id(&album)), in_album).await.expect(200);
    // The receiver has some of the bytes, and one of the application's ids.
    let own = bob.try_upload("", "own.bin", &bytes[1], &[("external_id", "ext0")]).await.expect(201);

    root.delete(&format!("{}?transfer_to={}", path_of(&ann), bob.id)).await.expect(204);
    ann.get("/users/me").await.error_on(401, "unauthorized", &[]);
    gone(&root, &ann.id).await;

    let mut expected = vec![id(&given[0]), id(&given[1]), id(&given[2]), id(&twice), id(&own)];
    expected.sort_unstable();
    assert_eq!(ids(&bob, "/media").await, expected);
    assert_eq!(ids(&bob, "/media?trashed=true").await, [id(&given[3])]);
    assert_eq!(bob.get("/media?tag=lake").await.meta()["pagination"]["total"], 3);
    assert_eq!(ids(&bob, &format!("/collections/{}/media", id(&album))).await.len(), 2);
    for (number, item) in given.iter().take(3).enumerate() {
        let now = bob.get(&format!("/media/{}", id(item))).await.expect(200);
        assert_eq!(now["checksum"], item["checksum"]);
        assert_eq!(now["user_id"], json!(bob.id));
        let external = if number == 0 { Value::Null } else { json!(format!("ext{number}")) };
        assert_eq!(now["external_id"], external, "{number}");
        assert_eq!(bob.get(&format!("/media/{}/content", id(item))).await.body, bytes[number], "{number}");
    }
    let size = |numbers: &[usize]| numbers.iter().map(|number| bytes[*number].len()).sum::<usize>();
    let held = root.get(&path_of(&bob)).await.expect(200)["usage"].clone();
    let wanted = json!({ "items": 5, "bytes": size(&[0, 0, 1, 1, 2]), "trash_items": 1, "trash_bytes": size(&[3]) });
    assert_eq!(held, wanted);
    must_be_sound(&server).await;
    // The old bytes go by the timetable; each content is stored once.
    server.clock().advance(Duration::from_secs(3_600));
    server.app().run_scheduled(Work::DeadBlobs).await.unwrap();
    assert_eq!(server.stored_files().len(), 4);
    must_be_sound(&server).await;
});

on_both!(a_receiver_is_checked_first, |server| async move {
    let root = administrator(&server, "root").await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    ann.upload("a.bin", &files::noise(1, 1_000)).await;
    bob.upload("b.bin", &files::noise(2, 500)).await;
    let to = |who: &str| format!("{}?transfer_to={who}", path_of(&ann));
    root.delete(&to("bob")).await.error_on(400, "validation_error", &["transfer_to"]);
    root.delete(&to(&ann.id)).await.error_on(400, "validation_error", &["transfer_to"]);
    root.delete(&to("user_01h455vb4pex5vsknk084sn02q")).await.error_on(400, "validation_error", &["transfer_to"]);
    root.patch(&path_of(&bob), json!({ "disabled": true })).await.expect(200);
    root.delete(&to(&bob.id)).await.error_on(400, "validation_error", &["transfer_to"]);
    root.patch(&path_of(&bob), json!({ "disabled": false, "quota_bytes": 1_499 })).await.expect(200);
    let full = root.delete(&to(&bob.id)).await;
    full.error_on(507, "quota_exceeded", &[]);
    assert_eq!(ann.get("/media").await.meta()["pagination"]["total"], 1, "nothing was done");
    root.patch(&path_of(&bob), json!({ "quota_bytes": 1_500 })).await.expect(200);
    root.delete(&to(&bob.id)).await.expect(204);
    gone(&root, &ann.id).await;
    must_be_sound(&server).await;
});
