//! Invites: what they give, how often, and to whom.

use super::*;

fn invited_only() -> Options {
    with_root().and("registration", "invite")
}

fn account(name: &str, invite: &str) -> Value {
    json!({ "email": format!("{name}@example.com"), "password": PASSWORD, "invite_token": invite })
}

on_both!(an_invite_makes_one_account_as_it_says, invited_only(), |server| async move {
    let (root, nobody) = (root(&server).await, server.anonymous());
    assert_eq!(nobody.get("/server").await.expect(200)["registration"], "invite");
    let bare = json!({ "email": "ann@example.com", "password": PASSWORD });
    nobody.post("/auth/register", bare).await.error_on(403, "forbidden", &[]);

    let made = root.post("/admin/invites", json!({ "role": "admin", "quota_bytes": 1000 })).await.expect(201);
    let begin = format!("{}/register#invite=", server.origin());
    assert!(made["url"].as_str().unwrap().starts_with(&begin), "{made}");
    let token = secret(&made["url"]);
    assert_eq!(token.len(), 43, "256 bits");
    let listed = root.get("/admin/invites").await;
    let mut one = listed.json()["data"][0].clone();
    assert!(!listed.json().to_string().contains(&token), "the secret is shown once");
    assert_eq!(
        (&one["id"], &one["created_by"], &one["used_by"]),
        (&made["id"], &root.get("/users/me").await.expect(200)["id"], &Value::Null)
    );

    let ann = nobody.post("/auth/register", account("ann", &token)).await.expect(201);
    assert_eq!((&ann["role"], &ann["quota_bytes"]), (&json!("admin"), &json!(1000)));
    nobody.post("/auth/register", account("bob", &token)).await.error_on(410, "gone", &[]);
    one = root.get("/admin/invites").await.json()["data"][0].clone();
    assert_eq!(one["used_by"], ann["id"]);
    assert!(one["used_at"].is_string());

    let plain = root.post_empty("/admin/invites").await.expect(201);
    let bob = nobody.post("/auth/register", account("bob", &secret(&plain["url"]))).await.expect(201);
    assert_eq!((&bob["role"], &bob["quota_bytes"]), (&json!("user"), &Value::Null));
    assert_eq!(audited(&server, "invite.created").await.len(), 2);
});

on_both!(an_invite_ends, invited_only(), |server| async move {
    let (root, nobody) = (root(&server).await, server.anonymous());
    let invite = || async { root.post("/admin/invites", json!({})).await.expect(201) };
    let deleted = invite().await;
    let path = format!("/admin/invites/{}", deleted["id"].as_str().unwrap());
    assert_eq!(root.delete(&path).await.status, 204);
    root.delete(&path).await.error_on(404, "not_found", &[]);
    nobody.post("/auth/register", account("ann", &secret(&deleted["url"]))).await.error_on(410, "gone", &[]);
    for unknown in ["", "x", &"A".repeat(43), &"ü".repeat(500), "a\0b"] {
        nobody.post("/auth/register", account("ann", unknown)).await.error_on(410, "gone", &[]);
    }
    let (late, kept) = (invite().await, {
        let until = (mv_core::SystemClock::default(), DAY * 300);
        let at = mv_core::Clock::now(&until.0).plus(until.1);
        root.post("/admin/invites", json!({ "expires_at": at })).await.expect(201)
    });
    server.clock().advance(DAY * 7);
    nobody.post("/auth/register", account("ann", &secret(&late["url"]))).await.error_on(410, "gone", &[]);
    server.clock().advance(DAY * 2);
    server.app().run_scheduled(mv_app::jobs::schedule::Work::Expired).await.unwrap();
    let root = super::root(&server).await;
    let left = root.get("/admin/invites").await.json()["data"].as_array().unwrap().clone();
    assert_eq!(left.iter().map(|one| &one["id"]).collect::<Vec<_>>(), [&kept["id"]]);
    nobody.post("/auth/register", account("ann", &secret(&kept["url"]))).await.expect(201);
});

on_both!(an_invite_for_an_address_is_for_no_other, |server| async move {
    let admin = server.app().create_admin(named("boss")).await.unwrap();
    let mut boss = Actor { email: admin.email, ..server.anonymous() };
    boss.log_in(PASSWORD).await;
    let made = boss.post("/admin/invites", json!({ "email": "Ann@Example.com" })).await.expect(201);
    let token = secret(&made["url"]);
    let nobody = server.anonymous();
    nobody.post("/auth/register", account("bob", &token)).await.error_on(400, "validation_error", &["email"]);
    nobody.post("/auth/register", account("ann", &token)).await.expect(201);
    nobody.post("/auth/register", account("ann", &token)).await.error_on(410, "gone", &[]);
});

on_both!(what_is_refused_leaves_the_invite, invited_only(), |server| async move {
    let (root, nobody) = (root(&server).await, server.anonymous());
    let token = secret(&root.post("/admin/invites", json!({})).await.expect(201)["url"]);
    let short = json!({ "email": "ann@example.com", "password": "short", "invite_token": token });
    nobody.post("/auth/register", short).await.error_on(400, "validation_error", &["password"]);
    let taken = json!({ "email": ROOT, "password": PASSWORD, "invite_token": token });
    nobody.post("/auth/register", taken).await.error_on(409, "conflict", &["email"]);
    nobody.post("/auth/register", account("ann", &token)).await.expect(201);
});

on_both!(of_fifty_with_one_invite_one_wins, invited_only(), |server| async move {
    let (root, nobody) = (root(&server).await, server.anonymous());
    let token = secret(&root.post("/admin/invites", json!({})).await.expect(201)["url"]);
    let tries = (0..50).map(|number| {
        let (nobody, body) = (nobody.clone(), account(&format!("u{number}"), &token));
        async move { nobody.post("/auth/register", body).await.status }
    });
    let statuses = futures_util::future::join_all(tries).await;
    let count = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
    // The pool of password hashes may turn some away before they come to the invite.
    assert_eq!((count(201), count(410) + count(503)), (1, 49), "{statuses:?}");
    assert!(count(410) >= 10, "{statuses:?}");
    let accounts: i64 = server
        .store()
        .read(|db| db.one(sql("SELECT count(*) FROM users")))
        .await
        .map_err(|error: mv_store::Error| error)
        .unwrap();
    assert_eq!(accounts, 2);
});

on_both!(closed_stays_closed, with_root().and("registration", "closed"), |server| async move {
    let root = root(&server).await;
    let token = secret(&root.post("/admin/invites", json!({})).await.expect(201)["url"]);
    server.anonymous().post("/auth/register", account("ann", &token)).await.error_on(403, "forbidden", &[]);
});

on_both!(what_a_former_administrator_promised_does_not_hold, invited_only(), |server| async move {
    let root = root(&server).await;
    let token = secret(&root.post("/admin/invites", json!({ "role": "admin" })).await.expect(201)["url"]);
    server.app().create_admin(named("boss")).await.unwrap();
    server.app().act_on_account(ROOT, mv_app::accounts::operator::Act::Demote).await.unwrap();
    server.anonymous().post("/auth/register", account("ann", &token)).await.error_on(410, "gone", &[]);
    server.app().act_on_account(ROOT, mv_app::accounts::operator::Act::Promote).await.unwrap();
    server.anonymous().post("/auth/register", account("ann", &token)).await.expect(201);
});

on_both!(bad_invites_are_refused_and_only_for_administrators, with_root(), |server| async move {
    let (root, ann) = (root(&server).await, server.user("ann").await);
    for (body, fields) in [
        (json!({ "email": "nonsense" }), vec!["email"]),
        (json!({ "email": "a@b.de\r\nBcc: c@d.de" }), vec!["email"]),
        (json!({ "role": "owner" }), vec!["role"]),
        (json!({ "quota_bytes": -1 }), vec!["quota_bytes"]),
        (json!({ "quota_bytes": u64::MAX }), vec!["quota_bytes"]),
        (json!({ "expires_at": "tomorrow" }), vec!["expires_at"]),
        (json!({ "expires_at": "2001-01-01T00:00:00Z" }), vec!["expires_at"]),
        (json!({ "expires_at": "2999-01-01T00:00:00Z" }), vec!["expires_at"]),
        (json!({ "uses": 5 }), vec!["uses"]),
    ] {
        root.post("/admin/invites", body).await.error_on(400, "validation_error", &fields);
    }
    for actor in [&ann, &server.anonymous()] {
        let status = if actor.token.is_some() { (403, "forbidden") } else { (401, "unauthorized") };
        actor.post("/admin/invites", json!({})).await.error_on(status.0, status.1, &[]);
        actor.get("/admin/invites").await.error_on(status.0, status.1, &[]);
        let one = "/admin/invites/inv_01h455vb4pex5vsknk084sn02q";
        actor.delete(one).await.error_on(status.0, status.1, &[]);
    }
});

on_both!(invites_are_paged, with_root(), |server| async move {
    let root = root(&server).await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.insert(0, root.post("/admin/invites", json!({})).await.expect(201)["id"].clone());
    }
    let first = root.get("/admin/invites?per_page=2").await.json();
    let cursor = first["meta"]["pagination"]["next_cursor"].as_str().unwrap().to_owned();
    assert_eq!(first["meta"]["pagination"]["total"], 5);
    let second = root.get(&format!("/admin/invites?per_page=2&cursor={cursor}")).await.json();
    let third = root.get("/admin/invites?per_page=2&page=3").await.json();
    let ids: Vec<&Value> = [&first, &second, &third]
        .iter()
        .flat_map(|page| page["data"].as_array().unwrap())
        .map(|invite| &invite["id"])
        .collect();
    assert_eq!(ids, made.iter().collect::<Vec<_>>());
    root.get("/admin/invites?per_page=2&cursor=x").await.error_on(400, "validation_error", &["cursor"]);
});

fn named(name: &str) -> mv_app::accounts::register::NewAccount {
    mv_app::accounts::register::NewAccount {
        email: format!("{name}@example.com"),
        password: PASSWORD.to_owned(),
        ..Default::default()
    }
}
