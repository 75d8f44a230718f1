//! Credentials in use by what was opened with them and goes on, such as streams of events: told when they have ended, by
//! time, logout, another password, or the end of the account or key.
//! Promise: told within two seconds, also where another process ended them. However many are watched, the database is asked
//! once a look: where one process owns it (SQLite) only after a change, else at each look.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use mv_core::{ApiKeyId, Caller, Code, Error, SessionId, Timestamp, UserId};
use mv_store::{Conn, credentials};
use tokio_util::sync::CancellationToken;

use super::access::Authenticated;
use crate::{App, Result};

/// How often it looks.
const LOOK: Duration = Duration::from_millis(750);
/// Ids asked for in one statement.
const BATCH: usize = 1000;
/// How much one account may keep open at once.
pub const MAX_OPEN: usize = 1000;

/// What identifies credentials in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Credential {
    Session(SessionId),
    Key(ApiKeyId),
}

struct Entry {
    credential: Credential,
    user: UserId,
    until: Timestamp,
    /// Not asked about since it is watched.
    is_fresh: bool,
    ended: CancellationToken,
}

/// All that is watched.
#[derive(Default)]
pub(crate) struct Watches(Mutex<State>);

#[derive(Default)]
struct State {
    next: u64,
    /// A task looks after the entries; it goes when there are none.
    is_running: bool,
    entries: HashMap<u64, Entry>,
    open: HashMap<UserId, usize>,
}

impl Watches {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, number: u64) {
        let mut state = self.lock();
        let Some(entry) = state.entries.remove(&number) else { return };
        if let Some(open) = state.open.get_mut(&entry.user) {
            *open = open.saturating_sub(1);
            if *open == 0 {
                state.open.remove(&entry.user);
            }
        }
    }

    /// Ends those whose time has come. Returns those to be asked about: all, or only the fresh ones.
    fn due(&self, now: Timestamp, all: bool) -> HashMap<u64, Credential> {
        let state = self.lock();
        let mut due = HashMap::new();
        for (number, entry) in state.entries.iter().filter(|(_, entry)| !entry.ended.is_cancelled()) {
            if now >= entry.until {
                entry.ended.cancel();
            } else if all || entry.is_fresh {
                due.insert(*number, entry.credential);
            }
        }
        due
    }

    fn settle(&self, asked: &HashMap<u64, Credential>, alive: &HashSet<Credential>) {
        let mut state = self.lock();
        for (number, credential) in asked {
            if let Some(entry) = state.entries.get_mut(number) {
                entry.is_fresh = false;
                if !alive.contains(credential) {
                    entry.ended.cancel();
                }
            }
        }
    }

    /// Whether nothing is left to look after; whoever is told so has ended.
    fn rests(&self) -> bool {
        let mut state = self.lock();
        state.is_running = !state.entries.is_empty();
        !state.is_running
    }
}

/// Watched credentials; no longer when dropped.
pub struct Watched {
    number: u64,
    watches: Arc<Watches>,
    until: Option<Timestamp>,
    ended: CancellationToken,
}

impl Watched {
    /// When they end by time; `None` is never.
    pub const fn until(&self) -> Option<Timestamp> {
        self.until
    }

    /// Waits until the credentials have ended.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.watches.forget(self.number);
    }
}

impl App {
    /// Watches credentials for as long as what they opened is open.
    ///
    /// # Errors
    /// `rate_limited` where the account keeps very much open already; `forbidden` for what only uploads or only reads bytes.
    pub fn watch(self: &Arc<Self>, authenticated: &Authenticated) -> Result<Watched> {
        let (credential, until) = match authenticated.caller {
            Caller::Session { session, .. } => (Credential::Session(session), Some(authenticated.good_until)),
            Caller::Key { key, .. } => (Credential::Key(key), authenticated.credential.expires_at),
            Caller::UploadToken { .. } | Caller::Link { .. } => {
                return Err(Error::new(Code::Forbidden, "These credentials do not open this").into());
            }
        };
        let user = authenticated.caller.user();
        let ended = CancellationToken::new();
        let mut state = self.watches.lock();
        let open = state.open.entry(user).or_default();
        if *open >= MAX_OPEN {
            let message = format!("The account keeps {MAX_OPEN} streams open already");
            return Err(Error::new(Code::RateLimited, message).retry_after(Duration::from_secs(60)).into());
        }
        *open += 1;
        let number = state.next;
        state.next += 1;
        state.entries.insert(
            number,
            Entry { credential, user, until: authenticated.good_until, is_fresh: true, ended: ended.clone() },
        );
        if !state.is_running {
            state.is_running = true;
            tokio::spawn(look_after(Arc::downgrade(self)));
        }
        drop(state);
        Ok(Watched { number, watches: Arc::clone(&self.watches), until, ended })
    }

    /// One look. `seen` is the stamp of the last one that was answered.
    async fn look_after_credentials(&self, seen: &mut Option<(u64, u64)>) -> Result<()> {
        let (now, stamp) = (self.now(), self.access.stamp(&self.store));
        let due = self.watches.due(now, stamp.is_none() || stamp != *seen);
        let distinct: HashSet<Credential> = due.values().copied().collect();
        let (mut sessions, mut keys) = (Vec::new(), Vec::new());
        for credential in distinct {
            match credential {
                Credential::Session(id) => sessions.push(id),
                Credential::Key(id) => keys.push(id),
            }
        }
        let mut alive = HashSet::new();
        if !due.is_empty() {
            let found = self.store.read(move |db: &Conn| -> Result<_> {
                let mut alive = HashSet::new();
                for ids in sessions.chunks(BATCH) {
                    let found = credentials::sessions_alive_any(db, ids, now)?;
                    alive.extend(found.into_iter().map(Credential::Session));
                }
                for ids in keys.chunks(BATCH) {
                    alive.extend(credentials::keys_alive_any(db, ids, now)?.into_iter().map(Credential::Key));
                }
                Ok(alive)
            });
            alive = found.await?;
        }
        self.watches.settle(&due, &alive);
        *seen = stamp;
        Ok(())
    }
}

/// Looks until nothing is watched any more, or the product is gone.
async fn look_after(app: Weak<App>) {
    let mut seen = None;
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(app) = app.upgrade() else { return };
        if app.watches.rests() {
            return;
        }
        if let Err(error) = app.look_after_credentials(&mut seen).await {
            tracing::warn!(cause = %crate::chain(&error), "credentials of open streams cannot be checked: {}", crate::chain(&error));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn entry(session: u128, until: i64) -> Entry {
        Entry {
            credential: Credential::Session(SessionId::from_uuid(Uuid::from_u128(session))),
            user: UserId::from_uuid(Uuid::from_u128(1)),
            until: Timestamp::from_seconds(until),
            is_fresh: true,
            ended: CancellationToken::new(),
        }
    }

    #[test]
    fn fresh_ones_are_asked_about_once_and_others_after_a_change() {
        let watches = Watches::default();
        watches.lock().entries.extend([(0, entry(7, 10)), (1, entry(7, 99)), (2, entry(8, 99))]);
        let ended = |number: u64| watches.lock().entries[&number].ended.is_cancelled();
        let asked = watches.due(Timestamp::from_seconds(5), false);
        assert_eq!(asked.len(), 3);
        let seven = asked[&0];
        watches.settle(&asked, &HashSet::from([seven, asked[&2]]));
        assert!(watches.due(Timestamp::from_seconds(5), false).is_empty(), "nothing new");
        assert!(
            watches.due(Timestamp::from_seconds(10), false).is_empty() && ended(0) && !ended(1),
            "its time has come"
        );
        let asked = watches.due(Timestamp::from_seconds(10), true);
        assert_eq!(asked.len(), 2, "what has ended is not asked about");
        watches.settle(&asked, &HashSet::from([seven]));
        assert!(!ended(1) && ended(2));
        assert!(!watches.rests());
        (0..3).for_each(|number| watches.forget(number));
        assert!(watches.rests());
    }
}
