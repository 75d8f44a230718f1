//! The server kills itself at each step of an upload (reliability: C0 to C10): what it leaves is what the protocol's
//! table says, the next start needs nobody's help, and the retry gives exactly one item.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use mv_app::jobs::schedule::Work;
use mv_testkit::Backend;

use crate::ledger::Ledger;
use crate::person::Person;
use crate::program::{Checked, Home};
use crate::vault;

/// A point and what it leaves.
#[derive(Debug, Clone, Copy)]
struct Case {
    point: &'static str,
    /// Files in `tmp/` after the crash.
    unfinished: usize,
    /// Files in `blobs/` that no row will ever know.
    orphans: u64,
    /// Whether the item is there before anybody tries again.
    stored: bool,
    /// Whether the point is only reached with bytes that are there already.
    twin: bool,
}

const fn case(point: &'static str, unfinished: usize, orphans: u64, stored: bool) -> Case {
    Case { point, unfinished, orphans, stored, twin: false }
}

const CASES: [Case; 10] = [
    case("C0", 0, 0, false),
    case("C1", 1, 0, false),
    case("C2", 1, 0, false),
    case("C3", 1, 0, false),
    case("C4", 1, 0, false),
    case("C5", 0, 1, false),
    case("C6", 0, 1, false),
    case("C7", 0, 1, false),
    case("C8", 0, 0, true),
    Case { point: "C10", unfinished: 0, orphans: 1, stored: true, twin: true },
];

/// One batch of the blob store, and several.
const SIZES: [usize; 2] = [30_000, 1_500_000];

/// A person's vault, what was promised to them, and what crashes have left in it.
struct Trial {
    home: Home,
    person: Person,
    ledger: Ledger,
    orphans: u64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_of_an_upload_on_sqlite() {
    every_step(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_of_an_upload_on_postgres() {
    every_step(Backend::Postgres).await;
}

async fn every_step(backend: Backend) {
    let home = Home::new(backend).await;
    let server = home.serve();
    let person = Person::registered(&server, "ann").await;
    let mut trial = Trial { home, person, ledger: Ledger::default(), orphans: 0 };
    for size in SIZES {
        trial.ledger.note(size as u64, size);
    }
    trial.ledger.ask_again(&trial.person).await;
    server.stop();
    for (number, case) in CASES.into_iter().enumerate() {
        for size in SIZES {
            let seed = if case.twin { size as u64 } else { (number * 100 + size) as u64 };
            trial.crash(case, seed, size).await;
        }
    }
    trial.killed_on_receipt().await;
    trial.swept().await;
    trial.home.end().await;
}

impl Trial {
    async fn crash(&mut self, case: Case, seed: u64, size: usize) {
        let place = format!("{} with {size} bytes", case.point);
        let place = place.as_str();
        let mut server = self.home.serve_until(case.point);
        let entry = self.ledger.note(seed, size);
        let sent = self.ledger.entries[entry].clone();
        let lost = self.person.at(&server).try_upload(&sent.name, Some(&sent.key()), sent.bytes()).await;
        assert!(lost.is_err(), "{place}: {lost:?}");
        assert_eq!(server.ended().signal(), Some(9), "{place}: {}", server.log());
        assert_eq!(self.home.files_in("tmp").len(), case.unfinished, "{place}");

        let server = self.home.serve();
        let person = self.person.at(&server);
        assert_eq!(self.home.files_in("tmp").len(), 0, "{place}: left after the next start");
        let listed = person.get("/media").await.meta()["pagination"]["total"].as_u64().unwrap();
        assert_eq!(listed, (entry + usize::from(case.stored)) as u64, "{place}");
        self.ledger.ask_again(&person).await;
        self.ledger.compare_names(&person, place).await;
        self.ledger.compare_bytes(&person, entry, place).await;
        server.stop();
        self.orphans += case.orphans;
        self.compare(place);
    }

    /// C9: the answer is on its way; from then on the item must survive everything.
    async fn killed_on_receipt(&mut self) {
        for size in SIZES {
            let mut server = self.home.serve();
            let entry = self.ledger.note(9_000 + size as u64, size);
            let sent = self.ledger.entries[entry].clone();
            let answer = self.person.at(&server).try_upload(&sent.name, None, sent.bytes()).await.unwrap();
            server.kill();
            self.ledger.entries[entry].id = answer.expect(201)["id"].as_str().map(str::to_owned);
            let server = self.home.serve();
            let person = self.person.at(&server);
            self.ledger.compare_names(&person, "C9").await;
            self.ledger.compare_bytes(&person, entry, "C9").await;
            server.stop();
            self.compare("C9");
        }
    }

    /// Rows, bytes and kept numbers agree, and only the crashes' own files stand without a row.
    fn compare(&self, place: &str) {
        let Checked { blobs, orphans, .. } = self.home.check();
        assert_eq!((blobs, orphans), (self.ledger.contents() as u64, self.orphans), "{place}");
    }

    /// The sweeps take what crashes left, and nothing else.
    async fn swept(&mut self) {
        const DAY: Duration = Duration::from_secs(86_400);
        vault::run(&self.home, DAY / 2, &[Work::Orphans, Work::DeadBlobs]).await;
        self.compare("before a day is over");
        vault::run(&self.home, DAY * 2, &[Work::Orphans]).await;
        assert_eq!(self.home.files_in("quarantine").len() as u64, self.orphans);
        vault::run(&self.home, DAY * 10, &[Work::Orphans]).await;
        assert_eq!(self.home.files_in("quarantine").len(), 0);
        self.orphans = 0;
        self.compare("after the sweeps");
        assert_eq!(self.home.files_in("blobs").len(), self.ledger.contents());
        let server = self.home.serve();
        let person = self.person.at(&server);
        self.ledger.compare_names(&person, "after the sweeps").await;
        self.ledger.compare_bytes(&person, 0, "after the sweeps").await;
        server.stop();
    }
}
