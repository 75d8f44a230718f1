//! `mv-bench`: measures Media Vault beside the limits of the machine and beside its peers, in one run.
//! Promise: loopback only; every measurement is bounded in time; what it starts, it ends.
//! Not here: absolute promises. Figures are ratios inside one run (docs/performance.md).
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the machine's clock")]
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::float_cmp, clippy::allow_attributes, reason = "tests may stop at once")
)]

mod bare;
mod bare_subject;
mod client;
mod content;
mod error;
mod figures;
mod hub;
mod limits;
mod machine;
mod peers;
mod process;
mod receiver;
mod report;
mod rounds;
mod scenarios;
mod settings;
mod sockets;
mod subject;
mod targets;

use std::process::ExitCode;

use clap::Parser;

use rounds::Part;
use settings::{Command, CommandLine};

fn main() -> ExitCode {
    let outcome = match CommandLine::parse().command {
        Command::Limits(settings) => rounds::run(Part::Limits, &settings),
        Command::Product(settings) => rounds::run(Part::Product, &settings),
        Command::Peers(settings) => rounds::run(Part::Peers, &settings),
        Command::All(settings) => rounds::run(Part::All, &settings),
        Command::BareAxum { port } => bare::serve(port),
        Command::BareHub { port, together } => hub::serve(port, together),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mv-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
