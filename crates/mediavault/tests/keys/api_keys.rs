//! API keys: made, used, ended.

use super::*;

on_both!(a_key_is_shown_once_and_listed_without_its_secret, |server| async move {
    let ann = server.user("ann").await;
    let body =
        json!({ "name": " Camera ", "scopes": ["users:read", "media:read"], "expires_at": "2099-01-01T00:00:00Z" });
    let made = ann.post("/api-keys", body).await.expect(201);
    let secret = text(&made, "key").to_owned();
    assert!(secret.starts_with("mvk_") && secret.len() == 52, "256 random bits and a checksum");
    let mut expected = made.clone();
    expected.as_object_mut().unwrap().remove("key").unwrap();
    assert_eq!(text(&expected, "name"), "Camera");
    assert_eq!(expected["scopes"], json!(["media:read", "users:read"]), "in the contract's order");
    assert_eq!((&expected["last_used_at"], text(&expected, "expires_at")), (&Value::Null, "2099-01-01T00:00:00Z"));
    assert_eq!(ann.get("/api-keys").await.expect(200), json!([expected]));
    let (second, _) = key(&ann, &["media:read"]).await;
    let listed = ann.get("/api-keys").await.expect(200);
    assert_eq!((listed[0]["id"].as_str().unwrap(), listed[0]["expires_at"].clone()), (&second[..], Value::Null));
    assert_eq!(server.user("bob").await.get("/api-keys").await.expect(200), json!([]));
    let rows: Vec<(Vec<u8>, String)> = server
        .store()
        .read(|db| db.all(sql("SELECT secret_hash, name FROM api_keys ORDER BY id")))
        .await
        .map_err(|error: mv_store::Error| error)
        .unwrap();
    assert!(rows.iter().all(|(hash, _)| hash.len() == 32), "hashes alone");
});

on_both!(both_ways_to_send_a_key, |server| async move {
    let ann = server.user("ann").await;
    let (id, keyed) = key(&ann, &["users:read"]).await;
    let secret = keyed.token.clone().unwrap();
    assert_eq!(keyed.get("/users/me").await.expect(200)["id"], json!(ann.id));
    let nobody = server.anonymous();
    let by_header = |value: &str| nobody.request(Method::GET, "/users/me").header("x-api-key", value);
    assert_eq!(nobody.send(by_header(&secret)).await.expect(200)["id"], json!(ann.id));
    let who = keyed.get("/auth/whoami").await.expect(200);
    assert_eq!((text(&who["credential"], "type"), text(&who["credential"], "id")), ("api_key", &id[..]));
    assert_eq!(
        (&who["credential"]["name"], &who["credential"]["scopes"], &who["credential"]["expires_at"]),
        (&json!("key"), &json!(["users:read"]), &Value::Null)
    );
    let both = by_header(&secret).bearer_auth(ann.token.as_ref().unwrap());
    refused("two credentials", &nobody.send(both).await);
    refused("twice", &nobody.send(by_header(&secret).header("x-api-key", &secret)).await);
    refused("an access token", &nobody.send(by_header(ann.token.as_ref().unwrap())).await);
    let in_query = nobody.get(&format!("/users/me?api_key={secret}")).await;
    in_query.error_on(400, "validation_error", &["api_key"]);
});

// reliability 4.2 F, 93.
on_both!(a_key_with_a_slip_is_refused, |server| async move {
    let ann = server.user("ann").await;
    let (_, keyed) = key(&ann, &["users:read"]).await;
    let secret = keyed.token.clone().unwrap();
    keyed.get("/users/me").await.expect(200);
    for place in (4..secret.len()).step_by(5) {
        let other = if &secret[place..=place] == "A" { "B" } else { "A" };
        let mut slip = secret.clone();
        slip.replace_range(place..=place, other);
        refused(&format!("another letter at {place}"), &ann.with_token(&slip).get("/users/me").await);
    }
    for (what, bad) in [
        ("the prefix alone", "mvk_".to_owned()),
        ("without its prefix", secret[4..].to_owned()),
        ("cut off", secret[..50].to_owned()),
        ("with a tail", format!("{secret}A")),
        ("in other case", secret.to_uppercase()),
        ("as an upload token", secret.replace("mvk_", "mvu_")),
    ] {
        refused(what, &ann.with_token(&bad).get("/users/me").await);
    }
});

on_both!(a_key_ends_with_its_time_its_deletion_and_its_owner, with_root(), |server| async move {
    let ann = server.user("ann").await;
    let soon = server.app().now().plus(Duration::from_secs(60)).to_string();
    let body = json!({ "name": "short", "scopes": ["users:read"], "expires_at": soon });
    let short = ann.with_token(text(&ann.post("/api-keys", body).await.expect(201), "key"));
    let (id, keyed) = key(&ann, &["users:read"]).await;
    for actor in [&short, &keyed, &short, &keyed] {
        actor.get("/users/me").await.expect(200);
    }
    server.clock().advance(Duration::from_secs(60));
    refused("expired", &short.get("/users/me").await);
    keyed.get("/users/me").await.expect(200);
    ann.delete(&format!("/api-keys/{id}")).await.expect(204);
    refused("deleted", &keyed.get("/users/me").await);
    ann.delete(&format!("/api-keys/{id}")).await.error_on(404, "not_found", &[]);

    let (_, of_disabled) = key(&ann, &["users:read"]).await;
    of_disabled.get("/users/me").await.expect(200);
    let root = root(&server).await;
    let path = format!("/admin/users/{}", ann.id);
    root.patch(&path, json!({ "disabled": true })).await.expect(200);
    refused("owner disabled", &of_disabled.get("/users/me").await);
    root.patch(&path, json!({ "disabled": false })).await.expect(200);
    of_disabled.get("/users/me").await.expect(200);
    root.delete(&path).await.expect(204);
    refused("owner deleted", &of_disabled.get("/users/me").await);
});

// reliability 4, row 2.
on_both!(a_key_never_manages_the_account_and_is_no_administrator, with_root(), |server| async move {
    let root = root(&server).await;
    let (id, keyed) = key(&root, &ALL).await;
    for (method, path) in [
        (Method::GET, "/api-keys".to_owned()),
        (Method::POST, "/api-keys".to_owned()),
        (Method::DELETE, format!("/api-keys/{id}")),
        (Method::GET, "/auth/sessions".to_owned()),
        (Method::POST, "/auth/logout".to_owned()),
        (Method::PATCH, "/users/me".to_owned()),
        (Method::POST, "/users/me/password".to_owned()),
        (Method::DELETE, "/users/me".to_owned()),
        (Method::GET, "/admin/users".to_owned()),
        (Method::POST, "/admin/invites".to_owned()),
        (Method::GET, "/admin/audit".to_owned()),
    ] {
        let answer = keyed.send(keyed.request(method.clone(), &path).json(&json!({}))).await;
        answer.error_on(403, "forbidden", &[]);
        assert_eq!(answer.header("www-authenticate"), "", "{method} {path}: no scope would help");
    }
    keyed.get("/users/me").await.expect(200);
    assert_eq!(root.get("/api-keys").await.expect(200).as_array().unwrap().len(), 1);
});

on_both!(what_is_wrong_makes_no_key, |server| async move {
    let ann = server.user("ann").await;
    let past = server.app().now().to_string();
    for (body, fields) in [
        (json!({ "name": "", "scopes": ["media:read"] }), vec!["name"]),
        (json!({ "name": "a\nb", "scopes": ["media:read"] }), vec!["name"]),
        (json!({ "name": "a".repeat(101), "scopes": ["media:read"] }), vec!["name"]),
        (json!({ "name": "a", "scopes": [] }), vec!["scopes"]),
        (json!({ "name": "a", "scopes": ["media:all"] }), vec!["scopes"]),
        (json!({ "name": "a", "scopes": ["*"] }), vec!["scopes"]),
        (json!({ "name": "a", "scopes": "media:read" }), vec!["scopes"]),
        (json!({ "name": "a", "scopes": ["media:read"], "expires_at": past }), vec!["expires_at"]),
        (json!({ "name": "a", "scopes": ["media:read"], "expires_at": "tomorrow" }), vec!["expires_at"]),
        (json!({ "name": "", "scopes": ["x"], "expires_at": past }), vec!["expires_at", "name", "scopes"]),
        (json!({ "name": "a", "scopes": ["media:read"], "role": "admin" }), vec!["role"]),
        (json!({}), vec!["name", "scopes"]),
    ] {
        let answer = ann.post("/api-keys", body.clone()).await;
        let mut named = answer.error(400, "validation_error");
        named.sort();
        assert_eq!(named, fields, "{body}");
    }
    let bob = server.user("bob").await;
    let (id, keyed) = key(&bob, &["users:read"]).await;
    let foreign = ann.delete(&format!("/api-keys/{id}")).await;
    foreign.error_on(404, "not_found", &[]);
    ann.delete("/api-keys/key_01h455vb4pex5vsknk084sn02q").await.error_on(404, "not_found", &[]);
    ann.delete("/api-keys/ses_01h455vb4pex5vsknk084sn02q").await.error_on(400, "validation_error", &["id"]);
    keyed.get("/users/me").await.expect(200);
    assert_eq!(ann.get("/api-keys").await.expect(200), json!([]));
});

// reliability 4, row 30, for the limit of keys.
on_both!(of_many_at_once_no_more_than_a_hundred, |server| async move {
    let ann = server.user("ann").await;
    for _ in 0..80 {
        key(&ann, &["users:read"]).await;
    }
    let barrier = std::sync::Arc::new(tokio::sync::Barrier::new(50));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (ann, barrier) = (ann.clone(), barrier.clone());
        tasks.spawn(async move {
            barrier.wait().await;
            ann.post("/api-keys", json!({ "name": "n", "scopes": ["users:read"] })).await
        });
    }
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 20);
    answers.iter().filter(|answer| answer.status != 201).for_each(|answer| answer.error_on(409, "conflict", &["name"]));
    assert_eq!(ann.get("/api-keys").await.expect(200).as_array().unwrap().len(), 100);
});

on_both!(the_last_use_is_noted_once_a_minute, |server| async move {
    let ann = server.user("ann").await;
    let (_, keyed) = key(&ann, &["users:read"]).await;
    let noted = async |unlike: &Value| {
        for _ in 0..200 {
            let now = ann.get("/api-keys").await.expect(200)[0]["last_used_at"].clone();
            if now != *unlike {
                return now;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the use was never noted");
    };
    keyed.get("/users/me").await.expect(200);
    let first = noted(&Value::Null).await;
    server.clock().advance(Duration::from_secs(30));
    keyed.get("/users/me").await.expect(200);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(ann.get("/api-keys").await.expect(200)[0]["last_used_at"], first, "half a minute later");
    server.clock().advance(Duration::from_secs(31));
    keyed.get("/users/me").await.expect(200);
    assert!(noted(&first).await.as_str() > first.as_str(), "a minute later");
});

on_both!(a_retry_gets_the_same_secret, |server| async move {
    let ann = server.user("ann").await;
    let ask = |name: &str| {
        let request = ann.request(Method::POST, "/api-keys").header("idempotency-key", "one");
        request.json(&json!({ "name": name, "scopes": ["users:read"] }))
    };
    let first = ann.send(ask("a")).await.expect(201);
    let again = ann.send(ask("a")).await;
    assert_eq!((again.expect(201), again.header("idempotency-replayed")), (first.clone(), "true"));
    ann.send(ask("b")).await.error_on(409, "conflict", &["Idempotency-Key"]);
    assert_eq!(ann.get("/api-keys").await.expect(200).as_array().unwrap().len(), 1);
    let kept: Vec<Vec<u8>> = server
        .store()
        .read(|db| db.all(sql("SELECT answer_sealed FROM idempotency")))
        .await
        .map_err(|error: mv_store::Error| error)
        .unwrap();
    let secret = text(&first, "key").as_bytes();
    assert!(kept.iter().all(|answer| !answer.windows(secret.len()).any(|part| part == secret)), "kept sealed");
    assert_eq!(kept.len(), 1);
});

on_both!(keys_are_told_in_the_audit_trail, with_root(), |server| async move {
    let ann = server.user("ann").await;
    let (id, _) = key(&ann, &["users:read"]).await;
    ann.delete(&format!("/api-keys/{id}")).await.expect(204);
    let trail = root(&server).await.get(&format!("/admin/audit?resource={id}")).await;
    let entries = trail.json()["data"].clone();
    let kinds: Vec<&str> = entries.as_array().unwrap().iter().map(|entry| text(entry, "type")).collect();
    assert_eq!(kinds, ["api_key.deleted", "api_key.created"]);
    assert!(!String::from_utf8_lossy(&trail.body).contains("mvk_"));
});

on_both!(a_link_made_with_a_key_outlives_the_key_but_not_the_password, |server| async move {
    let ann = server.user("ann").await;
    let (id, keyed) = key(&ann, &["media:read"]).await;
    let item = ann.upload("a.bin", &files::noise(1, 50)).await;
    let link =
        text(&keyed.get(&format!("/media/{}", text(&item, "id"))).await.expect(200)["urls"], "content").to_owned();
    let nobody = server.anonymous();
    assert_eq!(nobody.get(&link).await.status, 200);
    ann.delete(&format!("/api-keys/{id}")).await.expect(204);
    assert_eq!(nobody.get(&link).await.status, 200, "the link is its owner's");
    let body = json!({ "current_password": mv_testkit::client::PASSWORD, "new_password": "another horse battery" });
    ann.post("/users/me/password", body).await.expect(204);
    assert_eq!(nobody.get(&link).await.status, 401);
});
