//! Secrets: one signs, two while they overlap; none in the database in clear.

use std::time::Duration;

use mv_testkit::{Backend, Options, Server, Sink, on_both};
use reqwest::Method;

use super::{by_key, event, hook, text};

on_both!(two_secrets_sign_for_a_day_after_a_change, |server| async move {
    let (alice, sink) = (by_key(&server.user("alice").await).await, Sink::start().await);
    let (id, first) = hook(&alice, &sink, &["*"]).await;
    let path = format!("/webhooks/{id}/rotate-secret");
    let keyed = || alice.request(Method::POST, &path).header("idempotency-key", "k");
    let rotated = alice.send(keyed()).await.expect(201);
    assert_eq!(alice.send(keyed()).await.expect(201), rotated, "a retry changes nothing more");
    let second = text(&rotated, "secret");
    assert_ne!(first, second);
    event(&alice).await;
    let received = sink.wait_for(1).await[0].clone();
    assert!(received.verifies(&first) && received.verifies(&second), "{received:?}");
    assert_eq!(received.headers["webhook-signature"].split(' ').count(), 2);

    server.clock().advance(Duration::from_secs(86_400 + 60));
    event(&alice).await;
    let received = sink.wait_for(2).await[1].clone();
    assert!(received.signed_by(&second) && !received.signed_by(&first));
    assert_eq!(received.headers["webhook-signature"].split(' ').count(), 1);

    let third = text(&alice.post_empty(&path).await.expect(201), "secret");
    let fourth = text(&alice.post_empty(&path).await.expect(201), "secret");
    event(&alice).await;
    let received = sink.wait_for(3).await[2].clone();
    assert!(received.signed_by(&fourth) && received.signed_by(&third) && !received.signed_by(&second));
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_has_no_secret_in_clear() {
    let server = Server::start(Backend::Sqlite, Options::default()).await;
    let (alice, sink) = (server.user("alice").await, Sink::start().await);
    let (id, secret) = hook(&alice, &sink, &["*"]).await;
    let rotated = alice.post_empty(&format!("/webhooks/{id}/rotate-secret")).await.expect(201);
    event(&alice).await;
    sink.wait_for(1).await;
    let folder = server.data_dir().to_owned();
    for secret in [secret, text(&rotated, "secret")] {
        use base64::Engine;
        let text = secret.strip_prefix("whsec_").unwrap().to_owned();
        let bytes = base64::engine::general_purpose::STANDARD.decode(&text).unwrap();
        let (mut files, mut folders) = (0, vec![folder.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let content = std::fs::read(&path).unwrap();
                files += 1;
                for needle in [text.as_bytes(), &bytes] {
                    assert!(!content.windows(needle.len()).any(|part| part == needle), "{}", path.display());
                }
            }
        }
        assert!(files > 3);
    }
    server.end().await;
}
