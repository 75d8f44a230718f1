//! For operators and tools: the server's own description, health, metrics, the docs.

use super::*;

fn at(server: &Server, path: &str) -> String {
    format!("{}{path}", server.origin())
}

on_both!(the_server_tells_what_it_is, |server| async move {
    let nobody = server.anonymous();
    let mut told = nobody.get("/server").await.expect(200);
    assert_eq!(nobody.get(&at(&server, "/v1/server")).await.expect(200), told);
    let features = told.as_object_mut().unwrap().remove("features").unwrap();
    for feature in ["upload", "media", "trash", "collections", "signed_urls", "idempotency"] {
        assert!(features.as_array().unwrap().contains(&json!(feature)), "{feature}: {features}");
    }
    let expected = json!({
        "name": "Media Vault", "version": env!("CARGO_PKG_VERSION"), "api_versions": ["v1"], "registration": "open",
        "login": { "password": true, "oidc": [] },
        "limits": { "max_upload_bytes": 50_u64 << 30, "tus_chunk_bytes": null },
        "formats": { "render": ["image/jpeg", "image/webp", "image/avif", "image/png"] },
    });
    // What programs of the machine show is theirs to say.
    let decode = told["formats"].as_object_mut().unwrap().remove("decode").unwrap();
    for mime in ["image/jpeg", "image/png", "image/jxl", "image/svg+xml", "image/x-canon-cr2", "application/pdf"] {
        assert!(decode.as_array().unwrap().contains(&json!(mime)), "{mime}: {decode}");
    }
    assert_eq!(told, expected);
});

on_both!(the_description_is_the_codes_own_and_names_every_operation, |server| async move {
    let nobody = server.anonymous();
    let committed = mv_http::router::description_json().unwrap();
    for base in ["/api/v1", "/v1"] {
        let answer = nobody.get(&at(&server, &format!("{base}/openapi.json"))).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"), "{base}");
        assert_eq!(answer.body, committed.as_bytes(), "{base}");
    }
    let description: Value = serde_json::from_str(&committed).unwrap();
    assert!(text(&description, "openapi").starts_with("3.1"), "{}", description["openapi"]);
    let mut names = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(method, _)| *method != "parameters") {
            let name = text(operation, "operationId").to_owned();
            for needed in ["summary", "tags", "responses"] {
                assert!(!operation[needed].is_null(), "{method} {path} has no {needed}");
            }
            assert!(!operation["responses"]["default"].is_null(), "{name}: errors are described");
            names.push(name);
        }
    }
    names.sort();
    // The canonical names of the SDKs; those of parts that this version does not have are missing.
    let expected = [
        "admin.audit",
        "admin.invites.create",
        "admin.invites.delete",
        "admin.invites.list",
        "admin.jobs",
        "admin.retryJobs",
        "admin.stats",
        "admin.users.create",
        "admin.users.delete",
        "admin.users.get",
        "admin.users.list",
        "admin.users.resetLink",
        "admin.users.update",
        "apiKeys.create",
        "apiKeys.delete",
        "apiKeys.list",
        "auth.email.confirm",
        "auth.login",
        "auth.logout",
        "auth.password.forgot",
        "auth.password.reset",
        "auth.refresh",
        "auth.register",
        "auth.whoami",
        "changes.list",
        "collections.addMedia",
        "collections.archive",
        "collections.archiveHead",
        "collections.create",
        "collections.delete",
        "collections.get",
        "collections.list",
        "collections.media",
        "collections.moveMedia",
        "collections.removeMedia",
        "collections.setOrder",
        "collections.update",
        "events.stream",
        "events.ticket",
        "me.changePassword",
        "me.delete",
        "me.get",
        "me.update",
        "me.usage",
        "media.check",
        "media.content",
        "media.contentHead",
        "media.delete",
        "media.emptyTrash",
        "media.get",
        "media.list",
        "media.metadata",
        "media.motion",
        "media.motionHead",
        "media.playback",
        "media.playbackHead",
        "media.render",
        "media.renderHead",
        "media.reprocess",
        "media.restore",
        "media.storyboard",
        "media.storyboardHead",
        "media.thumbnail",
        "media.thumbnailHead",
        "media.update",
        "media.upload",
        "media.urls",
        "media.waveform",
        "server.get",
        "sessions.end",
        "sessions.list",
        "setup.create",
        "uploadTokens.create",
        "uploadTokens.delete",
        "users.lookup",
        "webhooks.create",
        "webhooks.delete",
        "webhooks.deliveries",
        "webhooks.get",
        "webhooks.list",
        "webhooks.redeliver",
        "webhooks.rotateSecret",
        "webhooks.test",
        "webhooks.update",
    ];
    assert_eq!(names, expected);
    for (path, method, open) in [
        ("/auth/login", "post", true),
        ("/auth/register", "post", true),
        ("/server", "get", true),
        ("/auth/logout", "post", false),
        ("/users/me", "patch", false),
    ] {
        let security = &description["paths"][path][method]["security"];
        assert_eq!(
            security.as_array().is_some_and(|ways| ways.iter().all(|way| way == &json!({}))),
            open,
            "{method} {path}: {security}"
        );
    }
});

on_both!(docs_and_the_front_page, |server| async move {
    let nobody = server.anonymous();
    let front = nobody.get(&at(&server, "/")).await;
    assert_eq!((front.status, front.header("location")), (307, "/api/docs"));
    let docs = nobody.get(&at(&server, "/api/docs")).await;
    assert_eq!((docs.status, docs.header("content-type")), (200, "text/html; charset=utf-8"));
    let page = String::from_utf8(docs.body.to_vec()).unwrap();
    assert!(page.to_lowercase().starts_with("<!doctype html>"), "{}", &page[..50]);
    for loaded in ["src=\"http", "href=\"http", "@import", "url(http", "src=\"//"] {
        assert!(!page.contains(loaded), "the docs load from elsewhere: {loaded}");
    }
    assert!(page.contains("/auth/login") && page.contains("/media/upload"));
});

on_both!(health_follows_the_backends, |server| async move {
    let nobody = server.anonymous();
    let ok = json!({ "status": "ok" });
    for path in ["/health/live", "/health/ready"] {
        let answer = nobody.get(&at(&server, path)).await;
        let mut body = answer.json();
        // How files are looked at is told here too; the suite `processing` reads it.
        assert_eq!(body.as_object_mut().unwrap().remove("processing").is_some(), path == "/health/ready");
        assert_eq!((answer.status, body), (200, ok.clone()), "{path}");
        assert_eq!(answer.header("content-type"), "application/json");
    }
    let (blobs, away) = (server.data_dir().join("blobs"), server.data_dir().join("blobs-away"));
    std::fs::rename(&blobs, &away).unwrap();
    let ready = nobody.get(&at(&server, "/health/ready")).await;
    let live = nobody.get(&at(&server, "/health/live")).await;
    std::fs::rename(&away, &blobs).unwrap();
    assert_eq!(
        (ready.status, ready.json()),
        (503, json!({ "status": "unavailable" })),
        "nothing is told of what is away"
    );
    assert_eq!((live.status, live.json()), (200, ok.clone()), "the process runs");
    assert_eq!(nobody.get(&at(&server, "/health/ready")).await.status, 200, "and it comes back by itself");
});

on_both!(metrics_for_this_machine, |server| async move {
    let ann = server.user("ann").await;
    ann.get("/users/me").await;
    ann.get(&format!("/media/{}", "media_01h455vb4pex5vsknk084sn02q")).await;
    ann.send(ann.request(Method::from_bytes(b"WEIRD").unwrap(), "/users/me")).await;
    let answer = server.anonymous().get(&at(&server, "/metrics")).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/plain; version=0.0.4; charset=utf-8"));
    let metrics = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(
        metrics.contains("http_requests_total{") && metrics.contains("http_request_duration_seconds_bucket{"),
        "{metrics}"
    );
    assert!(metrics.contains("route=\"/api/v1/media/{id}\""), "routes by their pattern: {metrics}");
    for secret in ["ann@example.com", "user_", "media_01", "WEIRD", PASSWORD, ann.token.as_ref().unwrap()] {
        assert!(!metrics.contains(secret), "the metrics tell {secret}");
    }
});

on_both!(metrics_with_a_token_only, Options::with("metrics.token", "a-secret-for-scrapers"), |server| async move {
    let ann = server.user("ann").await;
    let nobody = server.anonymous();
    let url = at(&server, "/metrics");
    assert_eq!(nobody.with_token("a-secret-for-scrapers").get(&url).await.status, 200);
    nobody.get(&url).await.error_on(403, "forbidden", &[]);
    for wrong in
        ["a-secret-for-scraper", "a-secret-for-scraperS", "a-secret-for-scrapers1", "x", ann.token.as_ref().unwrap()]
    {
        nobody.with_token(wrong).get(&url).await.error_on(403, "forbidden", &[]);
    }
    for query in ["?token=a-secret-for-scrapers", "?access_token=a-secret-for-scrapers"] {
        assert_eq!(nobody.get(&format!("{url}{query}")).await.status, 403, "{query}");
    }
    let twice =
        nobody.request(Method::GET, &url).bearer_auth("a-secret-for-scrapers").header("authorization", "Bearer x");
    assert_eq!(nobody.send(twice).await.status, 401);
    refused("the metrics token opens nothing else", &whoami(&nobody, "a-secret-for-scrapers").await);
});
