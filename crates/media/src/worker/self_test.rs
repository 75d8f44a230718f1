//! Proof at start that the walls stand: children of the real kind try what no child may do.

use std::time::Duration;

use super::pool::{Failure, Pool, feed_of_bytes};
use super::protocol::{Job, Probe};

const WALL: Duration = Duration::from_secs(10);

/// What is wrong with the walls.
#[derive(Debug, thiserror::Error)]
pub enum Unproven {
    /// A child got through.
    #[error("a worker could {0}")]
    Leak(&'static str),
    /// A child could not even do what it should.
    #[error("workers do not work here")]
    Useless(#[source] Failure),
}

/// Tries the walls from inside: a file, a socket, a program; then an innocent job.
///
/// # Errors
/// `Unproven`.
pub async fn prove(pool: &Pool) -> Result<(), Unproven> {
    let run = |probe| pool.run(Job::Probe(probe), 0, feed_of_bytes(bytes::Bytes::new()), WALL);
    let cases =
        [(Probe::File, "open a file"), (Probe::Socket, "reach the network"), (Probe::Program, "start a program")];
    for (probe, what) in cases {
        match run(probe).await {
            Ok(answer) if answer.probe.as_deref() == Some("refused") => {}
            Err(Failure::Forbidden) => {}
            Ok(_) => return Err(Unproven::Leak(what)),
            Err(error) => return Err(Unproven::Useless(error)),
        }
    }
    match run(Probe::Nothing).await {
        Ok(_) => Ok(()),
        Err(error) => Err(Unproven::Useless(error)),
    }
}
