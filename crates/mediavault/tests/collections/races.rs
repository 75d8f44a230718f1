//! Fifty at once: exactly one wins, kept numbers stay exact (reliability section 4, row 30).

use std::collections::BTreeMap;

use futures_util::future::join_all;
use mv_testkit::Answer;

use super::*;

/// Enough connections that PostgreSQL runs many transactions at a time.
fn crowded() -> Options {
    Options::with("database.connections", 16)
}

/// How often each status came.
fn statuses(answers: &[Answer]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer.status).or_default() += 1;
    }
    counts
}

fn counts<const N: usize>(wanted: [(u16, usize); N]) -> BTreeMap<u16, usize> {
    BTreeMap::from(wanted)
}

on_both!(one_address_makes_one_account, crowded(), |server| async move {
    let nobody = server.anonymous();
    let spellings = ["same@example.com", "SAME@example.com", "Same@Example.COM"];
    // Thirty hashes may wait; more would be told to come back, which is another test's.
    let tries = (0..30).map(|number| {
        let body = json!({ "email": spellings[number % 3], "password": mv_testkit::client::PASSWORD });
        let nobody = nobody.clone();
        async move { nobody.post("/auth/register", body).await }
    });
    let answers = join_all(tries).await;
    assert_eq!(statuses(&answers), counts([(201, 1), (409, 29)]));
    for refused in answers.iter().filter(|answer| answer.status == 409) {
        refused.error_on(409, "conflict", &["email"]);
    }
    let registered = server.events().await.into_iter().filter(|(kind, ..)| kind == "user.registered").count();
    assert_eq!(registered, 1);
    must_be_sound(&server, "after one address").await;
});

on_both!(a_quota_is_never_passed, crowded().and("limits.default_quota_bytes", 10_500), |server| async move {
    let alice = server.user("alice").await;
    let uploads = (0..50_u64).map(|number| {
        let alice = alice.clone();
        async move { alice.try_upload("", "a.bin", &files::noise(number + 1, 1000), &[]).await }
    });
    let answers = join_all(uploads).await;
    assert_eq!(statuses(&answers), counts([(201, 10), (507, 40)]));
    assert!(
        answers
            .iter()
            .filter(|answer| answer.status == 507)
            .all(|answer| answer.json()["error"]["code"] == "quota_exceeded")
    );
    assert_eq!(server.stored_files().len(), 10, "what was refused leaves no file");
    must_be_sound(&server, "at the quota's edge").await;
    let ids = ids_in(&alice.get("/media").await.expect(200));
    alice.delete(&format!("/media/{}", ids[0])).await.expect(204);
    assert_eq!(alice.try_upload("", "b.bin", &[0; 1000], &[]).await.status, 507, "the trash counts");
    alice.delete(&format!("/media/{}?permanent=true", ids[0])).await.expect(204);
    assert_eq!(alice.try_upload("", "b.bin", &[0; 1501], &[]).await.status, 507, "one byte too many");
    assert_eq!(alice.try_upload("", "b.bin", &[0; 1500], &[]).await.status, 201, "to the last byte");
});

on_both!(the_same_bytes_are_stored_once, crowded(), |server| async move {
    let alice = server.user("alice").await;
    let bytes = files::noise(7, 5000);
    let upload = async |query: &str| {
        let uploads = (0..50).map(|_| alice.try_upload(query, "a.bin", &bytes, &[]));
        statuses(&join_all(uploads).await)
    };
    assert_eq!(upload("?on_duplicate=existing").await, counts([(200, 49), (201, 1)]));
    assert_eq!(alice.get("/media").await.meta()["pagination"]["total"], json!(1));
    assert_eq!(upload("").await, counts([(201, 50)]));
    assert_eq!(alice.get("/media").await.meta()["pagination"]["total"], json!(51));
    assert_eq!(server.stored_files().len(), 1);
    must_be_sound(&server, "after the same bytes").await;
});

on_both!(a_key_makes_one_item, crowded(), |server| async move {
    let alice = server.user("alice").await;
    let uploads = (0..50).map(|_| alice.upload_raw("", files::noise(9, 3000), &[("idempotency-key", "k1")]));
    let answers = join_all(uploads).await;
    let made: Vec<String> =
        answers.iter().filter(|answer| answer.status == 201).map(|answer| id_of(&answer.json()["data"])).collect();
    assert!(!made.is_empty() && made.iter().all(|id| *id == made[0]), "{made:?}");
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        refused.error_on(409, "conflict", &["Idempotency-Key"]);
    }
    assert_eq!(alice.get("/media").await.meta()["pagination"]["total"], json!(1));
    assert_eq!(server.stored_files().len(), 1);
    must_be_sound(&server, "after one key").await;
});

on_both!(into_the_trash_and_back, crowded(), |server| async move {
    let alice = server.user("alice").await;
    let bytes = files::noise(3, 500);
    let id = id_of(&alice.try_upload("", "a.bin", &bytes, &[("tags", "lake")]).await.expect(201));
    let (first, second) =
        (filled(&alice, std::slice::from_ref(&id)).await, filled(&alice, std::slice::from_ref(&id)).await);
    let requests = (0..50).map(|number| {
        let (alice, path) = (alice.clone(), format!("/media/{id}"));
        async move {
            if number % 2 == 0 { alice.delete(&path).await } else { alice.post_empty(&format!("{path}/restore")).await }
        }
    });
    assert_eq!(statuses(&join_all(requests).await), counts([(200, 25), (204, 25)]));
    let told = server.events_of(&id).await;
    let of = |wanted: &str| told.iter().filter(|kind| *kind == wanted).count();
    let item = alice.get(&format!("/media/{id}")).await.expect(200);
    let live = usize::from(item["deleted_at"].is_null());
    assert_eq!(of("media.deleted") - of("media.restored"), 1 - live, "{told:?}");
    assert_eq!(item["version"].as_u64().unwrap(), told.len() as u64, "each change is one version");
    for collection in [&first, &second] {
        assert_eq!(shown(&alice, collection).await["media_count"], json!(live));
        assert_eq!(contents(&alice, collection).await.len(), live);
    }
    must_be_sound(&server, "after trash and back").await;

    let requests = (0..50).map(|number| {
        let (alice, path) = (alice.clone(), format!("/media/{id}"));
        async move {
            match number % 2 {
                0 => alice.delete(&format!("{path}?permanent=true")).await,
                _ => alice.post_empty(&format!("{path}/restore")).await,
            }
        }
    });
    let counted = statuses(&join_all(requests).await);
    assert_eq!(counted[&204], 1, "deleted for good once: {counted:?}");
    assert!(counted.keys().all(|status| [200, 204, 404].contains(status)), "{counted:?}");
    assert_eq!(
        (contents(&alice, &first).await.len(), shown(&alice, &second).await["media_count"].clone()),
        (0, json!(0))
    );
    must_be_sound(&server, "after it went for good").await;
});

on_both!(put_in_once_and_taken_out_once, crowded(), |server| async move {
    let alice = server.user("alice").await;
    let ids = items(&alice, 3).await;
    let id = filled(&alice, &ids[1..]).await;
    let path = format!("/collections/{id}/media");
    let adds = join_all((0..50).map(|_| alice.post(&path, json!({ "media_ids": [ids[1], ids[0]] })))).await;
    let added: u64 = adds.iter().map(|answer| answer.clone().expect(200)["added"].as_u64().unwrap()).sum();
    assert_eq!(added, 1);
    assert_eq!(shown(&alice, &id).await["media_count"], json!(3));
    assert_eq!(server.events_of(&id).await, ["collection.created", "collection.media_added", "collection.media_added"]);
    let one = format!("{path}/{}", ids[0]);
    let removals = join_all((0..50).map(|_| alice.delete(&one))).await;
    assert_eq!(statuses(&removals), counts([(204, 1), (404, 49)]));
    assert_eq!(contents(&alice, &id).await, ids[1..]);
    must_be_sound(&server, "after putting in and taking out").await;
});

on_both!(one_edit_wins_a_version, crowded(), |server| async move {
    let alice = server.user("alice").await;
    let item = item(&alice, 1).await;
    let collection = collection(&alice, "c").await;
    for (path, member) in [(format!("/media/{item}"), "title"), (format!("/collections/{collection}"), "name")] {
        let tag = alice.get(&path).await.header("etag").to_owned();
        let edits = (0..50).map(|number| {
            let body = json!({ member: format!("edit {number}") });
            alice.send(alice.request(reqwest::Method::PATCH, &path).header("if-match", &tag).json(&body))
        });
        let answers = join_all(edits).await;
        assert_eq!(statuses(&answers), counts([(200, 1), (412, 49)]), "{path}");
        let won = answers.iter().find(|answer| answer.status == 200).unwrap().expect(200)[member].clone();
        assert_eq!(alice.get(&path).await.expect(200)[member], won, "{path}");
    }
    assert_eq!(server.events_of(&item).await, ["media.uploaded", "media.updated"]);
    assert_eq!(server.events_of(&collection).await, ["collection.created", "collection.updated"]);
});

on_both!(what_is_put_in_while_it_goes_is_not_seen, crowded(), |server| async move {
    let alice = server.user("alice").await;
    let id = collection(&alice, "c").await;
    let path = format!("/collections/{id}/media");
    for round in 0..6_u64 {
        let numbers: Vec<u64> = (0..8).map(|number| round * 8 + number).collect();
        let ids = join_all(numbers.iter().map(|number| item(&alice, *number))).await;
        let query = if round % 2 == 0 { "" } else { "?permanent=true" };
        let (alice, path) = (&alice, &path);
        let adds = ids.iter().map(|item| async move { alice.post(path, json!({ "media_id": item })).await.status });
        let removals =
            ids.iter().map(|item| async move { alice.delete(&format!("/media/{item}{query}")).await.status });
        let (added, removed) = tokio::join!(join_all(adds), join_all(removals));
        assert_eq!(removed, [204; 8], "round {round}");
        assert!(added.iter().all(|status| [200, 400].contains(status)), "round {round}: {added:?}");
        assert_eq!(contents(alice, &id).await, [""; 0], "round {round}: nothing that is in the trash is seen");
        assert_eq!(shown(alice, &id).await["media_count"], json!(0), "round {round}");
        must_be_sound(&server, &format!("after round {round}")).await;
    }
});

on_both!(moves_at_once_lose_nothing, crowded(), |server| async move {
    let alice = server.user("alice").await;
    let ids = items(&alice, 8).await;
    let id = filled(&alice, &ids).await;
    let path = format!("/collections/{id}/order");
    let moves = (0..50_usize).map(|number| {
        let (item, after) = (&ids[number % 8], &ids[(number * 3 + 1) % 8]);
        let after = (item != after).then_some(after);
        alice.patch(&path, json!({ "media_id": item, "after": after }))
    });
    assert_eq!(statuses(&join_all(moves).await), counts([(204, 50)]));
    let mut left = contents(&alice, &id).await;
    left.sort_unstable();
    assert_eq!(left, ids);
    must_be_sound(&server, "after moves").await;
});

on_both!(bytes_that_come_back_while_they_go_stay, crowded(), |server| async move {
    let mut alice = server.user("alice").await;
    let bytes = files::noise(11, 700);
    let mut id = id_of(&alice.upload("a.bin", &bytes).await);
    for round in 0..5 {
        let path = format!("/media/{id}?permanent=true");
        let uploads = join_all((0..4).map(|_| alice.upload("a.bin", &bytes)));
        let (gone, made) = tokio::join!(alice.delete(&path), uploads);
        gone.expect(204);
        server.clock().advance(std::time::Duration::from_secs(16 * 60));
        server.app().run_scheduled(mv_app::jobs::schedule::Work::DeadBlobs).await.unwrap();
        if round % 2 == 0 {
            alice.log_in(mv_testkit::client::PASSWORD).await;
        }
        let mut made: Vec<String> = made.iter().map(id_of).collect();
        for item in &made {
            assert_eq!(alice.get(&format!("/media/{item}/content")).await.body, bytes, "round {round}");
        }
        id = made.pop().unwrap();
        for item in made {
            alice.delete(&format!("/media/{item}?permanent=true")).await.expect(204);
        }
        must_be_sound(&server, &format!("after round {round}")).await;
    }
    assert_eq!(server.stored_files().len(), 1);
});
