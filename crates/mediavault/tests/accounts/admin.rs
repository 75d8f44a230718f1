//! The first administrator, whom the settings name.

use super::*;
use mv_app::accounts::register::NewAccount;

fn named() -> Options {
    Options::with("admin.email", "Root@example.com").and("admin.password", "a long enough one")
}

on_both!(the_settings_make_the_first_administrator_once, named(), |server| async move {
    let nobody = server.anonymous();
    let tokens = nobody
        .post("/auth/login", json!({ "username": "root@example.com", "password": "a long enough one" }))
        .await
        .expect(200);
    let root = nobody.with_token(text(&tokens, "token"));
    let me = root.get("/users/me").await.expect(200);
    assert_eq!((text(&me, "role"), text(&me, "email")), ("admin", "Root@example.com"));
    let before = state(&server).await;
    for email in ["root@example.com", "other@example.com"] {
        let account = NewAccount { email: email.into(), password: "another long one".into(), ..NewAccount::default() };
        assert!(!server.app().ensure_admin(account).await.unwrap(), "{email}: there is one already");
    }
    assert_eq!(state(&server).await, before);
    let ann = server.user("ann").await;
    assert_eq!(ann.get("/users/me").await.expect(200)["role"], "user");
});

on_both!(registering_never_makes_one, |server| async move {
    let ann = server.user("ann").await;
    assert_eq!(ann.get("/users/me").await.expect(200)["role"], "user", "not even the first");
    let account =
        NewAccount { email: "root@example.com".into(), password: "a long enough one".into(), ..NewAccount::default() };
    assert!(server.app().ensure_admin(account).await.unwrap());
    let tokens = ann
        .post("/auth/login", json!({ "username": "root@example.com", "password": "a long enough one" }))
        .await
        .expect(200);
    assert_eq!(whoami(&ann, text(&tokens, "token")).await.expect(200)["role"], "admin");
});
