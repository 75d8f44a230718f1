//! The server kills itself at each step of a deletion (reliability: C11 to C13; C14 of an account): what was acknowledged
//! as gone stays gone, and no row is left without its file.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use mv_app::jobs::schedule::Work;
use mv_testkit::Backend;
use reqwest::Method;

use crate::ledger::bytes_of;
use crate::person::Person;
use crate::program::{Checked, Home};
use crate::vault::{self, AFTER_GRACE};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_of_a_deletion_on_sqlite() {
    every_step(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_of_a_deletion_on_postgres() {
    every_step(Backend::Postgres).await;
}

async fn every_step(backend: Backend) {
    let home = Home::new(backend).await;
    let server = home.serve();
    let person = Person::registered(&server, "ann").await;
    let mut ids = Vec::new();
    for seed in 0..4 {
        ids.push(
            person.upload(&format!("{seed}.bin"), bytes_of(seed, 50_000)).await["id"].as_str().unwrap().to_owned(),
        );
    }
    server.stop();

    // C11, to the trash: done, not acknowledged; asking again is harmless.
    killed_while_deleting(&home, &person, &format!("/media/{}", ids[0])).await;
    let server = home.serve();
    let person = person.at(&server);
    assert!(person.get(&format!("/media/{}", ids[0])).await.expect(200)["deleted_at"].is_string(), "C11: trashed");
    person.delete(&format!("/media/{}", ids[0])).await.expect(204);
    person.send(person.request(Method::POST, &format!("/media/{}/restore", ids[0]))).await.expect(200);
    assert_eq!(person.content(&ids[0]).await, bytes_of(0, 50_000), "C11: restored");
    server.stop();
    checked(&home, 4, 0, "C11, to the trash");

    // C11, for good: the row is gone, the blob is dead and waits for its time of grace.
    killed_while_deleting(&home, &person, &format!("/media/{}?permanent=true", ids[1])).await;
    let server = home.serve();
    let person = person.at(&server);
    person.delete(&format!("/media/{}?permanent=true", ids[1])).await.error(404, "not_found");
    person.delete(&format!("/media/{}?permanent=true", ids[2])).await.expect(204);
    server.stop();
    checked(&home, 4, 0, "C11, for good");

    // C12: the first of two dead blobs has lost its row, the file is an orphan now.
    assert_eq!(vault::killed_at(&home, "C12").signal(), Some(9));
    checked(&home, 3, 1, "C12");
    // C13: the second one has lost both.
    assert_eq!(vault::killed_at(&home, "C13").signal(), Some(9));
    checked(&home, 2, 1, "C13");
    vault::run(&home, AFTER_GRACE, &[Work::DeadBlobs]).await;
    checked(&home, 2, 1, "after the timetable");

    let server = home.serve();
    let person = person.at(&server);
    for (place, status) in [(0, 200), (1, 404), (2, 404), (3, 200)] {
        assert_eq!(person.get(&format!("/media/{}/content", ids[place])).await.status, status, "item {place}");
    }
    server.stop();
    home.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_closed_by_a_crash_on_sqlite() {
    closed_by_a_crash(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_closed_by_a_crash_on_postgres() {
    closed_by_a_crash(Backend::Postgres).await;
}

/// C14: the account is closed and nothing of it was taken apart. Nobody gets in, and the timetable does the rest.
async fn closed_by_a_crash(backend: Backend) {
    let home = Home::new(backend).await;
    let mut server = home.serve_until("C14");
    let person = Person::registered(&server, "ann").await;
    for seed in 0..3 {
        person.upload(&format!("{seed}.bin"), bytes_of(seed, 50_000)).await;
    }
    let body = serde_json::json!({ "password": mv_testkit::client::PASSWORD });
    let lost = person.try_send(person.request(Method::DELETE, "/users/me").json(&body)).await;
    assert!(lost.is_err(), "{lost:?}");
    assert_eq!(server.ended().signal(), Some(9));
    checked(&home, 3, 0, "C14");
    let server = home.serve();
    person.at(&server).get("/users/me").await.error(401, "unauthorized");
    server.stop();
    vault::run(&home, Duration::ZERO, &[Work::ClosedAccounts]).await;
    checked(&home, 3, 0, "the blobs are dead");
    vault::run(&home, AFTER_GRACE, &[Work::DeadBlobs, Work::ClosedAccounts]).await;
    checked(&home, 0, 0, "after the timetable");
    home.end().await;
}

async fn killed_while_deleting(home: &Home, person: &Person, path: &str) {
    let mut server = home.serve_until("C11");
    let person = person.at(&server);
    let lost = person.try_send(person.request(Method::DELETE, path)).await;
    assert!(lost.is_err(), "{path}: {lost:?}");
    assert_eq!(server.ended().signal(), Some(9), "{path}");
}

#[track_caller]
fn checked(home: &Home, wanted_blobs: u64, wanted_orphans: u64, place: &str) {
    let Checked { blobs, orphans, .. } = home.check();
    assert_eq!((blobs, orphans), (wanted_blobs, wanted_orphans), "{place}");
}
