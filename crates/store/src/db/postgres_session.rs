//! One PostgreSQL connection, used from one thread: how it is made and set, how statements run on it.
//! Promise: no wait outlives the deadline of the closure at work; `BEGIN` costs no round trip of its own.
//! Not here: which closure runs when, and what is tried again (`postgres.rs`).

use std::cell::{Cell as Flag, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join;
use mv_core::Clock;
use tokio::runtime::Handle;
use tokio_postgres::{Client, Config, NoTls, RowStream, Statement};

use super::conn::Flow;
use super::error::{Error, is_lost, is_retryable, is_stale_plan};
use super::row::{Row, Source};
use super::sql::Sql;

/// Statements kept ready on each connection.
const STATEMENTS: usize = 256;
/// Rows taken from the connection at a time; a larger answer is read in such pieces.
const CHUNK: usize = 512;

/// What a session is used for; decides its settings.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// Closures of the application; each statement may take this long.
    Closures { statement_timeout: Duration },
    /// Migrations: as long as it takes.
    Schema,
}

/// Connects and sets the session. The connection is driven on the runtime until the client goes.
pub(crate) async fn connect(config: &Config, purpose: Purpose) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("a PostgreSQL connection ended: {error}");
        }
    });
    let own = match purpose {
        // Autocommit statements are then read-only, so that a read closure cannot write; `BEGIN` says READ WRITE.
        Purpose::Closures { statement_timeout } => format!(
            "SET default_transaction_read_only=on; SET statement_timeout={}; SET lock_timeout='5s';",
            statement_timeout.as_millis()
        ),
        Purpose::Schema => "SET statement_timeout=0; SET default_transaction_read_only=off;".to_owned(),
    };
    let settings = "SET default_transaction_isolation='read committed'; SET synchronous_commit=on;
                    SET idle_in_transaction_session_timeout='15s'; SET client_min_messages='warning';";
    client.batch_execute(&(own + settings)).await?;
    Ok(client)
}

/// What went wrong at the driver while a closure ran; the closure's own error may hide it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Running the closure again may succeed.
    Retry,
    /// The connection is of no more use.
    Lost,
}

/// Where a transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begin {
    /// Statements commit by themselves.
    Never,
    /// `BEGIN` goes out with the next statement.
    Due,
    /// The transaction is open.
    Done,
}

/// A connection with its statements. Lives on one thread, which is none of the runtime's.
pub(super) struct Session {
    runtime: Handle,
    clock: Arc<dyn Clock>,
    client: Client,
    statements: RefCell<Statements>,
    deadline: Flag<Duration>,
    begin: Flag<Begin>,
    trouble: Flag<Option<Trouble>>,
}

/// Prepared statements, bounded; the one that was not used for longest makes room.
#[derive(Default)]
struct Statements {
    by_text: HashMap<Box<str>, (Statement, u64)>,
    uses: u64,
}

impl Statements {
    fn get(&mut self, text: &str) -> Option<Statement> {
        self.uses += 1;
        let (statement, used) = self.by_text.get_mut(text)?;
        *used = self.uses;
        Some(statement.clone())
    }

    fn insert(&mut self, text: &str, statement: Statement) {
        if self.by_text.len() >= STATEMENTS {
            let oldest = self.by_text.iter().min_by_key(|(_, (_, used))| *used).map(|(text, _)| text.clone());
            oldest.and_then(|text| self.by_text.remove(&text));
        }
        self.by_text.insert(text.into(), (statement, self.uses));
    }
}

impl Session {
    pub(super) fn new(client: Client, runtime: Handle, clock: Arc<dyn Clock>) -> Self {
        Self {
            runtime,
            clock,
            client,
            statements: RefCell::default(),
            deadline: Flag::new(Duration::MAX),
            begin: Flag::new(Begin::Never),
            trouble: Flag::new(None),
        }
    }

    /// Whether the connection has ended, as far as is known.
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Makes ready for a closure that must be done at `deadline` (`Clock::mono`). One that writes gets a transaction
    /// with its first statement.
    pub(super) fn begin_closure(&self, deadline: Duration, writing: bool) {
        self.deadline.set(deadline);
        self.trouble.set(None);
        self.begin.set(if writing { Begin::Due } else { Begin::Never });
    }

    /// What the driver met since `begin_closure`.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.trouble.get()
    }

    /// Commits what the closure did, if it ran a statement at all.
    pub(super) fn commit(&self) -> Result<(), Error> {
        if self.begin.replace(Begin::Never) != Begin::Done {
            return Ok(());
        }
        self.wait(self.client.batch_execute("COMMIT"))
    }

    /// Gives the transaction up. Tells whether the connection can still be used.
    pub(super) fn roll_back(&self) -> bool {
        if self.trouble.get() == Some(Trouble::Lost) {
            return false;
        }
        if self.begin.replace(Begin::Never) != Begin::Done {
            return true;
        }
        self.deadline.set(self.clock.mono() + Duration::from_secs(1));
        self.wait(self.client.batch_execute("ROLLBACK")).is_ok()
    }

    /// Runs the statement and shows each row to `each`.
    pub(super) fn rows(
        &self,
        statement: &Sql,
        each: &mut dyn FnMut(Row<'_>) -> Result<Flow, Error>,
    ) -> Result<(), Error> {
        let prepared = self.prepare(statement.text())?;
        let (mut stream, mut chunk) = self.wait(async {
            let query = self.client.query_raw(&prepared, statement.values());
            let mut stream = Box::pin(self.after_begin(query).await?);
            let chunk = next_chunk(stream.as_mut()).await?;
            Ok((stream, chunk))
        })?;
        loop {
            for row in &chunk {
                if each(Row::new(Source::Postgres(row)))? == Flow::Stop {
                    return Ok(());
                }
            }
            if chunk.len() < CHUNK {
                return Ok(());
            }
            chunk = self.wait(next_chunk(stream.as_mut()))?;
        }
    }

    /// Runs the statement and counts the rows it changed.
    pub(super) fn changed(&self, statement: &Sql) -> Result<u64, Error> {
        let prepared = self.prepare(statement.text())?;
        self.wait(self.after_begin(self.client.execute_raw(&prepared, statement.values())))
    }

    fn prepare(&self, text: &str) -> Result<Statement, Error> {
        if let Some(statement) = self.statements.borrow_mut().get(text) {
            return Ok(statement);
        }
        let statement = self.wait(self.client.prepare(text))?;
        self.statements.borrow_mut().insert(text, statement.clone());
        Ok(statement)
    }

    /// Sends the query, and `BEGIN` just before it if that is due, without waiting in between. If `BEGIN` should fail,
    /// the query runs in a read-only transaction of its own and can do no harm.
    async fn after_begin<T>(
        &self,
        query: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, tokio_postgres::Error> {
        if self.begin.get() != Begin::Due {
            return query.await;
        }
        // `join` polls in this order, and each future sends its message when it is first polled.
        let (begun, result) = join(self.client.batch_execute("BEGIN READ WRITE"), query).await;
        begun?;
        self.begin.set(Begin::Done);
        result
    }

    /// Waits on this thread, until the deadline at most, and remembers what the driver met.
    fn wait<T>(&self, work: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, Error> {
        let left = self.deadline.get().saturating_sub(self.clock.mono());
        let waited = self.runtime.block_on(async {
            // `timeout` lets quick work through even when no time is left; then nothing may be sent any more.
            if left.is_zero() { None } else { tokio::time::timeout(left, work).await.ok() }
        });
        let Some(result) = waited else {
            tracing::warn!("PostgreSQL gave no answer in time; the connection is given up");
            self.trouble.set(Some(Trouble::Lost));
            return Err(Error::Unavailable);
        };
        result.map_err(|error| {
            if is_lost(&error) {
                tracing::warn!("a connection to PostgreSQL was lost: {error}");
                self.trouble.set(Some(Trouble::Lost));
            } else if is_retryable(&error) {
                self.trouble.set(Some(Trouble::Retry));
            }
            if is_stale_plan(&error) {
                self.statements.borrow_mut().by_text.clear();
            }
            error.into()
        })
    }
}

async fn next_chunk(mut stream: Pin<&mut RowStream>) -> Result<Vec<tokio_postgres::Row>, tokio_postgres::Error> {
    let mut rows = Vec::new();
    while rows.len() < CHUNK {
        match stream.next().await {
            Some(row) => rows.push(row?),
            None => break,
        }
    }
    Ok(rows)
}
