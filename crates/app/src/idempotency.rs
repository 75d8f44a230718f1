//! `Idempotency-Key`: a retry answers as the first try did, for a day, per caller and route. The answer is kept in the
//! transaction of what it tells of, sealed; of two at once the second is told to wait.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use mv_core::{Code, Error, Timestamp, UserId};
use mv_store::Tx;
use mv_store::idempotency::{self, Kept, Key};

use crate::{App, Result};

/// How long an answer is kept.
pub(crate) const KEEP: Duration = Duration::from_secs(86_400);

/// Whose key, on which route, and its hash.
type Entry = (UserId, &'static str, [u8; 32]);

/// Requests with a key that are under way in this process.
#[derive(Clone, Default)]
pub(crate) struct Running(Arc<Mutex<HashSet<Entry>>>);

/// A request that came with a key; while this lives, others with the same key are refused.
pub struct Retry {
    pub(crate) key: Key,
    /// The answer of the first try, if there was one.
    kept: Option<Kept>,
    running: Running,
}

impl App {
    /// Takes the key of a request up. `None` in, `None` out.
    ///
    /// # Errors
    /// `conflict` with `in_progress` while another request with the key runs.
    pub async fn take_key(&self, user: UserId, route: &'static str, key: Option<String>) -> Result<Option<Retry>> {
        let Some(key) = key else { return Ok(None) };
        let mut hash = [0u8; 32];
        hash.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
        let taken = self.running.0.lock().unwrap_or_else(PoisonError::into_inner).insert((user, route, hash));
        if !taken {
            return Err(in_progress().into());
        }
        let mut retry = Retry { key: Key { user, route, hash }, kept: None, running: self.running.clone() };
        let (lookup, oldest) = (retry.key.clone(), self.now().minus(KEEP));
        retry.kept = self.store.read(move |db| idempotency::find(db, &lookup, oldest)).await?;
        Ok(Some(retry))
    }

    /// The first try's answer, opened, if this request says the same.
    ///
    /// # Errors
    /// `conflict` with `reused` where it says something else.
    pub(crate) fn replay(&self, retry: &Retry, fingerprint: &[u8; 32]) -> Result<Option<Vec<u8>>> {
        match &retry.kept {
            None => Ok(None),
            Some(kept) => self.open_answer(&retry.key, kept, fingerprint).map(Some),
        }
    }

    fn open_answer(&self, key: &Key, kept: &Kept, fingerprint: &[u8; 32]) -> Result<Vec<u8>> {
        if kept.fingerprint != *fingerprint {
            return Err(refused("reused").into());
        }
        Ok(self.answers.open(&[&place(key)], &kept.answer_sealed)?.to_vec())
    }

    /// Takes up a request that makes one thing: either it was answered before, or it is to be made now. Without a key it
    /// is always made.
    ///
    /// # Errors
    /// `conflict` with `in_progress` while another request with the key runs, with `reused` where that one said
    /// something else.
    pub async fn creation<T>(&self, user: UserId, sent: Sent<T>) -> Result<Begun<T>> {
        let Some(retry) = self.take_key(user, sent.route, sent.key).await? else {
            return Ok(Begun::New(Creation(None)));
        };
        match self.replay(&retry, &sent.fingerprint)? {
            Some(answer) => Ok(Begun::Answered(answer)),
            None => Ok(Begun::New(Creation(Some((retry, sent.fingerprint, sent.render))))),
        }
    }

    /// The answer about what is being made, sealed, to be kept in the transaction that makes it.
    pub(crate) fn answer_to_keep<T>(&self, creation: &Creation<T>, made: &T) -> Result<Option<ToKeep>> {
        let Some((retry, fingerprint, render)) = &creation.0 else { return Ok(None) };
        let sealed = self.answers.seal(&[&place(&retry.key)], &render(made), self.entropy.as_ref())?;
        let keeping = Keeping { key: retry.key.clone(), fingerprint: *fingerprint };
        Ok(Some(ToKeep { keeping, sealed, now: self.now() }))
    }

    /// The answer that another node gave to the same key meanwhile, after this one's transaction was refused.
    pub(crate) async fn answer_of_other(&self, key: Key, fingerprint: [u8; 32]) -> Result<Vec<u8>> {
        let (lookup, oldest) = (key.clone(), self.now().minus(KEEP));
        match self.store.read(move |db| idempotency::find(db, &lookup, oldest)).await? {
            Some(kept) => self.open_answer(&key, &kept, &fingerprint),
            None => Err(in_progress().into()),
        }
    }
}

/// An answer about to be kept.
pub(crate) struct Keeping {
    pub(crate) key: Key,
    pub(crate) fingerprint: [u8; 32],
}

/// What a request says that makes a thing, whatever its key.
pub struct Sent<T> {
    /// The route, by its operation's id.
    pub route: &'static str,
    /// The `Idempotency-Key`, if one came.
    pub key: Option<String>,
    /// Digest of what the request says.
    pub fingerprint: [u8; 32],
    /// The answer about the thing made, in the wire's own form.
    pub render: RenderMade<T>,
}

/// Makes the answer about a thing.
pub type RenderMade<T> = Arc<dyn Fn(&T) -> Vec<u8> + Send + Sync>;

/// How a request that makes a thing begins.
pub enum Begun<T> {
    /// It is to be made.
    New(Creation<T>),
    /// It was made by an earlier try, which was answered so.
    Answered(Vec<u8>),
}

/// A thing about to be made; while this lives, other requests with the same key are refused. `Creation::default()` is one
/// that nobody will ask for again.
pub struct Creation<T>(Option<(Retry, [u8; 32], RenderMade<T>)>);

impl<T> Default for Creation<T> {
    fn default() -> Self {
        Self(None)
    }
}

/// A sealed answer on its way into the transaction.
pub(crate) struct ToKeep {
    keeping: Keeping,
    sealed: Vec<u8>,
    now: Timestamp,
}

/// Keeps the answer, if there is one to be kept.
///
/// # Errors
/// `KeyTaken`: the transaction must not commit.
pub(crate) fn keep_answer(tx: &Tx, answer: Option<&ToKeep>) -> Result<()> {
    match answer {
        Some(ToKeep { keeping, sealed, now }) => keep(tx, keeping, sealed.clone(), *now),
        None => Ok(()),
    }
}

/// Keeps a sealed answer in the transaction that made it.
///
/// # Errors
/// `KeyTaken`: the transaction must not commit.
pub(crate) fn keep(tx: &Tx, keeping: &Keeping, answer_sealed: Vec<u8>, now: Timestamp) -> Result<()> {
    let kept = Kept { fingerprint: keeping.fingerprint, answer_sealed };
    if idempotency::save(tx, &keeping.key, &kept, now, now.minus(KEEP))? { Ok(()) } else { Err(crate::Error::KeyTaken) }
}

/// What binds a sealed answer to its key.
pub(crate) fn place(key: &Key) -> Vec<u8> {
    [&key.user.uuid().as_bytes()[..], &key.hash].concat()
}

/// The same key is at work elsewhere; soon its answer will be there.
pub(crate) fn in_progress() -> Error {
    refused("in_progress").retry_after(Duration::from_secs(1))
}

fn refused(message: &'static str) -> Error {
    Error::new(Code::Conflict, "The Idempotency-Key is in use").with("Idempotency-Key", message)
}

impl Retry {
    /// Whether the first try was answered already: then nothing is to be stored.
    pub fn answered(&self) -> bool {
        self.kept.is_some()
    }
}

impl Drop for Retry {
    fn drop(&mut self) {
        let entry = (self.key.user, self.key.route, self.key.hash);
        self.running.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&entry);
    }
}
