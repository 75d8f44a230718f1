//! Threads of our own for calls that block: file operations, hashing, encryption.
//! Promise: a fixed number of named threads and a bounded queue, so that a slow disk makes callers wait instead of
//! filling memory; a job that panics ends alone. Not here: what the jobs do.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::error::Error;

type Job = Box<dyn FnOnce() + Send>;

/// Jobs that may wait for each thread before callers wait themselves.
const QUEUE_PER_THREAD: usize = 8;

struct Queue {
    jobs: VecDeque<Job>,
    closed: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    came: Condvar,
}

/// The threads. They end, after the jobs that wait, when the pool is dropped.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    turns: Arc<Semaphore>,
}

/// The right to put one job into the queue; dropped unused, it is given back.
pub(crate) struct Turn {
    shared: Arc<Shared>,
    permit: OwnedSemaphorePermit,
}

impl Pool {
    /// Starts `threads` threads, at least one.
    ///
    /// # Errors
    /// `Stopped` if the system gives no threads.
    pub(crate) fn new(threads: usize) -> Result<Self, Error> {
        let threads = threads.max(1);
        let queue = Queue { jobs: VecDeque::new(), closed: false };
        let shared = Arc::new(Shared { queue: Mutex::new(queue), came: Condvar::new() });
        // Made first: when a thread cannot be started, dropping it ends those that were.
        let pool = Self { shared, turns: Arc::new(Semaphore::new(threads * (1 + QUEUE_PER_THREAD))) };
        for number in 0..threads {
            let shared = Arc::clone(&pool.shared);
            std::thread::Builder::new()
                .name(format!("mv-blobs-{number}"))
                .spawn(move || work(&shared))
                .map_err(|_| Error::Stopped)?;
        }
        Ok(pool)
    }

    /// Waits for room in the queue.
    ///
    /// # Errors
    /// `Stopped` if the pool is shutting down.
    pub(crate) async fn turn(&self) -> Result<Turn, Error> {
        let permit = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| Error::Stopped)?;
        Ok(Turn { shared: Arc::clone(&self.shared), permit })
    }

    /// Runs a job and waits for its answer. If the caller goes away, the job still runs and its answer is dropped on
    /// the pool's thread.
    ///
    /// # Errors
    /// What the job returned; `Stopped` if it panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.turn().await?.start(job).await.unwrap_or(Err(Error::Stopped))
    }

    /// Runs a short job soon without a turn and without an answer: cleaning up must not wait for the queue.
    pub(crate) fn detach(&self, job: impl FnOnce() + Send + 'static) {
        push(&self.shared, Box::new(job));
    }
}

impl Turn {
    /// Puts a job into the queue; the answer comes through the receiver, which fails if the job panicked.
    pub(crate) fn start<T: Send + 'static>(self, job: impl FnOnce() -> T + Send + 'static) -> oneshot::Receiver<T> {
        let (answer, receiver) = oneshot::channel();
        let permit = self.permit;
        push(
            &self.shared,
            Box::new(move || {
                let value = job();
                drop(permit);
                // A caller that went away drops the receiver; then the value is dropped here.
                drop(answer.send(value));
            }),
        );
        receiver
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.shared.came.notify_all();
    }
}

fn push(shared: &Shared, job: Job) {
    shared.queue.lock().unwrap_or_else(PoisonError::into_inner).jobs.push_back(job);
    shared.came.notify_one();
}

fn work(shared: &Shared) {
    loop {
        let mut queue = shared.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let job = loop {
            if let Some(job) = queue.jobs.pop_front() {
                break job;
            }
            if queue.closed {
                return;
            }
            queue = shared.came.wait(queue).unwrap_or_else(PoisonError::into_inner);
        };
        drop(queue);
        if catch_unwind(AssertUnwindSafe(job)).is_err() {
            tracing::error!("a storage job panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn answers_come_back_and_a_panic_harms_no_other() {
        let pool = Pool::new(2).unwrap();
        assert_eq!(pool.run(|| Ok(7)).await.unwrap(), 7);
        for _ in 0..4 {
            let died = pool.run(|| -> Result<(), Error> { panic!("as the test wants") }).await;
            assert!(matches!(died, Err(Error::Stopped)));
        }
        assert_eq!(pool.run(|| Ok(8)).await.unwrap(), 8);
    }

    #[tokio::test]
    async fn the_queue_is_bounded() {
        let pool = Arc::new(Pool::new(1).unwrap());
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let held = pool.turn().await.unwrap().start(move || gate.recv());
        let mut turns = Vec::new();
        for _ in 0..QUEUE_PER_THREAD {
            turns.push(pool.turn().await.unwrap());
        }
        let blocked = tokio::time::timeout(std::time::Duration::from_millis(50), pool.turn()).await;
        assert!(blocked.is_err());
        open.send(()).unwrap();
        held.await.unwrap().unwrap();
        assert!(pool.turn().await.is_ok());
    }

    #[tokio::test]
    async fn jobs_that_wait_run_even_after_the_pool_is_dropped() {
        let ran = Arc::new(AtomicUsize::new(0));
        let pool = Pool::new(1).unwrap();
        let mut answers = Vec::new();
        for _ in 0..5 {
            let ran = Arc::clone(&ran);
            answers.push(pool.turn().await.unwrap().start(move || ran.fetch_add(1, Ordering::SeqCst)));
        }
        drop(pool);
        for answer in answers {
            answer.await.unwrap();
        }
        assert_eq!(ran.load(Ordering::SeqCst), 5);
    }
}
