//! A vault opened in this process while no server runs: work of the timetable done at a chosen time, or in a child that
//! kills itself at a point of the durability protocol; and statements that no server would run.

use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::time::Duration;

use mediavault::settings::{Flag, Settings, Sources};
use mediavault::wire::{self, Machine, Sharing, Vault};
use mv_app::jobs::schedule::Work;
use mv_testkit::clock::TestClock;

use crate::program::Home;

const DATA: &str = "MEDIAVAULT_TEST_CHILD_DATA";
const DATABASE: &str = "MEDIAVAULT_TEST_CHILD_DATABASE";
const POINT: &str = "MEDIAVAULT_TEST_CHILD_POINT";

/// So long after now the time of grace of dead blobs is over.
pub(crate) const AFTER_GRACE: Duration = Duration::from_secs(16 * 60);

/// Does these pieces of the timetable as if so much time had passed.
pub(crate) async fn run(home: &Home, later: Duration, works: &[Work]) {
    work(home.data(), home.database_url(), later, works).await;
}

/// Removes dead blobs in a process that kills itself at this point.
pub(crate) fn killed_at(home: &Home, point: &str) -> ExitStatus {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["vault::child", "--exact", "--quiet"]).env(DATA, home.data()).env(POINT, point);
    child.env(DATABASE, home.database_url().unwrap_or_default());
    child.stdout(std::process::Stdio::null()).status().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "how the parent tells its child what to do")]
fn told(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The child. Does nothing when run as a test of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let (Some(data), Some(point)) = (told(DATA), told(POINT)) else { return };
    let url = told(DATABASE).filter(|url| !url.is_empty());
    mv_blobs::failpoint::arm(&point, 1);
    work(Path::new(&data), url.as_deref(), AFTER_GRACE, &[Work::DeadBlobs]).await;
}

/// Runs a statement on the vault's database.
pub(crate) async fn execute(home: &Home, statement: &'static str) {
    let vault = open(home.data(), home.database_url(), Duration::ZERO).await;
    vault.store.write(move |tx| tx.changed(mv_store::sql(statement))).await.unwrap();
    vault.close().await;
}

async fn work(data: &Path, database: Option<&str>, later: Duration, works: &[Work]) {
    let vault = open(data, database, later).await;
    for work in works {
        vault.app.run_scheduled(*work).await.unwrap();
    }
    vault.close().await;
}

async fn open(data: &Path, database: Option<&str>, later: Duration) -> Vault {
    let flag =
        |name: &str, value: &str| Flag { shown: name.to_owned(), name: name.to_owned(), value: value.to_owned() };
    let mut flags = vec![flag("data_dir", data.to_str().unwrap()), flag("database.connections", "2")];
    flags.extend(database.map(|url| flag("database_url", url)));
    let settings = Settings::read(&Sources { flags, dev: false, environment: Vec::new(), file: None }).unwrap();
    let clock = Arc::new(TestClock::default());
    clock.advance(later);
    let machine = Machine { clock, ..Machine::default() };
    wire::open(&settings, String::new(), machine, Sharing::Alone).await.unwrap()
}
