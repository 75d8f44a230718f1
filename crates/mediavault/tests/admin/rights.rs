//! Role, quota and being shut out: what changes at the next request, and who stays an administrator.

use super::*;

on_both!(rights_are_changed_member_by_member, |server| async move {
    let root = administrator(&server, "root").await;
    let ann = server.user("ann").await;
    let before = root.get(&path_of(&ann)).await.expect(200);
    assert_eq!(root.patch(&path_of(&ann), json!({})).await.expect(200), before, "nothing asked, nothing changed");
    let now = root.patch(&path_of(&ann), json!({ "quota_bytes": 1_000 })).await.expect(200);
    assert_eq!((&now["quota_bytes"], text(&now, "role"), &now["disabled"]), (&json!(1_000), "user", &json!(false)));
    let now = root.patch(&path_of(&ann), json!({ "quota_bytes": null, "role": "admin" })).await.expect(200);
    assert_eq!((&now["quota_bytes"], text(&now, "role")), (&Value::Null, "admin"));
    ann.get("/admin/stats").await.expect(200);
    root.patch(&path_of(&ann), json!({ "role": "user" })).await.expect(200);
    ann.get("/admin/stats").await.error_on(403, "forbidden", &[]);
    let kept = root.get(&path_of(&ann)).await.expect(200);
    for (body, field) in [
        (json!({ "role": null }), "role"),
        (json!({ "role": "Admin" }), "role"),
        (json!({ "disabled": null }), "disabled"),
        (json!({ "disabled": "true" }), "disabled"),
        (json!({ "quota_bytes": -1 }), "quota_bytes"),
        (json!({ "quota_bytes": 1.5 }), "quota_bytes"),
        (json!({ "email": "x@example.com" }), "email"),
        (json!({ "quota_bytes": 7, "id": "x" }), "id"),
    ] {
        root.patch(&path_of(&ann), body).await.error_on(400, "validation_error", &[field]);
    }
    assert_eq!(root.get(&path_of(&ann)).await.expect(200), kept);
    let nobody = root.patch("/admin/users/user_01h455vb4pex5vsknk084sn02q", json!({ "disabled": true })).await;
    nobody.error_on(404, "not_found", &[]);
});

on_both!(who_is_disabled_is_out_at_the_next_request, |server| async move {
    let root = administrator(&server, "root").await;
    let ann = server.user("ann").await;
    let item = ann.upload("a.bin", &files::noise(1, 100)).await;
    let link = text(&item["urls"], "content").to_owned();
    let nobody = server.anonymous();
    assert_eq!(nobody.get(&link).await.status, 200);
    ann.get("/users/me").await.expect(200);
    let now = root.patch(&path_of(&ann), json!({ "disabled": true })).await.expect(200);
    assert_eq!(now["disabled"], true);
    assert_eq!(emails(&root.get("/admin/users?disabled=true").await), ["ann@example.com"]);
    let login = json!({ "username": ann.email, "password": PASSWORD });
    let refresh = json!({ "refresh_token": ann.refresh_token });
    ann.get("/users/me").await.error_on(401, "unauthorized", &[]);
    ann.try_upload("", "b.bin", &files::noise(2, 10), &[]).await.error_on(401, "unauthorized", &[]);
    nobody.post("/auth/login", login).await.error_on(401, "unauthorized", &[]);
    nobody.post("/auth/refresh", refresh.clone()).await.error_on(401, "unauthorized", &[]);
    assert!([401, 404].contains(&nobody.get(&link).await.status), "the link of a disabled user");
    // Enabled again, old sessions and links stay dead; what was stored is there.
    root.patch(&path_of(&ann), json!({ "disabled": false })).await.expect(200);
    ann.get("/users/me").await.error_on(401, "unauthorized", &[]);
    nobody.post("/auth/refresh", refresh).await.error_on(401, "unauthorized", &[]);
    assert!([401, 404].contains(&nobody.get(&link).await.status), "the link from before");
    let mut back = ann.clone();
    back.log_in(PASSWORD).await;
    assert_eq!(back.get("/media").await.meta()["pagination"]["total"], 1);
});

on_both!(the_last_administrator_stays_one, |server| async move {
    let root = administrator(&server, "root").await;
    for (body, field) in [(json!({ "role": "user" }), "role"), (json!({ "disabled": true }), "disabled")] {
        root.patch(&path_of(&root), body).await.error_on(409, "conflict", &[field]);
    }
    let second = administrator(&server, "second").await;
    root.patch(&path_of(&second), json!({ "disabled": true })).await.expect(200);
    let alone = root.patch(&path_of(&root), json!({ "role": "user" })).await;
    alone.error_on(409, "conflict", &["role"]);
    root.patch(&path_of(&second), json!({ "disabled": false })).await.expect(200);
    root.patch(&path_of(&root), json!({ "role": "user" })).await.expect(200);
    root.get("/admin/stats").await.error_on(403, "forbidden", &[]);
});

on_both!(
    administrators_who_take_each_others_rights_leave_one,
    Options::with("database.connections", 8),
    |server| async move {
        for round in 0..10 {
            let one = administrator(&server, &format!("one{round}")).await;
            let two = administrator(&server, &format!("two{round}")).await;
            // All others were demoted in the rounds before.
            let others = one.get("/admin/users?role=admin&disabled=false").await.expect(200);
            for other in others.as_array().unwrap() {
                if ![&one.id, &two.id].contains(&&text(other, "id").to_owned()) {
                    let path = format!("/admin/users/{}", text(other, "id"));
                    one.patch(&path, json!({ "role": "user" })).await.expect(200);
                }
            }
            let body = if round % 2 == 0 { json!({ "role": "user" }) } else { json!({ "disabled": true }) };
            let attack = |by: &Actor, on: &Actor| {
                let (by, path, body) = (by.clone(), path_of(on), body.clone());
                async move { by.patch(&path, body).await.status }
            };
            let statuses = at_once([attack(&one, &two), attack(&two, &one)]).await;
            let won = statuses.iter().filter(|status| **status == 200).count();
            assert!(won <= 1, "round {round}: {statuses:?}");
            let mut left = 0;
            for who in [&one, &two] {
                left += usize::from(who.get("/admin/stats").await.status == 200);
            }
            assert_eq!(left, 2 - won, "round {round}: {statuses:?}");
        }
    }
);

on_both!(one_address_makes_one_account_of_fifty, Options::with("database.connections", 16), |server| async move {
    let nobody = server.anonymous();
    let statuses = at_once((0..50).map(|number| {
        let nobody = nobody.clone();
        let email = if number % 2 == 0 { "same@example.com" } else { "SAME@Example.com" };
        async move {
            loop {
                let answer = nobody.post("/auth/register", json!({ "email": email, "password": PASSWORD })).await;
                // The queue of hashes is bounded: who is told to wait comes back.
                if answer.status != 503 {
                    return answer.status;
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }))
    .await;
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 49, "{statuses:?}");
});
