//! What an upload says of its file: fields around it or in the query, digests of it, and what is refused.

use super::*;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256, Sha512};

fn encode(text: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if bare(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn query(fields: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    format!("?{}", pairs.join("&"))
}

on_both!(fields_stand_anywhere_around_the_file, |server| async move {
    let alice = server.user("alice").await;
    let collection = alice.post("/collections", json!({ "name": "Lakes" })).await.expect(201);
    let photo = jpeg(1, 3_000);
    let sum = checksum(&photo);
    let fields = [
        ("title", " A lake "),
        ("description", "Line one\nline two"),
        ("tags", "Water"),
        ("tags", "water"),
        ("tags", " Summer "),
        ("collection_id", collection["id"].as_str().unwrap()),
        ("checksum", &sum),
        ("taken_at", "2019-07-21T23:06:38-08:00"),
        ("properties", r#"{"a":1,"b":"x","c":true,"d":2.5}"#),
    ];
    for order in 0..6_u32 {
        // None before the file, all of them, and mixtures.
        let (external_id, mut sent) = (format!("ext-{order}"), Vec::new());
        let moved: Vec<String> = fields.iter().map(|(name, _)| format!(">{name}")).collect();
        for (place, (name, value)) in (0..).zip(fields) {
            let behind = match order {
                0 => true,
                1 => false,
                // Tags stay together, for their order counts.
                _ if name == "tags" => order % 2 == 0,
                _ => (place + order) % 3 == 0,
            };
            sent.push((if behind { moved[place as usize].as_str() } else { name }, value));
        }
        sent.push((if order % 2 == 0 { "external_id" } else { ">external_id" }, &external_id));
        let by_form = alice.try_upload("", "lake.jpg", &photo, &sent).await.expect(201);
        let mut asked = fields.to_vec();
        let other_id = format!("raw-{order}");
        asked.push(("external_id", &other_id));
        let by_body = alice.upload_raw(&query(&asked), photo.clone(), &[]).await.expect(201);
        for (item, external_id) in [(by_form, external_id), (by_body, other_id)] {
            for (member, value) in [
                ("title", json!("A lake")),
                ("description", json!("Line one\nline two")),
                ("tags", json!(["Water", "Summer"])),
                ("taken_at", json!("2019-07-22T07:06:38Z")),
                ("taken_at_local", json!("2019-07-21T23:06:38")),
                ("taken_at_offset", json!("-08:00")),
                ("taken_at_source", json!("client")),
                ("properties", json!({ "a": 1, "b": "x", "c": true, "d": 2.5 })),
                ("external_id", json!(external_id)),
                ("checksum", json!(sum)),
            ] {
                assert_eq!(item[member], value, "{member} in order {order}");
            }
            assert_eq!(alice.get(&path_of(&item)).await.expect(200)["properties"], item["properties"]);
            assert_eq!(server.events_of(id_of(&item)).await, ["media.uploaded"]);
        }
    }
    let contents =
        alice.get(&format!("/collections/{}/media?per_page=100", collection["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(contents.as_array().unwrap().len(), 12);
    assert_eq!(server.events_of(collection["id"].as_str().unwrap()).await.len(), 13, "one for each item added");
    sound(&server).await;
});

on_both!(wall_clock_time_is_reckoned_by_the_owners_zone, |server| async move {
    let alice = server.user("alice").await;
    alice.patch("/users/me", json!({ "time_zone": "Europe/Berlin" })).await.expect(200);
    let item =
        alice.try_upload("", "a.jpg", &jpeg(1, 300), &[("taken_at_local", "2019-07-21T23:06:38")]).await.expect(201);
    assert_eq!(item["taken_at"], "2019-07-21T21:06:38Z");
    assert_eq!(item["taken_at_local"], "2019-07-21T23:06:38");
    assert_eq!((&item["taken_at_offset"], &item["taken_at_source"]), (&Value::Null, &json!("client")));
});

/// Names and values of fields.
type Fields<'a> = &'a [(&'a str, &'a str)];

on_both!(bad_fields_are_named_and_nothing_is_stored, |server| async move {
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    alice.try_upload("", "a.jpg", &jpeg(1, 300), &[("external_id", "taken")]).await.expect(201);
    let foreign = bob.post("/collections", json!({ "name": "Bob's" })).await.expect(201);
    let foreign = foreign["id"].as_str().unwrap();
    let (long_title, long_text, long_tag) = ("t".repeat(256), "d".repeat(10_001), "ü".repeat(65));
    let long_id = "e".repeat(257);
    let many: serde_json::Map<String, Value> = (0..65).map(|n| (format!("k{n}"), json!(n))).collect();
    let (many, large) = (json!(many).to_string(), json!({ "k": "x".repeat(16 * 1024) }).to_string());
    let before = state(&alice).await;
    let cases: &[(&str, Fields<'_>, &str)] = &[
        ("a long title", &[("title", &long_title)], "title"),
        ("a title of two lines", &[("title", "a\nb")], "title"),
        ("a title twice", &[("title", "a"), ("title", "b")], "title"),
        ("a long description", &[("description", &long_text)], "description"),
        ("a bell in a description", &[("description", "a\u{7}")], "description"),
        ("an empty tag", &[("tags", "ok"), ("tags", " ")], "tags"),
        ("a long tag", &[("tags", &long_tag)], "tags"),
        ("a tag of two lines", &[("tags", "a\rb")], "tags"),
        ("no collection's id", &[("collection_id", "x")], "collection_id"),
        ("an item's id", &[("collection_id", "media_01h455vb4pex5vsknk084sn02q")], "collection_id"),
        ("an unknown collection", &[("collection_id", "col_01h455vb4pex5vsknk084sn02q")], "collection_id"),
        ("somebody else's collection", &[("collection_id", foreign)], "collection_id"),
        ("an empty checksum", &[("checksum", "")], "checksum"),
        ("a short checksum", &[("checksum", "sha256:abcd")], "checksum"),
        ("another algorithm", &[("checksum", "md5:d41d8cd98f00b204e9800998ecf8427e")], "checksum"),
        ("no time", &[("taken_at", "yesterday")], "taken_at"),
        ("a time without an offset", &[("taken_at", "2019-07-21T23:06:38")], "taken_at"),
        ("a time before photographs", &[("taken_at", "1700-01-01T00:00:00Z")], "taken_at"),
        ("a time beyond the end", &[("taken_at", "9999-12-31T23:59:59Z")], "taken_at"),
        ("an offset on the wall", &[("taken_at_local", "2019-07-21T23:06:38Z")], "taken_at_local"),
        (
            "both times",
            &[("taken_at", "2019-07-21T23:06:38Z"), ("taken_at_local", "2019-07-21T23:06:38")],
            "taken_at_local",
        ),
        ("an empty external id", &[("external_id", "")], "external_id"),
        ("an external id with a blank", &[("external_id", "a b")], "external_id"),
        ("a long external id", &[("external_id", &long_id)], "external_id"),
        ("properties that are no JSON", &[("properties", "{")], "properties"),
        ("properties that are a list", &[("properties", "[]")], "properties"),
        ("properties that are null", &[("properties", "null")], "properties"),
        ("nested properties", &[("properties", r#"{"a":{"b":1}}"#)], "properties.a"),
        ("a NUL in a property", &[("properties", r#"{"a":"x\u0000"}"#)], "properties.a"),
        ("a NUL in a property's name", &[("properties", r#"{"a\u0000":"x"}"#)], "properties.a"),
        ("many properties", &[("properties", &many)], "properties"),
        ("large properties", &[("properties", &large)], "properties"),
        ("an unknown field", &[("colour", "red")], "colour"),
        ("a parameter's name", &[("page", "1")], "page"),
    ];
    for (seed, (name, fields, field)) in (10..).zip(cases) {
        let photo = jpeg(seed, 2_000);
        let moved: Vec<String> = fields.iter().map(|(field, _)| format!(">{field}")).collect();
        let behind: Vec<(&str, &str)> =
            moved.iter().zip(*fields).map(|(field, (_, value))| (field.as_str(), *value)).collect();
        for (place, answer) in [
            ("before the file", alice.try_upload("", "a.jpg", &photo, fields).await),
            ("behind the file", alice.try_upload("", "a.jpg", &photo, &behind).await),
            ("in a form's query", alice.try_upload(&query(fields), "a.jpg", &photo, &[]).await),
            ("in a body's query", alice.upload_raw(&query(fields), photo.clone(), &[]).await),
        ] {
            assert_eq!(answer.status, 400, "{name} {place}: {}", String::from_utf8_lossy(&answer.body));
            assert_eq!(answer.error(400, "validation_error"), [*field], "{name} {place}");
        }
        assert_eq!(server.stored_files().len(), 1, "{name}");
    }
    for (name, query, field) in [
        ("an unknown way with doubles", "?on_duplicate=maybe", "on_duplicate"),
        ("an unknown way with deleted ones", "?on_deleted=no", "on_deleted"),
        ("a parameter twice", "?on_deleted=store&on_deleted=store", "on_deleted"),
    ] {
        alice.try_upload(query, "a.jpg", b"x", &[]).await.error_on(400, "validation_error", &[field]);
        assert_eq!(alice.upload_raw(query, "x", &[]).await.error(400, "validation_error"), [field], "{name}");
    }
    alice.try_upload("", "a.jpg", b"x", &[("on_duplicate", "existing")]).await.error_on(
        400,
        "validation_error",
        &["on_duplicate"],
    );
    alice.try_upload("?title=a", "a.jpg", b"x", &[("title", "b")]).await.error_on(400, "validation_error", &["title"]);
    let both =
        alice.try_upload("", "a.jpg", b"x", &[("title", &long_title), ("checksum", "x"), ("external_id", "")]).await;
    both.error_on(400, "validation_error", &["title", "external_id", "checksum"]);
    let tags: Vec<String> = (0..101).map(|n| format!("t{n}")).collect();
    let tags: Vec<(&str, &str)> = tags.iter().map(|tag| ("tags", tag.as_str())).collect();
    assert_eq!(alice.try_upload("", "a.jpg", b"x", &tags).await.status, 400, "a form of a hundred parts and more");
    alice.try_upload("", "a.jpg", b"x", &[("external_id", "taken")]).await.error_on(409, "conflict", &["external_id"]);
    alice.upload_raw("?external_id=taken", "y", &[]).await.error_on(409, "conflict", &["external_id"]);
    assert_eq!(state(&alice).await, before);
    bob.upload_raw("?external_id=taken", "y", &[]).await.expect(201);
    sound(&server).await;
});

on_both!(fields_at_their_limits_are_taken, |server| async move {
    let alice = server.user("alice").await;
    let (title, text, tag, id) = ("ü".repeat(255), "d".repeat(10_000), "ü".repeat(64), "ü".repeat(256));
    let tags: Vec<String> = (0..50).map(|n| format!("t{n}")).collect();
    let mut fields: Vec<(&str, &str)> = tags.iter().map(|tag| ("tags", tag.as_str())).collect();
    // Text that no index compresses.
    let value: String = noise(3, 7_000).iter().map(|byte| format!("{byte:02x}")).collect();
    let properties = json!({ "long": value, "k".repeat(64): "x" }).to_string();
    fields.extend([
        ("title", title.as_str()),
        ("description", &text),
        ("tags", &tag),
        ("external_id", &id),
        ("properties", &properties),
    ]);
    let item = alice.try_upload("", "a.jpg", &jpeg(1, 300), &fields).await.expect(201);
    assert_eq!((&item["title"], &item["description"], &item["external_id"]), (&json!(title), &json!(text), &json!(id)));
    assert_eq!(item["tags"].as_array().unwrap().len(), 51);
    assert_eq!(item["properties"]["long"], value);
    let full: serde_json::Map<String, Value> = (0..64).map(|n| (format!("k{n}"), json!("v"))).collect();
    let patched = alice.patch(&path_of(&item), json!({ "properties": null })).await.expect(200);
    assert_eq!(patched["properties"], json!({}));
    assert_eq!(
        alice.patch(&path_of(&item), json!({ "properties": full })).await.expect(200)["properties"],
        json!(full)
    );
    // A letter that is two when it is folded.
    let folding = "İ".repeat(64);
    alice.patch(&path_of(&item), json!({ "tags": [&folding] })).await.expect(200);
    assert_eq!(total(&alice, &format!("?tag={folding}")).await, 1);
    let uppercase = checksum(b"x").to_uppercase().replace("SHA256", "sha256");
    alice.upload_raw(&format!("?checksum={uppercase}"), "x", &[]).await.expect(201);
    sound(&server).await;
});

on_both!(checksums_must_fit, |server| async move {
    let alice = server.user("alice").await;
    let (small, large) = (jpeg(1, 3_000), jpeg(2, 600_000));
    let wrong = checksum(b"other bytes");
    for bytes in [&small, &large] {
        for (name, answer) in [
            ("before", alice.try_upload("", "a.jpg", bytes, &[("checksum", &wrong)]).await),
            ("behind", alice.try_upload("", "a.jpg", bytes, &[(">checksum", &wrong)]).await),
            ("form's query", alice.try_upload(&format!("?checksum={wrong}"), "a.jpg", bytes, &[]).await),
            ("body's query", alice.upload_raw(&format!("?checksum={wrong}"), bytes.clone(), &[]).await),
        ] {
            assert_eq!(answer.error(422, "checksum_mismatch"), ["checksum"], "{name}");
        }
    }
    assert_eq!((total(&alice, "").await, server.stored_files().len()), (0, 0));
    sound(&server).await;
    for fields in [[("checksum", checksum(&small))], [(">checksum", checksum(&small))]] {
        let [(name, sum)] = fields;
        alice.try_upload("", "a.jpg", &small, &[(name, &sum)]).await.expect(201);
    }
});

/// A structured field of one digest.
fn digest(algorithm: &str, hash: impl AsRef<[u8]>) -> String {
    format!("{algorithm}=:{}:", STANDARD.encode(hash))
}

on_both!(digest_headers_are_checked, |server| async move {
    let alice = server.user("alice").await;
    let photo = jpeg(1, 30_000);
    let (kind, form) = mv_testkit::multipart("a.jpg", &photo, &[("title", "x")]);
    let wrong = digest("sha-256", Sha256::digest(b"other"));
    let wrong_512 = digest("sha-512", Sha512::digest(b"other"));
    let zeros = digest("md5", [0; 16]);
    for header in ["content-digest", "repr-digest"] {
        let name = if header == "content-digest" { "Content-Digest" } else { "Repr-Digest" };
        for (way, kind, body) in [("form", kind.as_str(), &form), ("body", "image/jpeg", &photo)] {
            let good = digest("sha-256", Sha256::digest(body));
            let good_512 = digest("sha-512", Sha512::digest(body));
            let both = format!("{good}, {good_512}");
            let second = format!("{wrong}, {good}");
            let half = format!("{good}, {wrong_512}");
            let spaced = format!("{zeros} , {good};q=1");
            let cases: [(&str, &str, u16); 14] = [
                ("the right one", &good, 201),
                ("the right one of another algorithm", &good_512, 201),
                ("both", &both, 201),
                ("one that nobody checks", &zeros, 201),
                ("beside one that nobody checks", &spaced, 201),
                ("twice, the last one counts", &second, 201),
                ("a wrong one", &wrong, 422),
                ("a wrong one of another algorithm", &wrong_512, 422),
                ("one right, one wrong", &half, 422),
                ("no dictionary", "sha-256", 400),
                ("a bare value", "sha-256=abc", 400),
                ("a value cut off", "sha-256=:AAAA", 400),
                ("too few bytes", "sha-256=:AAAA:", 400),
                ("a comma at the end", "sha-256=:AAAA:,", 400),
            ];
            for (case, value, status) in cases {
                let files = server.stored_files().len();
                let answer = alice.upload_raw("", body.clone(), &[("content-type", kind), (header, value)]).await;
                assert_eq!(answer.status, status, "{case} in {header} of a {way}");
                match status {
                    422 => assert_eq!(answer.error(422, "checksum_mismatch"), [name], "{case} in {header} of a {way}"),
                    400 => assert_eq!(answer.error(400, "validation_error"), [name], "{case} in {header} of a {way}"),
                    _ => assert_eq!(answer.json()["data"]["checksum"], checksum(&photo), "{case}"),
                }
                if status != 201 {
                    assert_eq!(server.stored_files().len(), files, "{case} in {header} of a {way}");
                }
            }
        }
        // Of a form the file's own digest is the wrong one.
        let inner = digest("sha-256", Sha256::digest(&photo));
        alice.upload_raw("", form.clone(), &[("content-type", &kind), (header, &inner)]).await.error_on(
            422,
            "checksum_mismatch",
            &[name],
        );
    }
    let (good, other) = (digest("sha-256", Sha256::digest(&photo)), checksum(b"other"));
    let disagreeing = alice.upload_raw(&format!("?checksum={other}"), photo.clone(), &[("repr-digest", &good)]).await;
    assert_eq!(disagreeing.status, 422);
    sound(&server).await;
});

on_both!(other_bodies_are_refused_by_their_type, |server| async move {
    let alice = server.user("alice").await;
    let before = state(&alice).await;
    let (kind, form) = mv_testkit::multipart("a.jpg", b"x", &[]);
    for (name, headers, body) in [
        ("a form of a page", vec![("content-type", "application/x-www-form-urlencoded")], b"file=x".to_vec()),
        ("another multipart", vec![("content-type", "multipart/mixed; boundary=mv-test-boundary")], form.clone()),
        ("a coded body", vec![("content-type", "image/jpeg"), ("content-encoding", "gzip")], b"x".to_vec()),
        ("a coded form", vec![("content-type", kind.as_str()), ("content-encoding", "gzip")], form.clone()),
        ("an empty type", vec![("content-type", "")], b"x".to_vec()),
    ] {
        let answer = alice.upload_raw("", body, &headers).await;
        assert_eq!(answer.status, 415, "{name}");
        answer.error(415, "unsupported_media_type");
    }
    let untyped = alice.request(Method::POST, "/media/upload").body("x");
    alice.send(untyped).await.error(415, "unsupported_media_type");
    server.anonymous().upload_raw("", "x", &[]).await.error(401, "unauthorized");
    assert_eq!(state(&alice).await, before);
});
