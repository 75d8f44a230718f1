//! The engine on both databases: values, transactions, errors, migrations, and what happens when something breaks.
//! The PostgreSQL halves need `MEDIAVAULT_TEST_POSTGRES_URL`, a superuser's URL of a server that may run with fsync=off.
//! Then the application's statements: taken by both, along an index, and lists as a plain model has them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    reason = "tests may stop at once"
)]

mod groups;
mod lists;
mod migrations;
mod postgres;
mod references;
mod schema;
mod scratch;
mod sqlite;
mod statements;
mod transactions;
mod values;
