//! Password hashes: Argon2id with OWASP's parameters (m = 19 MiB, t = 2, p = 1), on a bounded pool, so that logins
//! neither hold up other requests nor queue without end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use mv_core::entropy::{Entropy, random};
use mv_core::{Code, Error};
use tokio::sync::{Semaphore, oneshot};

use crate::Result;

/// Hashes that may wait for a thread; one more is told to come back.
const QUEUE: usize = 32;

/// How far a hash stands back (nice(2)): it computes for 22 ms without a pause, and requests would wait behind it. At 10 it
/// still gets a tenth of a core that requests keep busy.
const NICENESS: i32 = 10;

/// The pool.
pub(crate) struct Passwords {
    threads: Arc<Semaphore>,
    waiting: AtomicUsize,
    entropy: Arc<dyn Entropy>,
}

/// A hash with today's parameters, verified where there is no account, so that both take the same time. What it is the
/// hash of does not matter: without an account nothing holds. A constant, since making one costs 19 MiB at the start.
const DUMMY: &str = "$argon2id$v=19$m=19456,t=2,p=1$lo0BrSvxPoFeNfNbwII8MA$sM3o9Q8fM24NqauC/v9VpLN+0aYa7YGm8wKa5kiTi+A";

/// What came of comparing a password with a hash.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Verified {
    pub(crate) holds: bool,
    /// It holds, and was made with weaker parameters than today's.
    pub(crate) outdated: bool,
}

impl Passwords {
    pub(crate) fn new(threads: usize, entropy: Arc<dyn Entropy>) -> Self {
        Self { threads: Arc::new(Semaphore::new(threads.max(1))), waiting: AtomicUsize::new(0), entropy }
    }

    /// The hash of a password, in PHC form.
    pub(crate) async fn hash(&self, password: &str) -> Result<String> {
        let (password, salt) = (password.to_owned(), random(self.entropy.as_ref()));
        self.run(move || hash(&password, salt)).await?
    }

    /// Compares a password with a hash; without one it takes as long and does not hold.
    pub(crate) async fn verify(&self, password: &str, against: Option<String>) -> Result<Verified> {
        let known = against.is_some();
        let (password, against) = (password.to_owned(), against.unwrap_or_else(|| DUMMY.to_owned()));
        let verified = self.run(move || verify(&password, &against)).await?;
        Ok(Verified { holds: known && verified.holds, outdated: known && verified.outdated })
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let waiting = Waiting::join(&self.waiting)?;
        let permit = Arc::clone(&self.threads).acquire_owned().await.map_err(crate::Error::internal)?;
        drop(waiting);
        // The permit goes along: nothing stops a hash, also when the client has hung up and nobody waits for it.
        let (answer, answered) = oneshot::channel();
        // A thread of its own, since anybody may lower a thread's priority and nobody may raise it again. Starting one
        // costs a thousandth of a hash.
        let working = move || {
            // A favour to others: refused, the hash is made all the same.
            let _ = rustix::process::setpriority_process(None, NICENESS);
            let done = work();
            drop(permit);
            // Nobody may be waiting any more.
            let _ = answer.send(done);
        };
        std::thread::Builder::new().name("password".to_owned()).spawn(working).map_err(crate::Error::internal)?;
        answered.await.map_err(crate::Error::internal)
    }
}

/// A place in the queue, given back when dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn join(count: &'a AtomicUsize) -> Result<Self> {
        let place = Self(count);
        if count.fetch_add(1, Ordering::AcqRel) < QUEUE {
            return Ok(place);
        }
        let full = Error::new(Code::ServiceUnavailable, "Too many logins at once");
        Err(full.retry_after(Duration::from_secs(1)).into())
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn today() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

fn hash(password: &str, salt: [u8; 16]) -> Result<String> {
    let made = today().hash_password_with_salt(password.as_bytes(), &salt);
    Ok(made.map_err(crate::Error::internal)?.to_string())
}

fn verify(password: &str, against: &str) -> Verified {
    let Ok(stored) = PasswordHash::new(against) else { return Verified { holds: false, outdated: false } };
    let holds = today().verify_password(password.as_bytes(), &stored).is_ok();
    let outdated = holds && Params::try_from(&stored).map_or(true, |params| params.m_cost() < Params::DEFAULT.m_cost());
    Verified { holds, outdated }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_hashed_holds_and_nothing_else_does() {
        let long = "x".repeat(100);
        let kept = hash(&long, [3; 16]).unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(verify(&long, &kept).holds && !verify(&long, &kept).outdated);
        assert!(!verify(&format!("{long}x"), &kept).holds, "nothing is cut off");
        assert!(!verify("", "nonsense").holds);
        let parameters = kept.rsplitn(3, '$').nth(2).unwrap();
        assert!(DUMMY.starts_with(parameters) && PasswordHash::new(DUMMY).is_ok(), "as much work as a real one");
    }

    #[tokio::test]
    async fn who_hangs_up_frees_no_place_for_another_hash() {
        let pool = Passwords::new(1, Arc::new(mv_core::entropy::SystemEntropy));
        let (begun, begins) = tokio::sync::oneshot::channel();
        let (finish, finished) = std::sync::mpsc::channel::<()>();
        let work = move || {
            let _ = begun.send(());
            finished.recv()
        };
        tokio::select! {
            _ = pool.run(work) => panic!("it waits to be told"),
            _ = begins => {}
        }
        assert_eq!(pool.threads.available_permits(), 0, "its thread still works");
        finish.send(()).unwrap();
        pool.run(|| ()).await.unwrap();
        assert_eq!((pool.threads.available_permits(), pool.waiting.load(Ordering::Acquire)), (1, 0));
    }

    /// Row 14 of the security checklist.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn never_more_hashes_at_once_than_threads_nor_more_waiting_than_the_queue_holds() {
        const THREADS: usize = 2;
        let pool = Passwords::new(THREADS, Arc::new(mv_core::entropy::SystemEntropy));
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let work = || {
            let (running, most) = (running.clone(), most.clone());
            pool.run(move || {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(50));
                running.fetch_sub(1, Ordering::SeqCst);
            })
        };
        let done = futures_util::future::join_all((0..64).map(|_| work())).await;
        assert_eq!(most.load(Ordering::SeqCst), THREADS);
        let busy = done.iter().filter_map(|one| one.as_ref().err()).filter(|error| error.is(Code::ServiceUnavailable));
        assert_eq!(
            (busy.count(), done.iter().filter(|one| one.is_ok()).count()),
            (64 - THREADS - QUEUE, THREADS + QUEUE)
        );
    }
}
