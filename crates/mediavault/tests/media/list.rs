//! `GET /media`: pages as the reference shows them, parameters, totals, cursors.

use super::*;

on_both!(pages_are_as_the_reference_shows, |server| async move {
    let alice = server.user("alice").await;
    for n in 0..150 {
        alice.upload("a.jpg", &jpeg(n + 1, 40)).await;
    }
    let answer = alice.get("/media?page=2&per_page=20").await;
    assert_eq!(answer.expect(200).as_array().unwrap().len(), 20);
    let mut pagination = answer.meta()["pagination"].clone();
    assert!(pagination["next_cursor"].take().is_string());
    let expected = json!({
        "total": 150, "total_exact": true, "count": 20, "per_page": 20, "current_page": 2, "total_pages": 8, "next_cursor": null,
        "links": { "next": "/media?page=3", "prev": "/media?page=1" },
    });
    assert_eq!(pagination, expected);
    // The links lead to the neighbours.
    let (mut path, mut ids) = ("/media?page=1&per_page=20".to_owned(), Vec::new());
    for page in 1..=8 {
        let answer = alice.get(&path).await;
        ids.extend(answer.expect(200).as_array().unwrap().iter().map(|item| id_of(item).to_owned()));
        let links = answer.meta()["pagination"]["links"].clone();
        let prev = if page == 1 { Value::Null } else { json!(format!("/media?page={}", page - 1)) };
        assert_eq!(links["prev"], prev);
        match links["next"].as_str() {
            Some(next) => path = next.to_owned(),
            None => assert_eq!(page, 8),
        }
    }
    let mut newest_first = ids.clone();
    newest_first.sort_by(|a, b| b.cmp(a));
    newest_first.dedup();
    assert_eq!((ids.len(), &ids), (150, &newest_first));
    for (page, count) in [("8", 10), ("9", 0), ("1000000000", 0), ("4294967295", 0)] {
        let answer = alice.get(&format!("/media?page={page}")).await;
        assert_eq!(answer.expect(200).as_array().unwrap().len(), count, "page {page}");
        let pagination = answer.meta()["pagination"].clone();
        assert_eq!(
            (&pagination["total"], &pagination["count"], &pagination["links"]["next"]),
            (&json!(150), &json!(count), &Value::Null)
        );
        assert_eq!(
            pagination["links"]["prev"],
            if count == 10 { "/media?page=7" } else { "/media?page=8" },
            "page {page}"
        );
    }
    let largest = alice.get("/media?per_page=100").await;
    assert_eq!(largest.expect(200).as_array().unwrap().len(), 100);
    assert_eq!(largest.meta()["pagination"]["links"]["next"], "/media?page=2&per_page=100");
});

on_both!(links_keep_what_was_asked, |server| async move {
    let alice = server.user("alice").await;
    for n in 0..3 {
        let fields = [("tags", "a b&c"), ("properties", r#"{"k":"ü=&"}"#)];
        alice.try_upload("", "a.jpg", &jpeg(n + 1, 40), &fields).await.expect(201);
    }
    let first = alice.get("/media?tag=a%20b%26c&per_page=1&property[k]=%C3%BC%3D%26&sort=size").await;
    let links = first.meta()["pagination"]["links"].clone();
    assert_eq!(
        (&links["prev"], links["next"].as_str().unwrap()),
        (&Value::Null, "/media?page=2&tag=a%20b%26c&per_page=1&property[k]=%C3%BC%3D%26&sort=size")
    );
    let second = alice.get(links["next"].as_str().unwrap()).await;
    assert_eq!(second.expect(200).as_array().unwrap().len(), 1);
    let walked = alice
        .get(&format!(
            "/media?per_page=1&tag=a%20b%26c&cursor={}",
            alice.get("/media?tag=A%20B%26C&per_page=1").await.meta()["pagination"]["next_cursor"].as_str().unwrap()
        ))
        .await;
    let pagination = walked.meta()["pagination"].clone();
    walked.expect(200);
    assert_eq!((&pagination["current_page"], &pagination["links"]["prev"]), (&Value::Null, &Value::Null));
    assert!(pagination["links"]["next"].as_str().unwrap().starts_with("/media?cursor="));
    assert_eq!(alice.get(pagination["links"]["next"].as_str().unwrap()).await.expect(200).as_array().unwrap().len(), 1);
    let empty = alice.get("/media?tag=none").await.meta()["pagination"].clone();
    assert_eq!(
        (&empty["total"], &empty["total_pages"], &empty["links"]),
        (&json!(0), &json!(0), &json!({ "next": null, "prev": null }))
    );
});

on_both!(bad_parameters_are_named, |server| async move {
    let alice = server.user("alice").await;
    alice.upload("a.jpg", &jpeg(1, 40)).await;
    let long = "x".repeat(2000);
    let longer_property = format!("property[k]={long}");
    for (query, fields) in [
        ("page=0", vec!["page"]),
        ("page=-1", vec!["page"]),
        ("page=1e9", vec!["page"]),
        ("page=4294967296", vec!["page"]),
        ("page=18446744073709551616", vec!["page"]),
        ("page=", vec!["page"]),
        ("page=+1", vec!["page"]),
        ("page=%201", vec!["page"]),
        ("page=\u{661}", vec!["page"]),
        ("per_page=0", vec!["per_page"]),
        ("per_page=101", vec!["per_page"]),
        ("per_page=%2220%22", vec!["per_page"]),
        ("per_page=true", vec!["per_page"]),
        ("per_page[]=20", vec!["per_page[]"]),
        ("page=0&per_page=0", vec!["page", "per_page"]),
        ("page=1&page=2", vec!["page"]),
        ("page=1&page=1&page=1", vec!["page"]),
        ("tag=a&tag=b", vec!["tag"]),
        ("sort=name", vec!["sort"]),
        ("sort=", vec!["sort"]),
        ("sort=--size", vec!["sort"]),
        ("sort=size%20desc", vec!["sort"]),
        ("sort=(select%201)", vec!["sort"]),
        ("type=photo", vec!["type"]),
        ("type=Image", vec!["type"]),
        ("mime_type=jpeg", vec!["mime_type"]),
        ("mime_type=*/*", vec!["mime_type"]),
        ("mime_type=image/jpeg;q=1", vec!["mime_type"]),
        ("collection_id=x", vec!["collection_id"]),
        ("favorite=yes", vec!["favorite"]),
        ("rating_min=6", vec!["rating_min"]),
        ("rating_min=-2", vec!["rating_min"]),
        ("rating_min=1.5", vec!["rating_min"]),
        ("created_after=yesterday", vec!["created_after"]),
        ("created_before=2020-01-01", vec!["created_before"]),
        ("taken_after=2020-01-01T00:00:00", vec!["taken_after"]),
        ("taken_before=0000-00-00T00:00:00Z", vec!["taken_before"]),
        ("min_size=-1", vec!["min_size"]),
        ("max_size=1.5", vec!["max_size"]),
        ("bbox=NaN,0,0,0", vec!["bbox"]),
        ("bbox=0,0,inf,0", vec!["bbox"]),
        ("bbox=0,0,0", vec!["bbox"]),
        ("bbox=0,10,0,-10", vec!["bbox"]),
        ("bbox=-181,0,0,0", vec!["bbox"]),
        ("scope=all", vec!["scope"]),
        ("trashed=maybe", vec!["trashed"]),
        ("colour=red", vec!["colour"]),
        ("property=x", vec!["property"]),
        ("property[]=x", vec!["property[]"]),
        ("Page=1", vec!["Page"]),
        ("sort=x&colour=red", vec!["colour"]),
        ("type=x&min_size=y&sort=z&page=0", vec!["type", "min_size", "sort", "page"]),
        ("tag=%ff", vec!["tag"]),
        ("tag=a%00b", vec!["tag"]),
        ("tag=%20", vec!["tag"]),
        (&longer_property, vec!["property[k]"]),
    ] {
        let answer = alice.get(&format!("/media?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(answer.error(400, "validation_error"), fields, "{query}");
    }
    // Odd, and harmless.
    for query in [
        "min_size=18446744073709551615",
        "created_after=9999-12-30T00:00:00Z",
        "created_before=0001-01-01T00:00:00Z",
        "taken_after=9999-12-30T00:00:00Z",
        "tag='%20OR%201=1--",
        "external_id=%25",
        "property[a'%3B]=x",
        "min_size=5&max_size=1",
    ] {
        assert_eq!(total(&alice, &format!("?{query}")).await, 0, "{query}");
    }
    for query in [
        "created_after=0001-01-01T00:00:00Z",
        "created_before=9999-12-30T00:00:00Z",
        "max_size=18446744073709551615",
        "&&page=1&",
    ] {
        assert_eq!(total(&alice, &format!("?{query}")).await, 1, "{query}");
    }
    server.anonymous().get("/media").await.error(401, "unauthorized");
});

on_both!(totals_follow_every_change, |server| async move {
    let alice = server.user("alice").await;
    let counts = async |what: &str, expected: [u64; 7]| {
        let mut found = [0; 7];
        for (place, query) in
            ["", "?trashed=true", "?tag=LAKE", "?tag=sea", "?favorite=true", "?type=image", "?mime_type=image/jpeg"]
                .into_iter()
                .enumerate()
        {
            found[place] = total(&alice, query).await;
        }
        assert_eq!(found, expected, "{what}: library, trash, lake, sea, favorite, images, jpeg");
        sound(&server).await;
    };
    counts("nothing", [0; 7]).await;
    let a = alice.try_upload("", "a.jpg", &jpeg(1, 100), &[("tags", "Lake")]).await.expect(201);
    let b = alice.try_upload("", "b.png", &png(2), &[("tags", "lake"), ("tags", "Sea")]).await.expect(201);
    alice.upload("c.txt", b"text\n").await;
    counts("three uploads", [3, 0, 2, 1, 0, 2, 1]).await;
    alice.patch(&path_of(&a), json!({ "favorite": true, "tags": ["Sea", "LAKE"] })).await.expect(200);
    counts("marked and tagged", [3, 0, 2, 2, 1, 2, 1]).await;
    alice.patch(&path_of(&b), json!({ "tags": null })).await.expect(200);
    counts("tags taken off", [3, 0, 1, 1, 1, 2, 1]).await;
    alice.delete(&path_of(&a)).await.expect(204);
    counts("in the trash", [2, 1, 0, 0, 0, 1, 0]).await;
    alice.delete(&path_of(&a)).await.expect(204);
    counts("in the trash twice", [2, 1, 0, 0, 0, 1, 0]).await;
    alice.post_empty(&format!("{}/restore", path_of(&a))).await.expect(200);
    counts("back", [3, 0, 1, 1, 1, 2, 1]).await;
    alice.post_empty(&format!("{}/restore", path_of(&a))).await.expect(200);
    counts("back twice", [3, 0, 1, 1, 1, 2, 1]).await;
    alice.delete(&format!("{}?permanent=true", path_of(&a))).await.expect(204);
    counts("gone from the library", [2, 0, 0, 0, 0, 1, 0]).await;
    alice.delete(&path_of(&b)).await.expect(204);
    alice.delete(&format!("{}?permanent=true", path_of(&b))).await.expect(204);
    counts("gone from the trash", [1, 0, 0, 0, 0, 0, 0]).await;
});

on_both!(cursors_belong_to_their_list, |server| async move {
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    for n in 0..5 {
        alice.upload("a.jpg", &jpeg(n + 1, 40)).await;
        bob.upload("a.jpg", &jpeg(n + 1, 40)).await;
    }
    let cursor = alice.get("/media?per_page=2").await.meta()["pagination"]["next_cursor"].as_str().unwrap().to_owned();
    alice.get(&format!("/media?per_page=2&cursor={cursor}")).await.expect(200);
    assert_eq!(
        alice.get(&format!("/media?per_page=3&cursor={cursor}")).await.expect(200).as_array().unwrap().len(),
        3,
        "another size will do"
    );
    let mut swapped = cursor.clone().into_bytes();
    let middle = swapped.len() / 2;
    swapped[middle] = if swapped[middle] == b'A' { b'B' } else { b'A' };
    let swapped = String::from_utf8(swapped).unwrap();
    for (name, actor, query) in [
        ("tampered", &alice, format!("cursor={swapped}")),
        ("half", &alice, format!("cursor={}", &cursor[..cursor.len() / 2])),
        ("one less", &alice, format!("cursor={}", &cursor[..cursor.len() - 1])),
        ("one more", &alice, format!("cursor={cursor}A")),
        ("empty", &alice, "cursor=".to_owned()),
        ("garbage", &alice, "cursor=!!!".to_owned()),
        ("huge", &alice, format!("cursor={}", "A".repeat(10_000))),
        ("somebody else's", &bob, format!("cursor={cursor}")),
        ("of another order", &alice, format!("sort=size&cursor={cursor}")),
        ("of another direction", &alice, format!("sort=created_at&cursor={cursor}")),
        ("of other filters", &alice, format!("type=image&cursor={cursor}")),
        ("of the library in the trash", &alice, format!("trashed=true&cursor={cursor}")),
    ] {
        let answer = actor.get(&format!("/media?{query}")).await;
        assert_eq!(answer.status, 400, "{name}");
        answer.error_on(400, "validation_error", &["cursor"]);
    }
    alice.get(&format!("/media?cursor={cursor}&page=2")).await.error_on(400, "validation_error", &["page"]);
});

on_both!(the_trash_and_collections_are_lists_too, |server| async move {
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let mut items = Vec::new();
    for n in 0..4 {
        items.push(alice.upload("a.jpg", &jpeg(n + 1, 40)).await);
    }
    let collection = alice.post("/collections", json!({ "name": "c" })).await.expect(201);
    let collection = collection["id"].as_str().unwrap();
    let ids: Vec<&str> = items.iter().take(3).map(id_of).collect();
    alice.post(&format!("/collections/{collection}/media"), json!({ "media_ids": ids })).await.expect(200);
    assert_eq!(total(&alice, &format!("?collection_id={collection}")).await, 3);
    alice.delete(&path_of(&items[0])).await.expect(204);
    assert_eq!(total(&alice, &format!("?collection_id={collection}")).await, 2);
    assert_eq!(total(&alice, &format!("?collection_id={collection}&trashed=true")).await, 1);
    let trash = alice.get("/media?trashed=true").await.expect(200);
    assert_eq!((trash.as_array().unwrap().len(), &trash[0]["id"]), (1, &items[0]["id"]));
    assert!(trash[0]["deleted_at"].is_string() && trash[0]["urls"]["content"].is_null());
    for foreign in [collection, "col_01h455vb4pex5vsknk084sn02q"] {
        assert_eq!(total(&bob, &format!("?collection_id={foreign}")).await, 0);
    }
    sound(&server).await;
});
