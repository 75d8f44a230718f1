//! Forms that are not as they should be: each gets a clear refusal, and nothing of them stays.

use super::bytes::{Socket, head, send_form};
use super::*;

const KIND: &str = "multipart/form-data; boundary=B";

fn file(name: &str, bytes: &[u8]) -> Vec<u8> {
    let head = format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a.jpg\"\r\n\r\n");
    [head.as_bytes(), bytes, b"\r\n"].concat()
}

fn field(name: &str, value: &str) -> Vec<u8> {
    format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").into_bytes()
}

fn part(head: &str) -> Vec<u8> {
    format!("--B\r\n{head}\r\n\r\nx\r\n").into_bytes()
}

fn whole(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), b"--B--\r\n".to_vec()].concat()
}

on_both!(broken_forms_are_refused, |server| async move {
    let alice = server.user("alice").await;
    let good = file("file", b"bytes");
    let alone = whole(std::slice::from_ref(&good));
    let before = state(&alice).await;
    let long = format!("multipart/form-data; boundary={}", "B".repeat(10 * 1024));
    let many: Vec<Vec<u8>> = (0..100_000).map(|_| field("tags", "t")).collect();
    let wide_head = format!("X-Wide: {}", "w".repeat(1 << 20));
    let lines = (0..40).map(|n| format!("X-Line-{n}: v\r\n")).collect::<String>();
    let cases: Vec<(&str, &str, Vec<u8>, &str)> = vec![
        ("no boundary", "multipart/form-data", alone.clone(), "Content-Type"),
        ("an empty boundary", "multipart/form-data; boundary=", alone.clone(), "Content-Type"),
        ("a boundary of 10 KiB", &long, alone.clone(), "Content-Type"),
        ("two boundaries", "multipart/form-data; boundary=B; boundary=C", alone.clone(), "Content-Type"),
        ("another boundary than announced", "multipart/form-data; boundary=C", alone.clone(), "body"),
        ("nothing", KIND, Vec::new(), "body"),
        ("no part", KIND, whole(&[]), "file"),
        ("no file", KIND, whole(&[field("title", "t")]), "file"),
        ("a file under another name", KIND, whole(&[file("photo", b"x")]), "photo"),
        ("no last boundary", KIND, good.clone(), "body"),
        ("no last boundary behind two parts", KIND, [field("title", "t"), good.clone()].concat(), "body"),
        ("half a last boundary", KIND, [good.clone(), b"--B-".to_vec()].concat(), "body"),
        ("an empty field name", KIND, whole(&[good.clone(), field("", "x")]), "body"),
        ("an empty name of a file", KIND, whole(&[file("", b"x")]), "body"),
        ("no field name", KIND, whole(&[part("Content-Disposition: form-data; filename=\"a\"")]), "body"),
        ("no disposition", KIND, whole(&[part("Content-Type: text/plain")]), "body"),
        ("an attachment", KIND, whole(&[part("Content-Disposition: attachment; name=\"file\"")]), "body"),
        (
            "two dispositions",
            KIND,
            whole(&[part(
                "Content-Disposition: form-data; name=\"title\"\r\nContent-Disposition: form-data; name=\"file\"",
            )]),
            "body",
        ),
        ("two names", KIND, whole(&[part("Content-Disposition: form-data; name=\"file\"; name=\"title\"")]), "body"),
        (
            "two file names",
            KIND,
            whole(&[part("Content-Disposition: form-data; name=\"file\"; filename=\"a\"; filename=\"b\"")]),
            "body",
        ),
        (
            "a quote in a file name",
            KIND,
            whole(&[part("Content-Disposition: form-data; name=\"file\"; filename=\"\"; filename=\"b.html\"")]),
            "body",
        ),
        (
            "a line end in a file name",
            KIND,
            whole(&[part("Content-Disposition: form-data; name=\"file\"; filename=\"a.jpg\r\nX-Evil: 1\"")]),
            "body",
        ),
        (
            "a name that is no text",
            KIND,
            whole(&[[&b"--B\r\nContent-Disposition: form-data; name=\"\xff\"\r\n\r\nx\r\n"[..]].concat()]),
            "body",
        ),
        (
            "base64",
            KIND,
            whole(&[part("Content-Disposition: form-data; name=\"file\"\r\nContent-Transfer-Encoding: base64")]),
            "body",
        ),
        ("two files", KIND, whole(&[good.clone(), good.clone()]), "file"),
        ("two files around a field", KIND, whole(&[good.clone(), field("title", "t"), good.clone()]), "file"),
        ("100 000 parts", KIND, whole(&many), "body"),
        ("100 000 parts behind the file", KIND, [good.clone(), whole(&many)].concat(), "body"),
        ("a part's head of 1 MiB", KIND, whole(&[part(&wide_head)]), "body"),
        (
            "a part's head of 40 lines",
            KIND,
            whole(&[part(&format!("{lines}Content-Disposition: form-data; name=\"file\""))]),
            "body",
        ),
        (
            "line feeds alone",
            KIND,
            b"--B\nContent-Disposition: form-data; name=\"file\"\n\nx\n--B--\n".to_vec(),
            "body",
        ),
        ("a folded header", KIND, whole(&[part("Content-Disposition: form-data;\r\n name=\"file\"")]), "body"),
        ("no colon", KIND, whole(&[part("Content-Disposition form-data")]), "body"),
        ("a long preamble", KIND, [vec![b'p'; 64 * 1024], b"\r\n".to_vec(), alone.clone()].concat(), "body"),
        ("a long epilogue", KIND, [alone.clone(), vec![b'e'; 64 * 1024]].concat(), "body"),
        ("text behind a boundary", KIND, [b"--Bx\r\n".to_vec(), alone.clone()].concat(), "body"),
        (
            "a field that is no text",
            KIND,
            whole(&[
                [&b"--B\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\n\xff\r\n"[..]].concat(),
                good.clone(),
            ]),
            "title",
        ),
        (
            "a field of 65 KiB",
            KIND,
            whole(&[field("description", &"d".repeat(65 * 1024)), good.clone()]),
            "description",
        ),
    ];
    for (name, kind, body, field) in &cases {
        let answer = send_form(&alice, kind, body).await;
        assert_eq!(
            (answer.status, answer.error()),
            (400, ("validation_error".to_owned(), vec![(*field).to_owned()])),
            "{name}"
        );
        assert!(server.stored_files().is_empty(), "{name} leaves {:?}", server.stored_files());
    }
    let heavy: Vec<Vec<u8>> = (0..8).map(|_| field("tags", &"t".repeat(60 * 1024))).collect();
    let answer = send_form(&alice, KIND, &whole(&heavy)).await;
    assert_eq!(answer.status, 413, "fields of 480 KiB");
    assert_eq!(state(&alice).await, before);
    sound(&server).await;
});

on_both!(odd_but_good_forms_are_taken, |server| async move {
    let alice = server.user("alice").await;
    let tricky = b"--B\r--B--\n--B\r\n-\r\n--\r\n--b--\r\r\n\n--B".to_vec();
    let near = b"\r\n--BB\r\n".to_vec();
    let cases: Vec<Form<'_>> = vec![
        ("one file", KIND, whole(&[file("file", b"bytes")]), Some(b"bytes")),
        (
            "the file first",
            KIND,
            whole(&[file("file", b"bytes"), field("title", "t"), field("tags", "a")]),
            Some(b"bytes"),
        ),
        (
            "the file last",
            KIND,
            whole(&[field("title", "t"), field("tags", "a"), file("file", b"bytes")]),
            Some(b"bytes"),
        ),
        ("an empty file", KIND, whole(&[file("file", b"")]), Some(b"")),
        ("pieces of the boundary in the data", KIND, whole(&[file("file", &tricky)]), Some(&tricky)),
        (
            "a preamble and an epilogue",
            KIND,
            [b"hello\r\n".to_vec(), whole(&[file("file", b"x")]), b"bye".to_vec()].concat(),
            Some(b"x"),
        ),
        ("no line end behind the last boundary", KIND, [file("file", b"x"), b"--B--".to_vec()].concat(), Some(b"x")),
        (
            "blanks behind a boundary",
            KIND,
            whole(&[[&b"--B  \t\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n"[..]].concat()]),
            Some(b"x"),
        ),
        ("a file without a name", KIND, whole(&[part("Content-Disposition: form-data; name=\"file\"")]), Some(b"x")),
        (
            "other case",
            "Multipart/Form-Data; charset=utf-8; BOUNDARY=\"B\"",
            whole(&[part("content-disposition: FORM-DATA; NAME=file")]),
            Some(b"x"),
        ),
        ("line ends in the data", KIND, whole(&[file("file", b"\r\n\r\n")]), Some(b"\r\n\r\n")),
        ("the boundary in the data with more behind it", KIND, whole(&[file("file", &near)]), None),
    ];
    for (name, kind, body, bytes) in cases {
        let answer = send_form(&alice, kind, &body).await;
        let Some(bytes) = bytes else {
            // RFC 2046 section 5.1.1: the delimiter must not stand in the data, also not as the begin of a line.
            assert_eq!(answer.status, 400, "{name}");
            continue;
        };
        assert_eq!(answer.status, 201, "{name}: {}", String::from_utf8_lossy(&answer.body));
        let item: Value = serde_json::from_slice(&answer.body).unwrap();
        let back = alice.get(&format!("{}/content", path_of(&item["data"]))).await;
        assert_eq!(back.body, bytes, "{name}");
    }
    sound(&server).await;
});

on_both!(a_form_in_small_pieces_is_the_same, |server| async move {
    let alice = server.user("alice").await;
    let data = [b"\r\n--A\r\n-".to_vec(), noise(1, 2_000), b"\r\n--".to_vec()].concat();
    let body = whole(&[field("title", "t"), file("file", &data), field("tags", "x")]);
    for size in [1, 2, 3, 7, 64, 1000] {
        let pieces: Vec<Result<Vec<u8>, std::io::Error>> = body.chunks(size).map(|piece| Ok(piece.to_vec())).collect();
        let request = alice.request(Method::POST, "/media/upload").header("content-type", KIND);
        let item =
            alice.send(request.body(reqwest::Body::wrap_stream(futures_util::stream::iter(pieces)))).await.expect(201);
        assert_eq!(
            (&item["checksum"], &item["title"], &item["tags"]),
            (&json!(checksum(&data)), &json!("t"), &json!(["x"])),
            "{size}"
        );
    }
});

/// A form: what it is, its content type, its body, and the file's bytes; `None` is refused.
type Form<'a> = (&'static str, &'static str, Vec<u8>, Option<&'a [u8]>);

/// The most memory that this process ever had, in KiB.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

on_both!(a_head_without_an_end_is_refused_early, |server| async move {
    let alice = server.user("alice").await;
    for (name, begin) in [
        ("a part's head", &b"--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\""[..]),
        ("lines of a part's head", b"--B\r\nX: "),
        ("a preamble", b"hello "),
        ("a field's name", b"--B\r\nContent-Disposition: form-data; name=\""),
    ] {
        let before = peak_memory();
        let mut socket = Socket::open(&server).await;
        let length = format!("Content-Length: {}", 64 << 20);
        let kind = format!("Content-Type: {KIND}");
        socket.send(&head(&alice, "POST", "/media/upload", &[&kind, &length])).await;
        socket.send(begin).await;
        let mut sent = 0_usize;
        // The server has answered and closes long before all is sent.
        while sent < 64 << 20 && socket.send(&[b'a'; 65_536]).await {
            sent += 65_536;
            if sent == 1 << 20 {
                break;
            }
        }
        let answer = socket.answer().await.unwrap();
        assert_eq!((answer.status, answer.error().0.as_str()), (400, "validation_error"), "{name}");
        while sent < 64 << 20 && socket.send(&[b'a'; 65_536]).await {
            sent += 65_536;
        }
        let grown = peak_memory().saturating_sub(before);
        assert!(grown < 16 * 1024, "{name}: {grown} KiB more at the peak");
    }
    assert_eq!(total(&alice, "").await, 0);
    sound(&server).await;
});
