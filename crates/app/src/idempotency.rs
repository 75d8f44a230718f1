//! `Idempotency-Key`: a retry answers as the first try did, for a day, per caller and route. The answer is kept in the
//! transaction of what it tells of, sealed; of two at once the second is told to wait.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use mv_core::{Caller, Code, Error, Timestamp, UserId};
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
    pub async fn take_key(&self, caller: &Caller, route: &'static str, key: Option<String>) -> Result<Option<Retry>> {
        let Some(key) = key else { return Ok(None) };
        let user = caller.user();
        let mut hash = [0u8; 32];
        hash.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
        let taken = self.running.0.lock().unwrap_or_else(PoisonError::into_inner).insert((user, route, hash));
        if !taken {
            return Err(refused("in_progress").retry_after(Duration::from_secs(1)).into());
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

    /// The answer that another node gave to the same key meanwhile, after this one's transaction was refused.
    pub(crate) async fn answer_of_other(&self, key: Key, fingerprint: [u8; 32]) -> Result<Vec<u8>> {
        let (lookup, oldest) = (key.clone(), self.now().minus(KEEP));
        match self.store.read(move |db| idempotency::find(db, &lookup, oldest)).await? {
            Some(kept) => self.open_answer(&key, &kept, &fingerprint),
            None => Err(refused("in_progress").retry_after(Duration::from_secs(1)).into()),
        }
    }
}

/// An answer about to be kept.
pub(crate) struct Keeping {
    pub(crate) key: Key,
    pub(crate) fingerprint: [u8; 32],
}

/// The key was taken by another node between the look and the commit.
#[derive(Debug, thiserror::Error)]
#[error("the idempotency key was taken by another request")]
pub(crate) struct KeyTaken;

/// Keeps a sealed answer in the transaction that made it.
///
/// # Errors
/// `KeyTaken`: the transaction must not commit.
pub(crate) fn keep(tx: &Tx, keeping: &Keeping, answer_sealed: Vec<u8>, now: Timestamp) -> Result<()> {
    let kept = Kept { fingerprint: keeping.fingerprint, answer_sealed };
    if idempotency::save(tx, &keeping.key, &kept, now, now.minus(KEEP))? {
        Ok(())
    } else {
        Err(crate::Error::internal(KeyTaken))
    }
}

/// What binds a sealed answer to its key.
pub(crate) fn place(key: &Key) -> Vec<u8> {
    [&key.user.uuid().as_bytes()[..], &key.hash].concat()
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
