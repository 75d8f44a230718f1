//! Bounds under concurrency: fifty uploads that begin together (reliability section 4, row 30).

use std::sync::Arc;

use tokio::sync::Barrier;
use tokio::task::JoinSet;

use super::*;

const AT_ONCE: u64 = 50;

/// Fifty uploads of so many bytes behind a barrier.
async fn at_once(by: &Actor, size: usize, key: Option<&'static str>) -> Vec<Answer> {
    let (barrier, mut tasks) = (Arc::new(Barrier::new(AT_ONCE as usize)), JoinSet::new());
    for number in 0..AT_ONCE {
        let (by, barrier) = (by.clone(), barrier.clone());
        tasks.spawn(async move {
            // One key is for one content.
            let bytes = files::noise(if key.is_some() { 7 } else { number }, size);
            let headers: Vec<(&str, &str)> = key.map(|key| ("idempotency-key", key)).into_iter().collect();
            barrier.wait().await;
            by.upload_raw("", bytes, &headers).await
        });
    }
    tasks.join_all().await
}

fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

async fn usage(of: &Actor) -> (Value, Value) {
    let usage = of.get("/users/me/usage").await.expect(200);
    (usage["items"].clone(), usage["bytes"].clone())
}

on_both!(of_fifty_uploads_as_many_pass_as_the_token_takes, |server| async move {
    let ann = server.user("ann").await;
    let made = ann.post("/upload-tokens", json!({ "max_files": 7 })).await.expect(201);
    let answers = at_once(&ann.with_token(text(&made, "token")), 40, None).await;
    assert_eq!(count(&answers, 201), 7);
    answers.iter().filter(|answer| answer.status != 201).for_each(|answer| answer.error_on(403, "forbidden", &[]));
    assert_eq!(usage(&ann).await, (json!(7), json!(280)));
});

on_both!(of_fifty_uploads_no_more_bytes_pass_than_the_token_takes, |server| async move {
    let ann = server.user("ann").await;
    let made = ann.post("/upload-tokens", json!({ "max_files": 100, "max_bytes": 499 })).await.expect(201);
    let answers = at_once(&ann.with_token(text(&made, "token")), 40, None).await;
    assert_eq!(count(&answers, 201), 12, "the thirteenth would be 520");
    answers.iter().filter(|answer| answer.status != 201).for_each(|answer| answer.error_on(403, "forbidden", &[]));
    assert_eq!(usage(&ann).await, (json!(12), json!(480)));
});

on_both!(one_key_fifty_times_makes_one_item, |server| async move {
    let ann = server.user("ann").await;
    let made = ann.post("/upload-tokens", json!({ "max_files": 10 })).await.expect(201);
    for by in [ann.clone(), ann.with_token(text(&made, "token"))] {
        let before = usage(&ann).await.0.as_u64().unwrap();
        let answers = at_once(&by, 40, Some("the-same")).await;
        let mut ids = std::collections::BTreeSet::new();
        for answer in &answers {
            if answer.status == 201 {
                ids.insert(text(&answer.expect(201), "id").to_owned());
            } else {
                answer.error_on(409, "conflict", &["Idempotency-Key"]);
            }
        }
        assert_eq!(ids.len(), 1);
        assert_eq!(usage(&ann).await.0, json!(before + 1));
        let again = by.upload_raw("", files::noise(7, 40), &[("idempotency-key", "the-same")]).await;
        assert_eq!(
            (text(&again.expect(201), "id"), again.header("idempotency-replayed")),
            (&ids.first().unwrap()[..], "true")
        );
    }
});

on_both!(a_retry_is_answered_also_when_the_token_is_used_up, |server| async move {
    let ann = server.user("ann").await;
    let made = ann.post("/upload-tokens", json!({})).await.expect(201);
    let visitor = ann.with_token(text(&made, "token"));
    let sent = [("idempotency-key", "k")];
    let first = visitor.upload_raw("", files::noise(1, 40), &sent).await.expect(201);
    let again = visitor.upload_raw("", files::noise(1, 40), &sent).await;
    assert_eq!((again.expect(201), again.header("idempotency-replayed")), (first, "true"));
    visitor.upload_raw("", files::noise(2, 40), &sent).await.error_on(409, "conflict", &["Idempotency-Key"]);
    visitor.upload_raw("", files::noise(1, 40), &[]).await.error_on(403, "forbidden", &[]);
});
