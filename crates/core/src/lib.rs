//! What Media Vault is about: ids, times, types and rules, errors and events.
//! Invariants: no I/O, no async, no SQL, no HTTP; clock and randomness come in from outside.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may stop at once"))]

pub mod access;
pub mod api_key;
pub mod audit;
pub mod byte_range;
pub mod caller;
pub mod checksum;
pub mod collection;
pub mod entropy;
pub mod error;
pub mod event;
pub mod examined;
pub mod facts;
pub mod filename;
pub mod id;
pub mod invite;
pub mod job;
pub mod link;
pub mod media;
pub mod media_filter;
pub mod media_patch;
pub mod mime;
pub mod network;
pub mod page;
pub mod password;
pub mod public_address;
pub mod scope;
pub mod session;
pub mod taken;
pub mod throttle;
pub mod time;
pub mod upload_token;
pub mod user;
pub mod webhook;
pub mod zip;

pub use caller::{Caller, Client, Role};
pub use checksum::Checksum;
pub use error::{Code, Error, Problems};
pub use id::{
    ApiKeyId, BlobId, CollectionId, DeliveryId, EventId, Id, InviteId, JobId, MediaId, Mint, RequestId, SegmentId,
    SessionId, UploadTokenId, UserId, WebhookId,
};
pub use scope::{Scope, Scopes};
pub use time::{Clock, ManualClock, SystemClock, Timestamp};
