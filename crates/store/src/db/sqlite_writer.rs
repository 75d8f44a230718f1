//! The one thread that writes to SQLite. Closures that queued up while the last commit ran share the next one.
//! Promise: nobody is told of success before COMMIT returned; a closure that fails or panics harms no other.
//! Not here: retries; a single writer has no conflicts.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mv_core::Clock;
use rusqlite::{Connection, ffi};

use super::conn::{Backend, Conn, Spoilt, Tx};
use super::error::{Error, Mistake};
use super::job::{Job, Queue, Taken, run_timed};
use super::sqlite::{Session, Signals};

/// At most so many closures share a commit.
const BATCH: usize = 128;
/// A batch takes no more closures once it has worked for so long.
const BATCH_WORK: Duration = Duration::from_millis(2);
/// How long the writer sleeps before it looks whether another process wrote.
const IDLE_LOOK: Duration = Duration::from_millis(200);
/// So many idle looks after the last write the log is folded into the file.
const IDLE_LOOKS_TO_CHECKPOINT: u32 = 5;
/// Pages in the log after which it is folded into the file even under load: 16 MiB of 4 KiB pages.
const CHECKPOINT_PAGES: u64 = 4096;

/// A connection made ready to write, on its way to its thread.
pub(super) struct Writer {
    connection: Connection,
    clock: Arc<dyn Clock>,
    signals: Signals,
    /// Pages in the log after the last commit, told by SQLite.
    log_pages: Arc<AtomicU64>,
}

type WriteJob = Box<dyn Job<Tx>>;

/// How a closure ended within its savepoint.
enum Verdict {
    /// It stays if the commit succeeds.
    Keep,
    /// It was rolled back; its own result says why.
    Undone,
    /// It was rolled back although it took itself for successful.
    Refused(Error),
}

impl Writer {
    /// Registers for news of the log's size.
    pub(super) fn prepare(
        mut connection: Connection,
        clock: Arc<dyn Clock>,
        signals: Signals,
    ) -> rusqlite::Result<Self> {
        let log_pages = Arc::new(AtomicU64::new(0));
        let counter = log_pages.clone();
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
            counter.store(u64::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(Self { connection, clock, signals, log_pages })
    }

    /// The writer thread: works until the queue is closed and empty, then folds the log into the file.
    pub(super) fn serve(self, queue: &Queue<WriteJob>) {
        let session = Rc::new(Session::new(self.connection));
        let mut loop_ = Loop {
            tx: Tx::new(Conn::new(Backend::Sqlite(session.clone()))),
            session,
            clock: self.clock,
            signals: self.signals,
            data_version: None,
            log: Log { pages: self.log_pages, seen: 0, checkpoint_at: CHECKPOINT_PAGES, idle_looks: None },
            is_stopped: false,
        };
        loop_.look_for_foreign_changes();
        loop {
            match queue.take(Some(IDLE_LOOK)) {
                Taken::Job(job) if loop_.is_stopped => job.refuse(Error::Unavailable),
                Taken::Job(job) => loop_.batch(job, || queue.try_take()),
                Taken::Nothing => loop_.idle(),
                Taken::Closed => break,
            }
        }
        if !loop_.is_stopped {
            loop_.checkpoint("PRAGMA wal_checkpoint(TRUNCATE)");
        }
    }
}

/// What the writer knows between two batches.
struct Loop {
    tx: Tx,
    session: Rc<Session>,
    clock: Arc<dyn Clock>,
    signals: Signals,
    data_version: Option<i64>,
    log: Log,
    /// Set by an I/O error in a commit: what is in the file is then unknown until it is opened anew.
    is_stopped: bool,
}

/// The state of the write-ahead log.
struct Log {
    pages: Arc<AtomicU64>,
    seen: u64,
    checkpoint_at: u64,
    /// Idle looks since the last write; nothing when the log is already folded in.
    idle_looks: Option<u32>,
}

impl Loop {
    /// Runs `first` and what else waits, commits, and answers.
    fn batch(&mut self, first: WriteJob, mut more: impl FnMut() -> Option<WriteJob>) {
        if let Err(error) = self.control("BEGIN IMMEDIATE") {
            first.refuse(error.into());
            return;
        }
        self.look_for_foreign_changes();
        let began = self.clock.mono();
        let mut done: Vec<(WriteJob, Verdict)> = Vec::new();
        let mut next = Some(first);
        while let Some(mut job) = next.take() {
            if job.wanted() {
                let verdict = self.run(job.as_mut());
                done.push((job, verdict));
                // Some errors (a full disk, I/O) make SQLite give up the whole transaction by itself.
                if self.session.connection().is_autocommit() {
                    let is_full = self.tx.spoilt() == Some(Spoilt::DiskFull);
                    return settle(done, || if is_full { Error::Full } else { Error::Unavailable });
                }
            }
            let has_time = self.clock.mono().saturating_sub(began) < BATCH_WORK;
            next = if has_time && done.len() < BATCH { more() } else { None };
        }
        match self.control("COMMIT") {
            Ok(()) => {
                answer(done);
                self.after_commit();
            }
            Err(error) => self.commit_failed(error, done),
        }
    }

    /// Runs one closure within a savepoint.
    fn run(&self, job: &mut dyn Job<Tx>) -> Verdict {
        if let Err(error) = self.control("SAVEPOINT closure") {
            return Verdict::Refused(error.into());
        }
        self.tx.begin_closure(true);
        let is_good = run_timed(job, &self.tx, self.clock.as_ref());
        let refused = match (is_good, self.tx.spoilt()) {
            (true, None) => match self.control("RELEASE closure") {
                Ok(()) => return Verdict::Keep,
                Err(error) => Some(error.into()),
            },
            (true, Some(_)) => Some(Mistake::WentOn.into()),
            (false, _) => None,
        };
        // If this fails, SQLite has given up the transaction, which the caller sees.
        let _ = self.control("ROLLBACK TO closure").and_then(|()| self.control("RELEASE closure"));
        refused.map_or(Verdict::Undone, Verdict::Refused)
    }

    /// After a failed COMMIT nothing of the batch may be taken for stored.
    fn commit_failed(&mut self, error: rusqlite::Error, done: Vec<(WriteJob, Verdict)>) {
        // The transaction may be gone already; then there is nothing to roll back.
        let _ = self.control("ROLLBACK");
        let code = error.sqlite_extended_error_code().unwrap_or(ffi::SQLITE_ERROR) & 0xff;
        if code == ffi::SQLITE_CONSTRAINT && done.len() > 1 {
            // A deferred constraint: one of them is guilty. Alone, each is judged for itself.
            for (job, verdict) in done {
                match verdict {
                    Verdict::Keep => self.batch(job, || None),
                    undone => settle(vec![(job, undone)], || Error::Unavailable),
                }
            }
            return;
        }
        if matches!(code, ffi::SQLITE_IOERR | ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB) {
            self.is_stopped = true;
            tracing::error!(code, "a commit failed, no more writes are taken until a restart: {error}");
        }
        let mut whole = Some(Error::from(error));
        let shared = whole.as_ref().map(Error::same_for_others);
        settle(done, || {
            // The first gets the error itself (of a batch of one: the constraint), the others one like it.
            whole.take().or_else(|| shared.as_ref().map(Error::same_for_others)).unwrap_or(Error::Unavailable)
        });
    }

    fn after_commit(&mut self) {
        let pages = self.log.pages.load(Ordering::Relaxed);
        if pages < self.log.seen {
            self.log.checkpoint_at = CHECKPOINT_PAGES;
        }
        if pages != self.log.seen {
            self.log.idle_looks = Some(0);
        }
        self.log.seen = pages;
        if pages >= self.log.checkpoint_at {
            // While a long read holds the log in place it goes on growing: try again after as much once more.
            self.log.checkpoint_at = pages + CHECKPOINT_PAGES;
            self.checkpoint("PRAGMA wal_checkpoint(PASSIVE)");
        }
        self.empty_log();
    }

    /// Empties the log where that was asked for. While a read still needs it this changes nothing, and is tried again.
    fn empty_log(&mut self) {
        if self.is_stopped || !self.signals.empty_log.load(Ordering::Acquire) {
            return;
        }
        let how = "PRAGMA wal_checkpoint(TRUNCATE)";
        match self.session.connection().query_row(how, [], |row| row.get::<_, i64>(0)) {
            Ok(0) => self.signals.empty_log.store(false, Ordering::Release),
            Ok(_) => {}
            Err(error) => tracing::warn!("the log could not be emptied: {error}"),
        }
    }

    fn idle(&mut self) {
        self.look_for_foreign_changes();
        self.empty_log();
        match self.log.idle_looks {
            Some(looks) if looks >= IDLE_LOOKS_TO_CHECKPOINT => {
                self.log.idle_looks = None;
                if !self.is_stopped {
                    self.checkpoint("PRAGMA wal_checkpoint(PASSIVE)");
                }
            }
            Some(looks) => self.log.idle_looks = Some(looks + 1),
            None => {}
        }
    }

    fn checkpoint(&self, how: &str) {
        let result = self.session.connection().query_row(how, [], |_| Ok(()));
        if let Err(error) = result {
            tracing::warn!("the log could not be folded into the database file: {error}");
        }
    }

    /// Compares SQLite's count of commits by other connections. No other connection of this process writes.
    fn look_for_foreign_changes(&mut self) {
        let counted = self.session.connection().prepare_cached("PRAGMA data_version");
        let Ok(version) = counted.and_then(|mut statement| statement.query_row([], |row| row.get::<_, i64>(0))) else {
            return;
        };
        if self.data_version.replace(version).is_some_and(|before| before != version) {
            self.signals.foreign_changes.fetch_add(1, Ordering::Release);
        }
    }

    fn control(&self, text: &str) -> rusqlite::Result<()> {
        self.session.connection().prepare_cached(text)?.raw_execute().map(drop)
    }
}

fn answer(done: Vec<(WriteJob, Verdict)>) {
    for (job, verdict) in done {
        match verdict {
            Verdict::Keep | Verdict::Undone => job.answer(),
            Verdict::Refused(error) => job.refuse(error),
        }
    }
}

/// Answers a batch that was not committed: closures that succeeded get `why`.
fn settle(done: Vec<(WriteJob, Verdict)>, mut why: impl FnMut() -> Error) {
    for (job, verdict) in done {
        match verdict {
            Verdict::Keep => job.refuse(why()),
            Verdict::Undone => job.answer(),
            Verdict::Refused(error) => job.refuse(error),
        }
    }
}
