//! Connections that wait for their next exchange.
//! Promise: few, and none for longer than `IDLE`, which is less than common servers keep theirs (5 s), so that an exchange
//! seldom meets a closing one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::connection::Connection;

/// How long a connection waits.
const IDLE: Duration = Duration::from_secs(4);
/// How many wait, of all receivers together.
const MOST: usize = 256;
/// How many wait of one receiver.
const MOST_OF_ONE: usize = 64;
/// How long a connection may take to be ready anew: its task only has to run once.
const SETTLE: Duration = Duration::from_millis(20);

/// The connections that wait, by scheme, host and port. Clones are the same pool.
#[derive(Clone, Default)]
pub(super) struct Pool(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    by_origin: HashMap<String, Vec<(Instant, Connection)>>,
    count: usize,
    swept: bool,
}

impl Waiting {
    /// Closes the connections for which this holds.
    fn close(&mut self, over: impl Fn(Instant, &Connection) -> bool) {
        self.by_origin.retain(|_, held| {
            held.retain(|(since, connection)| !over(*since, connection));
            !held.is_empty()
        });
        self.count = self.by_origin.values().map(Vec::len).sum();
    }
}

impl Pool {
    /// A connection that is still open, the youngest first.
    pub(super) async fn take(&self, origin: &str) -> Option<Connection> {
        loop {
            let (since, mut connection) = self.pop(origin)?;
            let ready = tokio::time::timeout(SETTLE, connection.sender.ready()).await;
            if since.elapsed() < IDLE && matches!(ready, Ok(Ok(()))) {
                return Some(connection);
            }
        }
    }

    fn pop(&self, origin: &str) -> Option<(Instant, Connection)> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = waiting.by_origin.get_mut(origin)?;
        let found = held.pop();
        if held.is_empty() {
            waiting.by_origin.remove(origin);
        }
        waiting.count = waiting.count.saturating_sub(usize::from(found.is_some()));
        found
    }

    /// Lets a connection wait, if there is room.
    pub(super) fn put(&self, origin: &str, connection: Connection) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.count >= MOST {
            waiting.close(|_, connection| connection.sender.is_closed());
        }
        if waiting.count >= MOST || waiting.by_origin.get(origin).is_some_and(|held| held.len() >= MOST_OF_ONE) {
            return;
        }
        waiting.count = waiting.count.saturating_add(1);
        waiting.by_origin.entry(origin.to_owned()).or_default().push((Instant::now(), connection));
        if !std::mem::replace(&mut waiting.swept, true) {
            tokio::spawn(self.clone().sweep());
        }
    }

    /// Closes what has waited too long, until nothing waits.
    async fn sweep(self) {
        loop {
            tokio::time::sleep(IDLE / 2).await;
            if !self.close_idle(IDLE) {
                return;
            }
        }
    }

    /// Closes what has waited this long. Returns whether anything waits still; if not, the sweep ends.
    pub(super) fn close_idle(&self, idle: Duration) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.close(|since, _| since.elapsed() >= idle);
        waiting.swept = waiting.count > 0;
        waiting.swept
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).count
    }
}
