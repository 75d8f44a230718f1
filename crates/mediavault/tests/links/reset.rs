//! A new password by a link: an administrator's, or one from a mail.

use super::*;

async fn reset_url(root: &Actor, user: &str) -> Value {
    root.post_empty(&format!("/admin/users/{user}/reset-link")).await.expect(201)["url"].clone()
}

fn with(token: &str, password: &str) -> Value {
    json!({ "token": token, "new_password": password })
}

on_both!(a_link_sets_the_password_once_and_ends_all_else, with_root(), |server| async move {
    let (root, ann, nobody) = (root(&server).await, server.user("ann").await, server.anonymous());
    let item = ann.upload("a.jpg", &mv_testkit::files::jpeg(1, 4000)).await;
    let signed = item["urls"]["content"].as_str().unwrap().to_owned();
    assert_eq!(nobody.get(&signed).await.status, 200);
    let (url, other) = (reset_url(&root, &ann.id).await, reset_url(&root, &ann.id).await);
    assert!(url.as_str().unwrap().starts_with(&format!("{}/reset#token=", server.origin())), "{url}");
    let token = secret(&url);
    for (password, field) in [("short", "new_password"), ("password123", "new_password")] {
        nobody.post("/auth/password/reset", with(&token, password)).await.error_on(400, "validation_error", &[field]);
    }
    ann.get("/users/me").await.expect(200);
    assert_eq!(nobody.post("/auth/password/reset", with(&token, OTHER)).await.status, 204);
    ann.get("/users/me").await.error_on(401, "unauthorized", &[]);
    let refresh = json!({ "refresh_token": ann.refresh_token });
    nobody.post("/auth/refresh", refresh).await.error_on(401, "unauthorized", &[]);
    assert_ne!(nobody.get(&signed).await.status, 200, "signed links die with the password");
    assert_eq!((login(&server, &ann.email, PASSWORD).await, login(&server, &ann.email, OTHER).await), (401, 200));
    for used in [token, secret(&other)] {
        nobody.post("/auth/password/reset", with(&used, PASSWORD)).await.error_on(410, "gone", &[]);
    }
    let made = vec![("session".to_owned(), ann.id.clone()); 2];
    assert_eq!(audited(&server, "reset_link.created").await, made);
    assert_eq!(audited(&server, "user.password_reset").await, [("anonymous".to_owned(), ann.id.clone())]);
});

on_both!(a_link_holds_an_hour_and_is_for_its_purpose, with_root(), |server| async move {
    let (root, ann, nobody) = (root(&server).await, server.user("ann").await, server.anonymous());
    let token = secret(&reset_url(&root, &ann.id).await);
    let elsewhere = json!({ "token": token });
    nobody.post("/auth/email/confirm", elsewhere).await.error_on(410, "gone", &[]);
    let setup = json!({ "token": token, "email": "eve@example.com", "password": PASSWORD });
    nobody.post("/setup", setup).await.error_on(410, "gone", &[]);
    for wrong in ["", "x", &token[1..], &token.to_lowercase(), &"x".repeat(10_000), "a\0b"] {
        nobody.post("/auth/password/reset", with(wrong, OTHER)).await.error_on(410, "gone", &[]);
    }
    server.clock().advance(HOUR - Duration::from_secs(60));
    let late = secret(&reset_url(&super::root(&server).await, &ann.id).await);
    server.clock().advance(Duration::from_secs(60));
    nobody.post("/auth/password/reset", with(&token, OTHER)).await.error_on(410, "gone", &[]);
    assert_eq!(nobody.post("/auth/password/reset", with(&late, OTHER)).await.status, 204);
    server.clock().advance(DAY * 3);
    server.app().run_scheduled(mv_app::jobs::schedule::Work::Expired).await.unwrap();
    let rows: i64 = server
        .store()
        .read(|db| db.one(sql("SELECT count(*) FROM account_links")))
        .await
        .map_err(|error: mv_store::Error| error)
        .unwrap();
    assert_eq!(rows, 0, "ended links are forgotten");
});

on_both!(of_fifty_with_one_link_one_wins, with_root(), |server| async move {
    let (root, ann, nobody) = (root(&server).await, server.user("ann").await, server.anonymous());
    let token = secret(&reset_url(&root, &ann.id).await);
    let tries = (0..50).map(|number| {
        let (nobody, body) = (nobody.clone(), with(&token, &format!("horse battery {number}")));
        async move { nobody.post("/auth/password/reset", body).await.status }
    });
    let statuses = futures_util::future::join_all(tries).await;
    let count = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
    assert_eq!((count(204), count(410) + count(503)), (1, 49), "{statuses:?}");
});

on_both!(only_administrators_make_links, with_root(), |server| async move {
    let (root, ann) = (root(&server).await, server.user("ann").await);
    let own = format!("/admin/users/{}/reset-link", ann.id);
    ann.post_empty(&own).await.error_on(403, "forbidden", &[]);
    server.anonymous().post_empty(&own).await.error_on(401, "unauthorized", &[]);
    let nobody = "/admin/users/user_01h455vb4pex5vsknk084sn02q/reset-link";
    root.post_empty(nobody).await.error_on(404, "not_found", &[]);
    root.post_empty("/admin/users/x/reset-link").await.error_on(400, "validation_error", &["id"]);
});

on_both_with_mail!(a_forgotten_password_is_mailed, |server, mail| async move {
    let (ann, nobody) = (server.user("ann").await, server.anonymous());
    let answer = nobody.post("/auth/password/forgot", json!({ "email": "ANN@example.com" })).await;
    assert_eq!((answer.status, answer.body.len()), (202, 0));
    let mails = mail.wait(1).await;
    let [one] = &mails[..] else { panic!("{mails:?}") };
    assert_eq!(one.to, ["ann@example.com"]);
    assert!(one.text.contains("From: \"Media Vault\" <vault@example.org>"), "{}", one.text);
    assert!(one.text.contains("Auto-Submitted: auto-generated"), "{}", one.text);
    let token = one.secret(&format!("{}/reset#token=", server.origin()));
    assert_eq!(nobody.post("/auth/password/reset", with(&token, OTHER)).await.status, 204);
    assert_eq!(login(&server, "ann@example.com", OTHER).await, 200);
    assert_eq!(audited(&server, "user.password_forgotten").await, [("anonymous".to_owned(), ann.id)]);
});

on_both_with_mail!(nothing_tells_whether_an_account_exists, |server, mail| async move {
    let (ann, dis, nobody) = (server.user("ann").await, server.user("dis").await, server.anonymous());
    ann.patch("/users/me", json!({ "username": "annie" })).await.expect(200);
    server.app().act_on_account(&dis.email, mv_app::accounts::operator::Act::Disable).await.unwrap();
    for unknown in ["nobody@example.com", "dis@example.com", "a@b.de"] {
        let answer = nobody.post("/auth/password/forgot", json!({ "email": unknown })).await;
        assert_eq!((answer.status, answer.body.len()), (202, 0), "{unknown}");
    }
    // A username is no address, and says so whether or not there is one.
    for no_address in ["annie", "bobby", "a@b\r\nBcc: c@d.de", "a@b.de, ann@example.com"] {
        let answer = nobody.post("/auth/password/forgot", json!({ "email": no_address })).await;
        answer.error_on(400, "validation_error", &["email"]);
    }
    nobody.post("/auth/password/forgot", json!({ "email": ann.email })).await.expect(202);
    // One after the other, so the others would have come before.
    assert_eq!(mail.wait(1).await.iter().flat_map(|mail| mail.to.clone()).collect::<Vec<_>>(), ["ann@example.com"]);
});

on_both_with_mail!(one_mailbox_gets_five_in_an_hour, |server, mail| async move {
    let (ann, bob, nobody) = (server.user("ann").await, server.user("bob").await, server.anonymous());
    for _ in 0..8 {
        nobody.post("/auth/password/forgot", json!({ "email": ann.email })).await.expect(202);
    }
    nobody.post("/auth/password/forgot", json!({ "email": bob.email })).await.expect(202);
    let to: Vec<String> = mail.wait(6).await.iter().flat_map(|mail| mail.to.clone()).collect();
    assert_eq!(to, [&vec![ann.email.clone(); 5][..], std::slice::from_ref(&bob.email)].concat());
    server.clock().advance(HOUR);
    nobody.post("/auth/password/forgot", json!({ "email": ann.email })).await.expect(202);
    assert_eq!(mail.wait(1).await[0].to, [ann.email]);
});

on_both!(without_a_mail_server_the_answer_is_the_same, |server| async move {
    let (ann, nobody) = (server.user("ann").await, server.anonymous());
    for email in [ann.email.as_str(), "nobody@example.com"] {
        nobody.post("/auth/password/forgot", json!({ "email": email })).await.expect(202);
    }
    assert_eq!(audited(&server, "user.password_forgotten").await, []);
});

on_both!(a_new_password_forgets_old_guesses, with_root(), |server| async move {
    let (root, ann, nobody) = (root(&server).await, server.user("ann").await, server.anonymous());
    ann.patch("/users/me", json!({ "username": "ann" })).await.expect(200);
    for name in [ann.email.as_str(), "ann"] {
        for _ in 0..10 {
            assert_eq!(login(&server, name, "a wrong password").await, 401);
        }
        assert_eq!(login(&server, name, PASSWORD).await, 429, "{name} has to wait");
    }
    let token = secret(&reset_url(&root, &ann.id).await);
    assert_eq!(nobody.post("/auth/password/reset", with(&token, OTHER)).await.status, 204);
    for name in [ann.email.as_str(), "ann"] {
        assert_eq!(login(&server, name, OTHER).await, 200, "{name}");
    }
});

on_both!(the_trail_reaches_back_a_year, with_root(), |server| async move {
    let entries = |server: Server| async move {
        server.store().read(|db| db.one::<i64>(sql("SELECT count(*) FROM audit"))).await.unwrap()
    };
    assert!(entries(server.clone()).await > 0);
    server.clock().advance(DAY * 364);
    server.app().run_scheduled(mv_app::jobs::schedule::Work::Expired).await.unwrap();
    assert!(entries(server.clone()).await > 0);
    server.clock().advance(DAY * 2);
    server.app().run_scheduled(mv_app::jobs::schedule::Work::Expired).await.unwrap();
    assert_eq!(entries(server.clone()).await, 0);
});
