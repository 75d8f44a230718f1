//! The timetable: what goes when, and what stays.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use mv_app::jobs::schedule::Work;
use mv_store::sql;
use mv_testkit::client::PASSWORD;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

async fn run(server: &Server, work: Work) {
    server.app().run_scheduled(work).await.unwrap_or_else(|error| panic!("{work:?}: {}", mv_app::chain(&error)));
}

/// Lets time pass, and logs in anew where the token has expired by then.
async fn wait(actor: &mut Actor, span: Duration) {
    actor.server.clock().advance(span);
    if span >= HOUR {
        actor.log_in(PASSWORD).await;
    }
}

/// The one number that a statement gives.
async fn rows(server: &Server, statement: &'static str) -> i64 {
    server.store().read(move |db| db.one::<i64>(sql(statement))).await.unwrap()
}

on_both!(bytes_go_a_quarter_of_an_hour_after_their_last_item, |server| async move {
    let alice = server.user("alice").await;
    let (shared, own) = (files::noise(1, 900), files::noise(2, 900));
    let first = id_of(&alice.upload("a.bin", &shared).await);
    let second = id_of(&alice.upload("b.bin", &shared).await);
    let third = id_of(&alice.upload("c.bin", &own).await);
    assert_eq!(server.stored_files().len(), 2, "the same bytes lie there once");
    for id in [&first, &third] {
        alice.delete(&format!("/media/{id}?permanent=true")).await.expect(204);
    }
    run(&server, Work::DeadBlobs).await;
    assert_eq!(server.stored_files().len(), 2, "a reader may still be at it");
    server.clock().advance(14 * MINUTE);
    run(&server, Work::DeadBlobs).await;
    assert_eq!(server.stored_files().len(), 2, "14 minutes are not 15");
    server.clock().advance(2 * MINUTE);
    run(&server, Work::DeadBlobs).await;
    assert_eq!(server.stored_files().len(), 1);
    assert_eq!(alice.get(&format!("/media/{second}/content")).await.body, shared, "another item stands on it");
    assert_eq!(rows(&server, "SELECT count(*) FROM segments").await, 1, "the wrapped keys go too");
    run(&server, Work::DeadBlobs).await;
    must_be_sound(&server, "after bytes went").await;

    alice.delete(&format!("/media/{second}?permanent=true")).await.expect(204);
    server.clock().advance(10 * MINUTE);
    let back = id_of(&alice.upload("d.bin", &shared).await);
    server.clock().advance(10 * MINUTE);
    run(&server, Work::DeadBlobs).await;
    assert_eq!(alice.get(&format!("/media/{back}/content")).await.body, shared, "the bytes came back in time");
    must_be_sound(&server, "after bytes came back").await;
});

on_both!(the_trash_empties_itself_after_thirty_days, |server| async move {
    let mut alice = server.user("alice").await;
    let ids = items(&alice, 3).await;
    let id = filled(&alice, &ids).await;
    alice.delete(&format!("/media/{}", ids[0])).await.expect(204);
    wait(&mut alice, 29 * DAY).await;
    alice.delete(&format!("/media/{}", ids[1])).await.expect(204);
    run(&server, Work::Expired).await;
    assert_eq!(alice.get("/media?trashed=true").await.meta()["pagination"]["total"], json!(2), "29 days are not 30");
    wait(&mut alice, DAY + MINUTE).await;
    run(&server, Work::Expired).await;
    alice.get(&format!("/media/{}", ids[0])).await.error_on(404, "not_found", &[]);
    assert_eq!(ids_in(&alice.get("/media?trashed=true").await.expect(200)), ids[1..2]);
    let told = server.events().await.pop().unwrap();
    assert_eq!(
        (told.0.as_str(), told.1.as_str(), &told.2["permanent"]),
        ("media.deleted", ids[0].as_str(), &json!(true))
    );
    assert_eq!(shown(&alice, &id).await["media_count"], json!(1));
    alice.post_empty(&format!("/media/{}/restore", ids[1])).await.expect(200);
    wait(&mut alice, 31 * DAY).await;
    run(&server, Work::Expired).await;
    assert_eq!(contents(&alice, &id).await, ids[1..], "what was restored stays");
    run(&server, Work::DeadBlobs).await;
    assert_eq!(server.stored_files().len(), 2);
    must_be_sound(&server, "after the trash emptied itself").await;
});

on_both!(the_trash_keeps_as_long_as_the_operator_says, Options::with("trash.retention_days", 2), |server| async move {
    let mut alice = server.user("alice").await;
    let ids = items(&alice, 120).await;
    for id in &ids {
        alice.delete(&format!("/media/{id}")).await.expect(204);
    }
    wait(&mut alice, 2 * DAY - HOUR).await;
    run(&server, Work::Expired).await;
    assert_eq!(alice.get("/media?trashed=true").await.meta()["pagination"]["total"], json!(120));
    wait(&mut alice, HOUR + MINUTE).await;
    run(&server, Work::Expired).await;
    assert_eq!(alice.get("/media?trashed=true").await.meta()["pagination"]["total"], json!(0), "more than one batch");
    wait(&mut alice, HOUR).await;
    run(&server, Work::DeadBlobs).await;
    assert_eq!(server.stored_files().len(), 0, "more than one batch of files");
    must_be_sound(&server, "after batches").await;
});

on_both!(what_has_expired_is_forgotten, Options::with("trash.tombstone_days", 40), |server| async move {
    let mut alice = server.user("alice").await;
    let bytes = files::noise(5, 100);
    let kept = alice.upload_raw("", bytes.clone(), &[("idempotency-key", "k1")]).await.expect(201);
    alice.delete(&format!("/media/{}?permanent=true", id_of(&kept))).await.expect(204);
    let asked = json!({ "checksums": [files::checksum(&bytes)] });
    assert_eq!(alice.post("/media/check", asked.clone()).await.expect(200)[0]["state"], json!("deleted"));
    wait(&mut alice, 23 * HOUR).await;
    run(&server, Work::Expired).await;
    assert_eq!(rows(&server, "SELECT count(*) FROM idempotency").await, 1, "a day is 24 hours");
    let replayed = alice.upload_raw("", bytes.clone(), &[("idempotency-key", "k1")]).await.expect(201);
    assert_eq!(id_of(&replayed), id_of(&kept));
    wait(&mut alice, 2 * HOUR).await;
    run(&server, Work::Expired).await;
    assert_eq!(rows(&server, "SELECT count(*) FROM idempotency").await, 0);
    assert_eq!(rows(&server, "SELECT count(*) FROM sessions").await, 3, "three logins within a month");
    wait(&mut alice, 30 * DAY).await;
    run(&server, Work::Expired).await;
    assert_eq!(rows(&server, "SELECT count(*) FROM sessions").await, 1, "only the newest login is left");
    assert_eq!(
        alice.post("/media/check", asked.clone()).await.expect(200)[0]["state"],
        json!("deleted"),
        "31 days are not 40"
    );
    wait(&mut alice, 10 * DAY).await;
    run(&server, Work::Expired).await;
    assert_eq!(alice.post("/media/check", asked).await.expect(200)[0]["state"], json!("unknown"));
});

/// Puts a file without a row into a shard, as if it had been written so long ago.
fn stray(server: &Server, number: u128, age: Duration) -> PathBuf {
    let name = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + number).simple().to_string();
    let path = server.data_dir().join("blobs").join(&name[30..]).join(&name);
    std::fs::write(&path, b"nobody's").unwrap();
    #[expect(clippy::disallowed_methods, reason = "the file system has its own clock")]
    let modified = SystemTime::now() - age;
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    path
}

fn in_quarantine(server: &Server) -> usize {
    server.stored_files().iter().filter(|path| path.starts_with(server.data_dir().join("quarantine"))).count()
}

fn is_there(path: &Path) -> bool {
    path.try_exists().unwrap()
}

on_both!(files_without_a_row_are_put_aside_and_go_a_week_later, |server| async move {
    let mut alice = server.user("alice").await;
    let ids = items(&alice, 3).await;
    let (young, old) = (stray(&server, 1, 23 * HOUR), stray(&server, 2, 25 * HOUR));
    let foreign = old.with_file_name("README");
    std::fs::write(&foreign, b"not ours").unwrap();
    let report = server.app().check(mv_app::ops::check::Depth::Quick).await.unwrap();
    assert_eq!((report.orphans, report.problems.len()), (2, 0));
    run(&server, Work::Orphans).await;
    assert_eq!((is_there(&young), is_there(&old), in_quarantine(&server)), (true, false, 1));
    wait(&mut alice, 2 * HOUR).await;
    run(&server, Work::Orphans).await;
    assert_eq!((is_there(&young), in_quarantine(&server)), (false, 2), "a day old by now");
    wait(&mut alice, 7 * DAY - 3 * HOUR).await;
    run(&server, Work::Orphans).await;
    assert_eq!(in_quarantine(&server), 2, "not a week yet");
    wait(&mut alice, 2 * HOUR).await;
    run(&server, Work::Orphans).await;
    assert_eq!(in_quarantine(&server), 1, "the first a week ago");
    wait(&mut alice, 2 * HOUR).await;
    run(&server, Work::Orphans).await;
    assert_eq!(in_quarantine(&server), 0);
    assert!(is_there(&foreign), "what is not the vault's is left alone");
    for id in &ids {
        assert_eq!(alice.get(&format!("/media/{id}/content")).await.status, 200, "files with rows stay, however old");
    }
    must_be_sound(&server, "after sweeps").await;
});

on_both!(a_file_whose_row_comes_back_does_too, |server| async move {
    let mut alice = server.user("alice").await;
    let id: MediaId = item(&alice, 1).await.parse().unwrap();
    let segment: mv_core::SegmentId = server.store().read(|db| db.one(sql("SELECT id FROM segments"))).await.unwrap();
    let other = mv_core::SegmentId::from_uuid(Uuid::from_u128(5));
    let rename = async |from: mv_core::SegmentId, to: mv_core::SegmentId| {
        let text = "UPDATE segments SET id = $2 WHERE id = $1";
        assert_eq!(server.store().write(move |tx| tx.changed(sql(text).bind(from).bind(to))).await.unwrap(), 1);
    };
    rename(segment, other).await;
    wait(&mut alice, 25 * HOUR).await;
    run(&server, Work::Orphans).await;
    assert_eq!((server.stored_files().len(), in_quarantine(&server)), (1, 1));
    rename(other, segment).await;
    wait(&mut alice, 8 * DAY).await;
    run(&server, Work::Orphans).await;
    assert_eq!((server.stored_files().len(), in_quarantine(&server)), (1, 0));
    assert_eq!(alice.get(&format!("/media/{id}/content")).await.body, files::noise(2, 32));
});

on_both!(a_sweep_is_refused_where_too_much_looks_unknown, |server| async move {
    let alice = server.user("alice").await;
    items(&alice, 2).await;
    let strays: Vec<PathBuf> = (0..101).map(|number| stray(&server, number, 2 * DAY)).collect();
    let refused = server.app().run_scheduled(Work::Orphans).await.unwrap_err();
    assert!(mv_app::chain(&refused).contains("101"), "{}", mv_app::chain(&refused));
    assert!(strays.iter().all(|path| is_there(path)) && in_quarantine(&server) == 0, "nothing was moved");
    std::fs::remove_file(&strays[0]).unwrap();
    run(&server, Work::Orphans).await;
    assert_eq!(in_quarantine(&server), 100, "a hundred may always go");
    must_be_sound(&server, "after a large sweep").await;
});
