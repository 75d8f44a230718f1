//! Whom the server listens to: behind a trusted proxy, and where only this machine may ask.

use super::*;

/// GET with these fields.
async fn get(server: &Server, path: &str, fields: &[(&str, &str)]) -> Answer {
    let nobody = server.anonymous();
    let request = nobody.request(Method::GET, &format!("{}{path}", server.origin()));
    nobody.send(fields.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

on_both!(
    behind_a_proxy_only_what_came_over_https,
    Options::with("trusted_proxies", "[\"127.0.0.1\"]"),
    |server| async move {
        let https = ("x-forwarded-proto", "https");
        for (what, fields, status) in [
            ("told https", vec![https], 200),
            ("with a client", vec![https, ("x-forwarded-for", "198.51.100.7")], 200),
            ("the nearest proxy said https", vec![("x-forwarded-proto", "http, https")], 200),
            ("in two lines, https last", vec![("x-forwarded-proto", "http"), https], 200),
            ("no word of it", vec![], 421),
            ("told http", vec![("x-forwarded-proto", "http")], 421),
            ("the nearest said http", vec![("x-forwarded-proto", "https, http")], 421),
            ("in two lines, http last", vec![https, ("x-forwarded-proto", "http")], 421),
            ("an empty word", vec![("x-forwarded-proto", "")], 421),
            ("something else", vec![("x-forwarded-proto", "httpsx")], 421),
            (
                "another header",
                vec![("x-forwarded-ssl", "on"), ("forwarded", "proto=https"), ("x-forwarded-scheme", "https")],
                421,
            ),
            ("nonsense for an address", vec![https, ("x-forwarded-for", "' OR 1=1, ::gg, 999.1.1.1")], 200),
            (
                "many addresses",
                vec![https, ("x-forwarded-for", "1.1.1.1, 2.2.2.2, 127.0.0.1"), ("x-forwarded-for", "fe80::1%eth0")],
                200,
            ),
        ] {
            for path in ["/api/v1/server", "/v1/server"] {
                let answer = get(&server, path, &fields).await;
                assert_eq!(answer.status, status, "{what}: {path}");
                if status == 421 {
                    answer.error_on(421, "misdirected_request", &[]);
                }
            }
            assert_eq!(get(&server, "/api/docs", &fields).await.status, status, "{what}: docs");
            for path in ["/health/live", "/health/ready"] {
                assert_eq!(get(&server, path, &fields).await.status, 200, "{what}: {path} is for the machines nearby");
            }
        }
        get(&server, "/metrics", &[https]).await.error_on(403, "forbidden", &[]);
        let nobody = server.anonymous();
        let body = json!({ "email": "a@example.com", "password": PASSWORD });
        nobody.post("/auth/register", body.clone()).await.error_on(421, "misdirected_request", &[]);
        assert_eq!(server.events().await.len(), 0, "a refused request did nothing");
        nobody
            .send(nobody.request(Method::POST, "/auth/register").header(https.0, https.1).json(&body))
            .await
            .expect(201);
    }
);

on_both!(
    nobody_else_speaks_for_the_proxy,
    Options::with("trusted_proxies", "[\"10.0.0.0/8\", \"fd00::/8\"]"),
    |server| async move {
        for (what, fields) in [
            ("nothing", vec![]),
            ("what the proxy would say", vec![("x-forwarded-proto", "https"), ("x-forwarded-for", "10.0.0.1")]),
            ("other headers", vec![("forwarded", "for=10.0.0.1;proto=https"), ("x-real-ip", "10.0.0.1")]),
        ] {
            get(&server, "/api/v1/server", &fields).await.error_on(421, "misdirected_request", &[]);
            assert_eq!(get(&server, "/health/live", &fields).await.status, 200, "{what}");
            assert_eq!(get(&server, "/metrics", &fields).await.status, 421, "{what}");
        }
    }
);

fn this_machine() -> Options {
    Options::with("listen", "0.0.0.0:8080").and("public_url", "http://localhost:8080")
}

on_both!(for_this_machine_only_its_own_names_count, this_machine(), |server| async move {
    let port = server.address().port();
    for (host, status) in [
        ("localhost".to_owned(), 200),
        ("LocalHost".to_owned(), 200),
        (format!("localhost:{port}"), 200),
        ("localhost:1".to_owned(), 200),
        ("127.0.0.1".to_owned(), 200),
        (format!("127.0.0.1:{port}"), 200),
        ("evil.example".to_owned(), 421),
        ("localhost.evil.example".to_owned(), 421),
        ("127.0.0.1.evil.example".to_owned(), 421),
        ("notlocalhost".to_owned(), 421),
        ("127.0.0.2".to_owned(), 421),
        ("2130706433".to_owned(), 421),
        ("192.168.1.2:8080".to_owned(), 421),
        ("[::2]".to_owned(), 421),
    ] {
        let answer = get(&server, "/api/v1/server", &[("host", &host), ("x-forwarded-host", "localhost")]).await;
        assert_eq!(answer.status, status, "Host: {host}");
        if status == 421 {
            answer.error_on(421, "misdirected_request", &[]);
        }
    }
    for (what, head, status) in [
        ("a target elsewhere", "GET http://evil.example/api/v1/server HTTP/1.1\r\nHost: localhost", "421"),
        ("a target here wins over Host", "GET http://localhost/api/v1/server HTTP/1.1\r\nHost: evil.example", "200"),
        ("no Host in HTTP/1.0", "GET /api/v1/server HTTP/1.0", "421"),
        ("Host in HTTP/1.0", "GET /api/v1/server HTTP/1.0\r\nHost: localhost", "200"),
        ("a user name", "GET /api/v1/server HTTP/1.1\r\nHost: localhost@evil.example", "400"),
        (
            "a user name that hides the host",
            "GET http://127.0.0.1@evil9.org/api/v1/server HTTP/1.1\r\nHost: localhost",
            "421",
        ),
    ] {
        let answers = wire::say(&server, format!("{head}\r\nConnection: close\r\n\r\n").as_bytes()).await;
        assert_eq!(wire::statuses(&answers), [status], "{what}: {answers}");
    }
});
