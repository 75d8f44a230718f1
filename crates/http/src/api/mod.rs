//! Handlers: each parses, calls one use case and renders. Files here never import each other.

pub mod account;
pub mod account_links;
pub mod admin;
pub mod api_keys;
pub mod auth;
pub mod changes;
pub mod collection_archive;
pub mod collections;
pub mod events;
pub mod invites;
pub mod lookup;
pub mod media;
pub mod server;
pub mod sessions;
pub mod upload_tokens;
pub mod users;
pub mod webhooks;
pub mod whoami;
