//! The program's parts, as a library so that tests can use them: command line, settings, logging, signals, commands.
//! Promise: only this crate reads the environment and knows every other crate. Not here: what the vault does (`mv_app`),
//! how it speaks (`mv_http`).
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

pub mod cli;
pub mod commands;
pub mod core_dumps;
pub mod jwt_key;
mod log_json;
mod log_writer;
pub mod open_files;
pub mod password;
mod private_file;
pub mod reload;
pub mod settings;
pub mod shutdown;
pub mod telemetry;
pub mod tls;
pub mod tools;
pub mod wire;
