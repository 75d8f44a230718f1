//! The messages of the WebSocket (contract section 6) and the codes with which it is closed (RFC 6455 section 7.4; those
//! from 4000 on are this product's). Pure: no socket and no rights here.

use mv_core::event::Channel;
use mv_core::{Error, Timestamp, UserId};
use serde::{Deserialize, Deserializer, Serialize};

/// The largest message that a client may send, in bytes.
pub const MAX_MESSAGE: usize = 64 * 1024;
/// After so many messages that make no sense the connection is closed.
pub const MAX_BAD: u8 = 3;
/// The longest explanation that a bad message gets.
const EXPLANATION: usize = 200;

/// What a client sends.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum Incoming {
    /// Who it is.
    Auth {
        /// An access token or an API key.
        token: String,
    },
    /// What it wants to hear of.
    Subscribe {
        /// Where.
        #[serde(deserialize_with = "channel")]
        channel: Channel,
        /// Of one thing only.
        #[serde(default)]
        resource_id: Option<String>,
        /// An event's id or a cursor: what happened after it comes first.
        #[serde(default)]
        since: Option<String>,
    },
    /// What it wants to hear no longer.
    Unsubscribe {
        /// Where.
        #[serde(deserialize_with = "channel")]
        channel: Channel,
        /// Of which thing, as it was subscribed to.
        #[serde(default)]
        resource_id: Option<String>,
    },
    /// Are you there?
    Ping {},
}

fn channel<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Channel, D::Error> {
    let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
    Channel::parse(&name).ok_or_else(|| serde::de::Error::custom("channel must be media_updates or collection_updates"))
}

impl Incoming {
    /// Reads a message.
    ///
    /// # Errors
    /// `validation_error` that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text).map_err(|error| {
            let why = error.to_string();
            let why = why.get(..why.floor_char_boundary(EXPLANATION)).unwrap_or_default();
            Error::new(mv_core::Code::ValidationError, format!("The message cannot be read: {why}"))
        })
    }
}

/// What the server answers; events are written once for all (`app::events::hub`).
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Outgoing<'a> {
    /// The credentials hold.
    Authenticated {
        /// Whose they are.
        user_id: UserId,
        /// When they end; `None` is never.
        expires_at: Option<Timestamp>,
    },
    /// What happens after `cursor` is sent from now on.
    Subscribed {
        /// Where.
        channel: &'static str,
        /// Of which thing; `None` is all that the user may see.
        resource_id: Option<&'a str>,
        /// For `since`.
        cursor: &'a str,
    },
    /// I am.
    Pong,
    /// Something was not done.
    Error {
        /// What and why.
        error: Problem<'a>,
    },
}

/// An error as the client sees it.
#[derive(Debug, Serialize)]
pub struct Problem<'a> {
    /// One of the codes of the error reference.
    pub code: &'static str,
    /// One sentence for people.
    pub message: &'a str,
}

impl Outgoing<'_> {
    /// The message's text.
    pub fn text(&self) -> String {
        // These types have no map with keys that are no strings, which is all that could fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Why the server closes a connection: the code and its reason, at most 123 bytes (RFC 6455 section 5.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing(pub u16, pub &'static str);

impl Closing {
    /// The server stops.
    pub const STOPPING: Self = Self(1001, "The server is stopping");
    /// The frames are not as RFC 6455 has them.
    pub const BROKEN: Self = Self(1002, "Protocol error");
    /// Messages are text.
    pub const BINARY: Self = Self(1003, "Messages must be text");
    /// The text is no UTF-8.
    pub const NOT_TEXT: Self = Self(1007, "Text must be UTF-8");
    /// The message is larger than [`MAX_MESSAGE`].
    pub const TOO_BIG: Self = Self(1009, "Messages have at most 64 KiB");
    /// A backend is away.
    pub const TRY_LATER: Self = Self(1013, "The service is not available right now");
    /// Too many messages that make no sense.
    pub const NONSENSE: Self = Self(4400, "Too many messages that cannot be read");
    /// No credentials in time.
    pub const SILENT: Self = Self(4401, "Not authenticated in time");
    /// The credentials do not hold.
    pub const UNAUTHORIZED: Self = Self(4401, "The credentials are not valid");
    /// The credentials do not hold any more.
    pub const ENDED: Self = Self(4401, "The credentials have ended");
    /// Good credentials that open nothing here.
    pub const FORBIDDEN: Self = Self(4403, "These credentials do not open this");
    /// It did not take its events in time.
    pub const TOO_SLOW: Self = Self(4408, "Too slow; resume with since");
    /// The account keeps too much open.
    pub const TOO_MANY: Self = Self(4429, "Too many open connections");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contracts_messages_are_read() {
        let read = |text: &str| Incoming::parse(text).unwrap();
        assert_eq!(
            read(r#"{"type":"auth","token":"your.jwt.token"}"#),
            Incoming::Auth { token: "your.jwt.token".into() }
        );
        let subscribe = |resource_id: Option<&str>, since: Option<&str>| Incoming::Subscribe {
            channel: Channel::Media,
            resource_id: resource_id.map(Into::into),
            since: since.map(Into::into),
        };
        assert_eq!(
            read(r#"{"type":"subscribe","channel":"media_updates","resource_id":"media_123"}"#),
            subscribe(Some("media_123"), None)
        );
        let nulls = r#"{"since":null,"resource_id":null,"channel":"media_updates","type":"subscribe"}"#;
        assert_eq!(read(nulls), subscribe(None, None));
        assert_eq!(
            read(r#"{"type":"subscribe","channel":"media_updates","since":"evt_1"}"#),
            subscribe(None, Some("evt_1"))
        );
        let unsubscribe = Incoming::Unsubscribe { channel: Channel::Collections, resource_id: None };
        assert_eq!(read(r#"{"type":"unsubscribe","channel":"collection_updates"}"#), unsubscribe);
        assert_eq!(read(r#"{"type":"ping"}"#), Incoming::Ping {});
    }

    #[test]
    fn what_makes_no_sense_is_explained() {
        let deep = "[".repeat(60_000);
        let long = format!(r#"{{"type":"{}"}}"#, "é".repeat(30_000));
        for text in [
            "",
            "{",
            "null",
            "[]",
            "42",
            "{}",
            &deep,
            &long,
            r#"{"type":"nonsense"}"#,
            r#"{"type":"auth"}"#,
            r#"{"type":"auth","token":7}"#,
            r#"{"type":"auth","token":"a","admin":true}"#,
            r#"{"type":"auth","token":"a"}{"type":"ping"}"#,
            r#"{"type":"ping","a":1}"#,
            r#"{"type":"subscribe"}"#,
            r#"{"type":"subscribe","channel":"all"}"#,
            r#"{"type":"subscribe","channel":"media_updates","resource_id":7}"#,
            r#"{"type":"subscribe","channel":"media_updates","sinec":"a"}"#,
            r#"{"type":"unsubscribe","channel":"media_updates","since":"a"}"#,
        ] {
            let error = Incoming::parse(text).unwrap_err();
            assert_eq!(error.code, mv_core::Code::ValidationError, "{text:.80}");
            assert!(error.message.len() < EXPLANATION + 60, "{}", error.message.len());
        }
    }

    #[test]
    fn answers_are_the_contracts() {
        let user_id: UserId = mv_core::Id::from_uuid(uuid::Uuid::from_u128(1));
        let told = Outgoing::Authenticated { user_id, expires_at: Some(Timestamp::from_seconds(0)) }.text();
        assert_eq!(
            told,
            format!(r#"{{"type":"authenticated","user_id":"{user_id}","expires_at":"1970-01-01T00:00:00Z"}}"#)
        );
        let told = Outgoing::Subscribed { channel: "media_updates", resource_id: None, cursor: "c" }.text();
        assert_eq!(told, r#"{"type":"subscribed","channel":"media_updates","resource_id":null,"cursor":"c"}"#);
        assert_eq!(Outgoing::Pong.text(), r#"{"type":"pong"}"#);
        let told = Outgoing::Error { error: Problem { code: "gone", message: "Too \"old\"" } }.text();
        assert_eq!(told, r#"{"type":"error","error":{"code":"gone","message":"Too \"old\""}}"#);
    }
}
