//! PostgreSQL: start-up checks, and the threads that run closures, each with a connection of its own.
//! Promise: a thread takes the next closure only after the transaction of the last one ended; a closure is answered
//! within 10 s (30 s in the slow lane) of being queued; a commit whose answer was lost is never taken for done.
//! Not here: how statements run (`postgres_session.rs`).

use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use mv_core::Clock;
use tokio::runtime::Handle;
use tokio_postgres::{Client, Config};

use super::conn::{Backend, Conn, Tx};
use super::error::{Error, Mistake};
use super::job::{Job, Queue, Taken, run_timed};
use super::postgres_session::{Purpose, Session, Trouble, connect};
use super::sqlite::spawn;
use super::{Lanes, Opened, Options, SLOW_WAITING, WRITES_WAITING};
use crate::migrate::{self, OpenError};

/// How often a closure is run again after a serialization failure or a deadlock.
const RETRIES: u32 = 3;
/// The longest pause between two attempts to connect.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long one attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The oldest server whose SQL is spoken here.
const OLDEST_SERVER: i32 = 130_000;

/// A closure for a connection thread.
pub(super) enum Request {
    Read(Box<dyn Job<Conn>>),
    Write(Box<dyn Job<Tx>>),
}

impl Request {
    fn wanted(&self) -> bool {
        match self {
            Self::Read(job) => job.wanted(),
            Self::Write(job) => job.wanted(),
        }
    }

    fn queued(&self) -> Duration {
        match self {
            Self::Read(job) => job.origin().queued,
            Self::Write(job) => job.origin().queued,
        }
    }

    fn place(&self) -> &'static Location<'static> {
        match self {
            Self::Read(job) => job.origin().place,
            Self::Write(job) => job.origin().place,
        }
    }

    fn answer(self) {
        match self {
            Self::Read(job) => job.answer(),
            Self::Write(job) => job.answer(),
        }
    }

    /// Answers with this error instead of a result.
    pub(super) fn refuse(self, why: Error) {
        match self {
            Self::Read(job) => job.refuse(why),
            Self::Write(job) => job.refuse(why),
        }
    }
}

/// How much time closures of a lane have.
#[derive(Debug, Clone, Copy)]
struct Lane {
    /// From being queued to the answer.
    patience: Duration,
    /// For each statement; a little less, so that the server can say that it stopped it.
    statement_timeout: Duration,
}

// Half a second below what callers are promised, for the answer's own way.
const FAST: Lane = Lane { patience: Duration::from_millis(9500), statement_timeout: Duration::from_secs(9) };
const SLOW: Lane = Lane { patience: Duration::from_secs(30), statement_timeout: Duration::from_secs(29) };

/// Reads the URL and adds what every connection needs.
pub(crate) fn configure(url: &str, application_name: &str) -> Result<Config, OpenError> {
    let mut config: Config = url.parse().map_err(OpenError::Address)?;
    config
        .application_name(application_name)
        .connect_timeout(CONNECT_TIMEOUT)
        .keepalives_idle(Duration::from_secs(30))
        .tcp_user_timeout(FAST.patience);
    Ok(config)
}

/// Connects to work on the schema.
pub(crate) async fn connect_for_schema(config: &Config) -> Result<Client, OpenError> {
    match tokio::time::timeout(FAST.patience, connect(config, Purpose::Schema)).await {
        Ok(connected) => connected.map_err(|error| OpenError::Unreachable(error.into())),
        Err(late) => Err(OpenError::Unreachable(late.into())),
    }
}

/// Checks the server, migrates and starts the threads. They connect when they first have something to do.
pub(super) async fn open(url: &str, options: &Options) -> Result<Opened, OpenError> {
    let config = Arc::new(configure(url, &options.application_name)?);
    let client = connect_for_schema(&config).await?;
    check_server(&client, options.allow_unsafe_postgres).await?;
    migrate::migrate_postgres(&client, options).await?;
    drop(client);

    let fast = Arc::new(Queue::new(WRITES_WAITING));
    let slow = Arc::new(Queue::new(SLOW_WAITING));
    let lanes = Lanes::Postgres { fast: fast.clone(), slow: slow.clone() };
    let total = options.connections.max(2);
    let slow_threads = if total < 16 { 1 } else { 2 };
    let runtime = Handle::current();
    let mut threads: Vec<JoinHandle<()>> = Vec::with_capacity(total);
    for number in 0..total {
        let (lane, queue) = if number < slow_threads { (SLOW, slow.clone()) } else { (FAST, fast.clone()) };
        let (config, runtime, clock) = (config.clone(), runtime.clone(), options.clock.clone());
        // Sessions never leave their thread, so the worker is made on it.
        let work = move || {
            Worker { config, runtime, clock, lane, number, current: None, has_complained: false }.serve(&queue);
        };
        match spawn(format!("db-{number}"), work) {
            Ok(thread) => threads.push(thread),
            Err(error) => {
                lanes.close();
                return Err(error);
            }
        }
    }
    Ok(Opened { lanes, threads })
}

/// Refuses a server that is too old, that keeps text in another encoding, or that may lose what it acknowledged.
async fn check_server(client: &Client, allow_unsafe: bool) -> Result<(), OpenError> {
    let row = client
        .query_one(
            "SELECT current_setting('server_version_num')::int, current_setting('server_version'),
                    current_setting('server_encoding'), current_setting('fsync'), current_setting('full_page_writes')",
            &[],
        )
        .await?;
    let (number, version): (i32, String) = (row.try_get(0)?, row.try_get(1)?);
    if number < OLDEST_SERVER {
        return Err(OpenError::Server(format!("PostgreSQL {version} is too old, 13 or newer is needed")));
    }
    let encoding: String = row.try_get(2)?;
    if encoding != "UTF8" {
        return Err(OpenError::Server(format!("the database has the encoding {encoding}, it must be UTF8")));
    }
    for (column, setting) in [(3, "fsync"), (4, "full_page_writes")] {
        if row.try_get::<_, &str>(column)? != "on" && !allow_unsafe {
            return Err(OpenError::Server(format!("the server runs with {setting}=off and can lose stored data")));
        }
    }
    Ok(())
}

/// One connection thread.
struct Worker {
    config: Arc<Config>,
    runtime: Handle,
    clock: Arc<dyn Clock>,
    lane: Lane,
    number: usize,
    current: Option<Connected>,
    /// Whether the log already says that the server cannot be reached.
    has_complained: bool,
}

/// A session and the handle through which closures see it.
struct Connected {
    session: Rc<Session>,
    tx: Tx,
}

/// How an attempt to run a closure ended. Where an error is given, the closure must be refused with it, else its own
/// result is the answer.
enum Outcome {
    Done(Option<Error>),
    /// Another attempt may succeed; this is the answer if there is none.
    Retry(Option<Error>),
    /// The connection was lost and certainly nothing was committed.
    Lost(Option<Error>),
    /// The connection was lost during COMMIT.
    Unknown,
}

impl Worker {
    fn serve(mut self, queue: &Queue<Request>) {
        loop {
            match queue.take(None) {
                Taken::Job(request) if request.wanted() => self.handle(request),
                Taken::Job(_) | Taken::Nothing => {}
                Taken::Closed => break,
            }
        }
    }

    /// Runs the closure as often as is right, and answers.
    fn handle(&mut self, mut request: Request) {
        let deadline = request.queued().saturating_add(self.lane.patience);
        let (mut retries, mut was_lost) = (0, false);
        let clock = self.clock.clone();
        let refusal = loop {
            let connected = match self.connected(deadline) {
                Ok(connected) => connected,
                Err(error) => break Some(error),
            };
            let outcome = connected.attempt(&mut request, deadline, clock.as_ref());
            match outcome {
                Outcome::Done(refusal) => break refusal,
                Outcome::Retry(_) if retries < RETRIES => {
                    retries += 1;
                    std::thread::sleep(self.jitter(Duration::from_millis(10 << retries)));
                }
                Outcome::Retry(refusal) => {
                    let place = request.place();
                    tracing::warn!(%place, "the closure at {place} met other transactions {RETRIES} times and gives up");
                    break refusal;
                }
                Outcome::Lost(_) if !was_lost => {
                    was_lost = true;
                    self.current = None;
                }
                Outcome::Lost(refusal) => {
                    self.current = None;
                    break refusal;
                }
                Outcome::Unknown => {
                    self.current = None;
                    break Some(Error::Unavailable);
                }
            }
        };
        match refusal {
            Some(error) => request.refuse(error),
            None => request.answer(),
        }
    }

    /// The connection, made anew if there is none; tries until the deadline.
    fn connected(&mut self, deadline: Duration) -> Result<&Connected, Error> {
        if self.current.as_ref().is_some_and(|connected| connected.session.is_closed()) {
            self.current = None;
        }
        let mut pause = Duration::from_millis(50);
        while self.current.is_none() {
            let left = deadline.saturating_sub(self.clock.mono());
            if left.is_zero() {
                return Err(Error::Unavailable);
            }
            match self.connect(left.min(CONNECT_TIMEOUT)) {
                Ok(connected) => self.current = Some(connected),
                Err(error) => {
                    if !std::mem::replace(&mut self.has_complained, true) {
                        let causes = chain(error.as_ref());
                        tracing::error!("PostgreSQL cannot be reached: {causes}");
                    }
                    let left = deadline.saturating_sub(self.clock.mono());
                    std::thread::sleep(self.jitter(pause).min(left));
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
        self.current.as_ref().ok_or(Error::Unavailable)
    }

    fn connect(&mut self, patience: Duration) -> Result<Connected, Box<dyn std::error::Error + Send + Sync>> {
        let purpose = Purpose::Closures { statement_timeout: self.lane.statement_timeout };
        let connecting = async { tokio::time::timeout(patience, connect(&self.config, purpose)).await };
        let client = self.runtime.block_on(connecting)??;
        if std::mem::take(&mut self.has_complained) {
            tracing::info!("PostgreSQL can be reached again");
        }
        let session = Rc::new(Session::new(client, self.runtime.clone(), self.clock.clone()));
        let tx = Tx::new(Conn::new(Backend::Postgres(session.clone())));
        Ok(Connected { session, tx })
    }

    /// Between half and the whole of `span`, so that threads which failed together do not try again together.
    fn jitter(&self, span: Duration) -> Duration {
        let mixed =
            (u64::from(self.clock.mono().subsec_nanos()) ^ self.number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        span / 2 + span.mul_f64((mixed >> 40) as f64 / (1u64 << 25) as f64)
    }
}

impl Connected {
    /// Runs the closure once, and ends its transaction.
    fn attempt(&self, request: &mut Request, deadline: Duration, clock: &dyn Clock) -> Outcome {
        match request {
            Request::Read(job) => {
                self.session.begin_closure(deadline, false);
                self.tx.begin_closure(false);
                job.run(&self.tx);
                match self.session.trouble() {
                    None => Outcome::Done(None),
                    Some(Trouble::Retry) => Outcome::Retry(None),
                    Some(Trouble::Lost) => Outcome::Lost(None),
                }
            }
            Request::Write(job) => {
                self.session.begin_closure(deadline, true);
                self.tx.begin_closure(true);
                let is_good = run_timed(job.as_mut(), &self.tx, clock);
                if is_good && self.tx.spoilt().is_none() { self.commit() } else { self.give_up(is_good) }
            }
        }
    }

    fn commit(&self) -> Outcome {
        match (self.session.commit(), self.session.trouble()) {
            (Ok(()), _) => Outcome::Done(None),
            (Err(_), Some(Trouble::Lost)) => Outcome::Unknown,
            (Err(error), Some(Trouble::Retry)) => Outcome::Retry(Some(error)),
            // The server refused the commit (a deferred constraint, a full disk): it has rolled back.
            (Err(error), None) => Outcome::Done(Some(error)),
        }
    }

    fn give_up(&self, is_good: bool) -> Outcome {
        let trouble = self.session.trouble();
        let refusal = is_good.then(|| Error::from(Mistake::WentOn));
        // A rollback that failed leaves a connection that the next closure will find closed, or that ends here.
        match (trouble, self.session.roll_back()) {
            (Some(Trouble::Retry), true) => Outcome::Retry(refusal),
            (None, true) => Outcome::Done(refusal),
            _ => Outcome::Lost(refusal),
        }
    }
}

/// The error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
