//! Login by e-mail or username and password. A wrong password and an unknown name take the same time and answer alike.

use std::time::Duration;

use mv_core::audit::Entry;
use mv_core::session::{SESSION_LIFE, Session};
use mv_core::{Client, Error, Timestamp};
use mv_store::{Conn, Tx, audit, sessions, users};

use super::throttle::{guessed_right, may_guess};
use crate::{App, Result};

/// What a login or refresh hands out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// The access token.
    pub token: String,
    /// How long it holds.
    pub expires_in: Duration,
    /// For the next refresh; a caller who had none gets none.
    pub refresh: Option<RefreshToken>,
}

/// A refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// The token.
    pub token: String,
    /// How long the session still lives.
    pub expires_in: Duration,
}

impl App {
    /// Begins a session.
    ///
    /// # Errors
    /// `unauthorized` for a wrong name or password and for a disabled account, all alike; `rate_limited` after too many
    /// of them for this name or from this address, also where the password is right.
    pub async fn login(&self, name: &str, password: &str, client: &Client) -> Result<Granted> {
        let refused = || Error::unauthorized("The username or the password is wrong");
        // Nobody has such a name or password: no work for it. What they look like tells nothing of who exists. A zero
        // byte would even be an error of PostgreSQL.
        if name.len() > 1024 || name.chars().any(char::is_control) || password.chars().count() > 256 {
            return Err(refused().into());
        }
        let (lookup, guess, now) = (name.to_owned(), self.throttle.login(name, client), self.now());
        let find = move |db: &Conn| -> Result<_> {
            may_guess(db, &guess, now)?;
            Ok(users::by_login(db, &lookup)?)
        };
        let found = self.store.read(find).await?;
        let hash = found.as_ref().map(|(_, hash)| hash.clone());
        let verified = self.passwords.verify(password, hash).await?;
        let Some((user, old_hash)) = found.filter(|(user, _)| verified.holds && !user.disabled) else {
            return Err(self.guessed_wrong(guess, client, refused()).await);
        };
        let new_hash = if verified.outdated { Some(self.passwords.hash(password).await?) } else { None };
        let now = self.now();
        let session = Session {
            id: self.mint.id(),
            user_id: user.id,
            generation: 0,
            rotated_at: now,
            expires_at: now.plus(SESSION_LIFE),
            revoked_at: None,
            created_at: now,
        };
        let (kept, client) = (session.clone(), client.clone());
        let entry =
            Entry { actor: Some(user.id), ..self.audit(None, &client, "session.created", session.id.to_string()) };
        self.store
            .write(move |tx: &Tx| -> Result<()> {
                guessed_right(tx, &guess, now)?;
                audit::append(tx, &entry)?;
                if let Some(new_hash) = &new_hash {
                    users::rehash(tx, kept.user_id, &old_hash, new_hash)?;
                }
                Ok(sessions::insert(tx, &kept, &client)?)
            })
            .await?;
        self.grant(&session, true, now)
    }

    /// The tokens of a session's current generation.
    pub(crate) fn grant(&self, session: &Session, with_refresh: bool, now: Timestamp) -> Result<Granted> {
        let (token, expires_at) = self.tokens.access(session)?;
        let refresh = with_refresh.then(|| RefreshToken {
            token: self.tokens.refresh(session.id, session.generation),
            expires_in: session.expires_at.since(now),
        });
        Ok(Granted { token, expires_in: expires_at.since(now), refresh })
    }
}
