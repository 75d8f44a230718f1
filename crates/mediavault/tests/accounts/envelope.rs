//! What every answer has, whatever came: the envelope, the request's id, the headers for safety, both bases.

use super::*;

/// Both bases and a path below each.
fn bases(server: &Server, path: &str) -> [String; 2] {
    ["/api/v1", "/v1"].map(|base| format!("{}{base}{path}", server.origin()))
}

on_both!(unknown_routes_and_methods_are_told_in_the_envelope, |server| async move {
    let ann = server.user("ann").await;
    let nobody = server.anonymous();
    for path in [
        "/nothing",
        "/",
        "",
        "/users",
        "/users/me/",
        "/users/me/x",
        "/users//me",
        "/useRs/me",
        "/auth/login/",
        "/auth",
        "/openapi.json/",
        "/users/me%00",
        "/users/me%2f",
        "/users;x/me",
        "/ü",
    ] {
        for url in bases(&server, path) {
            for (who, actor) in [("nobody", &nobody), ("ann", &ann)] {
                let answer = actor.get(&url).await;
                assert_eq!(answer.status, 404, "{who} {url}");
                answer.error_on(404, "not_found", &[]);
            }
        }
    }
    for path in [
        "/api",
        "/api/",
        "/api/v2",
        "/api/v2/users/me",
        "/api/v2/auth/login",
        "/v2/users/me",
        "/api/v1x/users/me",
        "/api/docs/",
        "/docs",
        "/favicon.ico",
        "/health",
        "/health/",
        "/health/live/",
        "/API/V1/server",
        "/.git/config",
    ] {
        let answer = nobody.get(&format!("{}{path}", server.origin())).await;
        assert_eq!(answer.status, 404, "{path}");
        answer.error_on(404, "not_found", &[]);
        assert_eq!(nobody.post(&format!("{}{path}", server.origin()), json!({})).await.status, 404, "POST {path}");
    }
    for (method, path, allowed) in [
        ("PUT", "/users/me", "DELETE,GET,HEAD,PATCH"),
        ("POST", "/users/me", "DELETE,GET,HEAD,PATCH"),
        ("get", "/users/me", "DELETE,GET,HEAD,PATCH"),
        ("TRACE", "/users/me", "DELETE,GET,HEAD,PATCH"),
        ("TRACK", "/users/me", "DELETE,GET,HEAD,PATCH"),
        ("PROPFIND", "/users/me", "DELETE,GET,HEAD,PATCH"),
        ("GET", "/auth/login", "POST"),
        ("HEAD", "/auth/login", "POST"),
        ("PUT", "/auth/register", "POST"),
        ("GET", "/auth/logout", "POST"),
        ("DELETE", "/auth/refresh", "POST"),
        ("POST", "/server", "GET,HEAD"),
        ("POST", "/openapi.json", "GET,HEAD"),
        ("PUT", "/media", "GET,HEAD"),
        ("GET", "/media/upload", "POST"),
    ] {
        for url in bases(&server, path) {
            let answer = ann.send(ann.request(Method::from_bytes(method.as_bytes()).unwrap(), &url)).await;
            assert_eq!(answer.status, 405, "{method} {url}: {}", String::from_utf8_lossy(&answer.body));
            assert_eq!(sorted(answer.header("allow")), allowed, "{method} {url}");
            if method != "HEAD" {
                answer.error_on(405, "method_not_allowed", &[]);
            }
            if !allowed.contains("POST") {
                let overridden = ann
                    .request(Method::POST, &url)
                    .header("x-http-method-override", "PATCH")
                    .header("x-method-override", "GET");
                assert_eq!(ann.send(overridden).await.status, 405, "{url}: nobody overrides a method");
            }
        }
    }
    for (path, allowed) in
        [("/health/live", "GET,HEAD"), ("/metrics", "GET,HEAD"), ("/api/docs", "GET,HEAD"), ("/", "GET,HEAD")]
    {
        let answer = nobody.delete(&format!("{}{path}", server.origin())).await;
        answer.error_on(405, "method_not_allowed", &[]);
        assert_eq!(sorted(answer.header("allow")), allowed, "{path}");
    }
    assert_eq!(ann.get("/users/me").await.expect(200)["display_name"], Value::Null);
});

/// The methods of `Allow` in order.
fn sorted(allow: &str) -> String {
    let mut methods: Vec<&str> = allow.split(',').map(str::trim).collect();
    methods.sort_unstable();
    methods.join(",")
}

on_both!(options_and_head_tell_without_a_body, |server| async move {
    let ann = server.user("ann").await;
    let nobody = server.anonymous();
    for (path, allowed) in [
        ("/users/me", "DELETE,GET,HEAD,PATCH"),
        ("/auth/login", "POST"),
        ("/server", "GET,HEAD"),
        ("/media", "GET,HEAD"),
    ] {
        for url in bases(&server, path) {
            let answer =
                nobody.send(nobody.request(Method::OPTIONS, &url).header("origin", "https://evil.example")).await;
            assert_eq!((answer.status, answer.body.len()), (204, 0), "{url}");
            assert_eq!(sorted(answer.header("allow")), allowed, "{url}");
            assert_eq!(answer.header("access-control-allow-origin"), "", "{url}");
        }
    }
    nobody.send(nobody.request(Method::OPTIONS, "/nothing")).await.error_on(404, "not_found", &[]);
    for (actor, path, status) in
        [(&ann, "/users/me", 200), (&nobody, "/users/me", 401), (&nobody, "/server", 200), (&nobody, "/nothing", 404)]
    {
        let head = actor.send(actor.request(Method::HEAD, path)).await;
        assert_eq!((head.status, head.body.len()), (status, 0), "HEAD {path}");
        let get = actor.get(path).await;
        for name in ["content-type", "content-security-policy", "cache-control", "www-authenticate"] {
            assert_eq!(head.header(name), get.header(name), "HEAD {path}: {name}");
        }
    }
});

on_both!(the_request_id_is_the_clients_if_it_is_sane, |server| async move {
    let nobody = server.anonymous();
    for path in ["/server", "/users/me", "/nothing"] {
        for (id, kept) in [
            ("a", true),
            ("req_1234567890", true),
            ("A-b_9", true),
            (&"x".repeat(64), true),
            (&"x".repeat(65), false),
            ("", false),
            ("a b", false),
            ("a.b", false),
            ("a\"b", false),
            ("a/b", false),
            ("<script>", false),
            ("\u{1b}[31mred", false),
            ("é", false),
            ("a,b", false),
        ] {
            let Ok(value) = reqwest::header::HeaderValue::from_bytes(id.as_bytes()) else { continue };
            let answer = nobody.send(nobody.request(Method::GET, path).header("x-request-id", value)).await;
            let told = answer.header("x-request-id").to_owned();
            assert_eq!(answer.meta()["request_id"], json!(told), "{path} {id:?}");
            assert_eq!(told == id, kept, "{path} {id:?}: {told}");
            if !kept {
                assert!(told.starts_with("req_") && told.len() == 30, "{id:?}: {told}");
            }
        }
    }
    let (one, two) = (nobody.get("/server").await, nobody.get("/server").await);
    assert_ne!(one.header("x-request-id"), two.header("x-request-id"));
    let meta = one.meta();
    assert_eq!(meta.as_object().unwrap().len(), 3, "{meta}");
    assert_eq!(meta["version"], json!(env!("CARGO_PKG_VERSION")));
    let at = text(&meta, "timestamp");
    assert!(at.ends_with('Z') && mv_core::Timestamp::parse(at).is_some(), "{at}");
});

on_both!(every_answer_has_the_headers_for_safety, |server| async move {
    let ann = server.user("ann").await;
    let nobody = server.anonymous();
    let item = ann.upload("a.jpg", &mv_testkit::files::jpeg(1, 2000)).await;
    let content = format!("/media/{}/content", text(&item, "id"));
    let at = |path: &str| format!("{}{path}", server.origin());
    let big =
        ann.request(Method::PATCH, "/users/me").header("content-type", "application/json").body("x".repeat(1_100_000));
    let etag = ann.get(&content).await.header("etag").to_owned();
    let with = |name: &str, value: &str| ann.send(ann.request(Method::GET, &content).header(name, value.to_owned()));
    let answers = [
        ("json", 200, ann.get("/users/me").await),
        ("made", 201, nobody.post("/auth/register", json!({ "email": "x@example.com", "password": PASSWORD })).await),
        ("options", 204, nobody.send(nobody.request(Method::OPTIONS, "/users/me")).await),
        ("invalid", 400, nobody.post("/auth/register", json!({})).await),
        ("unauthorized", 401, nobody.get("/users/me").await),
        ("unknown", 404, nobody.get("/nothing").await),
        ("outside the base", 404, nobody.get(&at("/nothing")).await),
        ("wrong method", 405, ann.delete("/server").await),
        (
            "conflict",
            409,
            nobody.post("/auth/register", json!({ "email": "ann@example.com", "password": PASSWORD })).await,
        ),
        ("too large", 413, ann.send(big).await),
        ("wrong type", 415, ann.send(ann.request(Method::PATCH, "/users/me").body("x")).await),
        ("content", 200, ann.get(&content).await),
        ("not modified", 304, with("if-none-match", &etag).await),
        ("a part", 206, with("range", "bytes=0-9").await),
        ("no such part", 416, with("range", "bytes=9999-").await),
        ("health", 200, nobody.get(&at("/health/live")).await),
        ("ready", 200, nobody.get(&at("/health/ready")).await),
        ("metrics", 200, nobody.get(&at("/metrics")).await),
        ("docs", 200, nobody.get(&at("/api/docs")).await),
        ("description", 200, nobody.get("/openapi.json").await),
        ("front page", 307, nobody.get(&at("/")).await),
        ("logout", 204, ann.post_empty("/auth/logout").await),
    ];
    for (what, status, answer) in answers {
        assert_eq!(answer.status, status, "{what}: {}", String::from_utf8_lossy(&answer.body));
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{what}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{what}");
        let policy = answer.header("content-security-policy");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{what}: {policy:?}"
        );
        assert!(!policy.contains("unsafe-eval") && !policy.contains("http"), "{what}: {policy:?}");
        let caching = answer.header("cache-control");
        let expected: &[&str] = match what {
            "docs" | "description" => &["no-cache"],
            "content" | "not modified" | "a part" => &["private"],
            _ => &["no-store"],
        };
        assert!(
            expected.iter().all(|word| caching.contains(word)) && !caching.contains("public"),
            "{what}: {caching:?}"
        );
        assert!(!answer.header("x-request-id").is_empty(), "{what}");
        for name in ["server", "x-powered-by", "access-control-allow-origin", "set-cookie"] {
            assert_eq!(answer.header(name), "", "{what}: {name}");
        }
    }
});

on_both!(unknown_and_repeated_parameters_are_named, |server| async move {
    let ann = server.user("ann").await;
    let before = state(&server).await;
    let long = "n".repeat(300);
    for (method, path, fields) in [
        ("GET", "/users/me?x=1".to_owned(), &["x"][..]),
        ("GET", "/users/me?x=1&y=2&z".to_owned(), &["x", "y", "z"]),
        ("PATCH", "/users/me?display_name=Eve".to_owned(), &["display_name"]),
        ("POST", "/auth/logout?all=true".to_owned(), &["all"]),
        ("POST", "/auth/login?username=a&password=b".to_owned(), &["password", "username"]),
        ("POST", "/auth/register?email=a@b.de".to_owned(), &["email"]),
        ("POST", "/auth/refresh?refresh_token=x".to_owned(), &["refresh_token"]),
        ("GET", "/server?verbose=1".to_owned(), &["verbose"]),
        ("GET", "/media?page=1&page=2".to_owned(), &["page"]),
        ("GET", "/media?page=1&p%61ge=2&nothing=1".to_owned(), &["nothing", "page"]),
        ("GET", "/users/me?__proto__[x]=1".to_owned(), &["__proto__[x]"]),
        ("GET", "/users/me?%20=1".to_owned(), &[" "]),
        ("GET", "/users/me?=1".to_owned(), &[""]),
        ("GET", "/users/me?x=%ff".to_owned(), &["x"]),
        ("GET", "/users/me?%ff=x".to_owned(), &["query"]),
        ("GET", "/users/me?x=%00".to_owned(), &["x"]),
        ("GET", format!("/users/me?{long}=1"), &[&long[..100]]),
        ("GET", format!("/users/me?{}", "a=1&".repeat(101)), &["query"]),
    ] {
        let request = ann.request(method.parse().unwrap(), &path).header("content-type", "application/json");
        let request = if method == "GET" { request } else { request.body(r#"{"display_name":"Eve"}"#) };
        let answer = ann.send(request).await;
        assert_eq!(answer.status, 400, "{method} {path}: {}", String::from_utf8_lossy(&answer.body));
        let mut named = answer.error(400, "validation_error");
        named.sort();
        assert_eq!(named, fields, "{method} {path}");
    }
    for path in ["/users/me?", "/users/me?&", "/users/me?&&"] {
        assert_eq!(ann.get(path).await.status, 200, "{path}");
    }
    assert_eq!(state(&server).await, before);
});

on_both!(our_own_mistakes_tell_nothing, |server| async move {
    let ann = server.user("ann").await;
    let rename = |text: &'static str| {
        let done = server.store().write(move |tx| tx.changed(sql(text)));
        async { done.await.map_err(|error: mv_store::Error| error).unwrap() }
    };
    rename("ALTER TABLE sessions RENAME TO sessions_away").await;
    let login = ann.post("/auth/login", json!({ "username": "ann@example.com", "password": PASSWORD })).await;
    let me = ann.get("/users/me").await;
    let refresh = ann.post("/auth/refresh", json!({ "refresh_token": ann.refresh_token })).await;
    let alive = ann.get(&format!("{}/health/live", server.origin())).await;
    rename("ALTER TABLE sessions_away RENAME TO sessions").await;
    for (what, answer) in [("login", login), ("me", me), ("refresh", refresh)] {
        assert_eq!(answer.status, 500, "{what}");
        answer.error_on(500, "internal_error", &[]);
        let said = bare(&answer).to_string().to_lowercase();
        for word in ["session", "table", "sql", "relation", "/", "select", "panick"] {
            assert!(!said.contains(word), "{what}: {said}");
        }
        assert!(!answer.header("x-request-id").is_empty(), "{what}");
    }
    assert_eq!(alive.status, 200);
    let mut again = ann.clone();
    again.log_in(PASSWORD).await;
    assert_eq!(again.get("/users/me").await.status, 200, "the process lives on");
});
