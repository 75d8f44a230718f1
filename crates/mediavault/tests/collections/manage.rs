//! Collections themselves: made, listed, shown, changed, deleted.

use super::*;

on_both!(bad_requests_change_nothing, |server| async move {
    let alice = server.user("alice").await;
    let id = collection(&alice, "kept").await;
    let (before, events) = (shown(&alice, &id).await, server.events().await.len());
    let long = "x".repeat(256);
    let creations = [
        ("no members", json!({}), vec!["name"]),
        ("not an object", json!([]), vec!["body"]),
        ("a list of the values", json!(["name", null]), vec!["body"]),
        ("a string", json!("name"), vec!["body"]),
        ("null", json!(null), vec!["body"]),
        ("an empty name", json!({ "name": "" }), vec!["name"]),
        ("a blank name", json!({ "name": " \t " }), vec!["name"]),
        ("a null name", json!({ "name": null }), vec!["name"]),
        ("a number as name", json!({ "name": 7 }), vec!["name"]),
        ("a list as name", json!({ "name": ["a"] }), vec!["name"]),
        ("a long name", json!({ "name": long }), vec!["name"]),
        ("a line break in the name", json!({ "name": "a\nb" }), vec!["name"]),
        ("U+0000 in the name", json!({ "name": "a\u{0}b" }), vec!["name"]),
        ("U+0000 in the description", json!({ "name": "a", "description": "a\u{0}b" }), vec!["description"]),
        ("a long description", json!({ "name": "a", "description": "x".repeat(10_001) }), vec!["description"]),
        ("a number as description", json!({ "name": "a", "description": 1 }), vec!["description"]),
        ("two bad members", json!({ "name": "", "description": "x".repeat(10_001) }), vec!["name", "description"]),
        (
            "members that are the server's",
            json!({ "name": "a", "id": id, "owner_id": alice.id }),
            vec!["id", "owner_id"],
        ),
        ("a count", json!({ "name": "a", "media_count": 3 }), vec!["media_count"]),
        ("a cover at birth", json!({ "name": "a", "cover_media_id": null }), vec!["cover_media_id"]),
    ];
    for (what, body, fields) in creations {
        let mut named = alice.post("/collections", body).await.error(400, "validation_error");
        named.sort_unstable_by_key(|name| fields.iter().position(|field| field == name));
        assert_eq!(named, fields, "making a collection with {what}");
    }
    let changes = [
        ("a null name", json!({ "name": null }), "name"),
        ("an empty name", json!({ "name": "  " }), "name"),
        ("a long name", json!({ "name": "x".repeat(256) }), "name"),
        ("a boolean as name", json!({ "name": true }), "name"),
        ("a long description", json!({ "description": "x".repeat(10_001) }), "description"),
        ("a cover that is no id", json!({ "cover_media_id": "lake.jpg" }), "cover_media_id"),
        ("a cover of another kind", json!({ "cover_media_id": id }), "cover_media_id"),
        ("a cover that is not there", json!({ "cover_media_id": random_item(1) }), "cover_media_id"),
        ("a number as cover", json!({ "cover_media_id": 5 }), "cover_media_id"),
        ("a role", json!({ "role": "viewer" }), "role"),
        ("an owner", json!({ "owner_id": alice.id }), "owner_id"),
        ("a list", json!([]), "body"),
    ];
    for (what, body, field) in changes {
        let answer = alice.patch(&format!("/collections/{id}"), body).await;
        assert_eq!(answer.error(400, "validation_error"), [field], "changing a collection to {what}");
    }
    let lists = [
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=one", "page"),
        ("per_page=0", "per_page"),
        ("per_page=101", "per_page"),
        ("per_page=", "per_page"),
        ("page=1&page=2", "page"),
        ("role=editor", "role"),
        ("role=", "role"),
        ("sort=name", "sort"),
        ("cursor=", "cursor"),
        ("cursor=AAAA", "cursor"),
        ("cursor=%2e%2e", "cursor"),
    ];
    for (query, field) in lists {
        let answer = alice.get(&format!("/collections?{query}")).await;
        assert_eq!(answer.error(400, "validation_error"), [field], "listing collections with {query}");
    }
    for bad in [
        "x",
        "media_01h455vb4pex5vsknk084sn02q",
        "col_",
        "col_01h455vb4pex5vsknk084sn02",
        "COL_01h455vb4pex5vsknk084sn02q",
    ] {
        let answer = alice.get(&format!("/collections/{bad}")).await;
        assert_eq!(answer.error(400, "validation_error"), ["id"], "showing {bad}");
    }
    let unread = alice
        .send(alice.request(reqwest::Method::POST, "/collections").header("content-type", "text/plain").body("{}"))
        .await;
    unread.error_on(415, "unsupported_media_type", &[]);
    assert_eq!(shown(&alice, &id).await, before);
    assert_eq!(server.events().await.len(), events, "refused requests record no event");
});

on_both!(lives_from_making_to_deleting, |server| async move {
    let alice = server.user("alice").await;
    let made = alice.post("/collections", json!({ "name": "  Summer ☀ ", "description": "Two\nweeks" })).await;
    let location = made.header("location").to_owned();
    let made = made.expect(201);
    let id = id_of(&made);
    assert_eq!(location, format!("/api/v1/collections/{id}"));
    assert_eq!((&made["name"], &made["description"]), (&json!("Summer ☀"), &json!("Two\nweeks")));
    assert_eq!((&made["owner_id"], &made["role"]), (&json!(alice.id), &json!("owner")));
    assert_eq!((&made["media_count"], &made["cover_media_id"]), (&json!(0), &json!(null)));
    assert_eq!(made["created_at"], made["updated_at"]);
    assert_eq!(shown(&alice, &id).await, made);

    server.clock().advance(std::time::Duration::from_secs(5));
    let path = format!("/collections/{id}");
    let changed = alice.patch(&path, json!({ "name": "Autumn", "description": null })).await.expect(200);
    assert_eq!((&changed["name"], &changed["description"]), (&json!("Autumn"), &json!(null)));
    assert!(changed["updated_at"].as_str() > made["updated_at"].as_str(), "{changed}");
    assert_eq!(changed["created_at"], made["created_at"]);
    let kept = alice.patch(&path, json!({ "description": "again" })).await.expect(200);
    assert_eq!((&kept["name"], &kept["description"]), (&json!("Autumn"), &json!("again")), "what is absent is kept");
    let blank = alice.patch(&path, json!({ "description": " " })).await.expect(200);
    assert_eq!(blank["description"], json!(null), "a blank description is none");

    assert_eq!(alice.delete(&path).await.expect(204), json!(null));
    alice.get(&path).await.error_on(404, "not_found", &[]);
    alice.delete(&path).await.error_on(404, "not_found", &[]);
    let updated = "collection.updated";
    assert_eq!(server.events_of(&id).await, ["collection.created", updated, updated, updated, "collection.deleted"]);
});

on_both!(merge_patches_and_entity_tags, |server| async move {
    let alice = server.user("alice").await;
    let id = collection(&alice, "one").await;
    let path = format!("/collections/{id}");
    let first = version(&alice, &id).await;
    let send = |name: &'static str, tag: String| {
        let request =
            alice.request(reqwest::Method::PATCH, &path).header("content-type", "application/merge-patch+json");
        alice.send(request.header("if-match", tag).body(json!({ "name": name }).to_string()))
    };
    let changed = send("two", first.clone()).await;
    let second = changed.header("etag").to_owned();
    changed.expect(200);
    assert!(first != second && second == version(&alice, &id).await, "{first} {second}");
    for (what, tag) in
        [("an old tag", first.clone()), ("a weak tag", format!("W/{second}")), ("another's tag", "\"999\"".to_owned())]
    {
        let answer = send("lost", tag).await;
        assert_eq!(answer.error(412, "precondition_failed"), ["If-Match"], "{what}");
    }
    assert_eq!(send("lost", "two".to_owned()).await.status, 400, "a tag without quotes");
    send("three", format!("{first}, {second}")).await.expect(200);
    send("four", "*".to_owned()).await.expect(200);
    let before = version(&alice, &id).await;
    assert_eq!(alice.patch(&path, json!({})).await.expect(200)["name"], json!("four"));
    let same = alice.patch(&path, json!({ "name": " four ", "description": null })).await;
    assert_eq!((same.status, same.header("etag")), (200, before.as_str()), "nothing new is no new version");
    let updates = server.events_of(&id).await;
    assert_eq!(updates.iter().filter(|kind| *kind == "collection.updated").count(), 3, "{updates:?}");
});

on_both!(lists_newest_first_by_page_and_by_cursor, |server| async move {
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut made = Vec::new();
    for number in 0..7 {
        made.push(collection(&alice, &format!("c{number}")).await);
    }
    collection(&bob, "bob's").await;
    made.reverse();
    let all = alice.get("/collections").await;
    assert_eq!(ids_in(&all.expect(200)), made);
    let pagination = &all.meta()["pagination"];
    assert_eq!(
        (&pagination["total"], &pagination["total_pages"], &pagination["per_page"]),
        (&json!(7), &json!(1), &json!(20))
    );
    assert_eq!((&pagination["links"]["next"], &pagination["next_cursor"]), (&json!(null), &json!(null)));

    let (mut path, mut found) = ("/collections?per_page=3&role=owner".to_owned(), Vec::new());
    for page in 1..=3 {
        let answer = alice.get(&path).await;
        found.extend(ids_in(&answer.expect(200)));
        let pagination = answer.meta()["pagination"].clone();
        assert_eq!((&pagination["current_page"], &pagination["total"]), (&json!(page), &json!(7)));
        path = pagination["links"]["next"].as_str().unwrap_or_default().to_owned();
        assert_eq!(path.is_empty(), page == 3, "{pagination}");
        assert!(page == 3 || path.contains("role=owner"), "links keep the other members: {path}");
    }
    assert_eq!(found, made);

    let first = alice.get("/collections?per_page=2").await;
    let cursor = first.meta()["pagination"]["next_cursor"].as_str().unwrap().to_owned();
    let late = collection(&alice, "made while paging").await;
    let (mut path, mut found) = (format!("/collections?per_page=2&cursor={cursor}"), ids_in(&first.expect(200)));
    while !path.is_empty() {
        let answer = alice.get(&path).await;
        found.extend(ids_in(&answer.expect(200)));
        path = answer.meta()["pagination"]["links"]["next"].as_str().unwrap_or_default().to_owned();
    }
    assert!(found == made && !found.contains(&late), "a cursor goes on where it was: {found:?}");
    bob.get(&format!("/collections?cursor={cursor}")).await.error_on(400, "validation_error", &["cursor"]);
    alice.get(&format!("/media?cursor={cursor}")).await.error_on(400, "validation_error", &["cursor"]);
    alice.get(&format!("/collections?page=1&cursor={cursor}")).await.error_on(400, "validation_error", &["page"]);
    assert_eq!(ids_in(&alice.get("/collections?page=9").await.expect(200)), [""; 0], "behind the end");
    assert_eq!(alice.get("/collections?page=4294967295&per_page=100").await.status, 200, "far behind the end");
});

on_both!(covers, |server| async move {
    let alice = server.user("alice").await;
    let ids = items(&alice, 4).await;
    let id = filled(&alice, &ids[..3]).await;
    let path = format!("/collections/{id}");
    let cover =
        async |want: &str, when: &str| assert_eq!(shown(&alice, &id).await["cover_media_id"], json!(want), "{when}");
    cover(&ids[0], "the first item by itself").await;

    alice.patch(&path, json!({ "cover_media_id": ids[0] })).await.expect(200);
    alice.patch(&format!("{path}/order"), json!({ "media_id": ids[0], "after": ids[2] })).await.expect(204);
    cover(&ids[0], "chosen while it was the first, now the last").await;
    let tag = version(&alice, &id).await;
    alice.patch(&path, json!({ "cover_media_id": ids[0] })).await.expect(200);
    assert_eq!(version(&alice, &id).await, tag, "the same choice again is no change");

    let changed = alice.patch(&path, json!({ "cover_media_id": ids[2] })).await.expect(200);
    assert_eq!(changed["cover_media_id"], json!(ids[2]), "the answer shows the choice");
    alice.delete(&format!("/media/{}", ids[2])).await.expect(204);
    cover(&ids[1], "the chosen one is in the trash").await;
    alice.post_empty(&format!("/media/{}/restore", ids[2])).await.expect(200);
    cover(&ids[2], "the chosen one is back").await;
    alice.delete(&format!("{path}/media/{}", ids[2])).await.expect(204);
    cover(&ids[1], "the chosen one was taken out").await;

    alice.patch(&path, json!({ "cover_media_id": ids[0] })).await.expect(200);
    cover(&ids[0], "chosen again").await;
    let cleared = alice.patch(&path, json!({ "cover_media_id": null })).await.expect(200);
    assert_eq!(cleared["cover_media_id"], json!(ids[1]), "cleared: the first again");
    let tag = version(&alice, &id).await;
    alice.patch(&path, json!({ "cover_media_id": null })).await.expect(200);
    assert_eq!(version(&alice, &id).await, tag, "clearing no choice is no change");

    alice.patch(&path, json!({ "cover_media_id": ids[0] })).await.expect(200);
    alice.delete(&format!("/media/{}?permanent=true", ids[0])).await.expect(204);
    cover(&ids[1], "the chosen one is gone for good").await;
    alice.delete(&format!("/media/{}", ids[1])).await.expect(204);
    assert_eq!(shown(&alice, &id).await["cover_media_id"], json!(null), "nothing to see is in it");
    for (what, bad) in [("in the trash", &ids[1]), ("not in the collection", &ids[3])] {
        let answer = alice.patch(&path, json!({ "cover_media_id": bad })).await;
        assert_eq!(answer.error(400, "validation_error"), ["cover_media_id"], "a cover that is {what}");
    }
});

on_both!(somebody_elses_is_like_none_at_all, |server| async move {
    let (alice, bob, nobody) = (server.user("alice").await, server.user("bob").await, server.anonymous());
    let ids = items(&alice, 2).await;
    let id = filled(&alice, &ids).await;
    let own = item(&bob, 50).await;
    let before = (shown(&alice, &id).await, contents(&alice, &id).await, server.events().await.len());
    let requests = |collection: &str| {
        let path = format!("/collections/{collection}");
        let bob = &bob;
        [
            bob.request(reqwest::Method::GET, &path),
            bob.request(reqwest::Method::PATCH, &path).json(&json!({ "name": "stolen" })),
            bob.request(reqwest::Method::DELETE, &path),
            bob.request(reqwest::Method::GET, &format!("{path}/media")),
            bob.request(reqwest::Method::POST, &format!("{path}/media")).json(&json!({ "media_id": own })),
            bob.request(reqwest::Method::DELETE, &format!("{path}/media/{}", ids[0])),
            bob.request(reqwest::Method::PUT, &format!("{path}/order")).json(&json!({ "media_ids": ids })),
            bob.request(reqwest::Method::PATCH, &format!("{path}/order")).json(&json!({ "media_id": ids[1] })),
        ]
    };
    for (foreign, random) in requests(&id).into_iter().zip(requests(&random_collection())) {
        let (foreign, random) = (bob.send(foreign).await, bob.send(random).await);
        foreign.error_on(404, "not_found", &[]);
        assert_eq!(foreign.json()["error"], random.json()["error"], "{}", foreign.asked);
        let mut names = [foreign.headers.keys().collect::<Vec<_>>(), random.headers.keys().collect()];
        names.iter_mut().for_each(|names| names.sort_unstable_by_key(|name| name.as_str()));
        assert_eq!(names[0], names[1], "{}", foreign.asked);
    }
    let filtered = bob.get(&format!("/media?collection_id={id}")).await;
    let random = bob.get(&format!("/media?collection_id={}", random_collection())).await;
    assert_eq!(filtered.expect(200), random.expect(200), "a filter by a foreign collection finds nothing");
    let anonymous = [
        nobody.get("/collections").await,
        nobody.get(&format!("/collections/{id}")).await,
        nobody.post("/collections", json!({ "name": "a" })).await,
        nobody.delete(&format!("/collections/{id}")).await,
        nobody.post(&format!("/collections/{id}/media"), json!({ "media_id": ids[0] })).await,
    ];
    for answer in anonymous {
        answer.error_on(401, "unauthorized", &[]);
    }
    assert_eq!((shown(&alice, &id).await, contents(&alice, &id).await, server.events().await.len()), before);
});
