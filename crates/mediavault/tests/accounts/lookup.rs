//! Finding people by their exact address or name, and what an account holds.

use super::*;

on_both!(people_are_found_by_the_whole_name_only, |server| async move {
    let ann = server.user("ann").await;
    let bob = server.user("bob").await;
    bob.patch("/users/me", json!({ "username": "Bobby", "display_name": "Bob B." })).await.expect(200);
    let found = json!({ "id": bob.id, "username": "Bobby", "display_name": "Bob B." });
    for query in ["email=bob@example.com", "email=BOB%40Example.com", "username=bobby", "username=BOBBY"] {
        assert_eq!(ann.get(&format!("/users/lookup?{query}")).await.expect(200), found, "{query}");
    }
    for query in [
        "email=bob",
        "email=bob@example.co",
        "email=%25",
        "email=bob%25",
        "email=",
        "username=bob@example.com",
        "username=bob",
        "username=b_bby",
        "username=*",
        "email=bobby",
        "email=carol@example.com",
    ] {
        ann.get(&format!("/users/lookup?{query}")).await.error_on(404, "not_found", &[]);
    }
    // Twenty a minute.
    server.clock().advance(Duration::from_secs(61));
    for (query, fields) in [
        ("", &["email", "username"][..]),
        ("email=bob@example.com&username=bobby", &["email", "username"]),
        ("email=a@b.c&email=d@e.f", &["email"]),
        ("id=1&email=a@b.c", &["id"]),
    ] {
        ann.get(&format!("/users/lookup?{query}")).await.error_on(400, "validation_error", fields);
    }
    // 20 a minute are all.
    server.clock().advance(Duration::from_secs(61));
    let unknown = bare(&ann.get("/users/lookup?email=carol@example.com").await);
    let id = bob.id.parse::<mv_core::UserId>().unwrap();
    let disabled =
        server.store().write(move |tx| tx.changed(sql("UPDATE users SET disabled = TRUE WHERE id = $1").bind(id)));
    assert_eq!(disabled.await.map_err(|error: mv_store::Error| error).unwrap(), 1);
    assert_eq!(bare(&ann.get("/users/lookup?email=bob@example.com").await), unknown, "a disabled one is like none");
    server.anonymous().get("/users/lookup?email=ann@example.com").await.error_on(401, "unauthorized", &[]);
});

on_both!(the_operator_turns_it_off, Options::with("users.lookup", "off"), |server| async move {
    let ann = server.user("ann").await;
    for query in ["email=ann@example.com", "email=carol@example.com", "username=ann"] {
        ann.get(&format!("/users/lookup?{query}")).await.error_on(404, "not_found", &[]);
    }
});

on_both!(usage_follows_library_and_trash, Options::with("limits.default_quota_bytes", "1000"), |server| async move {
    let ann = server.user("ann").await;
    let bob = server.user("bob").await;
    let usage = |bytes: u64, items: u64, trash_bytes: u64, trash_items: u64| {
        json!({
            "bytes": bytes, "items": items, "trash_bytes": trash_bytes, "trash_items": trash_items, "quota_bytes": 1000
        })
    };
    assert_eq!(ann.get("/users/me/usage").await.expect(200), usage(0, 0, 0, 0));
    ann.upload("a.txt", &[1; 100]).await;
    let second = ann.upload("b.txt", &[2; 250]).await;
    assert_eq!(ann.get("/users/me/usage").await.expect(200), usage(350, 2, 0, 0));
    let path = format!("/media/{}", text(&second, "id"));
    assert_eq!(ann.delete(&path).await.status, 204);
    assert_eq!(ann.get("/users/me/usage").await.expect(200), usage(100, 1, 250, 1));
    assert_eq!(bob.get("/users/me/usage").await.expect(200), usage(0, 0, 0, 0));
    let id = ann.id.parse::<mv_core::UserId>().unwrap();
    let unlimited =
        server.store().write(move |tx| tx.changed(sql("UPDATE users SET quota_bytes = NULL WHERE id = $1").bind(id)));
    assert_eq!(unlimited.await.map_err(|error: mv_store::Error| error).unwrap(), 1);
    ann.patch("/users/me", json!({ "display_name": "Ann" })).await.expect(200);
    assert_eq!(ann.get("/users/me/usage").await.expect(200)["quota_bytes"], Value::Null);
    server.anonymous().get("/users/me/usage").await.error_on(401, "unauthorized", &[]);
});
