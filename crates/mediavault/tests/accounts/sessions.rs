//! The own credentials and sessions: who am I, where am I logged in, and out with it.

use super::*;

on_both!(the_server_tells_whom_it_takes_the_caller_for, |server| async move {
    let ann = server.user("ann").await;
    let me = ann.get("/users/me").await.expect(200);
    let who = ann.get("/auth/whoami").await.expect(200);
    assert_eq!(who["user"], me);
    let credential = &who["credential"];
    assert_eq!(
        (text(credential, "type"), &credential["name"], &credential["scopes"]),
        ("session", &Value::Null, &Value::Null)
    );
    assert!(text(credential, "id").starts_with("ses_"), "{credential}");
    let created = mv_core::Timestamp::parse(text(&me, "created_at")).unwrap();
    let ends = mv_core::Timestamp::parse(text(credential, "expires_at")).unwrap();
    assert_eq!(ends.since(created).as_secs() / 86_400, 30, "when the session ends, not its access token");
    server.anonymous().get("/auth/whoami").await.error_on(401, "unauthorized", &[]);
    ann.get("/auth/whoami?id=1").await.error_on(400, "validation_error", &["id"]);
});
