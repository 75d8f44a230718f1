//! One item: shown with its tag, edited as a merge patch, versions and events only where something changed.

use super::*;

on_both!(an_item_is_shown_with_its_tag, |server| async move {
    let alice = server.user("alice").await;
    let item = alice.upload("a.jpg", &jpeg(1, 300)).await;
    let path = path_of(&item);
    let shown = alice.get(&path).await;
    let tag = shown.header("etag").to_owned();
    assert_eq!(shown.expect(200), item);
    assert!(tag.starts_with("\"1.") && tag.ends_with('"'), "{tag}");
    let with = async |name: &str, value: &str| alice.send(alice.request(Method::GET, &path).header(name, value)).await;
    for value in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
        let answer = with("if-none-match", &value).await;
        assert_eq!((answer.status, answer.body.len(), answer.header("etag")), (304, 0, tag.as_str()), "{value}");
    }
    for value in ["\"1\"", "\"1.0\"", "\"x\""] {
        assert_eq!(with("if-none-match", value).await.status, 200, "{value}: all of the tag counts");
    }
    with("if-none-match", "nonsense").await.error_on(400, "validation_error", &["If-None-Match"]);
    // The tag goes with the version, and with the links.
    let patched = alice.patch(&path, json!({ "title": "t" })).await;
    assert!(patched.header("etag").starts_with("\"2."), "{}", patched.header("etag"));
    assert_eq!(with("if-none-match", &tag).await.status, 200);
    let second = patched.header("etag").to_owned();
    assert_eq!(with("if-none-match", &second).await.status, 304);
    server.clock().advance(Duration::from_secs(3600));
    let mut alice = alice.clone();
    alice.log_in(mv_testkit::client::PASSWORD).await;
    let later = alice.send(alice.request(Method::GET, &path).header("if-none-match", &second)).await;
    assert_eq!(later.status, 200, "the links are others now");
    assert_ne!(later.header("etag"), second);
    let head = alice.send(alice.request(Method::HEAD, &path)).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
});

on_both!(every_member_can_be_changed_and_cleared, |server| async move {
    let alice = server.user("alice").await;
    let item = alice.upload("a.jpg", &jpeg(1, 300)).await;
    let path = path_of(&item);
    let (mut version, mut events) = (1, 1);
    // What to send, what it makes of which member, and whether it is something new.
    let steps: Vec<(Value, &str, Value, bool)> = vec![
        (json!({}), "title", json!(null), false),
        (json!({ "title": " T " }), "title", json!("T"), true),
        (json!({ "title": "T" }), "title", json!("T"), false),
        (json!({ "description": "D\n" }), "title", json!("T"), true),
        (json!({ "description": "D\n" }), "description", json!("D\n"), false),
        (json!({ "title": null }), "title", json!(null), true),
        (json!({ "title": "  " }), "title", json!(null), false),
        (json!({ "description": null }), "description", json!(null), true),
        (json!({ "filename": "b.jpg" }), "filename", json!("b.jpg"), true),
        (json!({ "filename": "x/b.jpg" }), "filename", json!("b.jpg"), false),
        (json!({ "tags": ["A", "b", "a"] }), "tags", json!(["A", "b"]), true),
        (json!({ "tags": ["A", "b"] }), "tags", json!(["A", "b"]), false),
        (json!({ "tags": ["b", "A"] }), "tags", json!(["b", "A"]), true),
        (json!({ "tags": [] }), "tags", json!([]), true),
        (json!({ "tags": null }), "tags", json!([]), false),
        (json!({ "favorite": true }), "favorite", json!(true), true),
        (json!({ "favorite": null }), "favorite", json!(false), true),
        (json!({ "rating": -1 }), "rating", json!(-1), true),
        (json!({ "rating": 5 }), "rating", json!(5), true),
        (json!({ "rating": 0 }), "rating", json!(0), true),
        (json!({ "rating": null }), "rating", json!(null), true),
        (json!({ "taken_at": "2019-07-21T23:06:38-08:00" }), "taken_at", json!("2019-07-22T07:06:38Z"), true),
        (json!({}), "taken_at_offset", json!("-08:00"), false),
        (json!({}), "taken_at_source", json!("user"), false),
        (json!({ "taken_at_local": "2020-01-02T03:04:05" }), "taken_at_local", json!("2020-01-02T03:04:05"), true),
        (json!({}), "taken_at_offset", json!(null), false),
        (json!({ "taken_at": null }), "taken_at_local", json!(null), true),
        (json!({ "taken_at_local": null }), "taken_at", json!(null), false),
        (
            json!({ "location": { "latitude": 47.5, "longitude": -120.25 } }),
            "location",
            json!({ "latitude": 47.5, "longitude": -120.25, "altitude": null }),
            true,
        ),
        (
            json!({ "location": { "latitude": -90, "longitude": 180, "altitude": 8848.5 } }),
            "location",
            json!({ "latitude": -90.0, "longitude": 180.0, "altitude": 8848.5 }),
            true,
        ),
        (json!({ "location": null }), "location", json!(null), true),
        (json!({ "properties": { "a": 1, "b": "x" } }), "properties", json!({ "a": 1, "b": "x" }), true),
        (json!({ "properties": { "b": null, "c": true } }), "properties", json!({ "a": 1, "c": true }), true),
        (json!({ "properties": { "zz": null } }), "properties", json!({ "a": 1, "c": true }), false),
        (json!({ "properties": null }), "properties", json!({}), true),
        (json!({ "external_id": "e-1" }), "external_id", json!("e-1"), true),
        (json!({ "external_id": null }), "external_id", json!(null), true),
        (json!({ "title": "all", "rating": 3, "tags": ["x"] }), "rating", json!(3), true),
    ];
    let mut last = item.clone();
    for (body, member, value, is_new) in steps {
        let answer = alice.patch(&path, body.clone()).await;
        let patched = answer.expect(200);
        assert_eq!(patched[member], value, "{body}");
        version += u64::from(is_new);
        events += usize::from(is_new);
        assert_eq!(patched["version"], version, "{body}");
        assert_eq!(patched["updated_at"] == last["updated_at"], !is_new, "{body}");
        assert_eq!(alice.get(&path).await.expect(200), patched, "{body}");
        assert_eq!(server.events_of(id_of(&item)).await.len(), events, "{body}");
        for kept in ["id", "type", "mime_type", "size", "checksum", "created_at", "user_id", "deleted_at"] {
            assert_eq!(patched[kept], item[kept], "{body}");
        }
        last = patched;
    }
    assert!(server.events_of(id_of(&item)).await.iter().skip(1).all(|kind| kind == "media.updated"));
    let merged = alice
        .request(Method::PATCH, &path)
        .header("content-type", "application/merge-patch+json")
        .body(r#"{"title":null}"#);
    assert_eq!(alice.send(merged).await.expect(200)["title"], Value::Null);
    sound(&server).await;
});

on_both!(bad_members_are_named_and_change_nothing, |server| async move {
    let alice = server.user("alice").await;
    alice.try_upload("", "o.jpg", &jpeg(2, 300), &[("external_id", "taken")]).await.expect(201);
    let fields = [("title", "t"), ("external_id", "own"), ("properties", r#"{"a":1}"#)];
    let item = alice.try_upload("", "a.jpg", &jpeg(1, 300), &fields).await.expect(201);
    let path = path_of(&item);
    let before = state(&alice).await;
    let many: serde_json::Map<String, Value> = (0..64).map(|n| (format!("k{n}"), json!(n))).collect();
    for (body, fields) in [
        (json!({ "title": "x".repeat(256) }), vec!["title"]),
        (json!({ "title": 5 }), vec!["title"]),
        (json!({ "title": "a\u{0}" }), vec!["title"]),
        (json!({ "description": "x".repeat(10_001) }), vec!["description"]),
        (json!({ "filename": null }), vec!["filename"]),
        (json!({ "filename": "" }), vec!["filename"]),
        (json!({ "tags": ["a", ""] }), vec!["tags"]),
        (json!({ "tags": "a" }), vec!["tags"]),
        (json!({ "tags": (0..101).map(|n| n.to_string()).collect::<Vec<_>>() }), vec!["tags"]),
        (json!({ "favorite": "yes" }), vec!["favorite"]),
        (json!({ "rating": 6 }), vec!["rating"]),
        (json!({ "rating": -2 }), vec!["rating"]),
        (json!({ "rating": 3.5 }), vec!["rating"]),
        (json!({ "rating": "3" }), vec!["rating"]),
        (json!({ "rating": 99_999_999_999_i64 }), vec!["rating"]),
        (json!({ "taken_at": "2019-07-21" }), vec!["taken_at"]),
        (json!({ "taken_at": 5 }), vec!["taken_at"]),
        (json!({ "taken_at_local": "2019-07-21T23:06:38Z" }), vec!["taken_at_local"]),
        (
            json!({ "taken_at": "2019-07-21T23:06:38Z", "taken_at_local": "2019-07-21T23:06:38" }),
            vec!["taken_at_local"],
        ),
        (json!({ "location": { "latitude": 91, "longitude": 0 } }), vec!["location.latitude"]),
        (json!({ "location": { "latitude": 91, "longitude": 181 } }), vec!["location.latitude", "location.longitude"]),
        (json!({ "location": { "latitude": 0, "longitude": 0, "altitude": 1e9 } }), vec!["location.altitude"]),
        (json!({ "properties": { "a": [] } }), vec!["properties.a"]),
        (json!({ "properties": { "a": {} } }), vec!["properties.a"]),
        (json!({ "properties": { "": 1 } }), vec!["properties."]),
        (json!({ "properties": { "a": "x\u{0}y" } }), vec!["properties.a"]),
        (json!({ "properties": [] }), vec!["properties"]),
        (json!({ "properties": many }), vec!["properties"]),
        (json!({ "external_id": "" }), vec!["external_id"]),
        (json!({ "external_id": "a b" }), vec!["external_id"]),
        (json!({ "title": "ok", "rating": 9, "external_id": "" }), vec!["rating", "external_id"]),
        (json!({ "id": "media_01h455vb4pex5vsknk084sn02q" }), vec!["id"]),
        (
            json!({ "user_id": alice.id, "checksum": "x", "created_at": "now", "size": 1, "version": 9 }),
            vec!["checksum", "created_at", "size", "user_id", "version"],
        ),
        (json!({ "title": "ok", "colour": "red" }), vec!["colour"]),
    ] {
        let answer = alice.patch(&path, body.clone()).await;
        assert_eq!(answer.status, 400, "{body}: {}", String::from_utf8_lossy(&answer.body));
        let mut named = answer.error(400, "validation_error");
        named.sort();
        let mut fields = fields;
        fields.sort_unstable();
        assert_eq!(named, fields, "{body}");
    }
    let deep = format!("{{\"title\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    for (name, body) in [
        ("nothing", String::new()),
        ("no JSON", "{".to_owned()),
        ("a list", "[]".to_owned()),
        ("null", "null".to_owned()),
        ("a number", "1e999".to_owned()),
        ("two objects", "{}{}".to_owned()),
        ("a member twice", r#"{"title":"a","title":"b"}"#.to_owned()),
        ("a great depth", deep),
        ("a byte order mark", "\u{feff}{}".to_owned()),
        ("a number too great", r#"{"location":{"latitude":1e999,"longitude":0}}"#.to_owned()),
        ("half a place", r#"{"location":{"latitude":1}}"#.to_owned()),
    ] {
        let request = alice.request(Method::PATCH, &path).header("content-type", "application/json").body(body);
        let answer = alice.send(request).await;
        assert_eq!(answer.status, 400, "{name}");
        assert_eq!(answer.error(400, "validation_error").len(), 1, "{name}");
    }
    let text = alice.request(Method::PATCH, &path).header("content-type", "text/plain").body("{}");
    let refused = alice.send(text).await;
    refused.error(415, "unsupported_media_type");
    assert_eq!(refused.header("accept-patch"), "application/json, application/merge-patch+json");
    alice.patch(&path, json!({ "external_id": "taken", "title": "other" })).await.error_on(
        409,
        "conflict",
        &["external_id"],
    );
    assert_eq!(state(&alice).await, before);
    alice.get("/media/media_x").await.error_on(400, "validation_error", &["id"]);
    alice.get("/media/user_01h455vb4pex5vsknk084sn02q").await.error_on(400, "validation_error", &["id"]);
    sound(&server).await;
});

on_both!(an_edit_may_ask_for_a_version, |server| async move {
    let alice = server.user("alice").await;
    let item = alice.upload("a.jpg", &jpeg(1, 300)).await;
    let path = path_of(&item);
    let edit = async |tag: &str, title: &str| {
        let request = alice.request(Method::PATCH, &path).header("if-match", tag);
        alice.send(request.json(&json!({ "title": title }))).await
    };
    let tag = alice.get(&path).await.header("etag").to_owned();
    edit(&tag, "one").await.expect(200);
    for stale in [tag.as_str(), "\"1\"", "\"22.1\"", "W/\"2.1\"", "\"x\""] {
        edit(stale, "two").await.error_on(412, "precondition_failed", &["If-Match"]);
    }
    edit("nonsense", "two").await.error_on(400, "validation_error", &["If-Match"]);
    assert_eq!(alice.get(&path).await.expect(200)["version"], 2);
    // Only the version counts, whatever the links were.
    for (good, title) in [("\"2.0\"", "three"), ("\"9.9\", \"3.other\"", "four"), ("*", "five"), ("\"5\"", "six")] {
        edit(good, title).await.expect(200);
    }
    let tag = alice.get(&path).await.header("etag").to_owned();
    let answers = futures_util::future::join_all((0..10).map(|n| {
        let request = alice
            .request(Method::PATCH, &path)
            .header("if-match", &tag)
            .json(&json!({ "title": format!("racer {n}") }));
        alice.send(request)
    }))
    .await;
    assert_eq!(
        answers.iter().filter(|answer| answer.status == 200).count(),
        1,
        "of ten who saw the same version one wins"
    );
    answers
        .iter()
        .filter(|answer| answer.status != 200)
        .for_each(|answer| drop(answer.error(412, "precondition_failed")));
});

on_both!(an_external_id_is_its_owners_alone, |server| async move {
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let a = alice.upload("a.jpg", &jpeg(1, 300)).await;
    let b = alice.upload("b.jpg", &jpeg(2, 300)).await;
    let c = bob.upload("c.jpg", &jpeg(3, 300)).await;
    alice.patch(&path_of(&a), json!({ "external_id": "e" })).await.expect(200);
    alice.patch(&path_of(&a), json!({ "external_id": "e" })).await.expect(200);
    alice.patch(&path_of(&b), json!({ "external_id": "e" })).await.error_on(409, "conflict", &["external_id"]);
    alice.patch(&path_of(&b), json!({ "external_id": "E" })).await.expect(200);
    bob.patch(&path_of(&c), json!({ "external_id": "e" })).await.expect(200);
    assert_eq!(alice.get("/media?external_id=e").await.expect(200)[0]["id"], a["id"]);
    alice.patch(&path_of(&a), json!({ "external_id": null })).await.expect(200);
    alice.patch(&path_of(&b), json!({ "external_id": "e" })).await.expect(200);
    let racers = futures_util::future::join_all((0..8).map(|n| {
        let (query, bytes) = ("?external_id=race", noise(100 + n, 500));
        alice.upload_raw(query, bytes, &[])
    }))
    .await;
    assert_eq!(racers.iter().filter(|answer| answer.status == 201).count(), 1);
    racers
        .iter()
        .filter(|answer| answer.status != 201)
        .for_each(|answer| answer.error_on(409, "conflict", &["external_id"]));
    sound(&server).await;
});
