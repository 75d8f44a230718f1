//! What a user can do: one function per use case, each with the caller first.
//! Promise: rights are checked here and nowhere else; every change writes its event in the same transaction.
//! Not here: HTTP (`mv-http`), SQL (`mv-store`), ciphertext (`mv-blobs`).

pub mod accounts;
pub mod archive;
pub mod auth;
pub mod collections;
mod error;
pub mod events;
mod idempotency;
pub mod ingest;
pub mod jobs;
mod keyring;
pub mod limits;
pub mod mail;
pub mod media;
pub mod net;
pub mod ops;
pub mod pictures;
pub mod processing;
mod secret;
pub mod start;
mod upload_rights;
pub mod view;
mod webhook_secrets;
pub mod webhooks;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use mv_blobs::{Blobs, Sealer};
use mv_core::audit::{self, Entry};
use mv_core::event::{Event, Happened};
use mv_core::user::Registration;
use mv_core::{Caller, Client, Clock, Mint, Timestamp};
use mv_store::Store;

pub use error::{Error, Result, chain};
pub use idempotency::{Begun, Creation, RenderMade, Retry, Sent};

use auth::cache::AccessCache;
use auth::key_uses::KeyUses;
use auth::passwords::Passwords;
use auth::throttle::Throttle;
use auth::tokens::Tokens;
use auth::watch::Watches;
use idempotency::Running;
use keyring::Keyring;
use limits::{Limiter, Limits};
use media::links::Links;

/// What an operator decides.
#[derive(Debug, Clone)]
pub struct Options {
    /// Who may make an account.
    pub registration: Registration,
    /// The most bytes of one upload.
    pub max_upload_bytes: u64,
    /// What a new account may hold; `None` is no limit.
    pub default_quota_bytes: Option<u64>,
    /// How long the trash keeps an item.
    pub trash_days: u32,
    /// How long events can be read again.
    pub event_days: u32,
    /// How long a deletion is remembered.
    pub tombstone_days: u32,
    /// What stands before the path in signed links, without a slash at the end.
    pub public_url: String,
    /// Whether people find each other by their exact address or username.
    pub users_lookup: bool,
    /// How many passwords are hashed at once.
    pub password_threads: usize,
    /// How many requests pass.
    pub limits: Limits,
    /// How files are looked at.
    pub processing: processing::Options,
    /// When deliveries to webhooks are tried.
    pub webhooks: webhooks::deliver::Schedule,
}

/// The product, less its wire: made once by the binary, shared by every request.
pub struct App {
    pub(crate) store: Store,
    pub(crate) blobs: Blobs,
    pub(crate) keyring: Keyring,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn mv_core::entropy::Entropy>,
    pub(crate) mint: Mint,
    pub(crate) tokens: Tokens,
    pub(crate) access: AccessCache,
    pub(crate) watches: Arc<Watches>,
    pub(crate) key_uses: KeyUses,
    pub(crate) passwords: Passwords,
    pub(crate) throttle: Throttle,
    pub(crate) links: Arc<Links>,
    pub(crate) running: Running,
    pub(crate) limiter: Limiter,
    pub(crate) segments: AtomicU64,
    /// The monotonic time at which the process began to serve.
    pub(crate) started: Duration,
    pub(crate) answers: Arc<Sealer>,
    pub(crate) cursors: media::cursor::Cursors,
    pub(crate) mail: Option<mail::Outbox>,
    pub(crate) hub: Arc<events::hub::Hub>,
    pub(crate) dispatched: events::dispatch::Progress,
    pub(crate) outgoing: net::Outgoing,
    pub(crate) webhook_secrets: webhook_secrets::Secrets,
    pub(crate) deliverer: webhooks::Signal,
    pub(crate) processing: processing::Processing,
    options: Options,
}

impl App {
    /// The time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The clock itself, for spans.
    pub fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    /// The mint of ids, for requests.
    pub fn mint(&self) -> &Mint {
        &self.mint
    }

    /// What the operator decided.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// What reaches the addresses that users name.
    pub fn outgoing(&self) -> &net::Outgoing {
        &self.outgoing
    }

    /// The count of requests.
    pub fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    /// An entry of the audit trail about to be written: who did it, from where, to what.
    pub(crate) fn audit(&self, by: Option<&Caller>, client: &Client, what: &'static str, resource: String) -> Entry {
        Entry {
            id: self.mint.id(),
            actor: by.map(Caller::user),
            credential: by.map_or("anonymous", audit::credential),
            what,
            resource,
            address: client.address,
            data: serde_json::json!({}),
            at: self.clock.now(),
        }
    }

    /// As `audit`; without a caller it is the operator at the machine itself.
    pub(crate) fn audit_of(&self, by: Option<&Caller>, client: &Client, what: &'static str, resource: String) -> Entry {
        let entry = self.audit(by, client, what, resource);
        if by.is_none() { Entry { credential: "operator", ..entry } } else { entry }
    }

    /// An event about to be recorded.
    pub(crate) fn event(&self, what: Happened) -> Event {
        Event { id: self.mint.id(), at: self.clock.now(), what }
    }
}
