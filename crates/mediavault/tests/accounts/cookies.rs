//! The refresh token in a cookie, for pages that the server serves: its flags, its rotation, and who may use it.

use super::*;

const NAME: &str = "mediavault_refresh";

fn behind_a_proxy() -> Options {
    Options::with("trusted_proxies", r#"["127.0.0.0/8"]"#).and("public_url", "https://vault.example.org")
}

/// Logs in; gives the answer and the cookie as the browser would send it back.
async fn log_in(actor: &Actor) -> (Answer, String) {
    let body = json!({ "username": actor.email, "password": PASSWORD });
    let nobody = actor.server.anonymous();
    let request = nobody.request(Method::POST, "/auth/login?mode=cookie").header("x-forwarded-proto", "https");
    let answer = nobody.send(request.json(&body)).await;
    let cookie = cookie(&answer);
    (answer, cookie)
}

/// The pair `name=value` that an answer sets.
fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

/// `POST /auth/refresh` with these headers.
async fn refresh(server: &Server, headers: &[(&str, &str)]) -> Answer {
    let nobody = server.anonymous();
    let mut request = nobody.request(Method::POST, "/auth/refresh").header("x-forwarded-proto", "https");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    nobody.send(request).await
}

const HERE: (&str, &str) = ("sec-fetch-site", "same-origin");

on_both!(the_cookie_holds_the_refresh_token_and_the_body_does_not, |server| async move {
    let ann = server.user("ann").await;
    let (answer, cookie) = log_in(&ann).await;
    let data = answer.expect(200);
    assert_eq!((&data["refresh_token"], &answer.json()["refresh_token"]), (&Value::Null, &Value::Null));
    assert_eq!(data["refresh_expires_in"], 30 * 86_400);
    let token = cookie.strip_prefix("mediavault_refresh=").unwrap().to_owned();
    assert!(token.starts_with("mvr_") && !String::from_utf8_lossy(&answer.body).contains(&token));
    assert_eq!(
        answer.header("set-cookie"),
        format!("{NAME}={token}; Path=/; Max-Age=2592000; HttpOnly; SameSite=Strict"),
        "on loopback without TLS neither prefix nor Secure"
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(whoami(&ann, text(&data, "token")).await.status, 200);
    let body = json!({ "username": ann.email, "password": PASSWORD });
    let plain = server.anonymous().post("/auth/login", body.clone()).await;
    assert_eq!((plain.status, plain.header("set-cookie")), (200, ""), "nobody gets one who did not ask");
    for query in ["mode=body", "mode=", "mode=cookie&mode=cookie", "mode=Cookie"] {
        server.anonymous().post(&format!("/auth/login?{query}"), body.clone()).await.error_on(
            400,
            "validation_error",
            &["mode"],
        );
    }
    let wrong = json!({ "username": ann.email, "password": "wrong horse battery" });
    let refusal = server.anonymous().post("/auth/login?mode=cookie", wrong).await;
    assert_eq!((refusal.status, refusal.header("set-cookie")), (401, ""));
});

on_both!(over_https_the_cookie_is_bound_to_the_host, behind_a_proxy(), |server| async move {
    let nobody = server.anonymous();
    let account = json!({ "email": "ann@example.com", "password": PASSWORD });
    let request = nobody.request(Method::POST, "/auth/register").header("x-forwarded-proto", "https");
    nobody.send(request.json(&account)).await.expect(201);
    let ann = Actor { email: "ann@example.com".into(), ..nobody };
    let (answer, cookie) = log_in(&ann).await;
    let token = cookie.strip_prefix("__Host-mediavault_refresh=").unwrap();
    assert_eq!(
        answer.header("set-cookie"),
        format!("__Host-mediavault_refresh={token}; Path=/; Max-Age=2592000; Secure; HttpOnly; SameSite=Strict")
    );
    let unbound = format!("{NAME}={token}");
    refresh(&server, &[HERE, ("cookie", &unbound)]).await.error_on(401, "unauthorized", &[]);
    let renewed = refresh(&server, &[HERE, ("cookie", &cookie)]).await;
    renewed.expect(200);
    assert!(renewed.header("set-cookie").starts_with("__Host-mediavault_refresh=mvr_"));
});

on_both!(the_cookie_rotates_and_ends_like_any_refresh_token, |server| async move {
    let ann = server.user("ann").await;
    let (_, first) = log_in(&ann).await;
    let answer = refresh(&server, &[HERE, ("cookie", &format!("theme=dark; {first}; x"))]).await;
    let data = answer.expect(200);
    let second = cookie(&answer);
    assert!(second.starts_with("mediavault_refresh=mvr_") && second != first, "{second}");
    assert_eq!((&data["refresh_token"], data["refresh_expires_in"].is_u64()), (&Value::Null, true));
    assert_eq!(cookie(&refresh(&server, &[HERE, ("cookie", &first)]).await), second, "two tabs get the same one");
    let third = cookie(&refresh(&server, &[HERE, ("cookie", &second)]).await);
    let reused = refresh(&server, &[HERE, ("cookie", &first)]).await;
    reused.error_on(401, "unauthorized", &[]);
    assert!(reused.header("set-cookie").starts_with("mediavault_refresh=; Path=/; Max-Age=0;"));
    refresh(&server, &[HERE, ("cookie", &third)]).await.error_on(401, "unauthorized", &[]);
    let (answer, cookie) = log_in(&ann).await;
    let page = ann.with_token(text(&answer.expect(200), "token"));
    let out = page.send(page.request(Method::POST, "/auth/logout").header("cookie", &cookie)).await;
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").starts_with("mediavault_refresh=; Path=/; Max-Age=0;"), "logout takes it away");
    refresh(&server, &[HERE, ("cookie", &cookie)]).await.error_on(401, "unauthorized", &[]);
    assert_eq!(ann.post_empty("/auth/logout").await.header("set-cookie"), "");
});

on_both!(only_the_servers_own_pages_use_the_cookie, |server| async move {
    let ann = server.user("ann").await;
    let (answer, cookie) = log_in(&ann).await;
    let token = cookie.split_once('=').unwrap().1.to_owned();
    let before = ann.get("/auth/sessions").await.expect(200);
    for (what, headers) in [
        ("another site", &[("sec-fetch-site", "cross-site")][..]),
        ("a neighbour", &[("sec-fetch-site", "same-site")]),
        ("the address bar", &[("sec-fetch-site", "none")]),
        ("nothing said", &[]),
        ("said twice", &[HERE, HERE]),
        ("said twice, once otherwise", &[HERE, ("sec-fetch-site", "cross-site")]),
        ("other case", &[("sec-fetch-site", "Same-Origin")]),
        ("a list", &[("sec-fetch-site", "same-origin, cross-site")]),
        ("an origin alone", &[("origin", "http://127.0.0.1")]),
    ] {
        let mut headers = headers.to_vec();
        headers.push(("cookie", &cookie));
        let answer = refresh(&server, &headers).await;
        assert_eq!((answer.status, answer.header("set-cookie")), (403, ""), "{what}");
        answer.error_on(403, "forbidden", &[]);
    }
    assert_eq!(ann.get("/auth/sessions").await.expect(200), before, "nothing was renewed or ended");
    for (what, sent) in [
        ("twice", format!("{cookie}; {cookie}")),
        ("twice, one empty", format!("{NAME}=; {cookie}")),
        ("quoted", format!("{NAME}=\"{token}\"")),
        ("an access token", format!("{NAME}={}", text(&answer.expect(200), "token"))),
        ("nonsense", format!("{NAME}=mvr_AAAA")),
    ] {
        let answer = refresh(&server, &[HERE, ("cookie", &sent)]).await;
        assert_eq!(answer.status, 401, "{what}");
        answer.error_on(401, "unauthorized", &[]);
    }
    let two = refresh(&server, &[HERE, ("cookie", &cookie), ("cookie", &cookie)]).await;
    two.error_on(401, "unauthorized", &[]);
    for path in ["/users/me", "/media", "/auth/sessions", "/auth/whoami"] {
        let nobody = server.anonymous();
        let request = nobody.request(Method::GET, path).header("cookie", &cookie).header(HERE.0, HERE.1);
        nobody.send(request).await.error_on(401, "unauthorized", &[]);
    }
    refresh(&server, &[HERE, ("cookie", &cookie)]).await.expect(200);
});

on_both!(nothing_changes_by_get_or_by_a_form, |server| async move {
    let ann = server.user("ann").await;
    let (_, cookie) = log_in(&ann).await;
    let before = state(&server).await;
    for path in ["/auth/login", "/auth/refresh", "/auth/logout", "/auth/register", "/users/me/password"] {
        let request = ann.request(Method::GET, path).header("cookie", &cookie).header(HERE.0, HERE.1);
        ann.send(request).await.error_on(405, "method_not_allowed", &[]);
    }
    let body = json!({ "username": ann.email, "password": PASSWORD, "current_password": PASSWORD, "new_password": "a new long one" });
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        for path in ["/auth/login?mode=cookie", "/auth/refresh", "/auth/register", "/users/me/password"] {
            let request = ann.request(Method::POST, path).header("content-type", kind).header("cookie", &cookie);
            ann.send(request.body(body.to_string())).await.error_on(415, "unsupported_media_type", &[]);
        }
    }
    assert_eq!(state(&server).await, before);
});
