//! What is read again while the server runs: certificates and the keys of access tokens, each minute and on SIGHUP.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How often without a signal.
const EVERY: Duration = Duration::from_secs(60);

/// Something to be read again; it tells the log itself when it cannot be used.
pub type Again = Box<dyn FnMut() + Send>;

/// Listens for SIGHUP from now on, which no longer ends the process; needs a running tokio runtime.
///
/// # Errors
/// Where the system has no place for another handler.
pub fn on_hangup() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}

/// Reads everything again, each minute and on the signal, until `stop`.
pub async fn run(mut hangup: Signal, mut all: Vec<Again>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = hangup.recv() => tracing::info!("SIGHUP: reading certificates and keys again"),
            () = tokio::time::sleep(EVERY) => {}
        }
        // Small files, of which mostly none has changed: not worth another thread.
        all.iter_mut().for_each(|again| again());
    }
}
