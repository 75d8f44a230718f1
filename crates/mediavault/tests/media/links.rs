//! Signed links: `urls` of items and `POST /media/urls`. Whoever holds one reads these bytes, until it dies.

use super::*;

on_both!(a_link_needs_no_header_and_dies_when_it_must, |server| async move {
    let (mut alice, bob) = (server.user("alice").await, server.user("bob").await);
    let anonymous = server.anonymous();
    let photo = jpeg(1, 3_000);
    let item = alice.upload("a.jpg", &photo).await;
    let other = alice.upload("b.jpg", &jpeg(2, 3_000)).await;
    let link = item["urls"]["content"].as_str().unwrap().to_owned();
    assert!(link.starts_with(&format!("{}/api/v1{}/content?sig=", server.origin(), path_of(&item))), "{link}");
    let answer = anonymous.get(&link).await;
    assert_eq!((answer.status, answer.body.as_ref()), (200, photo.as_slice()));
    let caching = answer.header("cache-control").to_owned();
    let age: u64 =
        caching.strip_prefix("private, max-age=").unwrap().strip_suffix(", immutable").unwrap().parse().unwrap();
    assert!((3_500..=7_200).contains(&age), "{caching}");
    let part = anonymous.send(anonymous.request(Method::GET, &link).header("range", "bytes=10-19")).await;
    assert_eq!((part.status, part.body.as_ref()), (206, &photo[10..20]));
    assert_eq!(anonymous.get(&link.replace("/api/v1/", "/v1/")).await.body, photo, "under the other base");

    let sig = link.split("sig=").nth(1).unwrap();
    for place in 0..sig.len() {
        let mut tampered = sig.as_bytes().to_vec();
        // Another letter of the alphabet; the last one may differ in bits that are not part of the token.
        tampered[place] = if tampered[place] == b'A' { b'Q' } else { b'A' };
        let path = format!("{}/content?sig={}", path_of(&item), String::from_utf8(tampered).unwrap());
        anonymous.get(&path).await.error(401, "unauthorized");
    }
    for (name, path) in [
        ("another item", format!("{}/content?sig={sig}", path_of(&other))),
        ("no item", format!("/media/media_01h455vb4pex5vsknk084sn02q/content?sig={sig}")),
        ("nothing", format!("{}/content?sig=", path_of(&item))),
        ("half", format!("{}/content?sig={}", path_of(&item), &sig[..sig.len() / 2])),
        ("more", format!("{}/content?sig={sig}AAAA", path_of(&item))),
        ("padding", format!("{}/content?sig={sig}%3D", path_of(&item))),
        ("huge", format!("{}/content?sig={}", path_of(&item), "A".repeat(5_000))),
    ] {
        let answer = anonymous.get(&path).await;
        assert_eq!(answer.status, 401, "{name}");
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{name}");
    }
    for actor in [&alice, &bob] {
        actor.get(&link).await.error_on(400, "validation_error", &["sig"]);
    }
    anonymous.get(&format!("{link}&sig={sig}")).await.error_on(400, "validation_error", &["sig"]);
    // A link opens bytes and nothing else.
    for path in [path_of(&item), format!("{}?sig={sig}", path_of(&item)), "/media".to_owned()] {
        assert!([400, 401].contains(&anonymous.get(&path).await.status), "{path}");
    }
    // The trash and a restore.
    alice.delete(&path_of(&item)).await.expect(204);
    anonymous.get(&link).await.error_on(404, "not_found", &[]);
    alice.post_empty(&format!("{}/restore", path_of(&item))).await.expect(200);
    assert_eq!(anonymous.get(&link).await.status, 200);
    // Time.
    server.clock().advance(Duration::from_secs(age - 30));
    assert_eq!(anonymous.get(&link).await.status, 200);
    server.clock().advance(Duration::from_secs(60));
    anonymous.get(&link).await.error(401, "unauthorized");
    alice.log_in(mv_testkit::client::PASSWORD).await;
    let fresh = alice.get(&path_of(&item)).await.expect(200)["urls"]["content"].as_str().unwrap().to_owned();
    assert_ne!(fresh, link);
    assert_eq!(anonymous.get(&fresh).await.status, 200);
    alice.delete(&format!("{}?permanent=true", path_of(&item))).await.expect(204);
    anonymous.get(&fresh).await.error_on(404, "not_found", &[]);
});

on_both!(links_stay_the_same_for_an_hour, |server| async move {
    let alice = server.user("alice").await;
    let item = alice.upload("a.jpg", &jpeg(1, 300)).await;
    // To the beginning of a window, so that the test does not hang on the time of day.
    let now = server.app().now().seconds();
    server.clock().advance(Duration::from_secs(u64::try_from(3600 - now.rem_euclid(3600) + 5).unwrap()));
    let mut alice = alice.clone();
    alice.log_in(mv_testkit::client::PASSWORD).await;
    let link = async |actor: &Actor| actor.get(&path_of(&item)).await.expect(200)["urls"]["content"].clone();
    let first = link(&alice).await;
    assert_eq!(alice.get("/media").await.expect(200)[0]["urls"]["content"], first, "in lists too");
    server.clock().advance(Duration::from_secs(3_500));
    assert_eq!(link(&alice).await, first);
    server.clock().advance(Duration::from_secs(100));
    alice.log_in(mv_testkit::client::PASSWORD).await;
    assert_ne!(link(&alice).await, first);
    assert_eq!(server.anonymous().get(first.as_str().unwrap()).await.status, 200, "it lives an hour more at least");
});

on_both!(links_are_made_for_a_chosen_time, |server| async move {
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let anonymous = server.anonymous();
    let item = alice.upload("a.jpg", &jpeg(1, 300)).await;
    let trashed = alice.upload("b.jpg", &jpeg(2, 300)).await;
    alice.delete(&path_of(&trashed)).await.expect(204);
    let foreign = bob.upload("c.jpg", &jpeg(3, 300)).await;
    let wanted = |id: &str| json!({ "id": id, "variant": "content" });
    let made = alice
        .post("/media/urls", json!({ "items": [wanted(id_of(&item)), { "id": item["id"], "variant": "content", "download": true }], "expires_in": 60 }))
        .await
        .expect(200);
    assert_eq!(
        (&made[0]["id"], &made[0]["variant"], made.as_array().unwrap().len()),
        (&item["id"], &json!("content"), 2)
    );
    let urls: Vec<&str> = made.as_array().unwrap().iter().map(|link| link["url"].as_str().unwrap()).collect();
    let shown = anonymous.get(urls[0]).await;
    assert!(shown.header("content-disposition").starts_with("inline"));
    let age: u64 = shown
        .header("cache-control")
        .strip_prefix("private, max-age=")
        .unwrap()
        .strip_suffix(", immutable")
        .unwrap()
        .parse()
        .unwrap();
    assert!(age <= 60, "never longer than the link lives: {age}");
    for url in [urls[1], &format!("{}&download=1", urls[0]), &format!("{}&download=0", urls[1])] {
        assert!(anonymous.get(url).await.header("content-disposition").starts_with("attachment"), "{url}");
    }
    server.clock().advance(Duration::from_secs(50));
    assert_eq!(anonymous.get(urls[0]).await.status, 200);
    server.clock().advance(Duration::from_secs(15));
    anonymous.get(urls[0]).await.error(401, "unauthorized");
    let long =
        alice.post("/media/urls", json!({ "items": [wanted(id_of(&item))], "expires_in": 604_800 })).await.expect(200);
    let long = long[0]["url"].as_str().unwrap();
    assert_eq!(anonymous.get(long).await.header("cache-control"), "private, max-age=86400, immutable");
    server.clock().advance(Duration::from_secs(604_700));
    assert_eq!(anonymous.get(long).await.status, 200);

    let mut alice = alice.clone();
    alice.log_in(mv_testkit::client::PASSWORD).await;
    let many = |count: usize| json!(vec![wanted(id_of(&item)); count]);
    assert_eq!(
        alice
            .post("/media/urls", json!({ "items": many(500), "expires_in": 60 }))
            .await
            .expect(200)
            .as_array()
            .unwrap()
            .len(),
        500
    );
    for (body, fields) in [
        (json!({ "items": many(501), "expires_in": 60 }), vec!["items"]),
        (json!({ "items": [], "expires_in": 60 }), vec!["items"]),
        (json!({ "items": many(1), "expires_in": 59 }), vec!["expires_in"]),
        (json!({ "items": many(1), "expires_in": 604_801 }), vec!["expires_in"]),
        (json!({ "items": many(1), "expires_in": -1 }), vec!["expires_in"]),
        (json!({ "items": many(1), "expires_in": i64::MAX }), vec!["expires_in"]),
        (json!({ "items": many(1), "expires_in": "60" }), vec!["expires_in"]),
        (json!({ "items": many(1) }), vec!["expires_in"]),
        (json!({}), vec!["items", "expires_in"]),
        (
            json!({ "items": [{ "id": "x", "variant": "other" }], "expires_in": 60 }),
            vec!["items[0].variant", "items[0].id"],
        ),
        (json!({ "items": [{ "id": item["id"] }], "expires_in": 60 }), vec!["items[0]"]),
        (json!({ "items": many(1), "expires_in": 60, "colour": 1 }), vec!["colour"]),
    ] {
        let answer = alice.post("/media/urls", body.clone()).await;
        assert_eq!(answer.error(400, "validation_error"), fields, "{body:.100}");
    }
    for id in [id_of(&foreign), id_of(&trashed), "media_01h455vb4pex5vsknk084sn02q"] {
        let answer =
            alice.post("/media/urls", json!({ "items": [wanted(id_of(&item)), wanted(id)], "expires_in": 60 })).await;
        answer.error_on(404, "not_found", &["items[1].id"]);
    }
    anonymous.post("/media/urls", json!({ "items": many(1), "expires_in": 60 })).await.error(401, "unauthorized");
});
