//! Closures on their way to a database thread, and the bounded queue in which they wait.
//! Promise: every caller is answered exactly once, also when its closure panics or the store closes.
//! Not here: transactions; the threads decide when a closure runs and when its answer may go out.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mv_core::Clock;
use tokio::sync::oneshot;

use super::error::Error;

/// A closure that wants to run on `C`: a `Conn` to read or a `Tx` to write.
pub(super) trait Job<C>: Send {
    /// Whether somebody still waits for the answer.
    fn wanted(&self) -> bool;
    /// Runs the closure and keeps its result. True if it returned `Ok`.
    fn run(&mut self, on: &C) -> bool;
    /// Sends the kept result.
    fn answer(self: Box<Self>);
    /// Sends this error instead of any result.
    fn refuse(self: Box<Self>, why: Error);
    /// Who wrote the closure, and when it was queued (`Clock::mono`).
    fn origin(&self) -> Origin;
}

/// Where a closure comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    pub(super) place: &'static Location<'static>,
    pub(super) queued: Duration,
}

/// A closure, later its result, and who waits for it.
struct Task<F, T, E> {
    closure: F,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
    origin: Origin,
}

impl<C, F, T, E> Job<C> for Task<F, T, E>
where
    F: FnMut(&C) -> Result<T, E> + Send,
    T: Send,
    E: From<Error> + Send,
{
    fn wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn run(&mut self, on: &C) -> bool {
        // The closure may leave its own captured state half changed; after a panic it is not called again.
        let result = catch_unwind(AssertUnwindSafe(|| (self.closure)(on)));
        let result = result.unwrap_or_else(|_| Err(Error::Panicked.into()));
        self.result.insert(result).is_ok()
    }

    fn answer(self: Box<Self>) {
        let result = self.result.unwrap_or_else(|| Err(Error::Unavailable.into()));
        // Nobody may be waiting any more; then the answer is of no use to anybody.
        let _ = self.reply.send(result);
    }

    fn refuse(self: Box<Self>, why: Error) {
        let _ = self.reply.send(Err(why.into()));
    }

    fn origin(&self) -> Origin {
        self.origin
    }
}

/// Packs a closure for a queue, and gives what its caller waits on.
pub(super) fn pack<C, F, T, E>(closure: F, origin: Origin) -> (Box<dyn Job<C>>, oneshot::Receiver<Result<T, E>>)
where
    F: FnMut(&C) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    (Box::new(Task { closure, result: None, reply, origin }), answer)
}

/// A write closure that takes longer than this is named in the log.
const SLOW: Duration = Duration::from_millis(100);

/// Runs a write closure and logs it if it held the transaction for long. True if it returned `Ok`.
pub(super) fn run_timed<C>(job: &mut dyn Job<C>, on: &C, clock: &dyn Clock) -> bool {
    let began = clock.mono();
    let good = job.run(on);
    let took = clock.mono().saturating_sub(began);
    if took > SLOW {
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let place = job.origin().place;
        tracing::warn!(event = "tx.slow", %place, duration_ms, "the write closure at {place} took {duration_ms} ms");
    }
    good
}

/// A bounded queue that several threads may take from.
pub(super) struct Queue<J> {
    state: Mutex<Waiting<J>>,
    filled: Condvar,
    bound: usize,
}

struct Waiting<J> {
    jobs: VecDeque<J>,
    /// Threads that sleep and have not been called yet; one push wakes one of them.
    sleepers: usize,
    closed: bool,
}

/// Why a job could not be queued; the job comes back.
pub(super) enum Refused<J> {
    Full(J),
    Closed(J),
}

/// What a thread gets that waits for work.
pub(super) enum Taken<J> {
    Job(J),
    Nothing,
    Closed,
}

impl<J> Queue<J> {
    pub(super) fn new(bound: usize) -> Self {
        let state = Waiting { jobs: VecDeque::new(), sleepers: 0, closed: false };
        Self { state: Mutex::new(state), filled: Condvar::new(), bound }
    }

    // No code that can panic runs under the lock, so a poisoned one is still whole.
    fn lock(&self) -> MutexGuard<'_, Waiting<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a job and wakes a thread if one sleeps.
    pub(super) fn push(&self, job: J) -> Result<(), Refused<J>> {
        let mut state = self.lock();
        if state.closed {
            return Err(Refused::Closed(job));
        }
        if state.jobs.len() >= self.bound {
            return Err(Refused::Full(job));
        }
        state.jobs.push_back(job);
        let wake = state.sleepers > 0;
        if wake {
            state.sleepers -= 1;
        }
        drop(state);
        if wake {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// The next job if one is there.
    pub(super) fn try_take(&self) -> Option<J> {
        self.lock().jobs.pop_front()
    }

    /// The next job, waiting for it up to `patience`, or for ever. After [`Queue::close`] the rest is still given out.
    /// A queue with patient takers must have only one taker: two could miss a call between them.
    pub(super) fn take(&self, patience: Option<Duration>) -> Taken<J> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Taken::Job(job);
            }
            if state.closed {
                return Taken::Closed;
            }
            state.sleepers += 1;
            match patience {
                None => state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(patience) => {
                    let (guard, waited) =
                        self.filled.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner);
                    state = guard;
                    if waited.timed_out() && state.jobs.is_empty() && !state.closed {
                        state.sleepers = state.sleepers.saturating_sub(1);
                        return Taken::Nothing;
                    }
                }
            }
        }
    }

    /// Takes no more jobs; threads get what is left and then `Taken::Closed`.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.sleepers = 0;
        drop(state);
        self.filled.notify_all();
    }
}
