//! What the command line says: which parts to run, for how long, where.
//! Promise: defaults are those of a full run; every one can be made smaller for a trial. Not here: any environment
//! variable.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// The command line.
#[derive(Parser)]
#[command(name = "mv-bench", about = "Measures Media Vault beside the machine's limits and its peers", version)]
pub(crate) struct CommandLine {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// The machine's limits alone.
    Limits(Settings),
    /// The product alone.
    Product(Settings),
    /// The peers alone.
    Peers(Settings),
    /// Product, peers and limits in turns, with ratios against the targets.
    All(Settings),
    /// Serve constant answers and drop bodies: the floor of every request (used by the other commands).
    BareAxum {
        /// The port on 127.0.0.1.
        #[arg(long)]
        port: u16,
    },
    /// Send what is published to every WebSocket: the floor of a fan-out (used by the other commands).
    BareHub {
        /// The port on 127.0.0.1.
        #[arg(long)]
        port: u16,
        /// What waits for one socket goes out in one write.
        #[arg(long)]
        together: bool,
    },
}

/// How to do it.
#[derive(Args, Clone)]
pub(crate) struct Settings {
    /// Rounds; odd ones run in the opposite order.
    #[arg(long, default_value_t = 1)]
    pub(crate) rounds: usize,
    /// Only scenarios whose name contains this (may be repeated).
    #[arg(long)]
    pub(crate) only: Vec<String>,
    /// Only subjects whose name contains this (may be repeated).
    #[arg(long)]
    pub(crate) subject: Vec<String>,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Size of the large file in MiB.
    #[arg(long, default_value_t = 1024)]
    large_mib: usize,
    /// The most items of the list scenarios.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) items: u64,
    /// The server to measure.
    #[arg(long, default_value = "target/release/mediavault")]
    pub(crate) binary: PathBuf,
    /// Where data, logs and results go; must be on a real disk.
    #[arg(long, default_value = "target/bench")]
    pub(crate) work: PathBuf,
    /// The folder of the scripts: `peers/` and `library-rows.py`.
    #[arg(long, default_value = "bench")]
    pub(crate) scripts: PathBuf,
}

impl Settings {
    /// The measured span of each scenario that has one.
    pub(crate) fn measured(&self) -> Duration {
        Duration::from_secs_f64(self.seconds.clamp(0.1, 60.0))
    }

    /// The part before it that does not count.
    pub(crate) fn warm_up(&self) -> Duration {
        Duration::from_millis(500).min(self.measured())
    }

    /// Size of the large file in bytes.
    pub(crate) fn large_bytes(&self) -> usize {
        self.large_mib.clamp(1, 4096) << 20
    }

    /// Whether the scenario of this name is wanted.
    pub(crate) fn wants_scenario(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| name.contains(part.as_str()))
    }

    /// Whether the subject of this name is wanted.
    pub(crate) fn wants_subject(&self, name: &str) -> bool {
        self.subject.is_empty() || self.subject.iter().any(|part| name.contains(part.as_str()))
    }
}
