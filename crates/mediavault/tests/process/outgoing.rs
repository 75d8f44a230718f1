//! Where the real program sends webhooks: what `--dev` opens, and what the environment does not change.

use std::time::Duration;

use mv_testkit::Backend;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::person::Person;
use crate::program::Home;

/// How long a delivery may take to come.
const SOON: Duration = Duration::from_secs(10);

async fn receiver() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    (listener, url)
}

/// The first line of the next request, which is answered.
async fn first_line(listener: &TcpListener) -> String {
    let heard = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut bytes = vec![0; 4096];
        let read = socket.read(&mut bytes).await.unwrap();
        socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        String::from_utf8_lossy(&bytes[..read]).lines().next().unwrap_or_default().to_owned()
    };
    timeout(SOON, heard).await.expect("a delivery comes")
}

fn hook(url: &str) -> Value {
    json!({ "url": url, "events": ["media.uploaded"] })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dev_reaches_this_machine_alone() {
    let home = Home::new(Backend::Sqlite).await;
    let (listener, url) = receiver().await;
    let server = home.start(home.program().args(["serve", "--dev"]));
    let ann = Person::registered(&server, "ann").await;
    let made = ann.post("/webhooks", hook(&url)).await.expect(201);
    let test = format!("/webhooks/{}/test", made["id"].as_str().unwrap());
    assert!(ann.post(&test, json!({})).await.status < 300);
    assert_eq!(first_line(&listener).await, "POST /hook HTTP/1.1");
    let own = format!("{}/api/v1/media", server.origin());
    for refused in ["http://10.0.0.1/", "http://169.254.169.254/", "http://0.0.0.0/", "http://127.0.0.1:22/", &own] {
        ann.post("/webhooks", hook(refused)).await.error_on(400, "validation_error", &["url"]);
    }
    server.stop();
    // Without it, not even what was made before is reached.
    let server = home.serve();
    let ann = ann.at(&server);
    ann.post("/webhooks", hook(&url)).await.error_on(400, "validation_error", &["url"]);
    assert!(ann.post(&test, json!({})).await.status < 300);
    let deliveries = test.replace("/test", "/deliveries");
    let blocked = async {
        while !ann.get(&deliveries).await.json().to_string().contains("\"blocked\"") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, blocked).await.expect("the delivery is told as blocked");
    assert!(timeout(Duration::from_millis(1), listener.accept()).await.is_err(), "nobody came");
    server.stop();
    home.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxies_of_the_environment_are_not_asked() {
    let home = Home::new(Backend::Sqlite).await;
    let ((listener, url), (proxy, proxy_url)) = (receiver().await, receiver().await);
    let mut program = home.program();
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        program.env(name, &proxy_url);
    }
    let server = home.start(program.args(["serve", "--set", "webhooks.allow_private_networks=true"]));
    let ann = Person::registered(&server, "ann").await;
    let made = ann.post("/webhooks", hook(&url)).await.expect(201);
    let test = format!("/webhooks/{}/test", made["id"].as_str().unwrap());
    assert!(ann.post(&test, json!({})).await.status < 300);
    assert_eq!(first_line(&listener).await, "POST /hook HTTP/1.1");
    assert!(timeout(Duration::from_millis(1), proxy.accept()).await.is_err(), "the proxy was asked");
    let log = server.stop();
    assert!(log.contains("webhooks.allow_private_networks is true"), "the operator is told: {log}");
    home.end().await;
}
