//! What is in a collection: put in, taken out, listed, and what happens to it with its items.

use super::*;

on_both!(adds_all_or_nothing, |server| async move {
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let ids = items(&alice, 5).await;
    let foreign = item(&bob, 50).await;
    alice.delete(&format!("/media/{}", ids[4])).await.expect(204);
    let id = filled(&alice, &ids[..1]).await;
    let path = format!("/collections/{id}/media");
    let before = (shown(&alice, &id).await, server.events().await.len());
    let many: Vec<String> = (0..1001).map(random_item).collect();
    let mut late = many[..1000].to_vec();
    late[999] = "x".to_owned();
    let bad = [
        ("nothing", json!({}), vec!["media_ids"]),
        ("both", json!({ "media_id": ids[1], "media_ids": [ids[1]] }), vec!["media_ids"]),
        ("null", json!({ "media_ids": null }), vec!["media_ids"]),
        ("none", json!({ "media_ids": [] }), vec!["media_ids"]),
        ("one too many", json!({ "media_ids": many }), vec!["media_ids"]),
        ("a string", json!({ "media_ids": ids[1] }), vec!["media_ids"]),
        ("a number among them", json!({ "media_ids": [ids[1], 7] }), vec!["media_ids[1]"]),
        ("no id", json!({ "media_ids": [ids[1], "lake.jpg", ids[2], ""] }), vec!["media_ids[1]", "media_ids[3]"]),
        ("an id of another kind", json!({ "media_ids": [id] }), vec!["media_ids[0]"]),
        ("the last of 1000 is no id", json!({ "media_ids": late }), vec!["media_ids[999]"]),
        ("a foreign one", json!({ "media_ids": [ids[1], foreign, ids[2]] }), vec!["media_ids[1]"]),
        ("one that is not there", json!({ "media_ids": [random_item(1), ids[1], ids[2]] }), vec!["media_ids[0]"]),
        ("one in the trash", json!({ "media_ids": [ids[1], ids[2], ids[4]] }), vec!["media_ids[2]"]),
        (
            "a foreign one twice",
            json!({ "media_ids": [foreign, ids[1], foreign] }),
            vec!["media_ids[0]", "media_ids[2]"],
        ),
        ("a single one that is no id", json!({ "media_id": "x" }), vec!["media_id"]),
        ("a single foreign one", json!({ "media_id": foreign }), vec!["media_id"]),
        ("an unknown member", json!({ "media_ids": [ids[1]], "position": 1 }), vec!["position"]),
    ];
    for (what, body, fields) in bad {
        assert_eq!(alice.post(&path, body).await.error(400, "validation_error"), fields, "adding {what}");
    }
    let answer = alice.post(&path, json!({ "media_ids": [foreign] })).await;
    let random = alice.post(&path, json!({ "media_ids": [random_item(2)] })).await;
    assert_eq!(answer.json()["error"], random.json()["error"], "a foreign item is like none at all");
    assert_eq!((shown(&alice, &id).await, server.events().await.len()), before, "refused requests change nothing");
    assert_eq!(contents(&alice, &id).await, ids[..1]);
});

on_both!(adds_each_once_at_the_end, |server| async move {
    let alice = server.user("alice").await;
    let ids = items(&alice, 5).await;
    let id = collection(&alice, "c").await;
    let path = format!("/collections/{id}/media");
    let add = async |body: Value| alice.post(&path, body).await.expect(200);
    assert_eq!(add(json!({ "media_id": ids[3] })).await, json!({ "added": 1, "already_present": 0 }), "one");
    let doubled = json!({ "media_ids": [ids[1], ids[0], ids[1], ids[3]] });
    assert_eq!(add(doubled).await, json!({ "added": 2, "already_present": 1 }), "doubles count once");
    assert_eq!(contents(&alice, &id).await, [&ids[3], &ids[1], &ids[0]].map(Clone::clone));
    let tag = version(&alice, &id).await;
    assert_eq!(
        add(json!({ "media_ids": [ids[0], ids[3]] })).await,
        json!({ "added": 0, "already_present": 2 }),
        "all there"
    );
    assert_eq!(version(&alice, &id).await, tag, "nothing new is no new version");
    assert_eq!(
        add(json!({ "media_ids": [ids[4], ids[0], ids[2]] })).await,
        json!({ "added": 2, "already_present": 1 })
    );
    let want = [&ids[3], &ids[1], &ids[0], &ids[4], &ids[2]].map(Clone::clone);
    assert_eq!(contents(&alice, &id).await, want, "what is there keeps its place");
    assert_eq!(shown(&alice, &id).await["media_count"], json!(5));
    let kinds = server.events_of(&id).await;
    assert_eq!(
        kinds,
        ["collection.created", "collection.media_added", "collection.media_added", "collection.media_added"]
    );
    let told: Vec<Value> = server
        .events()
        .await
        .into_iter()
        .filter(|(kind, ..)| kind == "collection.media_added")
        .map(|(.., data)| data)
        .collect();
    assert_eq!(
        told[2],
        json!({ "id": id, "type": "collection", "user_id": alice.id, "media_ids": [ids[4], ids[2]] }),
        "only new ones"
    );
});

on_both!(takes_out, |server| async move {
    let alice = server.user("alice").await;
    let ids = items(&alice, 3).await;
    let id = filled(&alice, &ids).await;
    let other = filled(&alice, &ids).await;
    let path = format!("/collections/{id}/media");
    alice.delete(&format!("{path}/{}", ids[1])).await.expect(204);
    assert_eq!(contents(&alice, &id).await, [ids[0].clone(), ids[2].clone()]);
    assert_eq!(shown(&alice, &id).await["media_count"], json!(2));
    assert_eq!(contents(&alice, &other).await, ids, "another collection keeps it");
    alice.get(&format!("/media/{}", ids[1])).await.expect(200);
    let before = (version(&alice, &id).await, server.events().await.len());
    alice.delete(&format!("{path}/{}", ids[1])).await.error_on(404, "not_found", &[]);
    alice.delete(&format!("{path}/{}", random_item(1))).await.error_on(404, "not_found", &[]);
    alice.delete(&format!("{path}/x")).await.error_on(400, "validation_error", &["media_id"]);
    alice.delete(&format!("/collections/{}/media/{}", random_collection(), ids[0])).await.error_on(
        404,
        "not_found",
        &[],
    );
    assert_eq!((version(&alice, &id).await, server.events().await.len()), before);
    let told = server.events().await.pop().unwrap();
    assert_eq!((told.0.as_str(), &told.2["media_ids"]), ("collection.media_removed", &json!([ids[1]])));
    alice.post(&path, json!({ "media_id": ids[1] })).await.expect(200);
    assert_eq!(
        contents(&alice, &id).await,
        [&ids[0], &ids[2], &ids[1]].map(Clone::clone),
        "put in again it is the last"
    );
    alice.delete(&format!("/media/{}", ids[0])).await.expect(204);
    alice.delete(&format!("{path}/{}", ids[0])).await.expect(204);
    alice.post_empty(&format!("/media/{}/restore", ids[0])).await.expect(200);
    assert_eq!(
        contents(&alice, &id).await,
        [ids[2].clone(), ids[1].clone()],
        "taken out while in the trash, it does not come back"
    );
    must_be_sound(&server, "after taking out").await;
});

on_both!(lists_in_its_order_page_by_page, |server| async move {
    let alice = server.user("alice").await;
    let mut ids = items(&alice, 11).await;
    ids.reverse();
    let id = filled(&alice, &ids).await;
    alice.delete(&format!("/media/{}", ids.remove(4))).await.expect(204);
    let path = format!("/collections/{id}/media");
    for per_page in 1..=12_usize {
        let pages = ids.chunks(per_page);
        let count = pages.len();
        for (index, want) in pages.enumerate() {
            let answer = alice.get(&format!("{path}?per_page={per_page}&page={}", index + 1)).await;
            assert_eq!(ids_in(&answer.expect(200)), want, "page {} of {per_page}", index + 1);
            let pagination = answer.meta()["pagination"].clone();
            assert_eq!((&pagination["total"], &pagination["total_pages"]), (&json!(10), &json!(count)));
            assert_eq!(pagination["links"]["next"].is_null(), index + 1 == count, "{pagination}");
            assert_eq!(pagination["next_cursor"].is_null(), index + 1 == count, "{pagination}");
        }
        let (mut next, mut found) = (Some(format!("{path}?per_page={per_page}")), Vec::new());
        while let Some(page) = next {
            let answer = alice.get(&page).await;
            found.extend(ids_in(&answer.expect(200)));
            let cursor = answer.meta()["pagination"]["next_cursor"].as_str().map(str::to_owned);
            next = cursor.map(|cursor| format!("{path}?per_page={per_page}&cursor={cursor}"));
        }
        assert_eq!(found, ids, "by cursor, {per_page} a page");
    }
    assert_eq!(ids_in(&alice.get(&format!("{path}?page=3")).await.expect(200)), [""; 0], "behind the end");
    let bad = [
        ("page=0", "page"),
        ("per_page=101", "per_page"),
        ("cursor=AAAA", "cursor"),
        ("sort=size", "sort"),
        ("role=owner", "role"),
    ];
    for (query, field) in bad {
        alice.get(&format!("{path}?{query}")).await.error_on(400, "validation_error", &[field]);
    }
    let other = filled(&alice, &ids).await;
    let cursor =
        alice.get(&format!("{path}?per_page=1")).await.meta()["pagination"]["next_cursor"].as_str().unwrap().to_owned();
    alice.get(&format!("/collections/{other}/media?cursor={cursor}")).await.error_on(
        400,
        "validation_error",
        &["cursor"],
    );
});

on_both!(follows_its_items_into_the_trash_and_back, |server| async move {
    let alice = server.user("alice").await;
    let ids = items(&alice, 3).await;
    let (id, other) = (filled(&alice, &ids).await, filled(&alice, &ids[1..2]).await);
    let tag = version(&alice, &id).await;
    alice.delete(&format!("/media/{}", ids[1])).await.expect(204);
    assert_eq!(contents(&alice, &id).await, [ids[0].clone(), ids[2].clone()], "hidden");
    assert_eq!(
        (&shown(&alice, &id).await["media_count"], &shown(&alice, &other).await["media_count"]),
        (&json!(2), &json!(0))
    );
    assert_ne!(version(&alice, &id).await, tag, "another count is another representation");
    assert_eq!(ids_in(&alice.get(&format!("/media?collection_id={id}")).await.expect(200)).len(), 2);
    let trashed = alice.get(&format!("/media?collection_id={id}&trashed=true")).await;
    assert_eq!(ids_in(&trashed.expect(200)), ids[1..2], "the trash too can be asked by collection");
    must_be_sound(&server, "with an item in the trash").await;

    alice.delete(&format!("/media/{}", ids[1])).await.expect(204);
    assert_eq!(shown(&alice, &id).await["media_count"], json!(2), "twice into the trash counts once");
    alice.post_empty(&format!("/media/{}/restore", ids[1])).await.expect(200);
    alice.post_empty(&format!("/media/{}/restore", ids[1])).await.expect(200);
    assert_eq!(contents(&alice, &id).await, ids, "back in its place");
    assert_eq!(
        (&shown(&alice, &id).await["media_count"], &shown(&alice, &other).await["media_count"]),
        (&json!(3), &json!(1))
    );

    alice.delete(&format!("/media/{}", ids[0])).await.expect(204);
    alice.delete(&format!("/collections/{other}/media/{}", ids[0])).await.error_on(404, "not_found", &[]);
    let again = alice.post(&format!("/collections/{id}/media"), json!({ "media_id": ids[0] })).await;
    again.error_on(400, "validation_error", &["media_id"]);
    alice.delete(&format!("/media/{}?permanent=true", ids[0])).await.expect(204);
    alice.delete(&format!("/media/{}?permanent=true", ids[2])).await.expect(204);
    assert_eq!(contents(&alice, &id).await, ids[1..2], "gone for good");
    assert_eq!(shown(&alice, &id).await["media_count"], json!(1));
    alice.delete(&format!("/media/{}", ids[1])).await.expect(204);
    alice.delete("/media/trash").await;
    assert_eq!(
        (contents(&alice, &id).await.len(), contents(&alice, &other).await.len()),
        (0, 0),
        "the trash was emptied"
    );
    must_be_sound(&server, "with nothing left").await;
});

on_both!(deleting_a_collection_leaves_its_items, |server| async move {
    let alice = server.user("alice").await;
    let ids = items(&alice, 3).await;
    let (id, other) = (filled(&alice, &ids).await, filled(&alice, &ids[..2]).await);
    alice.delete(&format!("/media/{}", ids[2])).await.expect(204);
    alice.delete(&format!("/collections/{id}")).await.expect(204);
    assert_eq!(contents(&alice, &other).await, ids[..2]);
    for item in &ids {
        alice.get(&format!("/media/{item}")).await.expect(200);
    }
    alice.post_empty(&format!("/media/{}/restore", ids[2])).await.expect(200);
    assert_eq!(ids_in(&alice.get(&format!("/media?collection_id={id}")).await.expect(200)), [""; 0]);
    must_be_sound(&server, "after the collection went").await;
});

on_both!(uploads_right_into_a_collection, |server| async move {
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let id = collection(&alice, "c").await;
    let theirs = collection(&bob, "c").await;
    let first = id_of(&alice.try_upload("", "a.bin", b"aaa", &[("collection_id", &id)]).await.expect(201));
    let second = id_of(&alice.try_upload("", "b.bin", b"bbb", &[(">collection_id", &id)]).await.expect(201));
    let third = id_of(&alice.upload_raw(&format!("?collection_id={id}"), &b"ccc"[..], &[]).await.expect(201));
    assert_eq!(contents(&alice, &id).await, [first.clone(), second, third]);
    assert_eq!(shown(&alice, &id).await["media_count"], json!(3));
    assert_eq!(
        ids_in(&alice.get(&format!("/media?collection_id={id}&sort=created_at&per_page=1")).await.expect(200)),
        [first]
    );
    assert_eq!(server.events_of(&id).await[1..], ["collection.media_added"; 3]);

    let (stored, events) = (server.stored_files().len(), server.events().await.len());
    let random = random_collection();
    for (what, bad) in [
        ("a foreign one", theirs.as_str()),
        ("none at all", &random),
        ("no id", "x"),
        ("an item's id", &random_item(1)),
        ("", ""),
    ] {
        let form = alice.try_upload("", "d.bin", b"ddd", &[("collection_id", bad)]).await;
        assert_eq!(form.error(400, "validation_error"), ["collection_id"], "by form into {what}");
        let late = alice.try_upload("", "d.bin", b"ddd", &[(">collection_id", bad)]).await;
        assert_eq!(late.error(400, "validation_error"), ["collection_id"], "named behind the file, into {what}");
        let raw = alice.upload_raw(&format!("?collection_id={bad}"), &b"ddd"[..], &[]).await;
        assert_eq!(raw.error(400, "validation_error"), ["collection_id"], "as the body, into {what}");
    }
    assert_eq!((server.stored_files().len(), server.events().await.len()), (stored, events), "nothing is stored");
    assert_eq!(alice.get("/media").await.meta()["pagination"]["total"], json!(3));
    must_be_sound(&server, "after refused uploads").await;
});

on_both!(filters_the_library_by_collection, |server| async move {
    let alice = server.user("alice").await;
    let mut ids = Vec::new();
    for (number, tag) in ["lake", "town", "lake", "lake"].into_iter().enumerate() {
        let bytes = files::noise(number as u64 + 1, 100 - number * 10);
        ids.push(id_of(&alice.try_upload("", &format!("{number}.bin"), &bytes, &[("tags", tag)]).await.expect(201)));
    }
    let id = filled(&alice, &[ids[2].clone(), ids[0].clone(), ids[1].clone()]).await;
    let cases = [
        ("", vec![2, 1, 0]),
        ("&sort=created_at", vec![0, 1, 2]),
        ("&sort=size", vec![2, 1, 0]),
        ("&sort=-filename", vec![2, 1, 0]),
        ("&tag=LAKE", vec![2, 0]),
        ("&tag=lake&max_size=90", vec![2]),
        ("&type=image", vec![]),
        ("&page=2&per_page=2", vec![0]),
    ];
    for (query, want) in cases {
        let want: Vec<String> = want.into_iter().map(|place: usize| ids[place].clone()).collect();
        let answer = alice.get(&format!("/media?collection_id={id}{query}")).await;
        assert_eq!(ids_in(&answer.expect(200)), want, "{query}");
    }
    for bad in ["x", "", "media_01h455vb4pex5vsknk084sn02q"] {
        alice.get(&format!("/media?collection_id={bad}")).await.error_on(400, "validation_error", &["collection_id"]);
    }
});

on_both!(takes_a_thousand_at_once, |server| async move {
    let alice = server.user("alice").await;
    let mut ids = Vec::new();
    for round in 0..20_u64 {
        let uploads = (0..50).map(|number| item(&alice, round * 50 + number));
        ids.extend(futures_util::future::join_all(uploads).await);
    }
    let id = collection(&alice, "large").await;
    let path = format!("/collections/{id}/media");
    assert_eq!(alice.post(&path, json!({ "media_ids": ids })).await.expect(200)["added"], json!(1000));
    assert_eq!(alice.post(&path, json!({ "media_ids": ids })).await.expect(200)["already_present"], json!(1000));
    ids.reverse();
    alice.put(&format!("/collections/{id}/order"), json!({ "media_ids": ids })).await.expect(204);
    for page in [1, 2, 5, 6, 9, 10] {
        let answer = alice.get(&format!("{path}?per_page=100&page={page}")).await;
        assert_eq!(ids_in(&answer.expect(200)), ids[(page - 1) * 100..page * 100], "page {page}");
    }
    let extra = item(&alice, 5000).await;
    alice.post(&path, json!({ "media_id": extra })).await.expect(200);
    ids.push(extra.clone());
    let answer = alice.put(&format!("/collections/{id}/order"), json!({ "media_ids": ids })).await;
    answer.error_on(400, "validation_error", &["media_ids"]);
    let few = alice.put(&format!("/collections/{id}/order"), json!({ "media_ids": ids[..1000] })).await;
    few.error_on(400, "validation_error", &["media_ids"]);
    alice.patch(&format!("/collections/{id}/order"), json!({ "media_id": extra })).await.expect(204);
    assert_eq!(contents(&alice, &id).await[0], extra, "one by one still");
});
