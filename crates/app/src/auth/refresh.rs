//! Refresh: the next generation of a session's tokens, by refresh token or by a still valid access token.
//! A token works once; within ten seconds it gets the very same successor again; later it ends the session (RFC 9700
//! section 4.14.2).

use mv_core::audit::Entry;
use mv_core::session::{Refresh, Session};
use mv_core::user::User;
use mv_core::{Client, Error, SessionId, Timestamp, UserId};
use mv_store::{Tx, audit, sessions};
use serde_json::json;

use super::login::Granted;
use crate::{App, Result};

/// What a genuine token says.
#[derive(Clone, Copy)]
struct Presented {
    session: SessionId,
    generation: u32,
    /// Whose it is, if it is an access token; such a one brings no refresh token.
    user: Option<UserId>,
}

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
    pub async fn refresh_by_token(&self, token: &str, client: &Client) -> Result<Granted> {
        let Some((session, generation)) = self.tokens.read_refresh(token) else {
            return Err(Error::unauthorized("The refresh token is not valid").into());
        };
        self.rotate(Presented { session, generation, user: None }, client).await
    }

    /// The successor of an access token that still holds; it brings no refresh token.
    ///
    /// # Errors
    /// `unauthorized` likewise.
    pub async fn refresh_by_bearer(&self, token: &str, client: &Client) -> Result<Granted> {
        let bearer = self.tokens.check(token, self.now())?;
        let presented = Presented { session: bearer.session, generation: bearer.generation, user: Some(bearer.user) };
        self.rotate(presented, client).await
    }

    async fn rotate(&self, presented: Presented, client: &Client) -> Result<Granted> {
        let now = self.now();
        let reused = Entry {
            data: json!({ "reason": "refresh_reuse" }),
            ..self.audit(None, client, "session.revoked", presented.session.to_string())
        };
        let outcome = self.store.write(move |tx| advance(tx, presented, now, &reused)).await?;
        match outcome {
            Outcome::Session(session) => self.grant(&session, presented.user.is_none(), now),
            Outcome::Refused(message) => {
                self.access.clear();
                Err(Error::unauthorized(message).into())
            }
        }
    }
}

fn advance(tx: &Tx, presented: Presented, now: Timestamp, reused: &Entry) -> Result<Outcome> {
    const OVER: Outcome = Outcome::Refused("The session has ended");
    let Presented { session: id, generation, user: owner } = presented;
    let fits = |user: &User| !user.disabled && owner.is_none_or(|owner| owner == user.id);
    // Of two at once one advances; the other finds its token exchanged a moment ago and gets the same successor.
    let advanced = match sessions::with_user(tx, id)? {
        Some((session, user)) if fits(&user) && session.refresh(generation, now) == Refresh::Advance => {
            sessions::advance(tx, id, generation, now)?
        }
        _ => false,
    };
    let Some((session, _)) = sessions::with_user(tx, id)?.filter(|(_, user)| fits(user)) else { return Ok(OVER) };
    if advanced {
        return Ok(Outcome::Session(session));
    }
    match session.refresh(generation, now) {
        Refresh::Repeat => Ok(Outcome::Session(session)),
        Refresh::Over => Ok(OVER),
        Refresh::Reuse | Refresh::Advance => {
            sessions::revoke(tx, id, now)?;
            audit::append(tx, &Entry { actor: Some(session.user_id), ..reused.clone() })?;
            tracing::warn!(session.id = %id, "session {id} was ended: one of its tokens was used twice");
            Ok(Outcome::Refused("The token was used before; the session has been ended"))
        }
    }
}
