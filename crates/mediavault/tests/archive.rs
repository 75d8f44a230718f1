//! A collection as a zip through HTTP, on both databases.
//! Promise: every zip is read to its end and each of its CRCs is counted anew; a zip that lacks anything never ends well.
//! Not here: what other people's readers make of the format (`crates/core/tests/zip.rs`).
#![expect(clippy::unwrap_used, reason = "tests stop at once when anything is not as it must be")]

use std::path::PathBuf;

use futures_util::StreamExt;
use mv_core::{CollectionId, MediaId, SegmentId};
use mv_store::{Tx, sql};
use mv_testkit::files::{jpeg, noise};
use mv_testkit::{Actor, Answer, Server, on_both};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

fn id_of(object: &Value) -> String {
    object["id"].as_str().unwrap().to_owned()
}

/// Makes a collection with these items in it.
async fn filled(actor: &Actor, name: &str, ids: &[String]) -> String {
    let id = id_of(&actor.post("/collections", json!({ "name": name })).await.expect(201));
    if !ids.is_empty() {
        actor.post(&format!("/collections/{id}/media"), json!({ "media_ids": ids })).await.expect(200);
    }
    id
}

fn path_of(collection: &str) -> String {
    format!("/collections/{collection}/archive")
}

async fn archive(actor: &Actor, collection: &str) -> Answer {
    let answer = actor.get(&path_of(collection)).await;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    assert_eq!(answer.header("content-length"), answer.body.len().to_string(), "the length was told beforehand");
    answer
}

/// Sends a request with these headers.
async fn with(actor: &Actor, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = actor.request(method, path);
    actor.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

/// What comes of a download that may be cut: its bytes and whether it ended well.
async fn download(actor: &Actor, collection: &str) -> (Vec<u8>, bool) {
    // Where the first file cannot be opened, the head may not have left when the connection is cut.
    let Ok(answer) = actor.request(Method::GET, &path_of(collection)).send().await else {
        return (Vec::new(), false);
    };
    assert_eq!(answer.status(), 200);
    let mut stream = answer.bytes_stream();
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await {
        match piece {
            Ok(piece) => bytes.extend_from_slice(&piece),
            Err(_) => return (bytes, false),
        }
    }
    (bytes, true)
}

fn number(bytes: &[u8], at: usize, len: usize) -> usize {
    bytes[at..at + len].iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// CRC-32 as zlib has it, bit by bit.
fn crc32(bytes: &[u8]) -> usize {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    };
    (bytes.iter().fold(u32::MAX, step) ^ u32::MAX) as usize
}

/// A file in a zip.
#[derive(Debug, PartialEq, Eq)]
struct Unpacked {
    name: String,
    bytes: Vec<u8>,
    modified: i64,
}

/// Reads a zip by its central directory, and checks that nothing else is in it.
fn unpack(zip: &[u8]) -> Vec<Unpacked> {
    let end = zip.len() - 22;
    assert_eq!(&zip[end..end + 4], b"PK\x05\x06");
    let (count, directory) = (number(zip, end + 10, 2), number(zip, end + 16, 4));
    assert_eq!(directory + number(zip, end + 12, 4), end, "the directory ends where the end begins");
    let (mut at, mut content, mut files) = (directory, 0, Vec::new());
    for _ in 0..count {
        assert_eq!(&zip[at..at + 4], b"PK\x01\x02");
        let (crc, size) = (number(zip, at + 16, 4), number(zip, at + 24, 4));
        let (name, extra) = (number(zip, at + 28, 2), number(zip, at + 30, 2));
        assert_eq!(number(zip, at + 42, 4), content, "each file begins where the one before ends");
        let header = &zip[at + 46..at + 46 + name + extra];
        let local = &zip[content..content + 30 + name + extra];
        assert_eq!((&local[..4], &local[30..]), (&b"PK\x03\x04"[..], header));
        assert_eq!((number(local, 14, 4), number(local, 22, 4)), (crc, size), "complete local headers");
        let bytes = zip[content + local.len()..][..size].to_vec();
        assert_eq!(crc32(&bytes), crc, "{:?}", String::from_utf8_lossy(&header[..name]));
        assert_eq!(&header[name..name + 5], b"UT\x05\0\x01");
        let modified = i64::from(i32::from_le_bytes(header[name + 5..].try_into().unwrap()));
        files.push(Unpacked { name: String::from_utf8(header[..name].to_vec()).unwrap(), bytes, modified });
        content += local.len() + size;
        at += 46 + name + extra;
    }
    assert_eq!((content, at), (directory, end), "nothing between the files");
    files
}

on_both!(all_originals_in_their_order, |server| async move {
    let alice = server.user("alice").await;
    let names = ["b.jpg", "写真.jpg", "B.JPG", "nothing", "CON", "large.bin", "b.jpg", "a:b?.txt"];
    let expected = ["b.jpg", "写真.jpg", "B (2).JPG", "nothing", "_CON", "large.bin", "b (3).jpg", "a_b_.txt"];
    let mut files = Vec::new();
    for (seed, name) in (1..).zip(names) {
        let bytes = match name {
            "nothing" => Vec::new(),
            "large.bin" => noise(seed, 1_500_000),
            _ => jpeg(seed, 500 + 300 * usize::try_from(seed).unwrap()),
        };
        files.push((id_of(&alice.upload(name, &bytes).await), bytes));
    }
    let taken = json!({ "taken_at": "2001-02-03T04:05:07Z" });
    alice.patch(&format!("/media/{}", files[1].0), taken).await.expect(200);
    let mut ids: Vec<String> = files.iter().map(|(id, _)| id.clone()).collect();
    let collection = filled(&alice, "Été \"2024\"/näher: ..", &ids).await;

    let answer = archive(&alice, &collection).await;
    let unpacked = unpack(&answer.body);
    assert_eq!(unpacked.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), expected);
    for (file, (_, bytes)) in unpacked.iter().zip(&files) {
        assert_eq!(&file.bytes, bytes, "{}", file.name);
    }
    assert_eq!(unpacked[1].modified, 981_173_107, "when it was taken");
    assert!(unpacked[0].modified > 1_500_000_000, "when it was uploaded");
    let name =
        "attachment; filename=\"_t_ _2024__n_her_.zip\"; filename*=UTF-8''%C3%89t%C3%A9%20_2024__n%C3%A4her_.zip";
    for (header, value) in [
        ("content-type", "application/zip"),
        ("content-disposition", name),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "sandbox; default-src 'none'; frame-ancestors 'none'"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", "private, no-cache"),
        ("accept-ranges", "bytes"),
    ] {
        assert_eq!(answer.header(header), value, "{header}");
    }

    ids.reverse();
    alice.put(&format!("/collections/{collection}/order"), json!({ "media_ids": ids })).await.expect(204);
    let unpacked = unpack(&archive(&alice, &collection).await.body);
    let found: Vec<_> = unpacked.iter().map(|file| (file.name.as_str(), file.bytes.len())).collect();
    assert_eq!(found[0], ("a_b_.txt", files[7].1.len()), "the order is the collection's");
    assert_eq!(found[1], ("b.jpg", files[6].1.len()), "the first of a name keeps it");
});

on_both!(only_what_is_seen_in_the_collection, |server| async move {
    let alice = server.user("alice").await;
    let none = archive(&alice, &filled(&alice, "Nothing yet", &[]).await).await;
    assert_eq!(none.body.as_ref(), b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");

    let mut ids = Vec::new();
    for seed in 1..=4 {
        ids.push(id_of(&alice.upload(&format!("{seed}.bin"), &noise(seed, 50)).await));
    }
    let collection = filled(&alice, "Some", &ids[..3]).await;
    let names = |answer: Answer| unpack(&answer.body).into_iter().map(|file| file.name).collect::<Vec<_>>();
    assert_eq!(names(archive(&alice, &collection).await), ["1.bin", "2.bin", "3.bin"]);
    alice.delete(&format!("/media/{}", ids[1])).await.expect(204);
    assert_eq!(names(archive(&alice, &collection).await), ["1.bin", "3.bin"], "one in the trash");
    alice.delete(&format!("/media/{}?permanent=true", ids[0])).await.expect(204);
    assert_eq!(names(archive(&alice, &collection).await), ["3.bin"], "and one deleted");
    alice.post_empty(&format!("/media/{}/restore", ids[1])).await.expect(200);
    assert_eq!(names(archive(&alice, &collection).await), ["2.bin", "3.bin"], "and one back");
});

on_both!(nobody_elses, |server| async move {
    let (alice, bob) = (server.user("alice").await, server.user("bob").await);
    let item = id_of(&alice.upload("a.bin", &noise(1, 50)).await);
    let collection = filled(&alice, "Mine", &[item]).await;
    let path = path_of(&collection);
    let random =
        path_of(&CollectionId::from_uuid(Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001)).to_string());
    bob.get(&path).await.error_on(404, "not_found", &[]);
    bob.get(&random).await.error_on(404, "not_found", &[]);
    assert_eq!(with(&bob, Method::HEAD, &path, &[]).await.status, 404);
    server.anonymous().get(&path).await.error(401, "unauthorized");
    alice.get("/collections/nonsense/archive").await.error_on(400, "validation_error", &["id"]);
    alice.get(&format!("{path}?download=1")).await.error_on(400, "validation_error", &["download"]);
    alice.post_empty(&path).await.error(405, "method_not_allowed");
    archive(&alice, &collection).await;
});

on_both!(goes_on_where_it_broke_off, |server| async move {
    let alice = server.user("alice").await;
    let mut ids = Vec::new();
    for seed in 1..=3 {
        ids.push(id_of(&alice.upload(&format!("{seed}.bin"), &noise(seed, 300_000)).await));
    }
    let collection = filled(&alice, "Parts", &ids[..2]).await;
    let path = path_of(&collection);
    let whole = archive(&alice, &collection).await;
    let (tag, length) = (whole.header("etag").to_owned(), whole.body.len());

    let head = with(&alice, Method::HEAD, &path, &[("range", "bytes=0-1")]).await;
    assert_eq!((head.status, head.header("content-length"), head.header("etag")), (200, &*length.to_string(), &*tag));
    let again = with(&alice, Method::GET, &path, &[("if-none-match", &tag)]).await;
    assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, &*tag));

    for (from, to) in
        [(0, 0), (0, 45), (30, 300_100), (299_000, length - 1), (length - 22, length - 1), (length - 1, length - 1)]
    {
        let range = format!("bytes={from}-{to}");
        for headers in [&[("range", &*range)][..], &[("range", &range), ("if-range", &tag)]] {
            let part = with(&alice, Method::GET, &path, headers).await;
            assert_eq!((part.status, part.body.as_ref()), (206, &whole.body[from..=to]), "{range}");
            assert_eq!(part.header("content-range"), format!("bytes {from}-{to}/{length}"));
            assert_eq!(part.header("content-length"), part.body.len().to_string(), "{range}");
        }
    }
    let behind = with(&alice, Method::GET, &path, &[("range", &format!("bytes={length}-"))]).await;
    behind.error(416, "range_not_satisfiable");
    assert_eq!(behind.header("content-range"), format!("bytes */{length}"));
    for (what, headers) in [
        ("several ranges", &[("range", "bytes=0-1,5-6")][..]),
        ("another tag", &[("range", "bytes=0-1"), ("if-range", "\"x\"")]),
        ("a weak tag", &[("range", "bytes=0-1"), ("if-range", &format!("W/{tag}"))]),
        ("a date", &[("range", "bytes=0-1"), ("if-range", "Sun, 06 Nov 2044 08:49:37 GMT")]),
        ("no bytes", &[("range", "lines=0-1")]),
    ] {
        let answer = with(&alice, Method::GET, &path, headers).await;
        assert_eq!((answer.status, answer.body.as_ref()), (200, whole.body.as_ref()), "{what}");
    }

    // The tag tells every change of the bytes, and no other.
    alice.patch(&format!("/collections/{collection}"), json!({ "description": "new" })).await.expect(200);
    assert_eq!(archive(&alice, &collection).await.header("etag"), tag, "another description");
    let mut tags = vec![tag];
    alice.patch(&format!("/media/{}", ids[0]), json!({ "filename": "renamed.bin" })).await.expect(200);
    tags.push(archive(&alice, &collection).await.header("etag").to_owned());
    let order = json!({ "media_ids": [ids[1], ids[0]] });
    alice.put(&format!("/collections/{collection}/order"), order).await.expect(204);
    tags.push(archive(&alice, &collection).await.header("etag").to_owned());
    alice.post(&format!("/collections/{collection}/media"), json!({ "media_id": ids[2] })).await.expect(200);
    tags.push(archive(&alice, &collection).await.header("etag").to_owned());
    let unlike: std::collections::HashSet<_> = tags.iter().collect();
    assert_eq!(unlike.len(), 4, "{tags:?}");
});

/// Where an item's bytes lie.
async fn file_of(server: &Server, item: &str) -> PathBuf {
    let id: MediaId = item.parse().unwrap();
    let text =
        "SELECT s.id FROM media m JOIN segments s ON s.blob_id = m.blob_id WHERE m.id = $1 ORDER BY s.position LIMIT 1";
    let found: SegmentId = server.store().read(move |db| db.one(sql(text).bind(id))).await.unwrap();
    let name = found.uuid().simple().to_string();
    server.data_dir().join("blobs").join(&name[30..]).join(name)
}

/// Uploads three files and puts them into a collection; gives their bytes, their ids and the collection.
async fn three(actor: &Actor, seed: u64) -> ([Vec<u8>; 3], Vec<String>, String) {
    let files = [noise(seed, 400_000), noise(seed + 1, 400_000), noise(seed + 2, 100)];
    let mut ids = Vec::new();
    for (place, bytes) in files.iter().enumerate() {
        ids.push(id_of(&actor.upload(&format!("{place}.bin"), bytes).await));
    }
    let collection = filled(actor, "Damaged", &ids).await;
    (files, ids, collection)
}

on_both!(damage_cuts_the_download, |server| async move {
    let alice = server.user("alice").await;
    let cases =
        [("the first byte", Some(0)), ("the middle", Some(50)), ("the last byte", Some(100)), ("no file", None)];
    for (place, (what, percent)) in (0..3).flat_map(|place| cases.iter().map(move |case| (place, *case))) {
        let what = format!("file {place}: {what}");
        // Anew each time, for a file that is open is not opened again.
        let (files, ids, collection) = three(&alice, 10_000 * (1 + place as u64) + 10 * percent.unwrap_or(7)).await;
        let path = file_of(&server, &ids[place]).await;
        let sound = std::fs::read(&path).unwrap();
        match percent {
            Some(percent) => {
                let mut altered = sound.clone();
                altered[(sound.len() - 1) * usize::try_from(percent).unwrap() / 100] ^= 1;
                std::fs::write(&path, altered).unwrap();
            }
            None => std::fs::remove_file(&path).unwrap(),
        }
        let (bytes, ended_well) = download(&alice, &collection).await;
        assert!(!ended_well, "{what}: ended well after {} bytes", bytes.len());
        let head = with(&alice, Method::HEAD, &path_of(&collection), &[]).await;
        // The directory lies behind the damage and tells of it no less than before.
        let directory = format!("bytes=-{}", 22 + 3 * (46 + 5 + 9));
        let directory = with(&alice, Method::GET, &path_of(&collection), &[("range", &directory)]).await;
        assert_eq!((directory.status, &directory.body[..4]), (206, &b"PK\x01\x02"[..]), "{what}");

        std::fs::write(&path, sound).unwrap();
        let whole = archive(&alice, &collection).await.body;
        assert_eq!(head.header("content-length"), whole.len().to_string(), "{what}");
        assert!(whole.starts_with(&bytes), "{what}: what came was right");
        let begin = whole.windows(8).position(|window| window == &files[place][..8]).unwrap();
        assert!(bytes.len() < begin + files[place].len(), "{what}: {} bytes came", bytes.len());
        assert!(bytes.len() >= begin.saturating_sub(50), "{what}: {} bytes came, {begin} are good", bytes.len());
    }
});

on_both!(a_deletion_meanwhile_cuts_the_download, |server| async move {
    let alice = server.user("alice").await;
    // More than the sockets on the way hold, so that the second file's turn has not come.
    let large = id_of(&alice.upload("large.bin", &noise(1, 16 << 20)).await);
    for (what, query, ends_well) in [("trashed", "", true), ("deleted", "?permanent=true", false)] {
        let small = id_of(&alice.upload("small.bin", &noise(2, 1000)).await);
        let collection = filled(&alice, "Racing", &[large.clone(), small.clone()]).await;
        let answer = alice.request(Method::GET, &path_of(&collection)).send().await.unwrap();
        let length = answer.content_length().unwrap();
        let mut stream = answer.bytes_stream();
        let mut got = stream.next().await.unwrap().unwrap().len() as u64;
        alice.delete(&format!("/media/{small}{query}")).await.expect(204);
        let mut cut = false;
        while let Some(piece) = stream.next().await {
            match piece {
                Ok(piece) => got += piece.len() as u64,
                Err(_) => cut = true,
            }
        }
        assert_eq!((!cut, got == length), (ends_well, ends_well), "{what}: {got} of {length} bytes");
        assert!(got >= 16 << 20, "{what}: what lies before it came");
    }
});

/// Puts so many copies of an item's row at the end of a collection; they stand on the same bytes.
async fn copies(server: &Server, collection: &str, item: &str, numbers: std::ops::Range<u32>) {
    let (collection, item): (CollectionId, MediaId) = (collection.parse().unwrap(), item.parse().unwrap());
    let columns = "owner_id, blob_id, media_type, mime_type, filename, filename_folded, size, checksum_sealed, title, description, \
                   tags, favorite, rating, taken_at, taken_local, taken_offset, taken_source, taken_sort, latitude, longitude, \
                   altitude, properties, external_id, version, created_at, updated_at, trashed, deleted_at";
    let text: &'static str =
        format!("INSERT INTO media (id, {columns}) SELECT $1, {columns} FROM media WHERE id = $2").leak();
    let insert = move |tx: &Tx, batch: &std::ops::Range<u32>| -> mv_store::Result<()> {
        for number in batch.clone() {
            let id =
                MediaId::from_uuid(Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0002_0000 + u128::from(number)));
            tx.changed(sql(text).bind(id).bind(item))?;
            let add = "INSERT INTO collection_media (collection_id, media_id, position, hidden, added_by, added_at)
                       SELECT $1, $2, $3, FALSE, owner_id, 0 FROM collections WHERE id = $1";
            tx.changed(sql(add).bind(collection).bind(id).bind(i64::from(number) << 20))?;
        }
        Ok(())
    };
    // No transaction may last long.
    for begin in numbers.clone().step_by(500) {
        let batch = begin..numbers.end.min(begin + 500);
        server.store().write(move |tx: &Tx| insert(tx, &batch)).await.unwrap();
    }
}

on_both!(ten_thousand_and_no_more, |server| async move {
    let alice = server.user("alice").await;
    let item = id_of(&alice.upload("same.bin", &noise(1, 20)).await);
    let collection = filled(&alice, "Many", &[]).await;
    copies(&server, &collection, &item, 0..10_000).await;
    let unpacked = unpack(&archive(&alice, &collection).await.body);
    assert_eq!(unpacked.len(), 10_000);
    assert_eq!((unpacked[0].name.as_str(), unpacked[9_999].name.as_str()), ("same.bin", "same (10000).bin"));
    copies(&server, &collection, &item, 10_000..10_001).await;
    let refused = alice.get(&path_of(&collection)).await;
    refused.error_on(409, "conflict", &["id"]);
    assert!(String::from_utf8_lossy(&refused.body).contains("10000"), "the limit is named");
});
