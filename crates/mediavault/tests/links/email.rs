//! A new e-mail address waits until it has proved that it is read.

use super::*;

async fn ask(actor: &Actor, email: &str) -> mv_testkit::Answer {
    actor.patch("/users/me", json!({ "email": email, "current_password": PASSWORD })).await
}

/// The mail to the new address and the one to the old.
fn both(mails: &[Mail]) -> (&Mail, &Mail) {
    let [confirm, note] = mails else { panic!("{mails:?}") };
    (confirm, note)
}

on_both_with_mail!(the_new_address_is_proved_and_the_old_one_told, |server, mail| async move {
    let (ann, nobody) = (server.user("ann").await, server.anonymous());
    let change = json!({ "email": "new@example.com", "current_password": PASSWORD, "display_name": "Ann" });
    let now = ann.patch("/users/me", change).await.expect(200);
    assert_eq!((&now["email"], &now["display_name"]), (&json!("ann@example.com"), &json!("Ann")));
    let mails = mail.wait(2).await;
    let (confirm, note) = both(&mails);
    assert_eq!((&confirm.to[0][..], &note.to[0][..]), ("new@example.com", "ann@example.com"));
    assert!(!note.text.contains("token="), "the old address gets no link: {}", note.text);
    assert!(!note.text.contains("new@example.com") && !confirm.text.contains("ann@example.com"));
    assert_eq!(login(&server, "new@example.com", PASSWORD).await, 401);
    let token = confirm.secret(&format!("{}/confirm#token=", server.origin()));
    assert_eq!(nobody.post("/auth/email/confirm", json!({ "token": token })).await.status, 204);
    nobody.post("/auth/email/confirm", json!({ "token": token })).await.error_on(410, "gone", &[]);
    assert_eq!(ann.get("/users/me").await.expect(200)["email"], "new@example.com", "the session goes on");
    assert_eq!(login(&server, "new@example.com", PASSWORD).await, 200);
    assert_eq!(login(&server, "ann@example.com", PASSWORD).await, 401);
    assert_eq!(audited(&server, "user.email_change_requested").await, [("session".to_owned(), ann.id.clone())]);
    assert_eq!(audited(&server, "user.email_changed").await, [("anonymous".to_owned(), ann.id.clone())]);
});

on_both_with_mail!(only_the_last_link_holds_and_not_for_ever, |server, mail| async move {
    let (mut ann, nobody) = (server.user("ann").await, server.anonymous());
    let mut tokens = Vec::new();
    for email in ["one@example.com", "two@example.com"] {
        ask(&ann, email).await.expect(200);
        tokens.push(both(&mail.wait(2).await).0.secret("/confirm#token="));
    }
    nobody.post("/auth/email/confirm", json!({ "token": tokens[0] })).await.error_on(410, "gone", &[]);
    server.clock().advance(DAY);
    nobody.post("/auth/email/confirm", json!({ "token": tokens[1] })).await.error_on(410, "gone", &[]);
    ann.log_in(PASSWORD).await;
    ask(&ann, "three@example.com").await.expect(200);
    let token = both(&mail.wait(2).await).0.secret("/confirm#token=");
    // A new password stops a change that somebody else has begun.
    let root = root(&server).await;
    let url = root.post_empty(&format!("/admin/users/{}/reset-link", ann.id)).await.expect(201)["url"].clone();
    let reset = json!({ "token": secret(&url), "new_password": OTHER });
    assert_eq!(nobody.post("/auth/password/reset", reset).await.status, 204);
    nobody.post("/auth/email/confirm", json!({ "token": token })).await.error_on(410, "gone", &[]);
});

on_both_with_mail!(taken_addresses_and_wrong_passwords_send_nothing, |server, mail| async move {
    let (ann, bob, nobody) = (server.user("ann").await, server.user("bob").await, server.anonymous());
    ask(&ann, "BOB@example.com").await.error_on(409, "conflict", &["email"]);
    let wrong = json!({ "email": "x@example.com", "current_password": "wrong horse battery" });
    ann.patch("/users/me", wrong).await.error_on(400, "validation_error", &["current_password"]);
    ask(&ann, "a@b\r\nBcc: c@d.de").await.error_on(400, "validation_error", &["email"]);
    // The same name in other letters is proved already.
    assert_eq!(ask(&ann, "Ann@Example.com").await.expect(200)["email"], "Ann@Example.com");
    ask(&ann, "both@example.com").await.expect(200);
    ask(&bob, "both@example.com").await.expect(200);
    let mails = mail.wait(4).await;
    let (first, second) = (mails[0].secret("/confirm#token="), mails[2].secret("/confirm#token="));
    assert_eq!(nobody.post("/auth/email/confirm", json!({ "token": second })).await.status, 204);
    nobody.post("/auth/email/confirm", json!({ "token": first })).await.error_on(409, "conflict", &["email"]);
    assert_eq!(ann.get("/users/me").await.expect(200)["email"], "Ann@Example.com");
});

on_both_with_mail!(ten_in_a_day_and_no_more, |server, mail| async move {
    let ann = server.user("ann").await;
    for number in 0..10 {
        ask(&ann, &format!("n{number}@example.com")).await.expect(200);
    }
    let answer = ask(&ann, "n10@example.com").await;
    answer.error_on(429, "rate_limited", &[]);
    assert_eq!(answer.header("retry-after"), "86400");
    assert_eq!(mail.wait(20).await.len(), 20);
});
