//! What stands in the log: one line for each request, whatever was sent, and never a secret.

use mv_testkit::Backend;
use mv_testkit::client::PASSWORD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::ledger::bytes_of;
use crate::person::Person;
use crate::program::{Home, Running};

/// Each line as JSON.
fn lines(log: &str) -> Vec<Value> {
    log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// The access lines.
fn accesses(log: &str) -> Vec<Value> {
    lines(log).into_iter().filter(|line| line["target"] == "access").collect()
}

/// Sends bytes as they are, and gives what comes back until the server hangs up.
async fn say(server: &Running, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.origin().strip_prefix("http://").unwrap()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_line_for_each_request() {
    let home = Home::new(Backend::Sqlite).await;
    let server = home.serve();
    let ann = Person::registered(&server, "ann").await;
    let item = ann.upload("a.bin", bytes_of(1, 2_000)).await;
    let id = item["id"].as_str().unwrap();
    ann.content(id).await;
    ann.get(&format!("/media/{id}?token=hidden")).await.error_on(400, "validation_error", &["token"]);
    ann.get("/no/such/route").await;
    Person::nobody(&server).get("/users/me").await.error(401, "unauthorized");
    let log = server.stop();
    let seen: Vec<String> = accesses(&log)
        .iter()
        .map(|line| {
            assert!(line["request_id"].as_str().unwrap().starts_with("req_"), "{line}");
            assert!(line["duration_us"].is_u64() && line["client"] == "127.0.0.1" && line["level"] == "INFO", "{line}");
            line["message"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(
        seen,
        [
            "POST /api/v1/auth/register 201",
            "POST /api/v1/auth/login 200",
            "POST /api/v1/media/upload 201",
            &format!("GET /api/v1/media/{id}/content 200"),
            &format!("GET /api/v1/media/{id} 400"),
            "GET /api/v1/no/such/route 404",
            "GET /api/v1/users/me 401",
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_sent_breaks_a_line() {
    for format in ["json", "text"] {
        let home = Home::new(Backend::Sqlite).await;
        let server = home.start(
            home.program().arg("serve").env("MEDIAVAULT_LOG__FORMAT", format).env("MEDIAVAULT_LOG__LEVEL", "debug"),
        );
        let tries: [&[u8]; 10] = [
            b"GET /api/v1/a%0d%0a{\"level\":\"ERROR\"} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            b"GET /api/v1/a%1b[31mred HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            b"GET /api/v1/\x1b[2J HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            "GET /api/v1/\u{202e}\u{2028}\u{85}b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".as_bytes(),
            b"GET /api/v1/a\rb HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            b"GET /api/v1/server HTTP/1.1\r\nHost: a\r\nUser-Agent: \x1b]0;title\x07\r\nConnection: close\r\n\r\n",
            "GET /api/v1/server HTTP/1.1\r\nHost: a\r\nUser-Agent: \u{202e}\u{2028}evil\r\nConnection: close\r\n\r\n"
                .as_bytes(),
            b"GET /api/v1/server HTTP/1.1\r\nHost: a\r\nX-Request-Id: a\x0bb\r\nConnection: close\r\n\r\n",
            b"GET /api/v1/server HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.2.3.4\nX: y\r\nConnection: close\r\n\r\n",
            b"B\x1b[1mREW /api/v1/server HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        ];
        let mut reached = 0;
        for bytes in tries {
            let answer = say(&server, bytes).await;
            assert!(
                answer.is_empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 200"),
                "{answer}"
            );
            // What the parser refuses never reaches the router and has no line.
            reached += usize::from(answer.contains("x-request-id"));
        }
        let ann = Person::registered(&server, "ann").await;
        let named = ann.post("/collections", json!({ "name": "a\u{1b}[31m\r\nb" })).await;
        assert!(named.status < 500, "{}", named.status);
        let log = server.stop();
        assert!(log.ends_with('\n'));
        for line in log.lines() {
            let odd = line.chars().find(|letter| letter.is_control() || ('\u{2028}'..='\u{202e}').contains(letter));
            assert_eq!(odd, None, "{format}: {line:?}");
            let begins_well =
                if format == "json" { line.starts_with("{\"timestamp\":\"20") } else { line.starts_with("20") };
            assert!(begins_well, "{format}: {line:?}");
        }
        let count = log.lines().filter(|line| line.contains("duration_us")).count();
        assert_eq!(count, reached + 3, "{format}: {log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_ever_logged() {
    const ADMIN: &str = "wooden bridge 1901";
    const METRICS: &str = "metrics-token-5150";
    const KEY: &str = "idempotency-key-8086";
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let home = Home::new(backend).await;
        let mut serve = home.program();
        serve.arg("serve").env("MEDIAVAULT_LOG__LEVEL", "trace").env("MEDIAVAULT_METRICS__TOKEN", METRICS);
        serve.env("MEDIAVAULT_ADMIN__EMAIL", "root@example.com").env("MEDIAVAULT_ADMIN__PASSWORD", ADMIN);
        let server = home.start(&mut serve);
        let ann = Person::registered(&server, "ann").await;
        let mut secrets: Vec<String> =
            [PASSWORD, ADMIN, METRICS, KEY, "wrong horse battery", "new horse battery", "sig="]
                .map(str::to_owned)
                .into();
        let nobody = Person::nobody(&server);
        let root = Person::known(&server, "root@example.com", ADMIN).await;
        nobody
            .post("/auth/login", json!({ "username": ann.email, "password": "wrong horse battery" }))
            .await
            .error(401, "unauthorized");
        // Bodies that cannot be read must not be shown either.
        let broken = nobody.request(reqwest::Method::POST, "/auth/login").header("content-type", "application/json");
        nobody.send(broken.body(format!("{{\"password\": \"{PASSWORD}\", "))).await.error(400, "validation_error");
        let tokens =
            nobody.post("/auth/login", json!({ "username": ann.email, "password": PASSWORD })).await.expect(200);
        let fresh = nobody.post("/auth/refresh", json!({ "refresh_token": tokens["refresh_token"] })).await.expect(200);
        for tokens in [&tokens, &fresh] {
            secrets.extend(["token", "refresh_token"].map(|name| tokens[name].as_str().unwrap().to_owned()));
        }
        secrets.extend([ann.token.clone(), root.token.clone()]);
        for (path, body, member) in [
            ("/api-keys", json!({ "name": "k", "scopes": ["media:read"] }), "key"),
            ("/upload-tokens", json!({ "max_files": 2 }), "token"),
            ("/events/ticket", json!(null), "ticket"),
        ] {
            let request = ann.request(reqwest::Method::POST, path);
            let request = if body.is_null() { request } else { request.json(&body) };
            let secret = ann.send(request).await.expect(201)[member].as_str().unwrap().to_owned();
            let asked = nobody.request(reqwest::Method::GET, &format!("/events?ticket={secret}&more=1"));
            assert_eq!(nobody.send(asked).await.status, 400, "a parameter that is not known");
            let used = nobody.request(reqwest::Method::GET, "/auth/whoami").bearer_auth(&secret);
            assert_eq!(nobody.send(used).await.status, if member == "ticket" { 401 } else { 200 }, "{path}");
            secrets.push(secret);
        }
        let me = ann.get("/users/me").await.expect(200)["id"].as_str().unwrap().to_owned();
        for path in ["/admin/invites".to_owned(), format!("/admin/users/{me}/reset-link")] {
            let made = root.send(root.request(reqwest::Method::POST, &path)).await.expect(201);
            secrets.push(made["url"].as_str().unwrap().split('=').nth(1).unwrap().to_owned());
        }
        let item = ann.try_upload("a.bin", Some(KEY), bytes_of(1, 2_000)).await.unwrap().expect(201);
        let link = item["urls"]["content"].as_str().unwrap();
        secrets.push(link.split("sig=").nth(1).unwrap().split('&').next().unwrap().to_owned());
        assert_eq!(nobody.get(link).await.status, 200);
        assert_ne!(nobody.get(&link.replace("sig=", "sig=x")).await.status, 200);
        assert_eq!(nobody.get(&link.replace("/media/", "/medium/")).await.status, 404);
        let metrics =
            nobody.request(reqwest::Method::GET, &format!("{}/metrics", server.origin())).bearer_auth(METRICS);
        assert_eq!(nobody.send(metrics).await.status, 200);
        let change = json!({ "current_password": PASSWORD, "new_password": "new horse battery" });
        ann.post("/users/me/password", change).await;
        let again = nobody.request(reqwest::Method::GET, "/users/me").bearer_auth(format!("{}x", ann.token));
        nobody.send(again).await.error(401, "unauthorized");
        let log = server.stop();
        assert!(log.lines().count() > 20, "{log}");
        for secret in secrets {
            assert!(
                !log.contains(&secret),
                "{backend:?}: {secret} is in the log: {}",
                log.lines().find(|line| line.contains(&secret)).unwrap()
            );
        }
        home.end().await;
    }
}
