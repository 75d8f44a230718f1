//! Lists of accounts, and accounts made for others.

use super::*;

on_both!(accounts_are_listed_and_filtered, |server| async move {
    let root = administrator(&server, "root").await;
    for name in ["ann", "bob", "bea"] {
        server.user(name).await;
    }
    let all = root.get("/admin/users").await;
    assert_eq!(emails(&all), ["bea@example.com", "bob@example.com", "ann@example.com", "root@example.com"]);
    assert_eq!(all.meta()["pagination"]["total"], 4);
    for (query, wanted) in [
        ("email=b", vec!["bea@example.com", "bob@example.com"]),
        ("email=BO", vec!["bob@example.com"]),
        ("email=%25", vec![]),
        ("email=_", vec![]),
        ("role=admin", vec!["root@example.com"]),
        ("role=user&email=ann@example.com", vec!["ann@example.com"]),
        ("disabled=true", vec![]),
        ("disabled=false&email=r", vec!["root@example.com"]),
    ] {
        let answer = root.get(&format!("/admin/users?{query}")).await;
        assert_eq!(emails(&answer), wanted, "{query}");
        assert_eq!(answer.meta()["pagination"]["total"], wanted.len(), "{query}");
    }
    for (query, field) in [
        ("role=root", "role"),
        ("disabled=maybe", "disabled"),
        ("email=", "email"),
        ("q=x", "q"),
        ("page=0", "page"),
        ("cursor=x", "cursor"),
    ] {
        root.get(&format!("/admin/users?{query}")).await.error_on(400, "validation_error", &[field]);
    }
});

on_both!(pages_and_cursors_walk_every_account_once, |server| async move {
    let root = administrator(&server, "root").await;
    for name in ["a", "b", "c", "d"] {
        server.user(name).await;
    }
    let first = root.get("/admin/users?per_page=2").await;
    assert_eq!(emails(&first), ["d@example.com", "c@example.com"]);
    let place = first.meta()["pagination"].clone();
    assert_eq!((&place["total_pages"], &place["links"]["next"]), (&json!(3), &json!("/admin/users?page=2&per_page=2")));
    assert_eq!(emails(&root.get("/admin/users?page=2&per_page=2").await), ["b@example.com", "a@example.com"]);
    assert_eq!(emails(&root.get("/admin/users?page=3&per_page=2").await), ["root@example.com"]);
    assert!(emails(&root.get("/admin/users?page=4&per_page=2").await).is_empty());
    let cursor = text(&place, "next_cursor").to_owned();
    let second = root.get(&format!("/admin/users?per_page=2&cursor={cursor}")).await;
    assert_eq!(emails(&second), ["b@example.com", "a@example.com"]);
    let wrong = root.get(&format!("/admin/users?per_page=2&role=user&cursor={cursor}")).await;
    wrong.error_on(400, "validation_error", &["cursor"]);
    let other = administrator(&server, "other").await;
    let foreign = other.get(&format!("/admin/users?per_page=2&cursor={cursor}")).await;
    foreign.error_on(400, "validation_error", &["cursor"]);
});

on_both!(an_account_is_shown_with_what_it_holds, |server| async move {
    let root = administrator(&server, "root").await;
    let ann = server.user("ann").await;
    ann.upload("a.bin", &files::noise(1, 100)).await;
    let gone = ann.upload("b.bin", &files::noise(2, 30)).await;
    ann.delete(&format!("/media/{}", text(&gone, "id"))).await.expect(204);
    let shown = root.get(&path_of(&ann)).await.expect(200);
    assert_eq!(shown["usage"], json!({ "items": 1, "bytes": 100, "trash_items": 1, "trash_bytes": 30 }));
    assert_eq!((text(&shown, "email"), &shown["disabled"]), ("ann@example.com", &json!(false)));
    let listed = root.get("/admin/users?email=ann").await.expect(200);
    assert_eq!(listed[0], shown);
    root.get("/admin/users/user_01h455vb4pex5vsknk084sn02q").await.error_on(404, "not_found", &[]);
    root.get("/admin/users/nobody").await.error_on(400, "validation_error", &["id"]);
    // What an account holds is seen in numbers alone.
    root.get(&format!("/media/{}", text(&gone, "id"))).await.error_on(404, "not_found", &[]);
});

on_both!(
    accounts_are_made_for_others,
    Options::with("registration", "closed").and("limits.default_quota_bytes", 5_000),
    |server| async move {
        let root = administrator(&server, "root").await;
        let nobody = server.anonymous();
        let body = |email: &str| json!({ "email": email, "password": PASSWORD });
        nobody.post("/auth/register", body("x@example.com")).await.error_on(403, "forbidden", &[]);
        let answer = root.post("/admin/users", body("ann@example.com")).await;
        let ann = answer.expect(201);
        assert_eq!(answer.header("location"), format!("/api/v1/admin/users/{}", text(&ann, "id")));
        assert_eq!((text(&ann, "role"), &ann["quota_bytes"]), ("user", &json!(5_000)));
        assert_eq!(root.get(&format!("/admin/users/{}", text(&ann, "id"))).await.expect(200), ann);
        let mut rights = body("bob@example.com");
        rights["role"] = json!("admin");
        rights["quota_bytes"] = Value::Null;
        rights["username"] = json!("bob");
        let bob = root.post("/admin/users", rights).await.expect(201);
        assert_eq!((text(&bob, "role"), &bob["quota_bytes"]), ("admin", &Value::Null));
        let mut actor = Actor { email: "BOB".into(), ..nobody.clone() };
        actor.log_in(PASSWORD).await;
        actor.get("/admin/users").await.expect(200);

        let before = root.get("/admin/users").await.expect(200);
        for (what, member, value, status, field) in [
            ("taken", "email", json!("ANN@example.com"), 409, "email"),
            ("taken", "username", json!("Bob"), 409, "username"),
            ("no address", "email", json!("ann"), 400, "email"),
            ("short", "password", json!("1234567"), 400, "password"),
            ("no role", "role", json!("owner"), 400, "role"),
            ("too much", "quota_bytes", json!(9_223_372_036_854_775_808_u64), 400, "quota_bytes"),
            ("negative", "quota_bytes", json!(-1), 400, "quota_bytes"),
            ("text", "quota_bytes", json!("1"), 400, "quota_bytes"),
            ("not to be chosen", "id", json!("user_01h455vb4pex5vsknk084sn02q"), 400, "id"),
            ("not to be chosen", "disabled", json!(true), 400, "disabled"),
            ("not to be chosen", "created_at", json!("2020-01-01T00:00:00Z"), 400, "created_at"),
        ] {
            let mut wrong = body("new@example.com");
            wrong[member] = value;
            let answer = root.post("/admin/users", wrong).await;
            let code = if status == 409 { "conflict" } else { "validation_error" };
            assert_eq!(answer.error(status, code), [field], "{what}: {member}");
        }
        assert_eq!(root.get("/admin/users").await.expect(200), before);
    }
);

on_both!(the_server_is_told_in_numbers, |server| async move {
    let root = administrator(&server, "root").await;
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    ann.upload("a.bin", &files::noise(1, 100)).await;
    bob.upload("b.bin", &files::noise(1, 100)).await;
    let gone = bob.upload("c.bin", &files::noise(2, 11)).await;
    bob.delete(&format!("/media/{}", text(&gone, "id"))).await.expect(204);
    bob.post_empty("/auth/logout").await.expect(204);
    server.clock().advance(std::time::Duration::from_secs(100));
    let stats = root.get("/admin/stats").await.expect(200);
    let number = |name: &str| stats[name].as_u64().unwrap_or_else(|| panic!("no {name} in {stats}"));
    assert_eq!((number("users"), number("sessions")), (3, 2));
    assert_eq!((number("items"), number("bytes")), (2, 200));
    assert_eq!((number("trash_items"), number("trash_bytes")), (1, 11));
    assert!((100..200).contains(&number("uptime_seconds")), "{stats}");
    assert!(number("database_bytes") > 10_000, "{stats}");
    assert!(number("storage_total_bytes") >= number("storage_free_bytes"), "{stats}");
    root.get("/admin/stats?x=1").await.error_on(400, "validation_error", &["x"]);
});
