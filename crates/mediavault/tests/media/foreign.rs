//! Somebody else's ids: everywhere the same answer as for ids that nobody has, and nothing changes.

use super::*;

/// Headers that differ from one answer to the next.
const COUNTING: [&str; 6] =
    ["date", "x-request-id", "content-length", "ratelimit", "x-ratelimit-remaining", "x-ratelimit-reset"];

/// An answer less what differs from request to request.
fn anonymized(answer: &Answer, id: &str) -> (u16, String) {
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(!text.contains(id), "the answer tells the id: {text}");
    let mut body: Value = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
    body["meta"]["request_id"] = Value::Null;
    body["meta"]["timestamp"] = Value::Null;
    let mut headers: Vec<String> = answer
        .headers
        .iter()
        // A timestamp has as many digits as it needs, so the length differs too; what is left of the minute's requests
        // is one less each time.
        .filter(|(name, _)| !COUNTING.contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    headers.sort();
    (answer.status, format!("{body} {headers:?}"))
}

on_both!(foreign_items_are_as_good_as_none, |server| async move {
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let fields = [("tags", "t"), ("external_id", "e"), ("properties", r#"{"k":"v"}"#)];
    let live = alice.try_upload("", "a.jpg", &jpeg(1, 3_000), &fields).await.expect(201);
    let trashed = alice.upload("b.jpg", &jpeg(2, 3_000)).await;
    let other = alice.upload("c.jpg", &jpeg(3, 3_000)).await;
    let sig = other["urls"]["content"].as_str().unwrap().split("sig=").nth(1).unwrap().to_owned();
    alice.delete(&path_of(&trashed)).await.expect(204);
    let (random, before) = ("media_01h455vb4pex5vsknk084sn02q", state(&alice).await);
    let bobs = state(&bob).await;
    let requests = |id: &str| -> Vec<(&'static str, reqwest::RequestBuilder)> {
        let path = format!("/media/{id}");
        let content = format!("{path}/content");
        vec![
            ("shown", bob.request(Method::GET, &path)),
            ("shown if changed", bob.request(Method::GET, &path).header("if-none-match", "*")),
            ("shown if this version", bob.request(Method::GET, &path).header("if-match", "\"99.1\"")),
            ("edited", bob.request(Method::PATCH, &path).json(&json!({ "title": "mine" }))),
            (
                "edited if this version",
                bob.request(Method::PATCH, &path).header("if-match", "\"99.1\"").json(&json!({ "title": "mine" })),
            ),
            ("trashed", bob.request(Method::DELETE, &path)),
            ("deleted", bob.request(Method::DELETE, &format!("{path}?permanent=true"))),
            ("restored", bob.request(Method::POST, &format!("{path}/restore"))),
            ("read", bob.request(Method::GET, &content)),
            ("read in part", bob.request(Method::GET, &content).header("range", "bytes=0-1")),
            ("read if changed", bob.request(Method::GET, &content).header("if-none-match", "*")),
            ("read if there", bob.request(Method::GET, &content).header("if-match", "*")),
            ("read behind its end", bob.request(Method::GET, &content).header("range", "bytes=99999-")),
            ("read as a download", bob.request(Method::GET, &format!("{content}?download=1"))),
            ("read by a forged link", server.anonymous().request(Method::GET, &format!("{content}?sig=AAAA"))),
            ("read by another's link", server.anonymous().request(Method::GET, &format!("{content}?sig={sig}"))),
            ("looked at", bob.request(Method::HEAD, &content)),
            (
                "linked",
                bob.request(Method::POST, "/media/urls")
                    .json(&json!({ "items": [{ "id": id, "variant": "content" }], "expires_in": 60 })),
            ),
        ]
    };
    for id in [id_of(&live), id_of(&trashed)] {
        for ((name, foreign), (_, nobodys)) in requests(id).into_iter().zip(requests(random)) {
            let (foreign, nobodys) = (bob.send(foreign).await, bob.send(nobodys).await);
            assert!([404, 401].contains(&foreign.status), "{name}: {}", foreign.status);
            assert_eq!(anonymized(&foreign, id), anonymized(&nobodys, random), "{name}");
        }
    }
    // What has no id in its path must not tell, either.
    for query in ["?external_id=e", "?tag=t", "?property[k]=v", "?type=image", "?trashed=true", "?sort=size"] {
        assert_eq!(total(&bob, query).await, 0, "{query}");
    }
    let known =
        bob.post("/media/check", json!({ "checksums": [live["checksum"], trashed["checksum"]] })).await.expect(200);
    assert!(
        known.as_array().unwrap().iter().all(|one| one["state"] == "unknown" && one["media_id"].is_null()),
        "{known}"
    );
    bob.delete("/media/trash").await.expect(204);
    assert_eq!(state(&bob).await["lists"], bobs["lists"]);
    assert_eq!(state(&alice).await, before);
    sound(&server).await;
});

on_both!(without_credentials_there_is_nothing, |server| async move {
    let alice = server.user("alice").await;
    let item = alice.upload("a.jpg", &jpeg(1, 300)).await;
    let before = state(&alice).await;
    let stranger = alice.with_token("nonsense");
    for actor in [server.anonymous(), stranger] {
        let path = path_of(&item);
        for (name, answer) in [
            ("list", actor.get("/media").await),
            ("show", actor.get(&path).await),
            ("edit", actor.patch(&path, json!({ "title": "x" })).await),
            ("trash", actor.delete(&path).await),
            ("restore", actor.post_empty(&format!("{path}/restore")).await),
            ("empty the trash", actor.delete("/media/trash").await),
            ("read", actor.get(&format!("{path}/content")).await),
            ("check", actor.post("/media/check", json!({ "checksums": [item["checksum"]] })).await),
            ("link", actor.post("/media/urls", json!({ "items": [], "expires_in": 60 })).await),
            ("upload", actor.upload_raw("", "x", &[]).await),
            ("upload by form", actor.try_upload("", "a.jpg", b"x", &[]).await),
        ] {
            assert_eq!(answer.status, 401, "{name}");
            answer.error_on(401, "unauthorized", &[]);
            let challenge = answer.header("www-authenticate");
            assert_eq!(challenge.contains("error="), actor.token.is_some(), "{name}: {challenge}");
        }
    }
    assert_eq!(state(&alice).await, before);
});
