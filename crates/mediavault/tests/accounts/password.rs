//! A new password: who may set one, and what ends with the old one.

use super::*;

const NEW: &str = "a new and longer password";

async fn change(actor: &Actor, old: &str, new: &str) -> Answer {
    actor.post("/users/me/password", json!({ "current_password": old, "new_password": new })).await
}

async fn log_in(server: &Server, password: &str) -> Answer {
    server.anonymous().post("/auth/login", json!({ "username": "ann@example.com", "password": password })).await
}

on_both!(the_other_sessions_and_the_signed_links_end, |server| async move {
    let ann = server.user("ann").await;
    let mut other = ann.clone();
    other.log_in(PASSWORD).await;
    let bob = server.user("bob").await;
    let link = text(&ann.upload("a.txt", b"hello").await["urls"], "content").to_owned();
    let nobody = server.anonymous();
    assert_eq!(nobody.get(&link).await.status, 200);
    let changed = change(&ann, PASSWORD, NEW).await;
    assert_eq!((changed.status, changed.body.len()), (204, 0));
    assert_eq!(ann.get("/users/me").await.status, 200, "who changed it goes on");
    let body = json!({ "refresh_token": ann.refresh_token });
    nobody.post("/auth/refresh", body).await.expect(200);
    refused("another session", &other.get("/users/me").await);
    refused("another session for a new token", &other.post_empty("/auth/refresh").await);
    let body = json!({ "refresh_token": other.refresh_token });
    nobody.post("/auth/refresh", body).await.error_on(401, "unauthorized", &[]);
    nobody.get(&link).await.error_on(401, "unauthorized", &[]);
    let fresh = text(&ann.get("/media").await.expect(200)[0]["urls"], "content").to_owned();
    assert_eq!(nobody.get(&fresh).await.status, 200, "links made from now on hold");
    log_in(&server, PASSWORD).await.error_on(401, "unauthorized", &[]);
    log_in(&server, NEW).await.expect(200);
    assert_eq!(bob.get("/users/me").await.status, 200, "nobody else is touched");
});

on_both!(a_password_is_changed_by_who_knows_the_old_one, |server| async move {
    let ann = server.user("ann").await;
    let before = state(&server).await;
    for (what, old, new, fields) in [
        ("a wrong one", "wrong horse battery", NEW, &["current_password"][..]),
        ("an empty one", "", NEW, &["current_password"]),
        ("a very long one", &"x".repeat(100_000), NEW, &["current_password"]),
        ("a zero byte", "correct horse battery\0", NEW, &["current_password"]),
        ("a short new one", PASSWORD, "1234567", &["new_password"]),
        ("a long new one", PASSWORD, &"x".repeat(257), &["new_password"]),
        ("a common new one", PASSWORD, "PassWord", &["new_password"]),
    ] {
        let answer = change(&ann, old, new).await;
        assert_eq!(answer.status, 400, "{what}");
        answer.error_on(400, "validation_error", fields);
    }
    for (what, body, fields) in [
        ("nothing", json!({}), &["current_password", "new_password"][..]),
        ("no old one", json!({ "new_password": NEW }), &["current_password"]),
        ("another member", json!({ "current_password": PASSWORD, "new_password": NEW, "role": "admin" }), &["role"]),
        ("another's id", json!({ "current_password": PASSWORD, "new_password": NEW, "user_id": ann.id }), &["user_id"]),
    ] {
        let mut named = ann.post("/users/me/password", body).await.error(400, "validation_error");
        named.sort();
        assert_eq!(named, fields, "{what}");
    }
    change(&server.anonymous(), PASSWORD, NEW).await.error_on(401, "unauthorized", &[]);
    assert_eq!(state(&server).await, before);
    log_in(&server, PASSWORD).await.expect(200);
});

on_both!(of_two_changes_at_once_one_counts, |server| async move {
    let ann = server.user("ann").await;
    let (first, second) = ("the first new password", "the second new password");
    let (one, two) = tokio::join!(change(&ann, PASSWORD, first), change(&ann, PASSWORD, second));
    let (won, lost, kept, other) =
        if one.status == 204 { (one, two, first, second) } else { (two, one, second, first) };
    assert_eq!(won.status, 204);
    lost.error_on(400, "validation_error", &["current_password"]);
    log_in(&server, kept).await.expect(200);
    log_in(&server, other).await.error_on(401, "unauthorized", &[]);
});
