//! `GET|HEAD /media/{id}/content`: ranges, conditions, headers under which nothing can run, and never a wrong byte.

use super::bytes::{Socket, head};
use super::*;

/// Asks for the content with these headers.
async fn ask(actor: &Actor, item: &Value, headers: &[(&str, &str)]) -> Answer {
    let mut request = actor.request(Method::GET, &format!("{}/content", path_of(item)));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    actor.send(request).await
}

on_both!(ranges_give_the_bytes_asked_for, |server| async move {
    let alice = server.user("alice").await;
    let size = 600_000_usize;
    let bytes = jpeg(1, size);
    let item = alice.upload("a.jpg", &bytes).await;
    let whole = ask(&alice, &item, &[]).await;
    assert_eq!((whole.status, whole.header("accept-ranges"), whole.header("content-range")), (200, "bytes", ""));
    let one: [(&str, usize, usize); 14] = [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, size),
        ("bytes=16383-16384", 16_383, 16_385),
        ("bytes=262143-262145", 262_143, 262_146),
        ("bytes=1000-299999", 1000, 300_000),
        ("bytes=599999-", size - 1, size),
        ("bytes=599999-700000", size - 1, size),
        ("bytes=0-18446744073709551616", 0, size),
        ("bytes=-1", size - 1, size),
        ("bytes=-600001", 0, size),
        ("bytes=-99999999999999999999999", 0, size),
        ("bytes=0-9,5-19", 0, 20),
        ("bytes=10-19,0-9", 0, 20),
        ("Bytes=0-1,999999-", 0, 2),
    ];
    for (range, from, to) in one {
        let answer = ask(&alice, &item, &[("range", range)]).await;
        assert_eq!(answer.status, 206, "{range}");
        assert_eq!(answer.header("content-range"), format!("bytes {from}-{}/{size}", to - 1), "{range}");
        assert_eq!(answer.header("content-length"), (to - from).to_string(), "{range}");
        assert!(answer.body == bytes[from..to], "{range}");
        for name in
            ["etag", "last-modified", "cache-control", "content-type", "content-disposition", "content-security-policy"]
        {
            assert_eq!(answer.header(name), whole.header(name), "{range}: {name}");
        }
    }
    for range in ["bytes=600000-", "bytes=-0", "bytes=18446744073709551616-", "bytes=700000-800000,900000-"] {
        let answer = ask(&alice, &item, &[("range", range)]).await;
        answer.error_on(416, "range_not_satisfiable", &["Range"]);
        assert_eq!(answer.header("content-range"), format!("bytes */{size}"), "{range}");
    }
    let seventeen: Vec<String> = (0..17).map(|n| format!("{0}-{0}", n * 10)).collect();
    let five_thousand: Vec<String> = (0..5_000).map(|n| format!("{n}-{n}")).collect();
    for range in [
        "bytes=5-2",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes 0-1",
        "items=0-1",
        "bytes=0-1;2-3",
        "bytes=--1",
        "nonsense",
        &format!("bytes={}", seventeen.join(",")),
        &format!("bytes={}", five_thousand.join(",")),
    ] {
        let answer = ask(&alice, &item, &[("range", range)]).await;
        assert_eq!((answer.status, answer.body.len()), (200, size), "{range:.40}");
    }
    let twice = alice
        .request(Method::GET, &format!("{}/content", path_of(&item)))
        .header("range", "bytes=0-1")
        .header("range", "bytes=5-6");
    assert_eq!(alice.send(twice).await.status, 200, "two Range fields");
    let empty = alice.upload("empty", b"").await;
    for (range, status) in [("bytes=0-", 416), ("bytes=0-0", 416), ("bytes=-5", 200), ("", 200)] {
        let answer = ask(&alice, &empty, &[("range", range)]).await;
        assert_eq!(answer.status, status, "{range} of nothing");
    }
});

/// The parts of a `multipart/byteranges` body: content type, content range and bytes of each.
fn parts(answer: &Answer) -> Vec<(String, String, Vec<u8>)> {
    let boundary = answer.header("content-type").strip_prefix("multipart/byteranges; boundary=").unwrap();
    let delimiter = format!("\r\n--{boundary}");
    let (mut rest, mut found) = (answer.body.as_ref(), Vec::new());
    loop {
        rest = rest.strip_prefix(delimiter.as_bytes()).unwrap();
        if let Some(end) = rest.strip_prefix(b"--\r\n") {
            assert!(end.is_empty());
            return found;
        }
        let at = rest.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let head = std::str::from_utf8(&rest[2..at]).unwrap();
        let value = |name: &str| head.split("\r\n").find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        let (kind, range) = (value("Content-Type: "), value("Content-Range: "));
        let numbers: Vec<usize> =
            range.trim_start_matches("bytes ").split(['-', '/']).map(|number| number.parse().unwrap()).collect();
        let length = numbers[1] - numbers[0] + 1;
        found.push((kind, range, rest[at + 4..at + 4 + length].to_vec()));
        rest = &rest[at + 4 + length..];
    }
}

on_both!(several_ranges_come_as_parts, |server| async move {
    let alice = server.user("alice").await;
    let size = 600_000_usize;
    let bytes = jpeg(1, size);
    let item = alice.upload("a.jpg", &bytes).await;
    let sixteen: Vec<(usize, usize)> = (0..16).map(|n| (n * 30_000, n * 30_000 + 20_001)).collect();
    let cases: Vec<Vec<(usize, usize)>> =
        vec![vec![(0, 1), (size - 1, size)], vec![(300_000, 590_000), (5, 6)], sixteen];
    for ranges in cases {
        let text: Vec<String> = ranges.iter().map(|(from, to)| format!("{from}-{}", to - 1)).collect();
        let answer = ask(&alice, &item, &[("range", &format!("bytes={}", text.join(", ")))]).await;
        assert_eq!(answer.status, 206, "{text:?}");
        assert_eq!(answer.header("content-length"), answer.body.len().to_string(), "{text:?}");
        assert_eq!(answer.header("content-range"), "", "{text:?}");
        let parts = parts(&answer);
        assert_eq!(parts.len(), ranges.len());
        for ((kind, range, body), (from, to)) in parts.into_iter().zip(ranges) {
            assert_eq!((kind.as_str(), range), ("image/jpeg", format!("bytes {from}-{}/{size}", to - 1)));
            assert!(body == bytes[from..to], "{from}-{to}");
        }
    }
    // Overlapping ones are merged, the one behind the end falls out.
    let answer = ask(&alice, &item, &[("range", "bytes=0-9,100-109,5-19,999999999-")]).await;
    let ranges: Vec<String> = parts(&answer).into_iter().map(|(_, range, _)| range).collect();
    assert_eq!(ranges, [format!("bytes 0-19/{size}"), format!("bytes 100-109/{size}")]);
});

on_both!(conditions_hold_in_their_order, |server| async move {
    let alice = server.user("alice").await;
    let bytes = jpeg(1, 1000);
    let item = alice.upload("a.jpg", &bytes).await;
    let whole = ask(&alice, &item, &[]).await;
    let (tag, date) = (whole.header("etag").to_owned(), whole.header("last-modified").to_owned());
    assert!(tag.starts_with('"') && date.ends_with(" GMT"), "{tag} {date}");
    let weak = format!("W/{tag}");
    let (past, future) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Fri, 06 Nov 2099 08:49:37 GMT");
    let many = format!("{}{tag}", "\"x\", ".repeat(100));
    for (name, headers, status) in [
        ("the tag", vec![("if-none-match", tag.as_str())], 304),
        ("the weak tag", vec![("if-none-match", &weak)], 304),
        ("any tag", vec![("if-none-match", "*")], 304),
        ("one of many", vec![("if-none-match", &many)], 304),
        ("another tag", vec![("if-none-match", "\"x\"")], 200),
        ("the date", vec![("if-modified-since", &date)], 304),
        ("a later date", vec![("if-modified-since", future)], 304),
        ("an earlier date", vec![("if-modified-since", past)], 200),
        ("no date", vec![("if-modified-since", "yesterday")], 200),
        ("another tag outweighs the date", vec![("if-none-match", "\"x\""), ("if-modified-since", &date)], 200),
        ("the tag must be", vec![("if-match", &tag)], 200),
        ("any must be", vec![("if-match", "*")], 200),
        ("another must be", vec![("if-match", "\"x\"")], 412),
        ("the weak one must be", vec![("if-match", &weak)], 412),
        ("unmodified", vec![("if-unmodified-since", &date)], 200),
        ("modified", vec![("if-unmodified-since", past)], 412),
        ("the match outweighs the date", vec![("if-match", &tag), ("if-unmodified-since", past)], 200),
        ("a failed match outweighs all", vec![("if-match", "\"x\""), ("if-none-match", &tag)], 412),
        ("both hold", vec![("if-match", &tag), ("if-none-match", &tag)], 304),
        ("no list", vec![("if-match", "nonsense")], 400),
    ] {
        let answer = ask(&alice, &item, &headers).await;
        assert_eq!(answer.status, status, "{name}");
        let ranged = ask(&alice, &item, &[headers.clone(), vec![("range", "bytes=0-9")]].concat()).await;
        assert_eq!(ranged.status, if status == 200 { 206 } else { status }, "{name} with a range");
        if status == 304 {
            assert!(answer.body.is_empty(), "{name}");
            for header in ["etag", "cache-control", "vary"] {
                assert_eq!(answer.header(header), whole.header(header), "{name}: {header}");
            }
        }
        if status == 412 {
            answer.error_on(412, "precondition_failed", &[]);
        }
    }
    for (name, value, status) in [
        ("the tag", tag.as_str(), 206),
        ("the weak tag", &weak, 200),
        ("another tag", "\"x\"", 200),
        ("the date", &date, 206),
        ("a later date", future, 200),
        ("an earlier date", past, 200),
        ("nonsense", "x", 200),
        ("a list", "\"x\", \"y\"", 200),
    ] {
        let answer = ask(&alice, &item, &[("if-range", value), ("range", "bytes=0-9")]).await;
        assert_eq!(answer.status, status, "If-Range: {name}");
        // A range that cannot be served does not matter where the condition says the whole.
        let unsatisfiable = ask(&alice, &item, &[("if-range", value), ("range", "bytes=5000-")]).await;
        assert_eq!(unsatisfiable.status, if status == 206 { 416 } else { 200 }, "If-Range: {name}");
    }
    // The same bytes have the same tag, other ones another.
    let twin = alice.upload("b.jpg", &bytes).await;
    assert_eq!(ask(&alice, &twin, &[]).await.header("etag"), tag);
    let other = alice.upload("c.jpg", &jpeg(2, 1000)).await;
    assert_ne!(ask(&alice, &other, &[]).await.header("etag"), tag);
    alice.patch(&path_of(&item), json!({ "title": "t" })).await.expect(200);
    assert_eq!(ask(&alice, &item, &[]).await.header("etag"), tag, "an edit leaves the bytes as they are");
});

on_both!(head_tells_what_get_would, |server| async move {
    let alice = server.user("alice").await;
    let item = alice.upload("a.jpg", &jpeg(1, 300_000)).await;
    let path = format!("{}/content", path_of(&item));
    let get = alice.get(&path).await;
    let head = async |headers: &[(&str, &str)]| {
        let request = headers
            .iter()
            .fold(alice.request(Method::HEAD, &path), |request, (name, value)| request.header(*name, *value));
        alice.send(request).await
    };
    let plain = head(&[]).await;
    assert_eq!((plain.status, plain.body.len()), (200, 0));
    for name in [
        "content-length",
        "content-type",
        "content-disposition",
        "etag",
        "last-modified",
        "accept-ranges",
        "cache-control",
    ] {
        assert_eq!(plain.header(name), get.header(name), "{name}");
    }
    assert_eq!(head(&[("range", "bytes=0-9")]).await.status, 200, "only GET has ranges");
    assert_eq!(head(&[("if-none-match", get.header("etag"))]).await.status, 304);
    assert_eq!(head(&[("if-match", "\"x\"")]).await.status, 412);
    let link = item["urls"]["content"].as_str().unwrap();
    let anonymous = server.anonymous();
    assert_eq!(anonymous.send(anonymous.request(Method::HEAD, link)).await.header("content-length"), "300000");
});

on_both!(nothing_uploaded_can_run_as_the_site, |server| async move {
    let alice = server.user("alice").await;
    let html = b"<!DOCTYPE html><html><script>alert(1)</script></html>";
    let (mp3, gif) = (
        [b"ID3\x04\0\0\0\0\0\0".to_vec(), vec![0; 64]].concat(),
        [b"GIF89a\x01\0\x01\0\0\0\0".to_vec(), html.to_vec()].concat(),
    );
    let polyglot = [jpeg(1, 200), html.to_vec()].concat();
    let cases: [(&str, &str, &[u8], &str, bool); 11] = [
        ("a photo", "a.jpg", &jpeg(1, 100), "image/jpeg", true),
        ("a picture", "a.png", &png(1), "image/png", true),
        ("a song", "a.mp3", &mp3, "audio/mpeg", true),
        ("text", "a.txt", b"words\n", "text/plain; charset=utf-8", true),
        ("an animation with markup", "a.html", &gif, "image/gif", true),
        ("a photo with markup", "a.html", &polyglot, "image/jpeg", true),
        ("a page", "a.jpg", html, "application/octet-stream", false),
        (
            "a drawing",
            "a.svg",
            b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>",
            "application/octet-stream",
            false,
        ),
        ("a PDF", "a.pdf", b"%PDF-1.7\n1 0 obj\n", "application/octet-stream", false),
        ("an XML file", "a.xml", b"<?xml version='1.0'?><x/>", "application/octet-stream", false),
        ("bytes", "a.jpg", &noise(5, 100), "application/octet-stream", false),
    ];
    for (name, filename, bytes, kind, inline) in cases {
        let item = alice.try_upload("", filename, bytes, &[]).await.expect(201);
        let link = item["urls"]["content"].as_str().unwrap();
        let anonymous = server.anonymous();
        let answers = [
            ("whole", ask(&alice, &item, &[]).await, inline),
            ("range", ask(&alice, &item, &[("range", "bytes=0-3")]).await, inline),
            ("download", alice.get(&format!("{}/content?download=1", path_of(&item))).await, false),
            ("link", anonymous.get(link).await, inline),
            ("link as download", anonymous.get(&format!("{link}&download=true")).await, false),
            ("head", alice.send(alice.request(Method::HEAD, &format!("{}/content", path_of(&item)))).await, inline),
        ];
        for (way, answer, inline) in answers {
            let disposition = answer.header("content-disposition");
            assert_eq!(answer.header("content-type"), kind, "{name}, {way}");
            assert!(
                disposition.starts_with(if inline { "inline; filename=" } else { "attachment; filename=" }),
                "{name}, {way}: {disposition}"
            );
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{name}, {way}");
            let policy = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src 'self'; frame-ancestors 'none'";
            assert_eq!(answer.header("content-security-policy"), policy, "{name}, {way}");
            assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{name}, {way}");
            assert_eq!(answer.header("referrer-policy"), "no-referrer", "{name}, {way}");
            assert!(answer.header("cache-control").starts_with("private, "), "{name}, {way}");
            assert_eq!(answer.header("vary"), "Authorization", "{name}, {way}");
            assert_eq!(answer.header("set-cookie"), "", "{name}, {way}");
        }
    }
    let item = alice.upload("a.jpg", &jpeg(9, 100)).await;
    for bad in ["download=yes", "download=1&download=1", "size=3"] {
        assert_eq!(alice.get(&format!("{}/content?{bad}", path_of(&item))).await.status, 400, "{bad}");
    }
    let put = alice.put(&format!("{}/content", path_of(&item)), json!({})).await;
    assert_eq!((put.status, put.header("allow")), (405, "GET,HEAD"));
});

/// Flips one bit of the one stored file.
fn flip(server: &Server, place: usize) {
    let files = server.stored_files();
    let [file] = files.as_slice() else { panic!("{files:?}") };
    let mut bytes = std::fs::read(file).unwrap();
    bytes[place] ^= 1;
    std::fs::write(file, bytes).unwrap();
}

on_both!(a_wrong_byte_never_comes_out_whole, |server| async move {
    let mut alice = server.user("alice").await;
    // The format: 56 bytes of header, then chunks of 16 KiB and 16 bytes of tag each.
    let sealed = |chunk: usize| 56 + chunk * 16_400;
    for (size, chunk) in [(1_000_000_usize, 30_usize), (1_000_000, 0), (1_000_000, 61), (100_000, 3), (5_000, 0)] {
        let bytes = noise(size as u64 + chunk as u64, size);
        let item = alice.upload("a.bin", &bytes).await;
        flip(&server, sealed(chunk) + 100);
        let path = format!("{}/content", path_of(&item));
        for (way, headers) in
            [("whole", vec![]), ("over the bad chunk", vec![format!("Range: bytes={}-", chunk * 16_384)])]
        {
            let mut socket = Socket::open(&server).await;
            let lines: Vec<&str> = headers.iter().map(String::as_str).collect();
            socket.send(&head(&alice, "GET", &path, &lines)).await;
            if let Some(answer) = socket.answer().await.filter(|answer| answer.status < 300) {
                assert!(!answer.complete, "{way} of {size} with chunk {chunk} bad: all of it came");
                let from = if way == "whole" { 0 } else { chunk * 16_384 };
                let right =
                    answer.body.len() <= bytes.len() - from && answer.body == bytes[from..from + answer.body.len()];
                assert!(
                    right && from + answer.body.len() <= chunk * 16_384,
                    "{way} of {size}: bytes of the bad chunk came"
                );
            }
        }
        // What lies outside of the bad chunk is as good as ever.
        if chunk > 0 {
            let before = ask(&alice, &item, &[("range", &format!("bytes=0-{}", chunk * 16_384 - 1))]).await;
            assert!(before.status == 206 && before.body == bytes[..chunk * 16_384], "before chunk {chunk} of {size}");
        }
        if (chunk + 1) * 16_384 < size {
            let behind = ask(&alice, &item, &[("range", &format!("bytes={}-", (chunk + 1) * 16_384))]).await;
            assert!(
                behind.status == 206 && behind.body == bytes[(chunk + 1) * 16_384..],
                "behind chunk {chunk} of {size}"
            );
        }
        let report = server.app().check(Depth::Full).await.unwrap();
        assert_eq!(report.problems.len(), 1, "{report:?}");
        assert!(report.problems[0].contains("blob_"), "{report:?}");
        flip(&server, sealed(chunk) + 100);
        sound(&server).await;
        assert!(alice.get(&path).await.body == bytes);
        alice.delete(&format!("{}?permanent=true", path_of(&item))).await.expect(204);
        server.clock().advance(Duration::from_secs(16 * 60));
        alice.log_in(mv_testkit::client::PASSWORD).await;
        server.app().run_scheduled(mv_app::jobs::schedule::Work::DeadBlobs).await.unwrap();
    }
});

on_both!(a_shortened_or_missing_file_never_comes_out_whole, |server| async move {
    let alice = server.user("alice").await;
    let bytes = noise(1, 500_000);
    let item = alice.upload("a.bin", &bytes).await;
    let file = server.stored_files().remove(0);
    let sealed = std::fs::read(&file).unwrap();
    for (name, length) in [
        ("the last byte", sealed.len() - 1),
        ("the last chunk", 56 + 16_400 * 30),
        ("half", sealed.len() / 2),
        ("all", 0),
    ] {
        std::fs::write(&file, &sealed[..length]).unwrap();
        let mut socket = Socket::open(&server).await;
        socket.send(&head(&alice, "GET", &format!("{}/content", path_of(&item)), &[])).await;
        if let Some(answer) = socket.answer().await.filter(|answer| answer.status < 300) {
            assert!(!answer.complete, "{name} is missing, and all of it came");
        }
        assert_eq!(server.app().check(Depth::Quick).await.unwrap().problems.len(), 1, "{name}");
    }
    std::fs::remove_file(&file).unwrap();
    let answer = alice.get(&format!("{}/content", path_of(&item))).await;
    assert!(answer.status >= 500, "{}", answer.status);
    assert_eq!(server.app().check(Depth::Quick).await.unwrap().problems.len(), 1, "the file");
    std::fs::write(&file, &sealed).unwrap();
    assert!(alice.get(&format!("{}/content", path_of(&item))).await.body == bytes, "what was put back is good again");
    sound(&server).await;
});
