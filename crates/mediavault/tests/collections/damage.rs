//! The check: every kind of damage is named, and nothing else is.

use std::path::PathBuf;

use mv_app::ops::check::{Depth, Report};
use mv_core::{BlobId, SegmentId};
use mv_store::{Value as Bound, sql};

use super::*;

/// Where an item's bytes lie: its blob and its file.
async fn file_of(server: &Server, item: &str) -> (BlobId, PathBuf) {
    let id: MediaId = item.parse().unwrap();
    let text = "SELECT m.blob_id, s.id FROM media m JOIN segments s ON s.blob_id = m.blob_id WHERE m.id = $1";
    let found: (BlobId, SegmentId) = server.store().read(move |db| db.one(sql(text).bind(id))).await.unwrap();
    let name = found.1.uuid().simple().to_string();
    (found.0, server.data_dir().join("blobs").join(&name[30..]).join(name))
}

async fn check(server: &Server, depth: Depth) -> Report {
    server.app().check(depth).await.unwrap()
}

/// Exactly one problem is found, and it says all this.
#[track_caller]
fn names(report: &Report, words: &[&str], what: &str) {
    assert_eq!(report.problems.len(), 1, "{what}: {:#?}", report.problems);
    for word in words {
        assert!(report.problems[0].contains(word), "{what}: no {word} in {:?}", report.problems[0]);
    }
}

on_both!(damaged_files_are_named, |server| async move {
    let alice = server.user("alice").await;
    let mut ids = items(&alice, 3).await;
    // Larger than one encrypted chunk.
    ids.push(id_of(&alice.upload("large.bin", &files::noise(77, 200_000)).await));
    let sound = check(&server, Depth::Full).await;
    assert_eq!((sound.blobs, sound.orphans, sound.problems.len()), (4, 0, 0), "{:?}", sound.problems);
    assert_eq!(sound.bytes, 200_000 + 3 * 32);

    for (place, item) in ids.iter().enumerate() {
        let (blob, path) = file_of(&server, item).await;
        let whole = std::fs::read(&path).unwrap();
        let name = blob.to_string();
        std::fs::remove_file(&path).unwrap();
        for depth in [Depth::Quick, Depth::Full] {
            names(&check(&server, depth).await, &[&name, "missing"], "a missing file");
        }
        let mut altered = whole.clone();
        altered.pop();
        for (what, bytes) in [
            ("a truncated file", &altered[..]),
            ("an empty file", &[]),
            ("a longer file", &[&whole[..], b"x"].concat()),
        ] {
            std::fs::write(&path, bytes).unwrap();
            names(
                &check(&server, Depth::Quick).await,
                &[&name, &bytes.len().to_string(), &whole.len().to_string()],
                what,
            );
        }
        for at in [0, 8, whole.len() / 2, whole.len() - 17, whole.len() - 1] {
            let mut altered = whole.clone();
            altered[at] ^= 0x10;
            std::fs::write(&path, altered).unwrap();
            assert_eq!(check(&server, Depth::Quick).await.problems.len(), 0, "a quick check reads no bytes");
            names(
                &check(&server, Depth::Full).await,
                &[&name],
                &format!("item {place}: a flipped bit at {at} of {}", whole.len()),
            );
            let served = alice.request(reqwest::Method::GET, &format!("/media/{item}/content")).send().await;
            let got = match served {
                Ok(answer) if answer.status() == 200 => answer.bytes().await.ok(),
                _ => None,
            };
            assert_eq!(got, None, "item {place}: wrong bytes are never served whole");
        }
        std::fs::write(&path, whole).unwrap();
    }
    must_be_sound(&server, "with everything back").await;

    let ((one, first), (two, second)) = (file_of(&server, &ids[0]).await, file_of(&server, &ids[1]).await);
    let aside = server.data_dir().join("aside");
    let swap = || {
        std::fs::rename(&first, &aside).unwrap();
        std::fs::rename(&second, &first).unwrap();
        std::fs::rename(&aside, &second).unwrap();
    };
    swap();
    let report = check(&server, Depth::Full).await;
    assert_eq!(report.problems.len(), 2, "swapped files: {:?}", report.problems);
    for blob in [one, two] {
        assert!(report.problems.iter().any(|problem| problem.contains(&blob.to_string())), "{:?}", report.problems);
    }
    swap();
    let stray = first.with_file_name(format!(
        "{}{}",
        &"01900000000070008000000000000000"[..30],
        &first.file_name().unwrap().to_str().unwrap()[30..]
    ));
    std::fs::write(stray, b"x").unwrap();
    let report = check(&server, Depth::Full).await;
    assert_eq!((report.orphans, report.problems.len()), (1, 0), "a stray file is no problem, only counted");
});

/// Changes a row, wants the problem named, and changes it back.
async fn spoil(server: &Server, what: &str, change: (&'static str, &'static str), id: Bound, words: &[&str]) {
    let turn = async |text: &'static str| {
        let id = id.clone();
        let changed = server.store().write(move |tx| tx.changed(sql(text).bind(id.clone()))).await.unwrap();
        assert!(changed >= 1, "{what}: {text}");
    };
    turn(change.0).await;
    let report = check(server, Depth::Full).await;
    turn(change.1).await;
    assert!(!report.problems.is_empty(), "{what} is not found");
    for word in words {
        assert!(
            report.problems.iter().any(|problem| problem.contains(word)),
            "{what}: no {word} in {:#?}",
            report.problems
        );
    }
}

on_both!(wrong_rows_are_named, |server| async move {
    let alice = server.user("alice").await;
    let mut ids = Vec::new();
    for number in 0..4_u64 {
        let fields = [("tags", "lake"), ("tags", "sun")];
        ids.push(id_of(&alice.try_upload("", "a.jpg", &files::jpeg(number + 1, 300), &fields).await.expect(201)));
    }
    alice.patch(&format!("/media/{}", ids[0]), json!({ "favorite": true })).await.expect(200);
    let id = filled(&alice, &ids).await;
    alice.delete(&format!("/media/{}", ids[3])).await.expect(204);
    must_be_sound(&server, "before any change").await;
    let (blob, _) = file_of(&server, &ids[0]).await;
    let blob_id = blob.to_string();
    let owner: mv_core::UserId = alice.id.parse().unwrap();
    let collection: CollectionId = id.parse().unwrap();
    let first: MediaId = ids[0].parse().unwrap();
    let last: MediaId = ids[3].parse().unwrap();
    macro_rules! set {
        ($table:literal, $wrong:literal, $right:literal, $where:literal) => {
            (
                concat!("UPDATE ", $table, " SET ", $wrong, " WHERE ", $where),
                concat!("UPDATE ", $table, " SET ", $right, " WHERE ", $where),
            )
        };
    }
    let cases = [
        (
            "too many references",
            set!("blobs", "refs = refs + 1", "refs = refs - 1", "id = $1"),
            blob.into(),
            vec![blob_id.as_str()],
        ),
        (
            "too few references",
            set!("blobs", "refs = refs - 1", "refs = refs + 1", "id = $1"),
            blob.into(),
            vec![&blob_id],
        ),
        ("another size", set!("blobs", "size = size + 1", "size = size - 1", "id = $1"), blob.into(), vec![&blob_id]),
        (
            "another CRC",
            set!("blobs", "crc32 = crc32 + 1", "crc32 = crc32 - 1", "id = $1"),
            blob.into(),
            vec![&blob_id, "checksum"],
        ),
        (
            "a segment's length",
            set!("segments", "sealed_len = sealed_len + 1", "sealed_len = sealed_len - 1", "blob_id = $1"),
            blob.into(),
            vec![&blob_id],
        ),
        (
            "a segment's plain length",
            set!("segments", "plain_len = plain_len + 1", "plain_len = plain_len - 1", "blob_id = $1"),
            blob.into(),
            vec![&blob_id],
        ),
        (
            "kept items",
            set!("usage", "items = items + 1", "items = items - 1", "owner_id = $1"),
            owner.into(),
            vec![&alice.id, ": items"],
        ),
        (
            "kept bytes",
            set!("usage", "bytes = bytes + 1", "bytes = bytes - 1", "owner_id = $1"),
            owner.into(),
            vec![&alice.id, ": bytes"],
        ),
        (
            "kept trash",
            set!("usage", "trash_items = 2", "trash_items = 1", "owner_id = $1"),
            owner.into(),
            vec![&alice.id, "trash_items"],
        ),
        (
            "kept trash bytes",
            set!("usage", "trash_bytes = 299", "trash_bytes = 300", "owner_id = $1"),
            owner.into(),
            vec!["trash_bytes"],
        ),
        (
            "a run",
            set!("media_runs", "items = items + 1", "items = items - 1", "owner_id = $1"),
            owner.into(),
            vec![&alice.id, "runs"],
        ),
        (
            "a tag's number",
            set!("media_facets", "items = items + 1", "items = items - 1", "owner_id = $1 AND facet = 'tag:lake'"),
            owner.into(),
            vec!["tag:lake"],
        ),
        (
            "two tags' numbers",
            set!(
                "media_facets",
                "items = CASE facet WHEN 'tag:lake' THEN 2 ELSE 4 END",
                "items = 3",
                "owner_id = $1 AND facet LIKE 'tag:%'"
            ),
            owner.into(),
            vec!["tag:lake", "tag:sun"],
        ),
        (
            "a kind's number",
            set!("media_facets", "items = items + 1", "items = items - 1", "owner_id = $1 AND facet = 'type:image'"),
            owner.into(),
            vec!["type:image"],
        ),
        (
            "a type's number",
            set!("media_facets", "items = items + 1", "items = items - 1", "owner_id = $1 AND facet LIKE 'mime:%'"),
            owner.into(),
            vec!["mime:image/jpeg"],
        ),
        (
            "the favourites' number",
            set!("media_facets", "items = 0", "items = 1", "owner_id = $1 AND facet = 'favorite'"),
            owner.into(),
            vec!["favorite"],
        ),
        (
            "a counter of nothing",
            set!(
                "media_facets",
                "facet = 'tag:moon'",
                "facet = 'tag:sun'",
                "owner_id = $1 AND facet IN ('tag:moon', 'tag:sun')"
            ),
            owner.into(),
            vec!["tag:moon", "tag:sun"],
        ),
        (
            "a collection's count",
            set!("collections", "media_count = 4", "media_count = 3", "id = $1"),
            collection.into(),
            vec![&id],
        ),
        (
            "a hidden item that is not in the trash",
            set!("collection_media", "hidden = TRUE", "hidden = FALSE", "media_id = $1"),
            first.into(),
            vec![&id],
        ),
        (
            "an item in the trash that is seen",
            set!("collection_media", "hidden = FALSE", "hidden = TRUE", "media_id = $1"),
            last.into(),
            vec![&id],
        ),
        (
            "a tag's row in the trash",
            set!("media_tags", "trashed = TRUE", "trashed = FALSE", "media_id = $1"),
            first.into(),
            vec!["tag"],
        ),
    ];
    for (what, change, bound, words) in cases {
        spoil(&server, what, change, bound, &words).await;
    }
    must_be_sound(&server, "with everything as it was").await;

    // The two mistakes that hide each other: an item seen in the trash, and a count that agrees with it.
    let both = async |hidden: bool, count: i64| {
        let update = move |tx: &mv_store::Tx| {
            tx.changed(sql("UPDATE collection_media SET hidden = $2 WHERE media_id = $1").bind(last).bind(hidden))?;
            tx.changed(sql("UPDATE collections SET media_count = $2 WHERE id = $1").bind(collection).bind(count))
        };
        server.store().write(update).await.unwrap();
    };
    both(false, 4).await;
    names(&check(&server, Depth::Quick).await, &[&id], "an item in the trash that is seen and counted");
    both(true, 3).await;

    let text = "UPDATE blobs SET manifest_mac = (SELECT b.manifest_mac FROM blobs b WHERE b.id <> $1 ORDER BY b.id LIMIT 1) WHERE id = $1";
    server.store().write(move |tx| tx.changed(sql(text).bind(blob))).await.unwrap();
    names(&check(&server, Depth::Full).await, &[&blob_id], "another blob's manifest");
});
