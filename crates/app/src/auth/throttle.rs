//! Guessing passwords slows down: by account and by address, counted in the database for all nodes alike.
//! Promise: who must wait learns nothing, not even whether the password was right; names that exist and names that do
//! not are treated alike; a try that must wait costs no hash. Not here: how long waits are (`core::throttle`).

use aws_lc_rs::hmac;
use mv_blobs::RootKey;
use mv_core::audit::Entry;
use mv_core::network::network;
use mv_core::throttle::{FREE_OF_ACCOUNT, FREE_OF_ADDRESS, LONGEST, wait};
use mv_core::user::{User, fold_login};
use mv_core::{Client, Code, Error, Timestamp, UserId};
use mv_store::login_failures::{self, Key};
use mv_store::{Conn, Tx, audit};

use crate::{App, Result};

/// Makes the keys under which failures are counted.
pub(crate) struct Throttle {
    key: hmac::Key,
}

/// What is guessed at, and from where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guess {
    account: Key,
    address: Option<Key>,
}

impl Throttle {
    pub(crate) fn new(root: &RootKey) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, root.subkey("login-failures").bytes()) }
    }

    /// A login by this name. It is folded just as the account is looked up, so that every way of writing it that reaches
    /// the account has the same count, and no other way can reach it.
    pub(crate) fn login(&self, name: &str, client: &Client) -> Guess {
        let address = client.address.map(|address| self.hash("address", &network(address).to_be_bytes()));
        Guess { account: self.hash("login", fold_login(name).as_bytes()), address }
    }

    /// A proof by password of somebody who is logged in already. Counted apart: whoever guesses at the login cannot keep
    /// the owner from it.
    pub(crate) fn proof(&self, user: UserId) -> Guess {
        Guess { account: self.hash("proof", user.uuid().as_bytes()), address: None }
    }

    /// All that is counted against an account, by either of its names; for a new password, after which old guesses say
    /// nothing.
    pub(crate) fn account(&self, user: &User) -> Vec<Key> {
        let names = std::iter::once(user.email.as_str()).chain(user.username.as_deref());
        let logins = names.map(|name| self.login(name, &Client::default()).account);
        logins.chain([self.proof(user.id).account]).collect()
    }

    fn hash(&self, kind: &str, what: &[u8]) -> Key {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(kind.as_bytes());
        context.update(&[0]);
        context.update(what);
        let mut key = [0; 32];
        for (place, byte) in key.iter_mut().zip(context.sign().as_ref()) {
            *place = *byte;
        }
        key
    }
}

impl Guess {
    fn keys(&self) -> impl Iterator<Item = (Key, u32)> {
        let address = self.address.map(|key| (key, FREE_OF_ADDRESS));
        std::iter::once((self.account, FREE_OF_ACCOUNT)).chain(address)
    }
}

/// Refuses a guess that must wait. Asked before the hash is made, and again with its outcome.
pub(crate) fn may_guess(db: &Conn, guess: &Guess, now: Timestamp) -> Result<()> {
    for (key, _) in guess.keys() {
        if let Some(until) = login_failures::blocked_until(db, &key, now)? {
            return Err(too_soon(until, now).into());
        }
    }
    Ok(())
}

/// The guess was right: the account's failures are forgotten, the address's are not.
///
/// # Errors
/// `rate_limited` where others have guessed wrong so often meanwhile that this one must wait.
pub(crate) fn guessed_right(tx: &Tx, guess: &Guess, now: Timestamp) -> Result<()> {
    may_guess(tx, guess, now)?;
    Ok(login_failures::clear(tx, &guess.account)?)
}

/// Forgets failures.
pub(crate) fn forget(tx: &Tx, keys: &[Key]) -> Result<()> {
    for key in keys {
        login_failures::clear(tx, key)?;
    }
    Ok(())
}

fn too_soon(until: Timestamp, now: Timestamp) -> Error {
    // Seconds, and never too few.
    let left = until.since(now).as_millis().div_ceil(1000);
    let wait = std::time::Duration::from_secs(u64::try_from(left).unwrap_or(1));
    Error::new(Code::RateLimited, "Too many wrong passwords: try again later").retry_after(wait)
}

impl App {
    /// The guess was wrong: it is counted. Returns what is answered: `refused`, or that the guess must wait.
    pub(crate) async fn guessed_wrong(&self, guess: Guess, client: &Client, refused: Error) -> crate::Error {
        let now = self.now();
        let entry = self.audit(None, client, "login.throttled", String::new());
        match self.store.write(move |tx: &Tx| count(tx, &guess, &entry, now)).await {
            Ok(()) => refused.into(),
            Err(error) => error,
        }
    }
}

fn count(tx: &Tx, guess: &Guess, entry: &Entry, now: Timestamp) -> Result<()> {
    may_guess(tx, guess, now)?;
    for (key, free) in guess.keys() {
        // Another one at the same time may have been the one too many.
        let Some(count) = login_failures::count(tx, &key, now, now.minus(LONGEST))? else {
            let until = login_failures::blocked_until(tx, &key, now)?.unwrap_or(now);
            return Err(too_soon(until, now).into());
        };
        let wait = wait(count, free);
        if !wait.is_zero() {
            login_failures::block(tx, &key, now.plus(wait))?;
        }
        if count == free {
            audit::append(tx, entry)?;
            tracing::warn!(address = ?entry.address, "many wrong passwords: further tries must wait");
        }
    }
    Ok(())
}
