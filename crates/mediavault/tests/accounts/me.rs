//! The own account: shown, changed, and what may not be changed.

use super::*;
use reqwest::header::CONTENT_TYPE;

/// PATCH with this content type and body.
async fn patch_as(actor: &Actor, kind: &str, body: &str) -> Answer {
    let request = actor.request(Method::PATCH, "/users/me").header(CONTENT_TYPE, kind);
    actor.send(request.body(body.to_owned())).await
}

async fn login(server: &Server, name: &str, password: &str) -> u16 {
    server.anonymous().post("/auth/login", json!({ "username": name, "password": password })).await.status
}

on_both!(absent_keeps_and_null_clears, |server| async move {
    let ann = server.user("ann").await;
    let mut expected = ann.get("/users/me").await.expect(200);
    assert_eq!(expected.as_object().unwrap().len(), 9, "{expected}");
    let made = text(&expected, "created_at").to_owned();
    for (what, body, changes) in [
        ("a name", json!({ "display_name": " Ann  Lee\u{301} " }), json!({ "display_name": "Ann  Lee\u{301}" })),
        ("a username", json!({ "username": "ann" }), json!({ "username": "ann" })),
        ("its case", json!({ "username": "Ann" }), json!({ "username": "Ann" })),
        ("a zone", json!({ "time_zone": "Europe/Berlin" }), json!({ "time_zone": "Europe/Berlin" })),
        (
            "a zone in other case",
            json!({ "time_zone": "america/new_york" }),
            json!({ "time_zone": "America/New_York" }),
        ),
        ("an old name of a zone", json!({ "time_zone": "Asia/Calcutta" }), json!({ "time_zone": "Asia/Calcutta" })),
        ("the same e-mail", json!({ "email": "ann@example.com" }), json!({})),
        (
            "a password for nothing",
            json!({ "display_name": "A", "current_password": "wrong" }),
            json!({ "display_name": "A" }),
        ),
        ("name cleared", json!({ "display_name": null }), json!({ "display_name": null })),
        (
            "username and zone cleared",
            json!({ "username": null, "time_zone": null }),
            json!({ "username": null, "time_zone": "UTC" }),
        ),
        ("cleared again", json!({ "username": null, "display_name": null }), json!({})),
        (
            "100 letters, three at once",
            json!({ "display_name": "ü".repeat(100), "username": "a".repeat(32), "time_zone": "UTC" }),
            json!({ "display_name": "ü".repeat(100), "username": "a".repeat(32) }),
        ),
    ] {
        server.clock().advance(Duration::from_secs(1));
        let before = text(&expected, "updated_at").to_owned();
        let answer = ann.patch("/users/me", body).await;
        assert_eq!(answer.status, 200, "{what}: {}", String::from_utf8_lossy(&answer.body));
        let now = answer.expect(200);
        expected.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        if changes != json!({}) {
            assert!(text(&now, "updated_at") > before.as_str(), "{what}");
            expected["updated_at"] = now["updated_at"].clone();
        }
        assert_eq!(now, expected, "{what}");
        assert_eq!(ann.get("/users/me").await.expect(200), expected, "{what}: as it was answered");
        assert_eq!(now["created_at"], json!(made), "{what}");
    }
    let before = ann.get("/users/me").await.expect(200);
    server.clock().advance(Duration::from_secs(1));
    assert_eq!(ann.patch("/users/me", json!({})).await.expect(200), before, "no change is no change");
});

on_both!(both_content_types_of_a_patch, |server| async move {
    let ann = server.user("ann").await;
    for (number, kind) in [
        "application/json",
        "application/merge-patch+json",
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/merge-patch+json;charset=UTF-8",
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("name {number}");
        let now = patch_as(&ann, kind, &json!({ "display_name": name }).to_string()).await;
        assert_eq!(now.status, 200, "{kind}");
        assert_eq!(now.expect(200)["display_name"], json!(name), "{kind}");
    }
    let before = state(&server).await;
    for kind in [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json-patch+json",
        "application/jsonx",
        "application",
        "json",
        "*/*",
    ] {
        let answer = patch_as(&ann, kind, r#"{"display_name":"x"}"#).await;
        assert_eq!(answer.status, 415, "{kind:?}");
        answer.error_on(415, "unsupported_media_type", &[]);
        assert_eq!(answer.header("accept-patch"), "application/json, application/merge-patch+json", "{kind:?}");
    }
    let bare = ann.send(ann.request(Method::PATCH, "/users/me").body("{}")).await;
    assert_eq!((bare.status, bare.header("accept-patch").is_empty()), (415, false), "no content type at all");
    let packed = ann
        .request(Method::PATCH, "/users/me")
        .header(CONTENT_TYPE, "application/json")
        .header("content-encoding", "gzip");
    let packed = ann.send(packed.body(vec![0x1f, 0x8b, 8, 0, 0])).await;
    assert_eq!((packed.status, packed.header("accept-patch").is_empty()), (415, false), "gzip");
    assert_eq!(state(&server).await, before);
});

on_both!(what_is_wrong_changes_nothing, |server| async move {
    let ann = server.user("ann").await;
    ann.patch("/users/me", json!({ "username": "ann", "display_name": "Ann", "time_zone": "Europe/Paris" }))
        .await
        .expect(200);
    let before = (state(&server).await, ann.get("/users/me").await.expect(200));
    let mut cases: Vec<(String, Value, Vec<&str>)> = Vec::new();
    for name in ["", "x", "a@b.de", "-ab", "a b", "ü12", "a\0b", &"a".repeat(33)] {
        cases.push((format!("username {name:?}"), json!({ "username": name, "display_name": "B" }), vec!["username"]));
    }
    for name in ["", "  ", "a\u{7}b", "a\r\nb", "\0", &"a".repeat(101)] {
        cases.push((
            format!("display name {name:?}"),
            json!({ "display_name": name, "username": "bob" }),
            vec!["display_name"],
        ));
    }
    let deep = "a/".repeat(500);
    for zone in [
        "",
        " ",
        "Mars/Olympus",
        "../etc/passwd",
        "/etc/localtime",
        "Europe/Berlin\0",
        "+02:00",
        "CET-1CEST",
        "Europe",
        "\u{202e}UTC",
        "Etc/Unknown",
        &deep,
    ] {
        cases.push((format!("zone {zone:?}"), json!({ "time_zone": zone, "display_name": "B" }), vec!["time_zone"]));
    }
    for email in ["", "x", "a@b\r\nBcc: c@d.de", "a b@c.de"] {
        cases.push((
            format!("e-mail {email:?}"),
            json!({ "email": email, "current_password": PASSWORD }),
            vec!["email"],
        ));
    }
    cases.push(("no e-mail".into(), json!({ "email": null, "current_password": PASSWORD }), vec!["email"]));
    cases.push((
        "e-mail without the password".into(),
        json!({ "email": "b@example.com", "display_name": "B" }),
        vec!["current_password"],
    ));
    let wrong = json!({ "email": "b@example.com", "current_password": "wrong horse battery", "display_name": "B" });
    cases.push(("e-mail with a wrong password".into(), wrong, vec!["current_password"]));
    cases.push((
        "e-mail with a null password".into(),
        json!({ "email": "b@example.com", "current_password": null }),
        vec!["current_password"],
    ));
    cases.push((
        "e-mail in other case without the password".into(),
        json!({ "email": "Ann@example.com" }),
        vec!["current_password"],
    ));
    let four = json!({ "display_name": "", "username": "!", "email": "x", "time_zone": "Nowhere" });
    cases.push(("four bad values".into(), four, vec!["display_name", "email", "time_zone", "username"]));
    for member in [
        "id",
        "role",
        "quota_bytes",
        "created_at",
        "updated_at",
        "disabled",
        "password",
        "link_epoch",
        "user_id",
        "Display_Name",
        "__proto__",
        "",
    ] {
        cases.push((format!("the member {member:?}"), json!({ member: "admin", "display_name": "B" }), vec![member]));
    }
    for value in [json!(5), json!(true), json!(["x"]), json!({ "a": 1 })] {
        for member in ["display_name", "username", "email", "time_zone", "current_password"] {
            cases.push((format!("{member} {value}"), json!({ member: value }), vec![member]));
        }
    }
    let types = json!({ "display_name": 1, "username": 2, "role": "admin" });
    cases.push(("wrong types and an unknown one".into(), types, vec!["display_name", "role", "username"]));
    for (what, body, fields) in cases {
        let answer = ann.patch("/users/me", body).await;
        assert_eq!(answer.status, 400, "{what}: {}", String::from_utf8_lossy(&answer.body));
        let mut named = answer.error(400, "validation_error");
        named.sort();
        assert_eq!(named, fields, "{what}");
    }
    for body in
        ["null", "[]", "5", "\"x\"", "true", "", "[{\"op\":\"replace\",\"path\":\"/role\",\"value\":\"admin\"}]"]
    {
        let answer = patch_as(&ann, "application/merge-patch+json", body).await;
        assert_eq!(answer.status, 400, "{body:?}");
        answer.error_on(400, "validation_error", &["body"]);
    }
    assert_eq!((state(&server).await, ann.get("/users/me").await.expect(200)), before);
});

on_both!(a_new_email_needs_the_password, |server| async move {
    let ann = server.user("ann").await;
    let bob = server.user("bob").await;
    bob.patch("/users/me", json!({ "username": "Bob" })).await.expect(200);
    let before = state(&server).await;
    for (what, body, field) in [
        (
            "e-mail taken",
            json!({ "email": "bob@example.com", "current_password": PASSWORD, "display_name": "x" }),
            "email",
        ),
        ("e-mail taken in other case", json!({ "email": "BOB@Example.com", "current_password": PASSWORD }), "email"),
        ("username taken", json!({ "username": "Bob", "display_name": "x" }), "username"),
        ("username taken in other case", json!({ "username": "bOB", "time_zone": "Europe/Berlin" }), "username"),
    ] {
        let answer = ann.patch("/users/me", body).await;
        assert_eq!(answer.status, 409, "{what}: {}", String::from_utf8_lossy(&answer.body));
        answer.error_on(409, "conflict", &[field]);
    }
    assert_eq!(state(&server).await, before);
    let now = ann
        .patch("/users/me", json!({ "email": "Ann.New@example.com", "current_password": PASSWORD, "username": "ann" }))
        .await
        .expect(200);
    assert_eq!((text(&now, "email"), text(&now, "username")), ("Ann.New@example.com", "ann"));
    assert_eq!(login(&server, "ann@example.com", PASSWORD).await, 401, "the old address");
    assert_eq!(login(&server, "ann.new@example.com", PASSWORD).await, 200, "the new one, whatever the case");
    assert_eq!(login(&server, "ANN", PASSWORD).await, 200, "the username");
    let body = json!({ "email": "ann@example.com", "password": PASSWORD });
    server.anonymous().post("/auth/register", body).await.expect(201);
    ann.patch("/users/me", json!({ "username": null })).await.expect(200);
    assert_eq!(login(&server, "ann", PASSWORD).await, 401, "a cleared username");
    ann.patch("/users/me", json!({ "email": "ANN.NEW@example.com", "current_password": PASSWORD })).await.expect(200);
    bob.patch("/users/me", json!({ "username": "ann" })).await.expect(200);
});

on_both!(nobody_changes_it_without_credentials, |server| async move {
    let ann = server.user("ann").await;
    let nobody = server.anonymous();
    let before = state(&server).await;
    nobody.get("/users/me").await.error_on(401, "unauthorized", &[]);
    nobody.patch("/users/me", json!({ "display_name": "x" })).await.error_on(401, "unauthorized", &[]);
    nobody.patch("/users/me", json!({ "role": "admin" })).await.error_on(401, "unauthorized", &[]);
    refused("a bad token", &ann.with_token("x").patch("/users/me", json!({ "display_name": "x" })).await);
    assert_eq!(state(&server).await, before);
});

on_both!(changes_at_once_do_not_undo_each_other, |server| async move {
    let ann = server.user("ann").await;
    let other = {
        let mut other = ann.clone();
        other.log_in(PASSWORD).await;
        other
    };
    for round in 0..15 {
        let (name, username) = (format!("Ann {round}"), format!("ann{round}"));
        let zone = ["Europe/Berlin", "Europe/Paris", "Asia/Tokyo"][round % 3];
        let (one, two, three) = tokio::join!(
            ann.patch("/users/me", json!({ "display_name": name })),
            other.patch("/users/me", json!({ "username": username })),
            ann.patch("/users/me", json!({ "time_zone": zone })),
        );
        assert_eq!((one.status, two.status, three.status), (200, 200, 200), "round {round}");
        let now = other.get("/users/me").await.expect(200);
        assert_eq!(
            (text(&now, "display_name"), text(&now, "username"), text(&now, "time_zone")),
            (&name[..], &username[..], zone),
            "round {round}"
        );
    }
});
