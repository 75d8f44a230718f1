//! Webhooks: which events one gets, how often a delivery is tried, and when an endpoint is given up (contract section 6).
//! Pure: time and chance come in from outside. Not here: signatures and connections (`app::webhooks`).

use std::time::Duration;

use crate::error::Error;
use crate::event::Happened;
use crate::id::{DeliveryId, EventId, UserId, WebhookId};
use crate::time::Timestamp;

/// Waits between the tries of a delivery; after the last one it has failed for good.
pub const RETRY_WAITS: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(5 * 3600),
    Duration::from_secs(10 * 3600),
    Duration::from_secs(14 * 3600),
    Duration::from_secs(20 * 3600),
    Duration::from_secs(24 * 3600),
];
/// For how long an endpoint may do nothing but fail before it is switched off.
pub const FAILING_LIMIT: Duration = Duration::from_secs(5 * 86_400);
/// For how long the secret before the present one signs too.
pub const SECRET_OVERLAP: Duration = Duration::from_secs(86_400);
/// Characters of a description.
const MAX_DESCRIPTION: usize = 500;
/// Webhooks of one user.
pub const MAX_WEBHOOKS: usize = 100;

/// An endpoint that wants to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Whose events it gets.
    pub owner_id: UserId,
    /// It gets everybody's; administrators only.
    pub all: bool,
    /// Where deliveries go.
    pub url: String,
    /// The types that it gets; empty is none.
    pub events: Events,
    /// For people.
    pub description: Option<String>,
    /// Whether deliveries are made.
    pub enabled: bool,
    /// Why the server switched it off, if it was the server.
    pub disabled_reason: Option<DisabledReason>,
    /// Since when it has done nothing but fail.
    pub failing_since: Option<Timestamp>,
    /// The last position in the order of commits that is not told: it was there before the webhook was made or switched on.
    pub from_position: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Types of events, some with `*` at the end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Events(Vec<String>);

impl Events {
    /// Reads a list: types, `media.*` and the like, or `*` for all; 1 to 32 of them. `user.registered` goes to webhooks of
    /// all users only.
    ///
    /// # Errors
    /// `validation_error` on `events`.
    pub fn from_names(names: Vec<String>, all: bool) -> Result<Self, Error> {
        let bad = |message: String| Err(Error::invalid("events", message));
        if names.is_empty() || names.len() > 32 {
            return bad("Must name 1 to 32 types of events".to_owned());
        }
        for name in &names {
            let known = name == "*"
                || match name.strip_suffix('*') {
                    Some(group) => group.ends_with('.') && Happened::NAMES.iter().any(|known| known.starts_with(group)),
                    None => Happened::NAMES.contains(&name.as_str()),
                };
            if !known {
                return bad(format!("Must be some of {}, media.* and the like, or *", Happened::NAMES.join(", ")));
            }
            if name == "user.registered" && !all {
                return bad("user.registered is told to webhooks of scope all only".to_owned());
            }
        }
        let mut sorted = names;
        sorted.sort_unstable();
        sorted.dedup();
        Ok(Self(sorted))
    }

    /// Whether an event of this type is one of them. Accounts are told of to webhooks of all users only.
    pub fn includes(&self, kind: &str, all: bool) -> bool {
        (all || kind != "user.registered")
            && self.0.iter().any(|name| match name.strip_suffix('*') {
                Some(group) => kind.starts_with(group),
                None => name == kind,
            })
    }

    /// As they were written.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// As the database keeps them: with a space between.
    pub fn to_text(&self) -> String {
        self.0.join(" ")
    }

    /// Reads what `to_text` wrote.
    pub fn from_text(text: &str) -> Self {
        Self(text.split(' ').filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }
}

/// Why the server switches an endpoint off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisabledReason {
    /// It answered 410.
    Gone,
    /// It has done nothing but fail for `FAILING_LIMIT`.
    Failing,
}

impl DisabledReason {
    /// As JSON and the database write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }

    /// Reads what `as_str` wrote.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "gone" => Some(Self::Gone),
            "failing" => Some(Self::Failing),
            _ => None,
        }
    }
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryStatus {
    /// To be tried, or tried again.
    Pending,
    /// Some answer 2xx came.
    Succeeded,
    /// Given up.
    Failed,
}

impl DeliveryStatus {
    /// As JSON and the database write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }

    /// Reads what `as_str` wrote.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "pending" => Some(Self::Pending),
            "succeeded" => Some(Self::Succeeded),
            "failed" => Some(Self::Failed),
            _ => None,
        }
    }
}

/// One event on its way to one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// Which endpoint.
    pub webhook_id: WebhookId,
    /// Which event; its id is `webhook-id`, the same on every try.
    pub event_id: EventId,
    /// Where the event stands in the order of commits; `None` for a test, which is no recorded event.
    pub position: Option<i64>,
    /// The event's type.
    pub kind: String,
    /// The id of the thing that the event tells of.
    pub resource: String,
    /// The bytes that are signed and sent.
    pub body: String,
    /// How it stands.
    pub status: DeliveryStatus,
    /// Tries so far.
    pub attempts: u32,
    /// When it is tried next.
    pub next_at: Option<Timestamp>,
    /// The status code of the last try's answer.
    pub response_status: Option<u16>,
    /// The beginning of that answer's body.
    pub response_part: Option<String>,
    /// Why the last try failed, where no answer came.
    pub failure: Option<String>,
    /// How long the last try took.
    pub duration_ms: Option<u64>,
    /// When the last try began.
    pub attempted_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What is signed and sent: `{"event", "data", "timestamp"}` (the reference's "Webhooks"). `data` is JSON already; types and
/// times have no character that JSON escapes.
pub fn body(kind: &str, data: &str, at: Timestamp) -> String {
    format!(r#"{{"event":"{kind}","data":{data},"timestamp":"{at}"}}"#)
}

/// Checks what people are told of a webhook; empty is none.
///
/// # Errors
/// `validation_error` on `description`.
pub fn check_description(text: Option<String>) -> Result<Option<String>, Error> {
    let Some(text) = text else { return Ok(None) };
    let text = text.trim();
    if text.chars().count() > MAX_DESCRIPTION || text.chars().any(|letter| letter.is_control() && letter != '\n') {
        return Err(Error::invalid(
            "description",
            "Must be at most 500 characters, no control characters but new lines",
        ));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// When a delivery that has failed `attempts` times is tried again by the waits between tries; `None` when it is given
/// up. `chance` is from 0 to 1: the wait is up to a fifth shorter or longer. What the endpoint asked for counts up to
/// twice the wait.
pub fn retry_at(
    waits: &[Duration],
    attempts: u32,
    now: Timestamp,
    asked: Option<Duration>,
    chance: f64,
) -> Option<Timestamp> {
    let index = usize::try_from(attempts.checked_sub(1)?).ok()?;
    let wait = *waits.get(index)?;
    let jittered = wait.mul_f64(0.8 + 0.4 * chance.clamp(0.0, 1.0));
    let wait = asked.map_or(jittered, |asked| jittered.max(asked.min(wait * 2)));
    Some(now.plus(wait))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        let now = Timestamp::from_seconds(1_000_000);
        let wait =
            |attempts, asked, chance| retry_at(&RETRY_WAITS, attempts, now, asked, chance).map(|at| at.since(now));
        assert_eq!(wait(0, None, 0.5), None);
        assert_eq!(wait(1, None, 0.5), Some(Duration::from_secs(5)));
        assert_eq!(wait(1, None, 0.0), Some(Duration::from_secs(4)));
        assert_eq!(wait(1, None, 1.0), Some(Duration::from_secs(6)));
        assert_eq!(wait(9, None, 0.5), Some(Duration::from_secs(86_400)));
        assert_eq!(wait(10, None, 0.5), None);
        assert_eq!(wait(2, Some(Duration::from_secs(400)), 0.5), Some(Duration::from_secs(400)));
        assert_eq!(wait(2, Some(Duration::from_secs(1)), 0.5), Some(Duration::from_secs(300)), "never sooner");
        assert_eq!(wait(2, Some(Duration::from_secs(99_999)), 0.5), Some(Duration::from_secs(600)), "at most twice");
    }

    #[test]
    fn events_are_chosen_by_type_and_group() {
        let events = |names: &[&str], all| Events::from_names(names.iter().map(|&name| name.to_owned()).collect(), all);
        let some = events(&["collection.*", "media.uploaded", "media.uploaded"], false).unwrap();
        assert_eq!(Events::from_text(&some.to_text()), some);
        assert_eq!(some.names().len(), 2);
        assert!(some.includes("collection.created", false) && some.includes("media.uploaded", false));
        assert!(!some.includes("media.deleted", false));
        assert!(!events(&["*"], false).unwrap().includes("user.registered", false));
        assert!(events(&["*"], true).unwrap().includes("user.registered", true));
        assert!(events(&["user.registered"], true).is_ok());
        let many = vec!["*"; 33];
        for bad in [&[][..], &["media"], &["m*"], &["media.nothing"], &["user.registered"], &many] {
            assert_eq!(events(bad, false).unwrap_err().details[0].field, "events", "{bad:?}");
        }
    }
}
