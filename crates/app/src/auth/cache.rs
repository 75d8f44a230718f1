//! Access tokens that were good a moment ago, so that a busy client costs no signature and no query each time.
//! Only where one process owns the database (SQLite); every change of a session or account empties it before the change
//! is answered, and a change by another process (`mediavault admin`) empties it within a quarter of a second.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use mv_core::Timestamp;
use mv_store::{Dialect, Store};

use super::access::Authenticated;

/// How many tokens are remembered; at the bound all are dropped.
const KEPT: usize = 16_384;

/// The remembered tokens.
pub(crate) struct AccessCache {
    enabled: bool,
    epoch: AtomicU64,
    foreign: AtomicU64,
    known: RwLock<HashMap<Box<str>, Arc<Authenticated>>>,
}

/// Proof of when a lookup began: what changed since must not be remembered.
#[derive(Clone, Copy)]
pub(crate) struct Moment(u64);

impl AccessCache {
    pub(crate) fn for_store(store: &Store) -> Self {
        Self {
            enabled: store.dialect() == Dialect::Sqlite,
            epoch: AtomicU64::new(0),
            foreign: AtomicU64::new(store.foreign_changes()),
            known: RwLock::new(HashMap::new()),
        }
    }

    /// The caller behind a token, if it is remembered and still good.
    pub(crate) fn get(&self, token: &str, store: &Store, now: Timestamp) -> Option<Arc<Authenticated>> {
        if !self.enabled {
            return None;
        }
        let foreign = store.foreign_changes();
        if self.foreign.swap(foreign, Ordering::AcqRel) != foreign {
            self.clear();
            return None;
        }
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(token).filter(|held| now < held.good_until).cloned()
    }

    /// Taken before the database is asked.
    pub(crate) fn moment(&self) -> Moment {
        Moment(self.epoch.load(Ordering::Acquire))
    }

    /// What changes with every change of a session or an account; `None` where that cannot be told without asking the
    /// database.
    pub(crate) fn stamp(&self, store: &Store) -> Option<(u64, u64)> {
        self.enabled.then(|| (self.epoch.load(Ordering::Acquire), store.foreign_changes()))
    }

    /// Remembers a token, unless something changed since the database was asked.
    pub(crate) fn put(&self, token: &str, held: &Arc<Authenticated>, since: Moment) {
        if !self.enabled {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if self.epoch.load(Ordering::Acquire) != since.0 {
            return;
        }
        if known.len() >= KEPT {
            known.clear();
        }
        known.insert(token.into(), held.clone());
    }

    /// Forgets all: called after the commit of every change of a session or an account, before it is answered.
    pub(crate) fn clear(&self) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        self.epoch.fetch_add(1, Ordering::AcqRel);
        known.clear();
    }
}
