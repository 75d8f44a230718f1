//! Uploads that succeed: sizes, types, one stored file for equal bytes, answers about bytes that are there already.

use super::bytes::{Socket, head};
use super::*;

on_both!(bytes_of_every_size_come_back, |server| async move {
    let alice = server.user("alice").await;
    let sizes =
        [0, 1, 4095, 4096, 4097, 16_383, 16_384, 16_385, 32_768, 262_143, 262_144, 262_145, 278_528, 524_289, 3 << 20];
    for (seed, size) in (1..).zip(sizes) {
        let form = noise(seed, size);
        let raw = noise(seed + 100, size);
        let by_form = alice.upload("form.bin", &form).await;
        let by_body = alice.upload_raw("", raw.clone(), &[]).await.expect(201);
        for (item, bytes) in [(&by_form, &form), (&by_body, &raw)] {
            assert_eq!(item["size"], size, "{size}");
            assert_eq!(item["checksum"], checksum(bytes), "{size}");
            let back = alice.get(&format!("{}/content", path_of(item))).await;
            assert_eq!(back.status, 200);
            assert!(back.body == bytes, "{size} bytes come back as {} others", back.body.len());
            assert_eq!(back.header("content-length"), size.to_string());
        }
    }
    sound(&server).await;
});

on_both!(a_streamed_body_without_a_length_is_stored, |server| async move {
    let alice = server.user("alice").await;
    let bytes = noise(1, 700_000);
    let pieces: Vec<Result<Vec<u8>, std::io::Error>> = bytes.chunks(10_001).map(|piece| Ok(piece.to_vec())).collect();
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let request = alice.request(Method::POST, "/media/upload").header("content-type", "video/mp4").body(body);
    let item = alice.send(request).await.expect(201);
    assert_eq!(item["checksum"], checksum(&bytes));
    assert_eq!(item["filename"], "upload.bin", "named after the type that the bytes have");
    sound(&server).await;
});

on_both!(the_answer_leads_to_the_item, |server| async move {
    let alice = server.user("alice").await;
    let answer = alice.try_upload("", "lake.jpg", &jpeg(1, 500), &[]).await;
    let item = answer.expect(201);
    assert_eq!(answer.header("location"), format!("/api/v1{}", path_of(&item)));
    assert_eq!(
        alice.get(&format!("{}{}", server.origin(), answer.header("location"))).await.expect(200)["id"],
        item["id"]
    );
    for (member, value) in [
        ("type", json!("image")),
        ("mime_type", json!("image/jpeg")),
        ("filename", json!("lake.jpg")),
        ("title", json!(null)),
        ("tags", json!([])),
        ("properties", json!({})),
        ("favorite", json!(false)),
        ("rating", json!(null)),
        ("version", json!(1)),
        ("deleted_at", json!(null)),
        ("status", json!("processing")),
        ("user_id", json!(alice.id)),
    ] {
        assert_eq!(item[member], value, "{member}");
    }
    assert_eq!(item["created_at"], item["updated_at"]);
    assert_eq!(server.events_of(id_of(&item)).await, ["media.uploaded"]);
});

on_both!(the_type_is_told_from_the_bytes, |server| async move {
    let alice = server.user("alice").await;
    let html = b"<!DOCTYPE html><html><script>alert(1)</script></html>".to_vec();
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>".to_vec();
    let cases: [(&str, &str, &[u8], &str, &str); 8] = [
        ("a page named as a photo", "a.jpg", &html, "document", "text/html"),
        ("a page behind blanks", "b.png", &[&b" ".repeat(1024)[..], &html].concat(), "document", "text/html"),
        ("a drawing named as a photo", "c.png", &svg, "image", "image/svg+xml"),
        ("a photo named as a page", "d.html", &jpeg(1, 400), "image", "image/jpeg"),
        ("a picture without an ending", "e", &png(1), "image", "image/png"),
        ("text", "f.jpg", b"just words\n", "document", "text/plain"),
        ("nothing", "g.jpg", b"", "other", "application/octet-stream"),
        ("a PDF named as a film", "h.mp4", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "document", "application/pdf"),
    ];
    for (name, filename, bytes, kind, mime) in cases {
        let by_form = alice.try_upload("", filename, bytes, &[]).await.expect(201);
        let by_body = alice.upload_raw("", bytes.to_vec(), &[("content-type", "image/jpeg")]).await.expect(201);
        for item in [by_form, by_body] {
            assert_eq!((item["type"].as_str().unwrap(), item["mime_type"].as_str().unwrap()), (kind, mime), "{name}");
        }
    }
});

on_both!(equal_bytes_of_one_owner_share_a_file, |server| async move {
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let photo = jpeg(1, 40_000);
    let first = alice.upload("a.jpg", &photo).await;
    assert_eq!(server.stored_files().len(), 1);
    let second = alice.upload_raw("?title=again", photo.clone(), &[]).await.expect(201);
    assert_ne!(first["id"], second["id"]);
    assert_eq!(server.stored_files().len(), 1, "the second one stands on the first one's bytes");
    let foreign = bob.upload("b.jpg", &photo).await;
    assert_eq!(server.stored_files().len(), 2, "nobody shares with others");
    for (owner, item) in [(&alice, &first), (&alice, &second), (&bob, &foreign)] {
        assert_eq!(owner.get(&format!("{}/content", path_of(item))).await.body, photo);
        assert_eq!(item["checksum"], checksum(&photo));
    }
    sound(&server).await;
});

on_both!(equal_bytes_at_once_share_a_file, |server| async move {
    let alice = server.user("alice").await;
    let photo = jpeg(1, 300_000);
    let uploads = (0..12).map(|_| alice.try_upload("", "a.jpg", &photo, &[]));
    let answers = futures_util::future::join_all(uploads).await;
    answers.iter().for_each(|answer| drop(answer.expect(201)));
    assert_eq!((total(&alice, "").await, server.stored_files().len()), (12, 1));
    sound(&server).await;
    let existing = (0..12).map(|_| alice.try_upload("?on_duplicate=existing", "a.jpg", &photo, &[]));
    for answer in futures_util::future::join_all(existing).await {
        answer.expect(200);
    }
    let fresh = jpeg(2, 300_000);
    let racing = (0..12).map(|_| alice.try_upload("?on_duplicate=existing", "a.jpg", &fresh, &[]));
    let mut statuses: Vec<u16> =
        futures_util::future::join_all(racing).await.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [&[200; 11][..], &[201]].concat(), "of many at once one makes the item");
    assert_eq!(total(&alice, "").await, 13);
    sound(&server).await;
});

on_both!(existing_bytes_answer_with_their_item, |server| async move {
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let photo = jpeg(1, 5_000);
    let held = alice.try_upload("?on_duplicate=existing", "a.jpg", &photo, &[("title", "first")]).await.expect(201);
    let before = state(&alice).await;
    let sum = checksum(&photo);
    for (name, answer) in [
        ("form", alice.try_upload("?on_duplicate=existing", "b.jpg", &photo, &[("title", "second")]).await),
        ("body", alice.upload_raw("?on_duplicate=existing", photo.clone(), &[]).await),
        ("checksum", alice.upload_raw(&format!("?on_duplicate=existing&checksum={sum}"), photo.clone(), &[]).await),
        ("form's checksum", alice.try_upload("?on_duplicate=existing", "b.jpg", &photo, &[("checksum", &sum)]).await),
    ] {
        let item = answer.expect(200);
        assert_eq!((&item["id"], &item["title"]), (&held["id"], &json!("first")), "{name}");
        assert_eq!(answer.header("content-location"), format!("/api/v1{}", path_of(&held)), "{name}");
        assert_eq!(answer.header("location"), "", "{name}");
    }
    assert_eq!(state(&alice).await, before);
    assert_ne!(
        bob.upload_raw("?on_duplicate=existing", photo.clone(), &[]).await.expect(201)["id"],
        held["id"],
        "not across owners"
    );
    alice.upload_raw("?on_duplicate=new", photo.clone(), &[]).await.expect(201);

    // In the trash only: a new item, and the bytes live on.
    let other = jpeg(2, 5_000);
    let trashed = alice.upload("t.jpg", &other).await;
    alice.delete(&path_of(&trashed)).await.expect(204);
    let again = alice
        .upload_raw(&format!("?on_duplicate=existing&checksum={}", checksum(&other)), other.clone(), &[])
        .await
        .expect(201);
    assert_ne!(again["id"], trashed["id"]);
    sound(&server).await;
});

on_both!(existing_bytes_are_told_before_the_body, |server| async move {
    let alice = server.user("alice").await;
    let photo = jpeg(1, 5_000);
    let held = alice.upload("a.jpg", &photo).await;
    let path = format!("/media/upload?on_duplicate=existing&checksum={}", checksum(&photo));
    let mut socket = Socket::open(&server).await;
    let headers = ["Content-Type: image/jpeg", "Content-Length: 5000", "Expect: 100-continue"];
    socket.send(&head(&alice, "POST", &path, &headers)).await;
    let answer = socket.answer().await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.head);
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(body["data"]["id"], held["id"]);
});

on_both!(deleted_bytes_are_refused_where_the_client_asks, |server| async move {
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let photo = jpeg(1, 5_000);
    let item = alice.upload_raw("?on_deleted=reject", photo.clone(), &[]).await.expect(201);
    alice.upload_raw("?on_deleted=reject", photo.clone(), &[]).await.expect(201);
    alice.delete(&format!("{}?permanent=true", path_of(&item))).await.expect(204);
    alice.upload_raw("?on_deleted=reject", photo.clone(), &[]).await.expect(201);
    for item in alice.get("/media").await.expect(200).as_array().unwrap() {
        alice.delete(&format!("{}?permanent=true", path_of(item))).await.expect(204);
    }
    let before = state(&alice).await;
    alice.upload_raw("?on_deleted=reject", photo.clone(), &[]).await.error_on(409, "previously_deleted", &[]);
    alice.try_upload("?on_deleted=reject", "a.jpg", &photo, &[("title", "x")]).await.error_on(
        409,
        "previously_deleted",
        &[],
    );
    alice.upload_raw("?on_deleted=reject&on_duplicate=existing", photo.clone(), &[]).await.error_on(
        409,
        "previously_deleted",
        &[],
    );
    assert_eq!(state(&alice).await, before);
    bob.upload_raw("?on_deleted=reject", photo.clone(), &[]).await.expect(201);
    // With the checksum in the query it is told before the body.
    let path = format!("/media/upload?on_deleted=reject&checksum={}", checksum(&photo));
    let mut socket = Socket::open(&server).await;
    let headers = ["Content-Type: image/jpeg", "Content-Length: 5000", "Expect: 100-continue"];
    socket.send(&head(&alice, "POST", &path, &headers)).await;
    let answer = socket.answer().await.unwrap();
    assert_eq!((answer.status, answer.error().0.as_str()), (409, "previously_deleted"));

    alice.upload_raw("?on_deleted=store", photo.clone(), &[]).await.expect(201);
    alice.upload_raw("?on_deleted=reject", photo.clone(), &[]).await.expect(201);
    // Deleted is also what lies in the trash and nowhere else.
    let other = jpeg(2, 5_000);
    let trashed = alice.upload("b.jpg", &other).await;
    alice.delete(&path_of(&trashed)).await.expect(204);
    alice.upload_raw("?on_deleted=reject", other.clone(), &[]).await.error_on(409, "previously_deleted", &[]);
    let early =
        alice.upload_raw(&format!("?on_deleted=reject&checksum={}", checksum(&other)), other.clone(), &[]).await;
    early.error_on(409, "previously_deleted", &[]);
    alice.post_empty(&format!("{}/restore", path_of(&trashed))).await.expect(200);
    alice.upload_raw("?on_deleted=reject", other.clone(), &[]).await.expect(201);
    sound(&server).await;
});
