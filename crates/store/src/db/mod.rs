//! The store: opens a database of either kind and runs closures on its threads.
//! Promise: a write is answered only after its commit is durable, and either all of a closure happened or nothing.
//! Not here: what a closure can do (`conn.rs`), what differs between the databases (`sqlite*.rs`, `postgres*.rs`).

pub(crate) mod conn;
pub(crate) mod error;
mod job;
pub(crate) mod postgres;
mod postgres_session;
pub(crate) mod row;
pub(crate) mod sql;
pub(crate) mod sqlite;
mod sqlite_writer;
pub(crate) mod value;

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use mv_core::Clock;
use tokio::sync::{oneshot, watch};

use self::conn::{Conn, Tx};
use self::error::Error;
use self::job::{Job, Origin, Queue, Refused, pack};
use crate::migrate::{self, Migration, OpenError};

/// Which database, and where.
#[derive(Clone)]
pub enum Target {
    /// A file; it is made if it is not there.
    Sqlite(PathBuf),
    /// A `postgres://` URL.
    Postgres(String),
}

/// Shows no URL, since that may hold a password.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            Self::Postgres(_) => f.write_str("Postgres(..)"),
        }
    }
}

/// How a store works.
#[derive(Clone)]
pub struct Options {
    /// PostgreSQL: how many connections, each with its own thread; at least 2.
    pub connections: usize,
    /// SQLite: how many reader threads, beside the one for slow reads; at least 1.
    pub readers: usize,
    /// Where spans of time and the dates of migrations come from.
    pub clock: Arc<dyn Clock>,
    /// What PostgreSQL shows in `pg_stat_activity`.
    pub application_name: String,
    /// PostgreSQL: start even if the server runs with `fsync=off` or `full_page_writes=off` and so may lose what it
    /// acknowledged. For tests.
    pub allow_unsafe_postgres: bool,
    /// The schema, oldest step first.
    pub migrations: &'static [Migration],
}

impl Options {
    /// The defaults: 16 connections, as many readers as cores but at least 2, and this crate's own schema.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            connections: 16,
            readers: std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2)),
            clock,
            application_name: "mediavault".to_owned(),
            allow_unsafe_postgres: false,
            migrations: migrate::MIGRATIONS,
        }
    }
}

/// The two kinds of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite, built in.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

/// Jobs that wait for a reading thread before callers are told `Busy`.
const READS_WAITING: usize = 4096;
/// Write jobs that wait before callers are told `Busy`.
const WRITES_WAITING: usize = 1024;
/// Slow reads that wait before callers are told `Busy`.
const SLOW_WAITING: usize = 64;

/// A database that is open. Clones share it; the threads end when the last one goes or after [`Store::close`].
#[derive(Clone)]
pub struct Store(Arc<Shared>);

struct Shared {
    lanes: Lanes,
    clock: Arc<dyn Clock>,
    foreign_changes: Arc<AtomicU64>,
    /// Set where SQLite's log is to be emptied.
    empty_log: Arc<AtomicBool>,
    /// Counts commits that recorded events.
    eventful: watch::Sender<u64>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// The queues of each kind of database; its threads hold the other ends.
enum Lanes {
    Sqlite {
        idle: Arc<sqlite::Idle>,
        reads: Arc<Queue<Box<dyn Job<Conn>>>>,
        slow: Arc<Queue<Box<dyn Job<Conn>>>>,
        writes: Arc<Queue<Box<dyn Job<Tx>>>>,
    },
    Postgres {
        fast: Arc<Queue<postgres::Request>>,
        slow: Arc<Queue<postgres::Request>>,
    },
}

/// What opening a database of either kind gives.
struct Opened {
    lanes: Lanes,
    threads: Vec<JoinHandle<()>>,
}

impl Lanes {
    fn close(&self) {
        match self {
            Self::Sqlite { idle, reads, slow, writes } => {
                idle.close();
                reads.close();
                slow.close();
                writes.close();
            }
            Self::Postgres { fast, slow } => {
                fast.close();
                slow.close();
            }
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.lanes.close();
    }
}

impl Store {
    /// Opens the database: checks that it can be relied on, brings its schema up to date, starts the threads. Call it
    /// within a Tokio runtime that has its timer and its network on, and outlives the store.
    pub async fn open(target: Target, options: Options) -> Result<Self, OpenError> {
        let clock = options.clock.clone();
        let foreign_changes = Arc::new(AtomicU64::new(0));
        let empty_log = Arc::new(AtomicBool::new(false));
        let opened = match target {
            Target::Sqlite(path) => {
                let signals =
                    sqlite::Signals { foreign_changes: foreign_changes.clone(), empty_log: empty_log.clone() };
                migrate::off_runtime(move || sqlite::open(&path, &options, signals)).await?
            }
            Target::Postgres(url) => postgres::open(&url, &options).await?,
        };
        let threads = Mutex::new(opened.threads);
        let eventful = watch::Sender::new(0);
        Ok(Self(Arc::new(Shared { lanes: opened.lanes, clock, foreign_changes, empty_log, eventful, threads })))
    }

    /// Which kind of database this is.
    pub fn dialect(&self) -> Dialect {
        match self.0.lanes {
            Lanes::Sqlite { .. } => Dialect::Sqlite,
            Lanes::Postgres { .. } => Dialect::Postgres,
        }
    }

    /// Runs a closure that reads: on SQLite on the caller's thread where a connection is free, so keep it short. Each statement sees what was committed when it began (READ COMMITTED): two
    /// statements of one closure may see different states. On PostgreSQL the closure is run again if the connection
    /// was lost. It is not run at all if the future is dropped before its turn.
    #[track_caller]
    pub fn read<T, E, F>(&self, closure: F) -> impl Future<Output = Result<T, E>> + Send
    where
        F: FnMut(&Conn) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.queue_read(closure, Location::caller(), false)
    }

    /// Like [`Store::read`], for searches and exports: they have few threads of their own, and more time (5 s on SQLite,
    /// 29 s for each statement on PostgreSQL, then `TimedOut`), so that they never hold up the others.
    #[track_caller]
    pub fn read_slow<T, E, F>(&self, closure: F) -> impl Future<Output = Result<T, E>> + Send
    where
        F: FnMut(&Conn) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.queue_read(closure, Location::caller(), true)
    }

    /// Runs a closure in a transaction and answers after the commit. The closure must be repeatable and must have no
    /// effect but on the database: it is run again after serialization failures and deadlocks. When it returns an
    /// error or panics, nothing of it remains. A statement that failed ends the transaction, as PostgreSQL has it: use
    /// `ON CONFLICT` where a conflict is expected. It is not run at all if the future is dropped before its turn.
    #[track_caller]
    pub fn write<T, E, F>(&self, closure: F) -> impl Future<Output = Result<T, E>> + Send
    where
        F: FnMut(&Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let place = Location::caller();
        async move {
            let mut closure = closure;
            let told = move |tx: &Tx| closure(tx).map(|value| (value, tx.is_eventful()));
            let (job, answer) = pack(told, self.origin(place));
            match &self.0.lanes {
                Lanes::Sqlite { writes, .. } => give(writes.push(job), Job::refuse),
                Lanes::Postgres { fast, .. } => {
                    give(fast.push(postgres::Request::Write(job)), postgres::Request::refuse);
                }
            }
            let (value, is_eventful) = receive(answer).await?;
            if is_eventful {
                self.0.eventful.send_modify(|count| *count += 1);
            }
            Ok(value)
        }
    }

    /// Changes after each commit of this process that recorded events. Somebody who has stopped waiting for a write may
    /// go untold, and so do commits of other processes: look now and then as well.
    pub fn eventful_commits(&self) -> watch::Receiver<u64> {
        self.0.eventful.subscribe()
    }

    async fn queue_read<T, E, F>(&self, closure: F, place: &'static Location<'static>, is_slow: bool) -> Result<T, E>
    where
        F: FnMut(&Conn) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (mut job, answer) = pack(closure, self.origin(place));
        match &self.0.lanes {
            Lanes::Sqlite { slow, .. } if is_slow => give(slow.push(job), Job::refuse),
            Lanes::Sqlite { idle, .. } if idle.run(job.as_mut()) => job.answer(),
            Lanes::Sqlite { reads, .. } => give(reads.push(job), Job::refuse),
            Lanes::Postgres { fast, slow } => {
                let lane = if is_slow { slow } else { fast };
                give(lane.push(postgres::Request::Read(job)), postgres::Request::refuse);
            }
        }
        receive(answer).await
    }

    fn origin(&self, place: &'static Location<'static>) -> Origin {
        Origin { place, queued: self.0.clock.mono() }
    }

    /// Whether the database answers and takes writes. Changes nothing.
    pub async fn ping(&self) -> Result<(), Error> {
        match self.0.lanes {
            // Goes through the writer, which knows whether it may still write; a commit without changes syncs nothing.
            Lanes::Sqlite { .. } => self.write(|tx| tx.one::<i64>(sql::sql("SELECT 1")).map(drop)).await,
            Lanes::Postgres { .. } => self.read(|conn| conn.one::<i32>(sql::sql("SELECT 1")).map(drop)).await,
        }
    }

    /// Goes up whenever another process committed to the SQLite file, seen within 200 ms and before the next write.
    /// Caches in memory watch it. Always 0 on PostgreSQL, where others are told by events.
    pub fn foreign_changes(&self) -> u64 {
        self.0.foreign_changes.load(Ordering::Acquire)
    }

    /// Asks for what was deleted to leave the write-ahead log too: SQLite's is folded into the file and cut to nothing
    /// soon, between two commits or when the writer is idle. PostgreSQL's log is its operator's.
    pub fn empty_log(&self) {
        self.0.empty_log.store(true, Ordering::Release);
    }

    /// Runs what is queued, lets nothing more in, and ends the threads; SQLite folds its log into the file. Other
    /// clones of the store get `Unavailable` from then on.
    pub async fn close(self) {
        self.0.lanes.close();
        let threads = std::mem::take(&mut *self.0.threads.lock().unwrap_or_else(PoisonError::into_inner));
        // Joining blocks, and the connection threads need the runtime to go on meanwhile.
        let _ = tokio::task::spawn_blocking(move || {
            for thread in threads {
                let _ = thread.join();
            }
        })
        .await;
    }
}

/// Answers a job at once that its queue did not take.
fn give<J>(pushed: Result<(), Refused<J>>, refuse: impl FnOnce(J, Error)) {
    match pushed {
        Ok(()) => {}
        Err(Refused::Full(job)) => refuse(job, Error::Busy),
        Err(Refused::Closed(job)) => refuse(job, Error::Unavailable),
    }
}

/// Waits for the answer; a thread that went away without one counts as `Unavailable`.
async fn receive<T, E: From<Error>>(answer: oneshot::Receiver<Result<T, E>>) -> Result<T, E> {
    answer.await.unwrap_or_else(|_| Err(Error::Unavailable.into()))
}
