//! Signals that end the process. Promises: the first SIGTERM or SIGINT asks everything to finish, by a token; the second
//! ends the process at once. Not here: what finishing means and how long it may take (`commands::serve`).

use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Listens for the signals from now on; needs a running tokio runtime. The token is cancelled by the first one.
pub fn on_signal() -> io::Result<CancellationToken> {
    watch(|| {
        // Nobody may be reading stderr any more; the process ends all the same.
        let _ = io::Write::write_all(&mut io::stderr(), b"mediavault: a second signal, ending at once\n");
        std::process::exit(1)
    })
}

fn watch(at_once: impl FnOnce() + Send + 'static) -> io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        let name = either(&mut terminate, &mut interrupt).await;
        tracing::info!(signal = name, "{name}: finishing what is under way; a second signal ends at once");
        cancelled.cancel();
        either(&mut terminate, &mut interrupt).await;
        at_once();
    });
    Ok(token)
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Signal as Kind, getpid, kill_process};
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test]
    async fn first_cancels_and_second_ends() {
        let (sender, mut ended) = tokio::sync::oneshot::channel();
        let token = watch(move || sender.send(()).unwrap()).unwrap();
        assert!(!token.is_cancelled());
        kill_process(getpid(), Kind::TERM).unwrap();
        timeout(Duration::from_secs(10), token.cancelled()).await.unwrap();
        assert!(timeout(Duration::from_millis(50), &mut ended).await.is_err(), "one signal ended the process");
        kill_process(getpid(), Kind::INT).unwrap();
        timeout(Duration::from_secs(10), ended).await.unwrap().unwrap();
    }
}
