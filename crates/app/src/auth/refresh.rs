//! Refresh: the next generation of a session's tokens, by refresh token or by a still valid access token.
//! A token works once; within ten seconds it gets the very same successor again; later it ends the session (RFC 9700
//! section 4.14.2).

use mv_core::session::{Refresh, Session};
use mv_core::{Error, SessionId, Timestamp};
use mv_store::{Tx, sessions};

use super::login::Granted;
use crate::{App, Result};

/// What came of asking for a successor; a reuse must be committed, since it ends the session.
enum Outcome {
    Session(Session),
    Refused(&'static str),
}

impl App {
    /// The successor of a refresh token.
    ///
    /// # Errors
    /// `unauthorized` where it is not genuine, was used before, or its session has ended.
    pub async fn refresh_by_token(&self, token: &str) -> Result<Granted> {
        let Some((session, generation)) = self.tokens.read_refresh(token) else {
            return Err(Error::unauthorized("The refresh token is not valid").into());
        };
        self.rotate(session, generation, true).await
    }

    /// The successor of an access token that still holds; it brings no refresh token.
    ///
    /// # Errors
    /// `unauthorized` likewise.
    pub async fn refresh_by_bearer(&self, token: &str) -> Result<Granted> {
        let bearer = self.tokens.check(token, self.now())?;
        self.rotate(bearer.session, bearer.generation, false).await
    }

    async fn rotate(&self, id: SessionId, generation: u32, with_refresh: bool) -> Result<Granted> {
        let now = self.now();
        let outcome = self.store.write(move |tx| advance(tx, id, generation, now)).await?;
        match outcome {
            Outcome::Session(session) => self.grant(&session, with_refresh, now),
            Outcome::Refused(message) => {
                self.access.clear();
                Err(Error::unauthorized(message).into())
            }
        }
    }
}

fn advance(tx: &Tx, id: SessionId, generation: u32, now: Timestamp) -> Result<Outcome> {
    const OVER: Outcome = Outcome::Refused("The session has ended");
    // Of two at once one advances; the other finds its token exchanged a moment ago and gets the same successor.
    let advanced = match sessions::with_user(tx, id)? {
        Some((session, user)) if !user.disabled && session.refresh(generation, now) == Refresh::Advance => {
            sessions::advance(tx, id, generation, now)?
        }
        _ => false,
    };
    let Some((session, user)) = sessions::with_user(tx, id)? else { return Ok(OVER) };
    if user.disabled {
        return Ok(OVER);
    }
    if advanced {
        return Ok(Outcome::Session(session));
    }
    match session.refresh(generation, now) {
        Refresh::Repeat => Ok(Outcome::Session(session)),
        Refresh::Over => Ok(OVER),
        Refresh::Reuse | Refresh::Advance => {
            sessions::revoke(tx, id, now)?;
            tracing::warn!(session.id = %id, "session {id} was ended: one of its tokens was used twice");
            Ok(Outcome::Refused("The token was used before; the session has been ended"))
        }
    }
}
