//! The engine on both databases: values, transactions, errors, migrations, and what happens when something breaks.
//! The PostgreSQL halves need `MEDIAVAULT_TEST_POSTGRES_URL`, a superuser's URL of a server that may run with fsync=off.
//! Not here: the application's statements.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    reason = "tests may stop at once"
)]

mod groups;
mod migrations;
mod postgres;
mod scratch;
mod sqlite;
mod transactions;
mod values;
