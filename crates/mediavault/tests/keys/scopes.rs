//! What scopes open, and what is said where one is missing.

use super::*;

/// The scopes named as missing, in `details` and in the challenge, which must agree.
#[track_caller]
fn missing(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 403, "{}: {}", answer.asked, String::from_utf8_lossy(&answer.body));
    let body = answer.json();
    assert_eq!(body["error"]["code"], "forbidden");
    let named: Vec<String> = body["error"]["details"]
        .as_array()
        .unwrap()
        .iter()
        .map(|detail| {
            assert_eq!(detail["field"], "scope", "{body}");
            text(detail, "message").to_owned()
        })
        .collect();
    let challenge = format!(r#"Bearer realm="mediavault", error="insufficient_scope", scope="{}""#, named.join(" "));
    assert_eq!(answer.header("www-authenticate"), challenge, "{}", answer.asked);
    named
}

// The description says of every operation which scopes it needs; the server must ask for exactly these.
on_both!(the_description_names_the_scopes_that_are_asked_for, |server| async move {
    let ann = server.user("ann").await;
    let (_, nothing) = key(&ann, &["shares:write"]).await;
    let description: Value = serde_json::from_str(&mv_http::router::description_json().unwrap()).unwrap();
    let mut asked = 0;
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(_, it)| it["x-area"].is_string()) {
            let Some(scopes) = text(operation, "x-area").strip_prefix("scope:") else { continue };
            let needed: Vec<&str> = scopes.split(',').collect();
            // Parameters are read before the caller is let in; these routes have some that must be there.
            let path = match path.as_str() {
                "/users/lookup" => "/users/lookup?username=ann",
                "/media/{id}/render" => "/media/{id}/render?w=1",
                path => path,
            };
            let path = path
                .replace("/media/{id}", "/media/media_01h455vb4pex5vsknk084sn02q")
                .replace("{media_id}", "media_01h455vb4pex5vsknk084sn02q")
                .replace("/collections/{id}", "/collections/col_01h455vb4pex5vsknk084sn02q")
                .replace("/upload-tokens/{id}", "/upload-tokens/upt_01h455vb4pex5vsknk084sn02q")
                .replace("/webhooks/{id}", "/webhooks/whk_01h455vb4pex5vsknk084sn02q")
                .replace("{delivery_id}", "dlv_01h455vb4pex5vsknk084sn02q");
            let answer = nothing.send(nothing.request(method.to_uppercase().parse().unwrap(), &path)).await;
            if method == "head" {
                assert_eq!(answer.status, 403, "{path}");
            } else {
                assert_eq!(missing(&answer), needed, "{method} {path}");
            }
            let listed = json!([{ "bearer": needed }, { "apiKey": needed }]);
            let ways = operation["security"].as_array().unwrap();
            assert_eq!(ways[..2], listed.as_array().unwrap()[..], "{method} {path}");
            asked += 1;
        }
    }
    assert!(asked >= 15, "{asked}");
});

on_both!(every_missing_scope_is_named_and_no_other, |server| async move {
    let ann = server.user("ann").await;
    let item = ann.upload("a.bin", &files::noise(1, 50)).await;
    let made = ann.post("/collections", json!({ "name": "c" })).await.expect(201);
    let collection = text(&made, "id");
    ann.post(&format!("/collections/{collection}/media"), json!({ "media_id": item["id"] })).await.expect(200);
    let (_, reader) = key(&ann, &["media:read"]).await;
    let (_, lister) = key(&ann, &["collections:read"]).await;
    let (_, both) = key(&ann, &["collections:read", "media:read"]).await;
    let (_, neither) = key(&ann, &["users:read"]).await;
    for path in [format!("/collections/{collection}/media"), format!("/collections/{collection}/archive")] {
        assert_eq!(missing(&reader.get(&path).await), ["collections:read"]);
        assert_eq!(missing(&lister.get(&path).await), ["media:read"]);
        assert_eq!(missing(&neither.get(&path).await), ["media:read", "collections:read"]);
        assert_eq!(both.get(&path).await.status, 200);
    }
    lister.get(&format!("/collections/{collection}")).await.expect(200);
    assert_eq!(missing(&lister.get(&format!("/media/{}/content", text(&item, "id"))).await), ["media:read"]);
    let by_collection = format!("/media?collection_id={collection}");
    assert_eq!(missing(&reader.get(&by_collection).await), ["collections:read"], "tells what is in a collection");
    both.get(&by_collection).await.expect(200);
});

on_both!(who_may_not_read_learns_nothing_by_writing, |server| async move {
    let ann = server.user("ann").await;
    let bytes = files::noise(1, 50);
    let item = ann.upload("a.bin", &bytes).await;
    let made = ann.post("/collections", json!({ "name": "c" })).await.expect(201);
    let collection = text(&made, "id");
    let (_, writer) = key(&ann, &["media:write"]).await;
    let changed = writer.patch(&format!("/media/{}", text(&item, "id")), json!({ "title": "t" })).await.expect(200);
    assert_eq!(changed["urls"]["content"], Value::Null, "no link to bytes that the key may not read");
    assert_eq!(writer.upload("b.bin", &files::noise(2, 50)).await["urls"]["content"], Value::Null);
    for query in ["?on_duplicate=existing", "?on_deleted=reject"] {
        assert_eq!(missing(&writer.try_upload(query, "a.bin", &bytes, &[]).await), ["media:read"], "{query}");
    }
    let into = [("collection_id", collection)];
    assert_eq!(missing(&writer.try_upload("", "a.bin", &bytes, &into).await), ["collections:write"]);
    let late = [(">collection_id", collection)];
    assert_eq!(missing(&writer.try_upload("", "a.bin", &bytes, &late).await), ["collections:write"], "behind the file");
    let (_, more) = key(&ann, &["media:write", "collections:write", "media:read"]).await;
    more.try_upload("", "a.bin", &bytes, &into).await.expect(201);
    more.try_upload("?on_duplicate=existing", "a.bin", &bytes, &[]).await.expect(200);
    let (_, sorter) = key(&ann, &["collections:write"]).await;
    let path = format!("/collections/{collection}/media");
    sorter.post(&path, json!({ "media_id": item["id"] })).await.expect(200);
});

on_both!(keys_of_one_owner_do_not_share_their_retries, |server| async move {
    let ann = server.user("ann").await;
    let bytes = files::noise(1, 50);
    let (_, one) = key(&ann, &["media:write"]).await;
    let (_, two) = key(&ann, &["media:write"]).await;
    let mut ids = std::collections::BTreeSet::new();
    for actor in [&ann, &one, &two] {
        let sent = [("idempotency-key", "same")];
        let first = actor.upload_raw("", bytes.clone(), &sent).await.expect(201);
        let again = actor.upload_raw("", bytes.clone(), &sent).await;
        assert_eq!(again.expect(201)["id"], first["id"]);
        assert_eq!(first["urls"]["content"].is_null(), actor.token != ann.token);
        ids.insert(text(&first, "id").to_owned());
    }
    assert_eq!(ids.len(), 3, "each caller has keys of its own");
});
