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
    /// By what: `session`, `api_key`, `upload_token`, `link`, `anonymous` or `operator`.
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

/// What a caller's credentials are called in the trail.
pub const fn credential(caller: &Caller) -> &'static str {
    match caller {
        Caller::Session { .. } => "session",
        Caller::Key { .. } => "api_key",
        Caller::UploadToken { .. } => "upload_token",
        Caller::Link { .. } => "link",
    }
}
