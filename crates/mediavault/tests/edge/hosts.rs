//! Which hosts a request may name, and what an answer promises about HTTPS (reliability rows 13, 25 and 32).

use mv_testkit::{Actor, Answer, Options, Server, on_both};
use reqwest::Method;
use serde_json::json;

const PUBLIC: &str = "https://vault.example.org";
const HSTS: &str = "max-age=31536000";

async fn with(actor: &Actor, url: &str, fields: &[(&str, &str)]) -> Answer {
    let request = fields.iter().fold(actor.request(Method::GET, url), |it, (name, value)| it.header(*name, *value));
    actor.send(request).await
}

fn at(server: &Server, path: &str) -> String {
    format!("{}{path}", server.origin())
}

on_both!(only_the_public_host_and_this_machine_are_meant, Options::with("public_url", PUBLIC), |server| async move {
    let ann = server.user("ann").await;
    for (host, meant) in [
        ("vault.example.org", true),
        ("VAULT.example.org", true),
        ("vault.example.org:8443", true),
        ("localhost", true),
        ("127.0.0.1:9", true),
        ("[::1]", true),
        ("evil.example", false),
        ("vault.example.org.evil.example", false),
        ("evilvault.example.org", false),
        ("192.168.1.2", false),
        ("127.0.0.1.evil.example", false),
    ] {
        for path in ["/users/me", "/server"] {
            let fields = [("host", host), ("x-forwarded-host", "vault.example.org"), ("forwarded", "host=localhost")];
            let answer = with(&ann, path, &fields).await;
            assert_eq!(answer.status == 421, !meant, "{host}: {path}: {}", answer.status);
            if !meant {
                answer.error_on(421, "misdirected_request", &[]);
            }
        }
        for path in ["/api/docs", "/metrics", "/", "/nothing"] {
            let answer = with(&ann, &at(&server, path), &[("host", host)]).await;
            assert_eq!(answer.status == 421, !meant, "{host}: {path}");
        }
        let health = with(&ann, &at(&server, "/health/live"), &[("host", host)]).await;
        assert_eq!(health.status, 200, "{host}: health is asked by address");
    }
    let request =
        ann.request(Method::POST, "/collections").header("host", "evil.example").json(&json!({ "name": "a" }));
    ann.send(request).await.error_on(421, "misdirected_request", &[]);
    assert_eq!(ann.get("/collections").await.expect(200), json!([]), "a refused request did nothing");
});

on_both!(links_begin_with_the_public_url, Options::with("public_url", PUBLIC), |server| async move {
    let ann = server.user("ann").await;
    let item = ann.upload("a.bin", b"bytes").await;
    let elsewhere = [("host", "localhost:1"), ("x-forwarded-host", "evil.example"), ("x-forwarded-port", "1")];
    let path = format!("/media/{}", item["id"].as_str().unwrap());
    for (what, found) in
        [("made", item), ("asked for by another name", with(&ann, &path, &elsewhere).await.expect(200))]
    {
        let link = found["urls"]["content"].as_str().unwrap();
        assert!(link.starts_with(&format!("{PUBLIC}/api/v1/media/")), "{what}: {link}");
    }
});

on_both!(
    https_is_promised_only_to_those_who_came_by_it,
    Options::with("trusted_proxies", "[\"127.0.0.1\"]"),
    |server| {
        async move {
            let nobody = server.anonymous();
            let https = ("x-forwarded-proto", "https");
            for path in ["/api/v1/server", "/api/v1/users/me", "/api/docs", "/nothing", "/health/live"] {
                let answer = with(&nobody, &at(&server, path), &[https]).await;
                assert_eq!(answer.header("strict-transport-security"), HSTS, "{path}: {}", answer.status);
                for fields in [&[][..], &[("x-forwarded-proto", "http")], &[("forwarded", "proto=https")]] {
                    let answer = with(&nobody, &at(&server, path), fields).await;
                    assert_eq!(answer.header("strict-transport-security"), "", "{path} {fields:?}: {}", answer.status);
                }
            }
        }
    }
);

on_both!(nobody_else_is_believed_about_https, |server| async move {
    let nobody = server.anonymous();
    let fields = [("x-forwarded-proto", "https"), ("x-forwarded-for", "127.0.0.1"), ("forwarded", "proto=https")];
    let answer = with(&nobody, "/server", &fields).await;
    assert_eq!((answer.status, answer.header("strict-transport-security")), (200, ""));
});

on_both!(
    pages_elsewhere_show_links_where_the_operator_lists_origins,
    Options::with("cors.allowed_origins", "[\"https://app.example\"]"),
    |server| async move {
        let ann = server.user("ann").await;
        let item = ann.upload("a.bin", b"bytes").await;
        let link = server.anonymous().get(item["urls"]["content"].as_str().unwrap()).await;
        assert_eq!((link.status, link.header("cross-origin-resource-policy")), (200, "cross-origin"));
        let own = ann.get(&format!("/media/{}/content", item["id"].as_str().unwrap())).await;
        assert_eq!((own.status, own.header("cross-origin-resource-policy")), (200, "same-origin"));
    }
);
