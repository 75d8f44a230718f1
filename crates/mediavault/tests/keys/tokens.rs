//! Upload tokens: what they open, what they decide, when they end.

use super::*;

/// A token of the person's: its id and somebody who sends it.
async fn token(of: &Actor, body: Value) -> (String, Actor) {
    let made = of.post("/upload-tokens", body).await.expect(201);
    (text(&made, "id").to_owned(), of.with_token(text(&made, "token")))
}

/// The bytes of a tiny PNG.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\nIDATx\x9cc\0\x01\0\0\x05\0\x01\r\n-\xb4\0\0\0\0IEND\xaeB`\x82";

on_both!(a_token_uploads_for_its_issuer_and_is_told_no_more_than_that, |server| async move {
    let ann = server.user("ann").await;
    let made = ann.post("/upload-tokens", json!({})).await.expect(201);
    assert!(text(&made, "token").starts_with("mvu_") && text(&made, "id").starts_with("upt_"));
    assert_eq!(made.as_object().unwrap().len(), 3);
    let hour = server.app().now().plus(Duration::from_secs(3600));
    let ends = mv_core::Timestamp::parse(text(&made, "expires_at")).unwrap();
    assert!(ends <= hour && hour.since(ends) < Duration::from_secs(60), "an hour where nothing else is said");
    let visitor = ann.with_token(text(&made, "token"));
    let answer = visitor.try_upload("", "a.bin", &files::noise(1, 50), &[("title", "Mine")]).await;
    let told = answer.expect(201);
    assert_eq!(told, json!({ "id": told["id"], "status": "ready" }));
    let item = ann.get(&format!("/media/{}", text(&told, "id"))).await.expect(200);
    assert_eq!((text(&item, "user_id"), text(&item, "title")), (&ann.id[..], "Mine"));
    visitor.upload_raw("", files::noise(2, 50), &[]).await.error_on(403, "forbidden", &[]);
    assert_eq!(ann.get("/users/me/usage").await.expect(200)["items"], 1, "one file where nothing else is said");
});

on_both!(a_token_opens_nothing_else, |server| async move {
    let ann = server.user("ann").await;
    let item = ann.upload("a.bin", &files::noise(1, 50)).await;
    let (id, visitor) = token(&ann, json!({ "max_files": 10 })).await;
    for (method, path) in [
        (Method::GET, "/media".to_owned()),
        (Method::GET, format!("/media/{}", text(&item, "id"))),
        (Method::GET, format!("/media/{}/content", text(&item, "id"))),
        (Method::DELETE, format!("/media/{}", text(&item, "id"))),
        (Method::GET, "/collections".to_owned()),
        (Method::GET, "/users/me".to_owned()),
        (Method::GET, "/users/me/usage".to_owned()),
        (Method::GET, "/api-keys".to_owned()),
        (Method::POST, "/upload-tokens".to_owned()),
        (Method::DELETE, format!("/upload-tokens/{id}")),
        (Method::POST, "/auth/logout".to_owned()),
    ] {
        let answer = visitor.send(visitor.request(method, &path)).await;
        answer.error_on(403, "forbidden", &[]);
    }
    let who = visitor.get("/auth/whoami").await.expect(200);
    assert_eq!(who["user"], json!({ "id": ann.id }), "no address of the issuer's");
    assert_eq!((text(&who["credential"], "type"), text(&who["credential"], "id")), ("upload_token", &id[..]));
    // As an API key it is not taken at all.
    let nobody = server.anonymous();
    let by_header = nobody.request(Method::POST, "/media/upload").header("x-api-key", visitor.token.as_ref().unwrap());
    refused("in X-API-Key", &nobody.send(by_header.body("x")).await);
});

on_both!(what_the_token_decides_comes_on_top, |server| async move {
    let ann = server.user("ann").await;
    let collection = ann.post("/collections", json!({ "name": "Claims" })).await.expect(201);
    let body = json!({ "max_files": 10, "tags": ["claim", "Web"], "properties": { "form": 7 }, "collection_id": collection["id"] });
    let (_, visitor) = token(&ann, body).await;
    let fields = [("tags", "roof"), ("tags", "web"), ("properties", r#"{"note": "x"}"#)];
    let told = visitor.try_upload("", "a.bin", &files::noise(1, 50), &fields).await.expect(201);
    let item = ann.get(&format!("/media/{}", text(&told, "id"))).await.expect(200);
    assert_eq!(item["tags"], json!(["claim", "Web", "roof"]));
    assert_eq!(item["properties"], json!({ "form": 7, "note": "x" }));
    let path = format!("/collections/{}/media", text(&collection, "id"));
    assert_eq!(ann.get(&path).await.expect(200)[0]["id"], told["id"]);
    assert_eq!(ann.get("/media?tag=claim").await.expect(200)[0]["id"], told["id"], "counted by its tags");
    assert_eq!(ann.get("/media?tag=claim").await.meta()["pagination"]["total"], 1);
    // Its collection goes; what comes in stays.
    ann.delete(&format!("/collections/{}", text(&collection, "id"))).await.expect(204);
    visitor.try_upload("", "b.bin", &files::noise(2, 50), &[]).await.expect(201);
});

on_both!(fields_that_would_tell_or_reach_further_are_refused, |server| async move {
    let ann = server.user("ann").await;
    let bytes = files::noise(1, 50);
    let item = ann.upload("a.bin", &bytes).await;
    ann.patch(&format!("/media/{}", text(&item, "id")), json!({ "external_id": "x1" })).await.expect(200);
    let collection = ann.post("/collections", json!({ "name": "c" })).await.expect(201);
    let (_, visitor) = token(&ann, json!({ "max_files": 10, "properties": { "form": 7 } })).await;
    let sum = files::checksum(&bytes);
    for (query, field) in [
        ("?on_duplicate=existing".to_owned(), "on_duplicate"),
        (format!("?on_duplicate=existing&checksum={sum}"), "on_duplicate"),
        ("?on_deleted=reject".to_owned(), "on_deleted"),
        ("?external_id=x1".to_owned(), "external_id"),
        ("?external_id=x2".to_owned(), "external_id"),
        (format!("?collection_id={}", text(&collection, "id")), "collection_id"),
        ("?properties=%7B%22form%22%3A8%7D".to_owned(), "properties.form"),
    ] {
        visitor.upload_raw(&query, bytes.clone(), &[]).await.error_on(400, "validation_error", &[field]);
    }
    for (name, value) in [("collection_id", text(&collection, "id")), (">external_id", "x1")] {
        let answer = visitor.try_upload("", "a.bin", &bytes, &[(name, value)]).await;
        answer.error_on(400, "validation_error", &[name.trim_start_matches('>')]);
    }
    // That the bytes are there already makes no difference; a checksum is only compared with what came.
    let told = visitor.upload_raw(&format!("?checksum={sum}"), bytes.clone(), &[]).await.expect(201);
    assert_ne!(told["id"], item["id"]);
    let wrong = files::checksum(b"other");
    visitor.upload_raw(&format!("?checksum={wrong}"), bytes, &[]).await.error_on(
        422,
        "checksum_mismatch",
        &["checksum"],
    );
    assert_eq!(ann.get("/users/me/usage").await.expect(200)["items"], 2);
});

on_both!(kinds_of_files_are_told_from_their_bytes, |server| async move {
    let ann = server.user("ann").await;
    let (_, visitor) = token(&ann, json!({ "max_files": 10, "mime_types": ["Image/*", "application/pdf"] })).await;
    let html = b"<!doctype html><script>alert(1)</script>";
    for (kind, name) in [("image/png", "a.png"), ("text/html", "a.html")] {
        let sent = [("content-type", kind)];
        visitor.upload_raw("", &html[..], &sent).await.error_on(415, "unsupported_media_type", &[]);
        visitor.try_upload("", name, html, &[]).await.error_on(415, "unsupported_media_type", &[]);
    }
    visitor.try_upload("", "a.html", PNG, &[]).await.expect(201);
    visitor.try_upload("", "a", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", &[]).await.expect(201);
    assert_eq!(ann.get("/users/me/usage").await.expect(200)["items"], 2, "what is refused counts nowhere");
    assert_eq!(files_of(&server).await, 2);
});

/// How many files the tokens have taken.
async fn files_of(server: &Server) -> i64 {
    let counted =
        server.store().read(|db| db.one(sql("SELECT CAST(coalesce(sum(files), 0) AS BIGINT) FROM upload_tokens")));
    counted.await.map_err(|error: mv_store::Error| error).unwrap()
}

on_both!(a_file_may_be_too_large_for_the_token_or_for_what_is_left_of_it, |server| async move {
    let ann = server.user("ann").await;
    let (_, visitor) = token(&ann, json!({ "max_files": 10, "max_bytes": 1000 })).await;
    visitor.upload_raw("", files::noise(1, 1001), &[]).await.error_on(413, "payload_too_large", &[]);
    visitor.try_upload("", "a.bin", &files::noise(1, 1001), &[]).await.error_on(413, "payload_too_large", &[]);
    visitor.upload_raw("", files::noise(1, 600), &[]).await.expect(201);
    visitor.upload_raw("", files::noise(2, 401), &[]).await.error_on(403, "forbidden", &[]);
    visitor.try_upload("", "b.bin", &files::noise(2, 401), &[]).await.error_on(403, "forbidden", &[]);
    visitor.try_upload("", "b.bin", &files::noise(2, 400), &[]).await.expect(201);
    visitor.upload_raw("", files::noise(3, 1), &[]).await.error_on(403, "forbidden", &[]);
    assert_eq!(
        (ann.get("/users/me/usage").await.expect(200)["bytes"].clone(), files_of(&server).await),
        (json!(1000), 2)
    );
});

on_both!(a_token_ends_with_its_time_its_deletion_its_key_and_its_issuer, with_root(), |server| async move {
    let ann = server.user("ann").await;
    let try_it = async |visitor: &Actor| visitor.upload_raw("", files::noise(1, 50), &[]).await;
    let (_, short) = token(&ann, json!({ "max_files": 10, "expires_in": 60 })).await;
    let (id, deleted) = token(&ann, json!({ "max_files": 10 })).await;
    let (key_id, keyed) = key(&ann, &["media:write"]).await;
    let (_, by_key) = token(&keyed, json!({ "max_files": 10 })).await;
    let (_, kept) = token(&ann, json!({ "max_files": 10 })).await;
    for visitor in [&short, &deleted, &by_key, &kept] {
        try_it(visitor).await.expect(201);
    }
    server.clock().advance(Duration::from_secs(60));
    refused("expired", &try_it(&short).await);
    server.user("bob").await.delete(&format!("/upload-tokens/{id}")).await.error_on(404, "not_found", &[]);
    try_it(&deleted).await.expect(201);
    ann.delete(&format!("/upload-tokens/{id}")).await.expect(204);
    refused("deleted", &try_it(&deleted).await);
    ann.delete(&format!("/api-keys/{key_id}")).await.expect(204);
    refused("made with a key that was deleted", &try_it(&by_key).await);
    ann.post_empty("/auth/logout").await.expect(204);
    try_it(&kept).await.expect(201);
    let root = root(&server).await;
    let path = format!("/admin/users/{}", ann.id);
    root.patch(&path, json!({ "disabled": true })).await.expect(200);
    refused("issuer disabled", &try_it(&kept).await);
    root.patch(&path, json!({ "disabled": false })).await.expect(200);
    try_it(&kept).await.expect(201);
    root.delete(&path).await.expect(204);
    refused("issuer deleted", &try_it(&kept).await);
});

on_both!(what_is_wrong_makes_no_token, |server| async move {
    let ann = server.user("ann").await;
    let foreign = server.user("bob").await.post("/collections", json!({ "name": "c" })).await.expect(201);
    for (body, field) in [
        (json!({ "expires_in": 59 }), "expires_in"),
        (json!({ "expires_in": 86_401 }), "expires_in"),
        (json!({ "max_files": 0 }), "max_files"),
        (json!({ "max_files": 10_001 }), "max_files"),
        (json!({ "max_files": -1 }), "max_files"),
        (json!({ "max_bytes": 0 }), "max_bytes"),
        (json!({ "max_bytes": 9_223_372_036_854_775_808_u64 }), "max_bytes"),
        (json!({ "mime_types": [] }), "mime_types"),
        (json!({ "mime_types": ["*/*"] }), "mime_types"),
        (json!({ "tags": [""] }), "tags"),
        (json!({ "properties": { "a": [1] } }), "properties.a"),
        (json!({ "origin": "*" }), "origin"),
        (json!({ "origin": "null" }), "origin"),
        (json!({ "origin": "https://a.example/" }), "origin"),
        (json!({ "collection_id": "x" }), "collection_id"),
        (json!({ "collection_id": foreign["id"] }), "collection_id"),
        (json!({ "collection_id": "col_01h455vb4pex5vsknk084sn02q" }), "collection_id"),
        (json!({ "user_id": ann.id }), "user_id"),
    ] {
        let answer = ann.post("/upload-tokens", body.clone()).await;
        assert_eq!(answer.error(400, "validation_error"), [field], "{body}");
    }
    let (_, writer) = key(&ann, &["media:write"]).await;
    let own = ann.post("/collections", json!({ "name": "c" })).await.expect(201);
    let answer = writer.post("/upload-tokens", json!({ "collection_id": own["id"] })).await;
    answer.error_on(403, "forbidden", &["scope"]);
    let (_, both) = key(&ann, &["media:write", "collections:write"]).await;
    both.post("/upload-tokens", json!({ "collection_id": own["id"] })).await.expect(201);
});

on_both!(no_room_is_told_without_numbers, Options::with("limits.default_quota_bytes", 100), |server| async move {
    let ann = server.user("ann").await;
    let (_, visitor) = token(&ann, json!({ "max_files": 10 })).await;
    ann.upload("a.bin", &files::noise(1, 80)).await;
    let answer = visitor.upload_raw("", files::noise(2, 30), &[]).await;
    answer.error_on(507, "quota_exceeded", &[]);
    assert_eq!(answer.json()["error"]["message"], "There is no room left");
    assert_eq!(files_of(&server).await, 0);
});
