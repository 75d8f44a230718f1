//! SIGKILL at random instants while people upload, delete and read (reliability: F1): nothing that was acknowledged is
//! lost, no byte is wrong, and the last check finds nothing but files of uploads that were cut off.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mv_app::jobs::schedule::Work;
use mv_testkit::Backend;
use reqwest::Method;
use tokio::task::JoinSet;

use crate::ledger::{Entry, Ledger};
use crate::person::Person;
use crate::program::Home;
use crate::vault::{self, AFTER_GRACE};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_kills_on_sqlite() {
    storm(Backend::Sqlite, 50).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_kills_on_postgres() {
    storm(Backend::Postgres, 10).await;
}

/// Numbers that look random and are the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        // xorshift64 (Marsaglia 2003)
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 8
    }

    /// 4 KiB to 2 MiB, small ones as often as large ones.
    fn size(&mut self) -> usize {
        (4096 << (self.roll() % 10)) - (self.roll() % 1000) as usize
    }
}

/// What the workers of one round share.
#[derive(Clone)]
struct Load {
    person: Person,
    ledger: Arc<Mutex<Ledger>>,
    reads: Arc<AtomicU64>,
}

async fn storm(backend: Backend, kills: u64) {
    let home = Home::new(backend).await;
    let server = home.serve();
    let person = Person::registered(&server, "ann").await;
    server.stop();
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let reads = Arc::new(AtomicU64::new(0));
    let mut dice = Dice(0x5eed);
    let mut seen = 0;
    for kill in 0..kills {
        let mut server = home.serve();
        let person = person.at(&server);
        seen = settle(&ledger, &person, seen, &format!("after kill {kill}")).await;
        let load = Load { person, ledger: ledger.clone(), reads: reads.clone() };
        let mut workers = JoinSet::new();
        for number in 0..3 {
            workers.spawn(load.clone().uploads(Dice(1 + kill * 100 + number), false));
        }
        workers.spawn(load.clone().uploads(Dice(50 + kill * 100), true));
        workers.spawn(load.clone().deletes(Dice(60 + kill * 100)));
        for number in 0..2 {
            workers.spawn(load.clone().reads(Dice(70 + kill * 100 + number)));
        }
        tokio::time::sleep(Duration::from_millis(20 + dice.roll() % 500)).await;
        server.kill();
        while let Some(ended) = workers.join_next().await {
            ended.unwrap();
        }
    }
    let server = home.serve();
    let person = person.at(&server);
    settle(&ledger, &person, seen, "at the end").await;
    assert_eq!(home.files_in("tmp").len(), 0);
    server.stop();
    let ledger = Arc::into_inner(ledger).unwrap().into_inner().unwrap();
    let deleted = ledger.entries.iter().filter(|entry| entry.deleted).count() as u64;
    let (count, reads) = (ledger.entries.len() as u64, reads.load(Ordering::Relaxed));
    assert!(
        count > kills * 3 && deleted > kills / 2 && reads > kills,
        "too little load: {count} uploads, {deleted} deletions, {reads} reads"
    );
    home.check();
    vault::run(&home, AFTER_GRACE, &[Work::DeadBlobs]).await;
    vault::run(&home, Duration::from_secs(2 * 86_400), &[Work::Orphans]).await;
    let checked = home.check();
    assert_eq!((checked.orphans, checked.blobs), (0, ledger.contents() as u64), "after the sweeps");
    home.end().await;
}

/// Asks again what was cut off, and compares: the names of everything, the bytes of what is new since `from`.
async fn settle(ledger: &Mutex<Ledger>, person: &Person, from: usize, place: &str) -> usize {
    // Nobody else uses it between two rounds.
    let mut settled = std::mem::take(&mut *ledger.lock().unwrap());
    settled.ask_again(person).await;
    settled.compare_names(person, place).await;
    settled.compare_bytes(person, from, place).await;
    let seen = settled.entries.len();
    *ledger.lock().unwrap() = settled;
    seen
}

impl Load {
    /// Uploads until the server is gone; as a twin always the same few files.
    async fn uploads(self, mut dice: Dice, twin: bool) {
        loop {
            let (seed, size) = if twin { (dice.roll() % 3, 70_000) } else { (dice.roll(), dice.size()) };
            let (place, entry) = {
                let mut ledger = self.ledger.lock().unwrap();
                let place = ledger.note(seed, size);
                (place, ledger.entries[place].clone())
            };
            let Ok(answer) = self.person.try_upload(&entry.name, Some(&entry.key()), entry.bytes()).await else {
                return;
            };
            let id = answer.expect(201)["id"].as_str().unwrap().to_owned();
            self.ledger.lock().unwrap().entries[place].id = Some(id);
        }
    }

    /// Deletes one in a while, until the server is gone.
    async fn deletes(self, mut dice: Dice) {
        loop {
            tokio::time::sleep(Duration::from_millis(dice.roll() % 40)).await;
            let Some((place, entry)) = self.pick(&mut dice, |entry| !entry.deleting) else { continue };
            self.ledger.lock().unwrap().entries[place].deleting = true;
            let path = format!("/media/{}?permanent=true", entry.id.as_ref().unwrap());
            let Ok(answer) = self.person.try_send(self.person.request(Method::DELETE, &path)).await else { return };
            answer.expect(204);
            self.ledger.lock().unwrap().entries[place].deleted = true;
        }
    }

    /// Reads whole files and parts, until the server is gone.
    async fn reads(self, mut dice: Dice) {
        loop {
            tokio::time::sleep(Duration::from_millis(dice.roll() % 10)).await;
            let Some((place, entry)) = self.pick(&mut dice, |_| true) else { continue };
            let path = format!("/media/{}/content", entry.id.as_ref().unwrap());
            let (first, whole) = ((dice.roll() as usize) % entry.size, dice.roll().is_multiple_of(2));
            let request = self.person.request(Method::GET, &path);
            let request = if whole { request } else { request.header("range", format!("bytes={first}-")) };
            let Ok(answer) = self.person.try_send(request).await else { return };
            match answer.status {
                200 => assert!(answer.body == entry.bytes(), "wrong bytes of {entry:?}"),
                206 => assert!(answer.body == entry.bytes().slice(first..), "wrong bytes of {entry:?} from {first}"),
                404 => assert!(self.ledger.lock().unwrap().entries[place].deleting, "{entry:?} is lost"),
                other => panic!("{entry:?} answers {other}"),
            }
            self.reads.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Any acknowledged file.
    fn pick(&self, dice: &mut Dice, suits: impl Fn(&Entry) -> bool) -> Option<(usize, Entry)> {
        let ledger = self.ledger.lock().unwrap();
        let count = ledger.entries.len();
        let place = (dice.roll() as usize) % count.max(1);
        let entry = ledger.entries.get(place)?;
        (entry.id.is_some() && suits(entry)).then(|| (place, entry.clone()))
    }
}
