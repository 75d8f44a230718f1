//! New accounts: what makes one, what does not, and who wins a race.

use super::*;

on_both!(an_account_is_made_as_written, |server| async move {
    let nobody = server.anonymous();
    let body = json!({ "email": "Ann.Lee+x@Example.com", "password": "  eight is enough ", "username": "Ann_L", "display_name": "  Ann Lee " });
    let made = nobody.post("/auth/register", body).await;
    let mut user = made.expect(201);
    let id = text(&user, "id").to_owned();
    assert!(id.starts_with("user_"), "{id}");
    assert_eq!(user["created_at"], user["updated_at"]);
    for member in ["id", "created_at", "updated_at"] {
        user.as_object_mut().unwrap().remove(member).unwrap();
    }
    let expected = json!({ "email": "Ann.Lee+x@Example.com", "username": "Ann_L", "display_name": "Ann Lee", "role": "user",
                           "time_zone": "UTC", "quota_bytes": null });
    assert_eq!(user, expected, "nothing more and nothing less, above all no password");
    let events = server.events().await;
    let [(kind, resource, data)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((kind.as_str(), resource.as_str()), ("user.registered", id.as_str()));
    let told = data.to_string().to_lowercase();
    assert!(!told.contains('@') && !told.contains("ann"), "the event must not tell who it is: {told}");
    let tokens =
        nobody.post("/auth/login", json!({ "username": "ann_l", "password": "  eight is enough " })).await.expect(200);
    assert_eq!(whoami(&nobody, text(&tokens, "token")).await.expect(200)["id"], json!(id));
    for near in ["eight is enough", "  eight is enough", " eight is enough ", "  Eight is enough "] {
        nobody.post("/auth/login", json!({ "username": "ann_l", "password": near })).await.error_on(
            401,
            "unauthorized",
            &[],
        );
    }
});

on_both!(passwords_are_taken_whole, |server| async move {
    let nobody = server.anonymous();
    let long = "0123456789".repeat(8);
    let cases = [
        ("8 letters", "tmb3l0zq".to_owned(), Some("tmb3l0z")),
        ("8 emoji", "🔒🔑🔒🔑🔒🔑🔒🗝".to_owned(), Some("🔒🔑🔒🔑🔒🔑🔒🔑")),
        ("80 bytes, where bcrypt would cut at 72", long.clone(), Some(&long[..79])),
        ("256 four-byte characters", "🗝".repeat(256), None),
        ("a zero byte inside", "zero\0byte".to_owned(), Some("zero")),
        ("composed letters stay composed", "caf\u{e9} caf\u{e9}".to_owned(), Some("cafe\u{301} cafe\u{301}")),
    ];
    for (number, (what, password, near)) in cases.into_iter().enumerate() {
        let email = format!("p{number}@example.com");
        let made = nobody.post("/auth/register", json!({ "email": email, "password": password })).await;
        assert_eq!(made.status, 201, "{what}: {}", String::from_utf8_lossy(&made.body));
        let login = async |password: &str| {
            nobody.post("/auth/login", json!({ "username": email, "password": password })).await.status
        };
        assert_eq!(login(&password).await, 200, "{what}");
        if let Some(near) = near {
            assert_eq!(login(near).await, 401, "{what}: another password lets in");
        }
        assert_eq!(login(&format!("{password}x")).await, 401, "{what}: more than the password lets in");
    }
});

on_both!(what_is_wrong_is_named, |server| async move {
    let nobody = server.anonymous();
    nobody.post("/auth/register", json!({ "email": "here@example.com", "password": PASSWORD })).await.expect(201);
    let before = state(&server).await;
    let mut cases: Vec<(String, Value, &[&str])> = Vec::new();
    for email in [
        "",
        "@",
        "a",
        "a@",
        "@b.de",
        "a b@c.de",
        "a@b c.de",
        "a@b\r\nBcc: x@y.z",
        "a@b.de\n",
        " a@b.de",
        "a@b.de ",
        "\"a\"@b.de",
        "a@@b.de",
        "a@b..de",
        ".a@b.de",
        "a@-b.de",
        "a@[127.0.0.1]",
        "a<b>@c.de",
        "a@b.de,c@d.de",
        "a\0@b.de",
        "a@b\u{2028}.de",
    ] {
        cases.push((format!("the e-mail {email:?}"), json!({ "email": email, "password": PASSWORD }), &["email"]));
    }
    for email in
        [format!("{}@b.de", "a".repeat(65)), format!("a@{}.de", "b".repeat(64)), format!("a@{}", "b.".repeat(160))]
    {
        cases.push(("a long e-mail".into(), json!({ "email": email, "password": PASSWORD }), &["email"]));
    }
    for password in ["", "1234567", "🔒🔑🔒🔑🔒🔑🔒", &"x".repeat(257)] {
        cases.push((
            format!("the password {password:?}"),
            json!({ "email": "a@b.de", "password": password }),
            &["password"],
        ));
    }
    for password in ["password", "12345678", "PASSWORD", "QwertyUiop"] {
        cases.push((
            format!("the common {password:?}"),
            json!({ "email": "a@b.de", "password": password }),
            &["password"],
        ));
    }
    for name in ["", "a", &"a".repeat(33), "a@b.de", "-ab", ".ab", "a b", "ab ", "äöü", "a/b", "a\0b", "аnn"] {
        cases.push((
            format!("the username {name:?}"),
            json!({ "email": "a@b.de", "password": PASSWORD, "username": name }),
            &["username"],
        ));
    }
    for name in ["", "   ", "a\nb", "a\u{1b}[31mb", "\0", &"ü".repeat(101)] {
        let body = json!({ "email": "a@b.de", "password": PASSWORD, "display_name": name });
        cases.push((format!("the display name {name:?}"), body, &["display_name"]));
    }
    for wrong in [json!(5), json!(true), json!(["a@b.de"]), json!({ "a": 1 }), Value::Null] {
        cases.push((format!("{wrong} as e-mail"), json!({ "email": wrong, "password": PASSWORD }), &["email"]));
        cases.push((format!("{wrong} as password"), json!({ "email": "a@b.de", "password": wrong }), &["password"]));
    }
    let all = json!({ "email": "x", "password": "short", "username": "!", "display_name": "" });
    cases.push(("four bad values".into(), all, &["email", "password", "username", "display_name"]));
    cases.push(("nothing".into(), json!({}), &["email", "password"]));
    cases.push(("no password".into(), json!({ "email": "a@b.de" }), &["password"]));
    let more = json!({ "email": "a@b.de", "password": PASSWORD, "role": "admin", "id": "user_1", "quota_bytes": 1, "disabled": false });
    cases.push(("members that nobody may set".into(), more, &["disabled", "id", "quota_bytes", "role"]));
    cases.push((
        "an unknown member and none of the others".into(),
        json!({ "Email": "a@b.de" }),
        &["Email", "email", "password"],
    ));
    let types = json!({ "email": 1, "password": [], "username": {}, "display_name": false, "x": 1 });
    cases.push((
        "wrong types and an unknown member".into(),
        types,
        &["display_name", "email", "password", "username", "x"],
    ));
    for (what, body, fields) in cases {
        let answer = nobody.post("/auth/register", body).await;
        assert_eq!(answer.status, 400, "{what}: {}", String::from_utf8_lossy(&answer.body));
        let mut named = answer.error(400, "validation_error");
        let mut fields = fields.to_vec();
        named.sort();
        fields.sort_unstable();
        assert_eq!(named, fields, "{what}");
    }
    assert_eq!(state(&server).await, before);
});

on_both!(a_login_name_belongs_to_one, |server| async move {
    let nobody = server.anonymous();
    for (email, name) in [("ann@example.com", "Ann"), ("straße@exämple.de", "bob"), ("kim@example.com", "kim")] {
        nobody
            .post("/auth/register", json!({ "email": email, "password": PASSWORD, "username": name }))
            .await
            .expect(201);
    }
    let before = state(&server).await;
    for (what, email, name, field) in [
        ("the same e-mail", "ann@example.com", None, "email"),
        ("in capitals", "ANN@EXAMPLE.COM", None, "email"),
        ("another script's capitals", "STRAßE@EXÄMPLE.DE", None, "email"),
        ("the Kelvin sign is a k", "\u{212a}im@example.com", None, "email"),
        ("the same username", "a@example.com", Some("Ann"), "username"),
        ("in other case", "a@example.com", Some("aNN"), "username"),
        ("e-mail free, username of the other", "b@example.com", Some("BOB"), "username"),
    ] {
        let answer =
            nobody.post("/auth/register", json!({ "email": email, "password": PASSWORD, "username": name })).await;
        assert_eq!(answer.status, 409, "{what}: {}", String::from_utf8_lossy(&answer.body));
        answer.error_on(409, "conflict", &[field]);
    }
    assert_eq!(state(&server).await, before);
    let plus = json!({ "email": "ann+tag@example.com", "password": PASSWORD });
    nobody.post("/auth/register", plus).await.expect(201);
});

on_both!(of_many_with_one_email_one_wins, |server| async move {
    let nobody = server.anonymous();
    let tries = (0..12).map(|number| {
        let email = if number % 2 == 0 { "race@example.com" } else { "RACE@example.com" };
        nobody.post("/auth/register", json!({ "email": email, "password": PASSWORD }))
    });
    let mut statuses: Vec<u16> =
        futures_util::future::join_all(tries).await.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [&[201][..], &[409; 11]].concat());
    assert_eq!(server.events().await.len(), 1);
});

on_both!(closed_registration_is_closed, Options::with("registration", "closed"), |server| async move {
    let nobody = server.anonymous();
    assert_eq!(nobody.get("/server").await.expect(200)["registration"], "closed");
    let before = state(&server).await;
    nobody.post("/auth/register", json!({ "email": "a@example.com", "password": PASSWORD })).await.error_on(
        403,
        "forbidden",
        &[],
    );
    assert_eq!(state(&server).await, before);
});
