//! Webhooks to where they must not go (reliability 4.2 E, rows 79 to 89 and 97): refused when they are made and when they
//! are changed, and blocked at delivery.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mv_testkit::{Actor, Options, on_both};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A public server whose names are the test's.
fn strict() -> Options {
    Options::with("webhooks.allow_private_networks", false)
        .and("public_url", "https://vault.example.org")
        .resolving(|name| names(name).iter().map(|text| text.parse().unwrap()).collect())
}

fn names(name: &str) -> &'static [&'static str] {
    match name {
        "public.example" => &["8.8.8.8", "2606:4700::1111"],
        "localtest.me" => &["127.0.0.1"],
        "mixed.example" => &["8.8.8.8", "10.0.0.1"],
        "mapped.example" => &["::ffff:127.0.0.1"],
        "metadata.example" => &["169.254.169.254"],
        "vault.example.org" | "alias.example" => &["8.8.4.4"],
        _ => &[],
    }
}

/// Row and URL.
const REFUSED: [(u8, &str); 75] = [
    (79, "http://127.0.0.1/"),
    (79, "http://127.1/"),
    (79, "http://2130706433/"),
    (79, "http://0x7f.1/"),
    (79, "http://0177.0.0.1/"),
    (79, "http://0/"),
    (79, "http://0.0.0.0/"),
    (80, "http://[::1]/"),
    (80, "http://[::]/"),
    (80, "http://[::ffff:127.0.0.1]/"),
    (80, "http://[::127.0.0.1]/"),
    (80, "http://[fe80::1%25lo]/"),
    (81, "http://[64:ff9b::7f00:1]/"),
    (81, "http://[64:ff9b:1::7f00:1]/"),
    (81, "http://[2002:7f00:1::]/"),
    (81, "http://[2001::1]/"),
    (81, "http://[2001:0:7f00:1::]/"),
    (81, "http://[2a00:1450::5efe:7f00:1]/"),
    (81, "http://[fec0::1]/"),
    (81, "http://[5f00::1]/"),
    (82, "http://10.0.0.1/"),
    (82, "http://172.16.0.1/"),
    (82, "http://172.31.255.255/"),
    (82, "http://192.168.0.1/"),
    (82, "http://100.64.0.1/"),
    (82, "http://169.254.169.254/latest/meta-data/"),
    (82, "http://[fd00:ec2::254]/"),
    (82, "http://192.0.0.1/"),
    (82, "http://198.18.0.1/"),
    (82, "http://192.88.99.1/"),
    (82, "http://240.0.0.1/"),
    (82, "http://224.0.0.1/"),
    (82, "http://[ff02::1]/"),
    (83, "http://localhost/"),
    (83, "http://localhost./"),
    (83, "http://LOCALHOST/"),
    (83, "http://localtest.me/"),
    (83, "https://mixed.example/"),
    (83, "https://mapped.example/"),
    (83, "https://metadata.example/"),
    (83, "https://unknown.example/"),
    (86, "http://user@public.example/"),
    (86, "http://user:password@public.example/"),
    (86, "http://a@127.0.0.1/"),
    (86, "http://127.0.0.1#@public.example"),
    (86, "http://public.example\\@127.0.0.1/"),
    (86, "http://public.example/#fragment"),
    (86, "http://127.0.\t0.1/"),
    (86, "http://public\n.example/"),
    (86, " http://public.example/"),
    (86, "http://127。0。0。1/"),
    (86, "http:///public.example/"),
    (86, "http:public.example"),
    (86, "public.example"),
    (86, ""),
    (87, "file:///etc/passwd"),
    (87, "gopher://public.example/"),
    (87, "ftp://public.example/"),
    (87, "data:text/plain,x"),
    (87, "unix:/run/docker.sock"),
    (87, "jar:http://public.example!/"),
    (87, "ws://public.example/"),
    (88, "http://public.example:22/"),
    (88, "http://public.example:25/"),
    (88, "http://public.example:6379/"),
    (88, "http://public.example:5432/"),
    (88, "http://public.example:0/"),
    (88, "http://public.example:65536/"),
    (89, "https://vault.example.org/api/v1/media"),
    (89, "https://VAULT.example.org./"),
    (89, "http://vault.example.org:8080/"),
    (89, "https://alias.example/"),
    (89, "https://8.8.4.4/"),
    (89, "http://[::ffff:8.8.4.4]/"),
    (89, "http://[::ffff:808:404]/"),
];

fn hook(url: &str) -> Value {
    json!({ "url": url, "events": ["media.uploaded"] })
}

async fn made(actor: &Actor, url: &str) -> String {
    actor.post("/webhooks", hook(url)).await.expect(201)["id"].as_str().unwrap().to_owned()
}

on_both!(rows_79_to_89_are_refused_when_made_and_when_changed, strict(), |server| async move {
    let ann = server.user("ann").await;
    let id = made(&ann, "HTTPS://Public.Example:443/hooks").await;
    let path = format!("/webhooks/{id}");
    let before = ann.get(&path).await.expect(200);
    assert_eq!(before["url"], "https://public.example/hooks", "kept in normal form");
    for (row, url) in REFUSED {
        for answer in [ann.post("/webhooks", hook(url)).await, ann.patch(&path, json!({ "url": url })).await] {
            assert_eq!(answer.status, 400, "row {row}: {url:?} by {}", answer.asked);
            answer.error_on(400, "validation_error", &["url"]);
        }
    }
    let long = format!("https://public.example/{}", "a".repeat(2048));
    ann.post("/webhooks", hook(&long)).await.error_on(400, "validation_error", &["url"]);
    for value in [json!(null), json!(1), json!(["https://public.example/"]), json!({})] {
        let body = json!({ "url": value, "events": ["media.uploaded"] });
        ann.post("/webhooks", body).await.error_on(400, "validation_error", &["url"]);
    }
    assert_eq!(ann.get(&path).await.expect(200), before);
    assert_eq!(ann.get("/webhooks").await.expect(200).as_array().unwrap().len(), 1);
});

on_both!(row_97_events_must_be_some_that_there_are, strict(), |server| async move {
    let ann = server.user("ann").await;
    let path = format!("/webhooks/{}", made(&ann, "https://public.example/").await);
    let many: Vec<&str> = std::iter::repeat_n("media.uploaded", 10_000).collect();
    for events in
        [json!([]), json!(["media.melted"]), json!(["media.uploaded", ""]), json!(many), json!("media.uploaded")]
    {
        let body = json!({ "url": "https://public.example/", "events": events });
        for answer in [ann.post("/webhooks", body).await, ann.patch(&path, json!({ "events": events })).await] {
            assert_eq!(answer.status, 400, "{} by {}", answer.json(), answer.asked);
            assert!(answer.error(400, "validation_error").iter().all(|field| field.starts_with("events")));
        }
    }
});

/// What the log of deliveries says once somebody has tried.
async fn told(actor: &Actor, id: &str, word: &str) {
    let path = format!("/webhooks/{id}/deliveries");
    let told = async {
        while !actor.get(&path).await.json()["data"].to_string().contains(&format!("\"{word}\"")) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), told)
        .await
        .unwrap_or_else(|_| panic!("no delivery is told as {word}"));
}

async fn trap() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, accepted) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let count = accepted.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, accepted)
}

/// Public when it is first asked for, this machine afterwards.
fn moving() -> Options {
    let asked = AtomicUsize::new(0);
    Options::with("webhooks.allow_private_networks", false).resolving(move |name| match name {
        "moves.example" if asked.fetch_add(1, Ordering::SeqCst) == 0 => vec![IpAddr::from([8, 8, 8, 8])],
        "moves.example" => vec![IpAddr::from([127, 0, 0, 1])],
        _ => Vec::new(),
    })
}

on_both!(row_84_a_name_that_moves_is_blocked_at_delivery, moving(), |server| async move {
    let ann = server.user("ann").await;
    let (port, accepted) = trap().await;
    let id = made(&ann, &format!("http://moves.example:{port}/")).await;
    ann.upload("a.bin", b"abc").await;
    told(&ann, &id, "blocked").await;
    assert_eq!(accepted.load(Ordering::SeqCst), 0, "nobody was asked");
});
