//! Login: the reference's own example, and that nobody learns who has an account.

use super::*;

on_both!(the_example_of_the_reference_works_verbatim, |server| async move {
    let nobody = server.anonymous();
    nobody.post("/auth/register", json!({ "email": "user@example.com", "password": "yourpassword" })).await.expect(201);
    for base in ["/api/v1", "/v1"] {
        let example = "{\n\"username\": \"user@example.com\",\n\"password\": \"yourpassword\"\n}";
        let request = nobody.request(Method::POST, &format!("{}{base}/auth/login", server.origin()));
        let answer = nobody.send(request.header("content-type", "application/json").body(example)).await;
        let data = answer.expect(200);
        let body = answer.json();
        assert_eq!((&body["expires_in"], &body["token_type"]), (&json!(3600), &json!("Bearer")));
        for member in ["token", "expires_in", "token_type", "refresh_token", "refresh_expires_in"] {
            assert_eq!(body[member], data[member], "{member} stands bare and in data");
        }
        assert_eq!(data["refresh_expires_in"], json!(30 * 86_400));
        assert_eq!(data.as_object().unwrap().len(), 5);
        assert_eq!(answer.header("cache-control"), "no-store");
        let me = nobody.with_token(text(&body, "token"));
        for base in ["/api/v1", "/v1"] {
            let seen = me.get(&format!("{}{base}/users/me", server.origin())).await.expect(200);
            assert_eq!(seen["email"], "user@example.com");
        }
    }
});

on_both!(by_email_and_by_username_whatever_the_case, |server| async move {
    let nobody = server.anonymous();
    let account = json!({ "email": "Ann@Exämple.com", "password": PASSWORD, "username": "Ann.Lee" });
    let id = nobody.post("/auth/register", account).await.expect(201)["id"].clone();
    let mut seen = std::collections::HashSet::new();
    for name in ["Ann@Exämple.com", "ann@exämple.com", "ANN@EXÄMPLE.COM", "Ann.Lee", "ann.lee", "ANN.LEE"] {
        let answer = nobody.post("/auth/login", json!({ "username": name, "password": PASSWORD })).await;
        assert_eq!(answer.status, 200, "{name}");
        let tokens = answer.expect(200);
        assert_eq!(whoami(&nobody, text(&tokens, "token")).await.expect(200)["id"], id, "{name}");
        assert!(
            seen.insert(text(&tokens, "token").to_owned()) && seen.insert(text(&tokens, "refresh_token").to_owned()),
            "each login is a session"
        );
    }
});

on_both!(every_refusal_is_the_same, |server| async move {
    let ann = server.user("ann").await;
    server.user("bob").await;
    let nobody = server.anonymous();
    let gone = json!({ "email": "gone@example.com", "password": PASSWORD, "username": "gone" });
    nobody.post("/auth/register", gone).await.expect(201);
    let disable =
        server.store().write(|tx| tx.changed(sql("UPDATE users SET disabled = $1 WHERE username = 'gone'").bind(true)));
    assert_eq!(disable.await.map_err(|error: mv_store::Error| error).unwrap(), 1);
    let hashes = state(&server).await["users"].clone();
    let hash = hashes[0][5].as_str().unwrap().to_owned();
    let before = state(&server).await;
    let (long_name, long_word) = ("a".repeat(2000), "x".repeat(100_000));
    let mut first = None;
    for (what, name, password) in [
        ("wrong password", "ann@example.com", "wrong horse battery"),
        ("unknown e-mail", "nobody@example.com", PASSWORD),
        ("unknown username", "nobody", PASSWORD),
        ("other case of the password", "ann@example.com", "Correct Horse Battery"),
        ("a blank behind the password", "ann@example.com", "correct horse battery "),
        ("empty password", "ann@example.com", ""),
        ("empty name", "", PASSWORD),
        ("both empty", "", ""),
        ("the hash as password", "ann@example.com", &hash),
        ("zero byte in the name", "ann@example.com\0", PASSWORD),
        ("zero byte alone", "\0", PASSWORD),
        ("zero byte behind the password", "ann@example.com", "correct horse battery\0"),
        ("SQL in the name", "' OR 1=1 --", PASSWORD),
        ("a pattern as name", "%", PASSWORD),
        ("long name", &long_name, PASSWORD),
        ("long password", "ann@example.com", &long_word),
        ("the last code point", "\u{10ffff}@example.com", PASSWORD),
        ("the id as name", &ann.id, PASSWORD),
        ("disabled account", "gone@example.com", PASSWORD),
        ("disabled account by username", "gone", PASSWORD),
    ] {
        let answer = nobody.post("/auth/login", json!({ "username": name, "password": password })).await;
        assert_eq!(answer.status, 401, "{what}: {}", String::from_utf8_lossy(&answer.body));
        assert_eq!(answer.header("www-authenticate"), r#"Bearer realm="mediavault""#, "{what}");
        let said = bare(&answer);
        assert_eq!(*first.get_or_insert(said.clone()), said, "{what}");
    }
    assert_eq!(state(&server).await, before);
});

on_both!(bad_shapes_are_named, |server| async move {
    let nobody = server.anonymous();
    for (what, body, fields) in [
        ("nothing", json!({}), &["password", "username"][..]),
        ("no password", json!({ "username": "a" }), &["password"]),
        ("e-mail instead of username", json!({ "email": "a@b.de", "password": "x" }), &["email", "username"]),
        ("an email beside it", json!({ "username": "a", "email": "a@b.de", "password": "x" }), &["email"]),
        ("numbers", json!({ "username": 1, "password": 2 }), &["password", "username"]),
        ("lists", json!({ "username": ["ann@example.com"], "password": "x" }), &["username"]),
        ("an operator", json!({ "username": { "$ne": null }, "password": { "$ne": null } }), &["password", "username"]),
        ("null", json!({ "username": null, "password": "x" }), &["username"]),
    ] {
        let answer = nobody.post("/auth/login", body).await;
        let mut named = answer.error(400, "validation_error");
        named.sort();
        assert_eq!(named, fields, "{what}");
    }
    nobody.post("/auth/login?mode=nonsense", json!({ "username": "a", "password": "b" })).await.error_on(
        400,
        "validation_error",
        &["mode"],
    );
});

on_both!(a_crowd_waits_or_is_told_to_come_back, |server| async move {
    let ann = server.user("ann").await;
    let tries =
        (0..64).map(|_| ann.post("/auth/login", json!({ "username": "ann@example.com", "password": PASSWORD })));
    let answers = futures_util::future::join_all(tries).await;
    let busy: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 503).collect();
    let good = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(good + busy.len(), 64, "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
    assert!(good >= 32 && !busy.is_empty(), "{good} of 64 at once were let in");
    for answer in busy {
        answer.error_on(503, "service_unavailable", &[]);
        assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 1), "{:?}", answer.headers);
    }
    assert_eq!(ann.get("/users/me").await.status, 200);
});
