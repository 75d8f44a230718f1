//! Every SQL statement, for SQLite and PostgreSQL alike. `Store::read` and `Store::write` run closures, which call the
//! functions of the modules below with a [`Conn`] or a [`Tx`].
//! The rules of SQL here: one text for both databases with placeholders `$1`, `$2`, ...; times are bound, never
//! `now()`; no values in the text; sums and counts that PostgreSQL makes NUMERIC are cast to BIGINT; where texts must
//! differ, [`per`]; what may conflict is written with `ON CONFLICT`, because a failed statement ends the transaction.
//! Not here: what may be done by whom, and what is told to whom.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::allow_attributes,
        reason = "tests may stop at once"
    )
)]

mod columns;
mod db;
mod migrate;

pub mod account_links;
pub mod administration;
pub mod api_keys;
pub mod audit;
pub mod blobs;
pub mod collection_media;
pub mod collections;
pub mod credentials;
pub mod deliveries;
pub mod erasure;
pub mod event_tickets;
pub mod events;
pub mod examinations;
pub mod idempotency;
pub mod invites;
pub mod jobs;
pub mod login_failures;
pub mod media;
pub mod media_list;
pub mod sessions;
pub mod tombstones;
pub mod transfers;
pub mod upload_tokens;
pub mod usage;
pub mod users;
pub mod vault;
pub mod webhooks;

pub use db::conn::{Conn, Tx};
pub use db::error::Error;
pub use db::row::{Cell, Column, FromRow, Row};
pub use db::sql::{Sql, per, sql};
pub use db::value::Value;
pub use db::{Dialect, Options, Store, Target};
pub use migrate::{MIGRATIONS, Migration, OpenError};

/// What store functions return.
pub type Result<T> = std::result::Result<T, Error>;
