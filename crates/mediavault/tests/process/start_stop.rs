//! From the first line to the last: how the server greets, how it ends, and that a restart changes nothing.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use mv_core::{Clock, SystemClock};
use mv_testkit::Backend;
use reqwest::{Body, Method};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::ledger::bytes_of;
use crate::person::Person;
use crate::program::{Home, Running};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn greets_with_four_lines_and_is_ready_at_once() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let home = Home::new(backend).await;
        let mut took = Vec::new();
        for _ in 0..3 {
            let server = home.serve();
            let origin = server.origin().to_owned();
            let [first, second, third, fourth] = server.banner() else { panic!("{:?}", server.banner()) };
            assert_eq!(*first, format!("Media Vault {} at {origin}", env!("CARGO_PKG_VERSION")));
            assert!(origin.starts_with("http://127.0.0.1:"), "{origin}");
            // While there is no administrator the way to one stands in the place of the docs.
            let begin = format!("Make the first administrator (once, within 30 minutes): {origin}/setup#token=");
            assert_eq!(second.strip_prefix(&begin).map(str::len), Some(43), "{second}");
            assert_eq!(*third, format!("Data: {}", home.data().display()));
            let key = home.data().join("keys/root.key");
            let begin = format!("Back up {} (fingerprint ", key.display());
            assert!(fourth.starts_with(&begin) && fourth.ends_with("): without it nothing can be read"), "{fourth}");
            let nobody = Person::nobody(&server);
            for path in ["/health/ready", "/health/live"] {
                assert_eq!(nobody.get(&format!("{origin}{path}")).await.status, 200, "{path}");
            }
            assert_eq!(nobody.get(&format!("{origin}/api/docs")).await.status, 200);
            took.push(server.took());
            server.stop();
        }
        // A busy test machine may stretch one start; the best one counts.
        assert!(took.iter().min().unwrap() < &Duration::from_secs(2), "{backend:?}: {took:?}");
        home.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_keeps_everything() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let home = Home::new(backend).await;
        let server = home.serve();
        let ann = Person::registered(&server, "ann").await;
        let item = ann.upload("a.bin", bytes_of(1, 40_000)).await;
        let path = format!("/media/{}", item["id"].as_str().unwrap());
        let before = ann.get(&path).await.expect(200);
        let link = item["urls"]["content"].as_str().unwrap().strip_prefix(server.origin()).unwrap().to_owned();
        let banner = server.banner()[3].clone();
        server.stop();

        let server = home.serve();
        assert_eq!(server.banner()[3], banner, "another root key");
        let ann = ann.at(&server);
        let mut after = ann.get(&path).await.expect(200);
        after["urls"] = before["urls"].clone();
        assert_eq!(after, before);
        assert_eq!(ann.content(item["id"].as_str().unwrap()).await, bytes_of(1, 40_000));
        let linked = Person::nobody(&server).get(&format!("{}{link}", server.origin())).await;
        assert!(linked.status == 200 && linked.body == bytes_of(1, 40_000), "{}", linked.status);
        server.stop();
        home.end().await;
    }
}

/// An upload that has sent half of its bytes and waits to be told to go on.
struct Halfway {
    rest: mpsc::Sender<Bytes>,
    answer: JoinHandle<Result<mv_testkit::Answer, reqwest::Error>>,
}

impl Halfway {
    async fn begin(person: &Person, bytes: &Bytes) -> Self {
        let (rest, receiver) = mpsc::channel::<Bytes>(1);
        let body = stream::unfold(receiver, |mut receiver| async {
            receiver.recv().await.map(|part| (Ok::<_, std::io::Error>(part), receiver))
        });
        let request = person
            .request(Method::POST, "/media/upload")
            .header("content-type", "application/octet-stream")
            .header("content-disposition", "attachment; filename=\"slow.bin\"")
            .header("content-length", bytes.len())
            .body(Body::wrap_stream(body));
        let person = person.clone();
        let answer = tokio::spawn(async move { person.try_send(request).await });
        rest.send(bytes.slice(..bytes.len() / 2)).await.unwrap();
        Self { rest, answer }
    }
}

/// Waits until the server has taken bytes of an upload.
async fn until_taken(home: &Home) {
    for _ in 0..1000 {
        if home.files_in("tmp").iter().any(|file| file.metadata().is_ok_and(|file| file.len() > 0)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("nothing came into tmp");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_under_way_are_finished() {
    let home = Home::new(Backend::Sqlite).await;
    let mut server = home.serve();
    let ann = Person::registered(&server, "ann").await;
    let bytes = bytes_of(1, 3_000_000);
    let upload = Halfway::begin(&ann, &bytes).await;
    until_taken(&home).await;
    server.terminate();
    until_closed(&server).await;
    // Nobody new is taken, and who is there may finish.
    assert!(
        ann.at(&server).try_send(ann.at(&server).request(Method::GET, "/server")).await.is_err(),
        "taken after SIGTERM"
    );
    upload.rest.send(bytes.slice(bytes.len() / 2..)).await.unwrap();
    drop(upload.rest);
    let item = upload.answer.await.unwrap().unwrap().expect(201);
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
    let server = home.serve();
    assert_eq!(ann.at(&server).content(item["id"].as_str().unwrap()).await, bytes);
    server.stop();
    home.check();
}

/// Waits until the server takes no more connections.
async fn until_closed(server: &Running) {
    let address = server.origin().strip_prefix("http://").unwrap().to_owned();
    for _ in 0..1000 {
        if tokio::net::TcpStream::connect(&address).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the server still listens: {}", server.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_grace_and_a_second_signal_end_what_does_not_finish() {
    for (what, grace, second, code) in [("the grace", "1", false, 0), ("a second signal", "20", true, 1)] {
        let home = Home::new(Backend::Sqlite).await;
        let mut server = home.start(home.program().arg("serve").env("MEDIAVAULT_SHUTDOWN__GRACE_SECONDS", grace));
        let ann = Person::registered(&server, "ann").await;
        let upload = Halfway::begin(&ann, &bytes_of(1, 3_000_000)).await;
        until_taken(&home).await;
        let clock = SystemClock::default();
        server.terminate();
        if second {
            until_closed(&server).await;
            server.terminate();
        }
        assert_eq!(server.ended().code(), Some(code), "{what}: {}", server.log());
        assert!(clock.mono() < Duration::from_secs(5), "{what}: {:?}", clock.mono());
        assert!(upload.answer.await.unwrap().is_err(), "{what}: an answer for half an upload");
        let server = home.serve();
        assert_eq!(home.files_in("tmp").len(), 0, "{what}");
        assert_eq!(ann.at(&server).get("/media").await.meta()["pagination"]["total"], 0, "{what}");
        server.stop();
        assert_eq!(home.check().blobs, 0, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_data_are_their_owners_alone() {
    let home = Home::new(Backend::Sqlite).await;
    home.run(&["migrate"]).worked();
    assert_eq!(mode(home.data()), 0o700, "as `migrate` makes it");
    let server = home.serve();
    let ann = Person::registered(&server, "ann").await;
    ann.upload("a.bin", bytes_of(1, 40_000)).await;
    let (mut folders, mut files) = (0, 0);
    let mut waiting = vec![home.data().to_owned()];
    while let Some(folder) = waiting.pop() {
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        folders += 1;
        for entry in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                waiting.push(entry);
            } else {
                assert_eq!(mode(&entry), 0o600, "{}", entry.display());
                files += 1;
            }
        }
    }
    assert!(folders > 256 && files >= 6, "{folders} folders, {files} files");
    server.stop();
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}
