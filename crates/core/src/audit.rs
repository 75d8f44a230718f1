//! The audit trail: who did what to accounts, keys and the server. Never a secret, a password or an e-mail address.

use std::net::IpAddr;

use serde_json::Value;

use crate::caller::Caller;
use crate::id::{EventId, UserId};
use crate::time::Timestamp;

/// One entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its id, of the same kind as events', so that both sort together by time.
    pub id: EventId,
    /// Who did it; none where nobody was known, or the operator at the machine itself.
    pub actor: Option<UserId>,
    /// By what: `session`, `api_key`, `upload_token`, `link`, `anonymous`, `operator`, or `server` for what it does by itself.
    pub credential: &'static str,
    /// What was done, such as `session.created` or `user.disabled`.
    pub what: &'static str,
    /// The id of the thing it was done to; empty where there is none.
    pub resource: String,
    /// From where.
    pub address: Option<IpAddr>,
    /// What else is worth knowing.
    pub data: Value,
    /// When.
    pub at: Timestamp,
}

/// An entry as it is read back. Events of content stand among them: their actor is the owner, and by what it was done is
/// not kept with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its id.
    pub id: EventId,
    /// Who did it.
    pub actor: Option<UserId>,
    /// By what, where it is known.
    pub credential: Option<String>,
    /// What was done.
    pub what: String,
    /// The id of the thing it was done to; empty where there is none.
    pub resource: String,
    /// From where, where it is known.
    pub address: Option<String>,
    /// What else is worth knowing, as JSON.
    pub data: String,
    /// When.
    pub at: Timestamp,
}

/// Which entries are asked for; all of it must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct AuditFilter {
    /// Done by this user.
    pub actor: Option<UserId>,
    /// Exactly this type.
    pub what: Option<String>,
    /// Done to exactly this thing.
    pub resource: Option<String>,
    /// Not before, to the millisecond.
    pub since: Option<Timestamp>,
    /// Before, to the millisecond.
    pub until: Option<Timestamp>,
}

/// What a caller's credentials are called in the trail.
pub const fn credential(caller: &Caller) -> &'static str {
    match caller {
        Caller::Session { .. } => "session",
        Caller::Key { .. } => "api_key",
        Caller::UploadToken { .. } => "upload_token",
        Caller::Link { .. } => "link",
    }
}
