//! Limits of an upload: its size, its owner's quota, and that refused or broken ones leave nothing behind.

use super::bytes::{Socket, head};
use super::*;

fn streamed(actor: &Actor, bytes: &[u8]) -> reqwest::RequestBuilder {
    let pieces: Vec<Result<Vec<u8>, std::io::Error>> = bytes.chunks(8_192).map(|piece| Ok(piece.to_vec())).collect();
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    actor.request(Method::POST, "/media/upload").header("content-type", "image/jpeg").body(body)
}

on_both!(a_file_over_the_limit_is_refused, Options::with("limits.max_upload_bytes", 100_000), |server| async move {
    let alice = server.user("alice").await;
    assert_eq!(alice.get("/server").await.expect(200)["limits"]["max_upload_bytes"], 100_000);
    let (most, more, far) = (noise(1, 100_000), noise(2, 100_001), noise(3, 4 << 20));
    alice.upload("most.bin", &most).await;
    alice.upload_raw("", noise(4, 100_000), &[]).await.expect(201);
    alice.send(streamed(&alice, &noise(5, 100_000))).await.expect(201);
    let before = state(&alice).await;
    for (name, answer) in [
        ("form, one byte more", alice.try_upload("", "a.bin", &more, &[]).await),
        ("form, far more", alice.try_upload("", "a.bin", &far, &[]).await),
        ("body, one byte more", alice.upload_raw("", more.clone(), &[]).await),
        ("body, far more", alice.upload_raw("", far.clone(), &[]).await),
        ("stream, one byte more", alice.send(streamed(&alice, &more)).await),
        ("stream, far more", alice.send(streamed(&alice, &far)).await),
    ] {
        assert_eq!(answer.status, 413, "{name}");
        answer.error(413, "payload_too_large");
    }
    // A declared length is judged before any of the body is sent.
    let (kind, _) = mv_testkit::multipart("a.bin", b"", &[]);
    for (name, kind, length) in
        [("body", "image/jpeg", 100_001_u64), ("form", &kind, 3 << 20), ("huge body", "image/jpeg", u64::MAX >> 1)]
    {
        let mut socket = Socket::open(&server).await;
        let lines =
            [format!("Content-Type: {kind}"), format!("Content-Length: {length}"), "Expect: 100-continue".to_owned()];
        socket.send(&head(&alice, "POST", "/media/upload", &lines.each_ref().map(String::as_str))).await;
        let answer = socket.answer().await.unwrap();
        assert_eq!((answer.status, answer.error().0.as_str()), (413, "payload_too_large"), "{name}");
    }
    assert_eq!(state(&alice).await, before);
    sound(&server).await;
});

on_both!(
    the_quota_is_exact_under_parallel_uploads,
    Options::with("limits.default_quota_bytes", 100_000),
    |server| async move {
        let alice = server.user("alice").await;
        let files: Vec<Vec<u8>> = (0..20).map(|seed| noise(seed + 1, 10_000)).collect();
        let uploads = files.iter().map(|bytes| alice.try_upload("", "a.bin", bytes, &[("tags", "t")]));
        let answers = futures_util::future::join_all(uploads).await;
        let (taken, refused): (Vec<&Answer>, Vec<&Answer>) = answers.iter().partition(|answer| answer.status == 201);
        assert_eq!((taken.len(), refused.len()), (10, 10));
        refused.iter().for_each(|answer| drop(answer.error(507, "quota_exceeded")));
        assert_eq!((total(&alice, "").await, total(&alice, "?tag=t").await, server.stored_files().len()), (10, 10, 10));
        sound(&server).await;

        alice.upload_raw("", "x", &[]).await.error(507, "quota_exceeded");
        alice.upload_raw("", "", &[]).await.expect(201);
        // Told by the declared length where it is large.
        alice.upload_raw("", noise(99, 2 << 20), &[]).await.error(507, "quota_exceeded");
        alice.try_upload("", "a.bin", &noise(99, 3 << 20), &[]).await.error(507, "quota_exceeded");
        // Bytes that are there already need no room.
        let kept = taken[0].json()["data"].clone();
        let bytes = alice.get(&format!("{}/content", path_of(&kept))).await.body;
        let existing = alice.upload_raw("?on_duplicate=existing", bytes, &[]).await.expect(200);
        assert_eq!(existing["checksum"], kept["checksum"]);

        // The trash counts, and the message says what emptying it would free.
        alice.delete(&path_of(&kept)).await.expect(204);
        let answer = alice.upload_raw("", noise(50, 10_000), &[]).await;
        answer.error(507, "quota_exceeded");
        assert!(answer.json()["error"]["message"].as_str().unwrap().contains("10000"), "{:?}", answer.body);
        alice.delete("/media/trash").await.expect(204);
        alice.upload_raw("", noise(50, 10_000), &[]).await.expect(201);
        alice.upload_raw("", noise(51, 1), &[]).await.error(507, "quota_exceeded");
        sound(&server).await;
    }
);

on_both!(
    deleting_at_once_frees_the_quota_once,
    Options::with("limits.default_quota_bytes", 50_000),
    |server| async move {
        let alice = server.user("alice").await;
        let item = alice.upload("a.bin", &noise(1, 50_000)).await;
        let path = format!("{}?permanent=true", path_of(&item));
        let answers = futures_util::future::join_all((0..20).map(|_| alice.delete(&path))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 204).count(), 1);
        answers.iter().filter(|answer| answer.status != 204).for_each(|answer| answer.error_on(404, "not_found", &[]));
        sound(&server).await;
        alice.upload("b.bin", &noise(2, 50_000)).await;
        alice.upload_raw("", "x", &[]).await.error(507, "quota_exceeded");
    }
);

on_both!(uploads_that_break_off_leave_nothing, |server| async move {
    let alice = server.user("alice").await;
    let (kind, form) = mv_testkit::multipart("a.bin", &noise(1, 700_000), &[]);
    for round in 0..60_usize {
        let mut socket = Socket::open(&server).await;
        let (kind, bytes) = if round % 2 == 0 { (kind.as_str(), &form) } else { ("image/jpeg", &form) };
        let lines = [format!("Content-Type: {kind}"), format!("Content-Length: {}", bytes.len())];
        socket.send(&head(&alice, "POST", "/media/upload", &lines.each_ref().map(String::as_str))).await;
        socket.send(&bytes[..(round * 11_000).min(bytes.len() - 1)]).await;
    }
    // Some are not even begun yet when the last socket closes, so nothing must be there for a while.
    let mut quiet = 0;
    for _ in 0..400 {
        quiet = if server.stored_files().is_empty() { quiet + 1 } else { 0 };
        if quiet == 20 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(quiet, 20, "{:?}", server.stored_files());
    assert_eq!(total(&alice, "").await, 0);
    sound(&server).await;
});

on_both!(lengths_that_lie_are_refused, |server| async move {
    let alice = server.user("alice").await;
    // Fewer bytes than announced, and then the end.
    let mut socket = Socket::open(&server).await;
    socket.send(&head(&alice, "POST", "/media/upload", &["Content-Type: image/jpeg", "Content-Length: 500"])).await;
    socket.send(&[b'x'; 100]).await;
    socket.finish().await;
    if let Some(answer) = socket.answer().await {
        assert_eq!((answer.status, answer.error().0.as_str()), (400, "validation_error"), "fewer");
    }
    // More: the rest is no part of the body, and no request.
    let mut socket = Socket::open(&server).await;
    socket.send(&head(&alice, "POST", "/media/upload", &["Content-Type: image/jpeg", "Content-Length: 5"])).await;
    socket.send(b"12345surplus\r\n\r\n").await;
    let answer = socket.answer().await.unwrap();
    assert_eq!(answer.status, 201, "more");
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(body["data"]["size"], 5);
    if let Some(second) = socket.answer().await {
        assert_eq!(second.status, 400, "what is left over is no request");
    }
    for length in ["-1", "+5", "18446744073709551616", "5, 5", "0x5", ""] {
        let mut socket = Socket::open(&server).await;
        let line = format!("Content-Length: {length}");
        socket.send(&head(&alice, "POST", "/media/upload", &["Content-Type: image/jpeg", &line])).await;
        socket.send(b"12345").await;
        let answer = socket.answer().await.unwrap();
        assert!((400..500).contains(&answer.status), "{length:?}: {}", answer.head);
    }
    for coding in
        ["Transfer-Encoding: chunked, identity", "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: \u{b}chunked"]
    {
        let mut socket = Socket::open(&server).await;
        socket.send(&head(&alice, "POST", "/media/upload", &["Content-Type: image/jpeg", coding])).await;
        socket.send(b"5\r\n12345\r\n0\r\n\r\n").await;
        let answer = socket.answer().await.unwrap();
        assert!((400..502).contains(&answer.status) && answer.status != 500, "{coding:?}: {}", answer.head);
    }
    for size in ["ffffffffffffffff", "fffffffffffffffff", "-5", "zz"] {
        let mut socket = Socket::open(&server).await;
        socket
            .send(&head(&alice, "POST", "/media/upload", &["Content-Type: image/jpeg", "Transfer-Encoding: chunked"]))
            .await;
        socket.send(format!("{size}\r\n12345\r\n").as_bytes()).await;
        socket.finish().await;
        if let Some(answer) = socket.answer().await {
            assert!((400..500).contains(&answer.status), "{size}: {}", answer.head);
        }
    }
    assert_eq!(total(&alice, "").await, 1);
    sound(&server).await;
});
