//! Reliability rows 25, 31 and 32: headers of every answer, whatever its status, and links that no `Host` can bend.

use mv_testkit::{Answer, on_both};
use reqwest::Method;
use serde_json::json;

fn must_be_safe(name: &str, answer: &Answer) {
    for (header, value) in [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer")] {
        assert_eq!(answer.header(header), value, "{name}: {header}");
    }
    let policy = answer.header("content-security-policy");
    assert!(policy.contains("frame-ancestors 'none'") || policy.contains("sandbox"), "{name}: {policy}");
    let caching = answer.header("cache-control");
    assert!(
        caching.contains("no-store") || caching.contains("private") || caching.contains("no-cache"),
        "{name}: {caching}"
    );
    assert_eq!(answer.header("strict-transport-security"), "", "{name}: plain HTTP promises nothing about HTTPS");
    assert_eq!(answer.header("server"), "", "{name}");
}

on_both!(rows_25_and_31_every_answer_is_safe, |server| async move {
    let (ann, nobody) = (server.user("ann").await, server.anonymous());
    let item = ann.upload("a.html", b"<html><script>alert(1)</script></html>").await;
    let content = format!("/media/{}/content", item["id"].as_str().unwrap());
    let tag = ann.get(&content).await.header("etag").to_owned();
    let description: serde_json::Value = nobody.get("/openapi.json").await.json();
    for (path, operations) in description["paths"].as_object().unwrap() {
        let path = path.replace("{id}", "media_01h45ytscbebyvny4gc8cr8ma2").replace("{media_id}", "x");
        for method in operations.as_object().unwrap().keys() {
            let Ok(method) = Method::from_bytes(method.to_uppercase().as_bytes()) else { continue };
            for actor in [&ann, &nobody] {
                let answer = actor.send(actor.request(method.clone(), &path).body("{")).await;
                must_be_safe(&format!("{method} {path}"), &answer);
            }
        }
        must_be_safe(&format!("PUT {path}"), &ann.send(ann.request(Method::PUT, &path)).await);
    }
    for (name, request) in [
        ("304", ann.request(Method::GET, &content).header("if-none-match", tag)),
        ("206", ann.request(Method::GET, &content).header("range", "bytes=0-1")),
        ("416", ann.request(Method::GET, &content).header("range", "bytes=999999-")),
        ("the content", ann.request(Method::GET, &content)),
        ("a link", nobody.request(Method::GET, item["urls"]["content"].as_str().unwrap())),
        ("nothing", ann.request(Method::GET, "/nothing")),
        (
            "too large",
            ann.request(Method::PATCH, "/users/me")
                .header("content-type", "application/json")
                .body(vec![b' '; 2 << 20]),
        ),
    ] {
        must_be_safe(name, &ann.send(request).await);
    }
});

on_both!(row_32_links_do_not_follow_the_host, |server| async move {
    let ann = server.user("ann").await;
    let request =
        ann.request(Method::POST, "/collections").header("host", "evil.example").json(&json!({ "name": "a" }));
    let answer = ann.send(request.header("x-forwarded-host", "evil.example")).await;
    if answer.status == 201 {
        assert!(!answer.header("location").contains("evil"), "{}", answer.header("location"));
    }
    let item = ann.upload("a.bin", b"x").await;
    let listed = ann.send(ann.request(Method::GET, "/media").header("host", "evil.example")).await;
    assert!(!String::from_utf8_lossy(&listed.body).contains("evil"), "{}", item["id"]);
});
