//! The thread that writes log lines. Lines gather in memory and are written a few times a second at most, so that a line
//! costs the request that logs it neither a call of the system nor the waking of a thread: at one request after the
//! other that waking was most of what a small request cost.
//! Promise: whoever logs never waits for the reader of the log; what does not fit meanwhile is dropped and counted.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// How many bytes may wait for a slow reader.
pub(crate) const WAITING_BYTES: usize = 4 * 1024 * 1024;
/// How long lines gather before they are written together.
const GATHER: Duration = Duration::from_millis(50);
/// How long the end waits for a reader that stands still.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// Takes whole lines; cheap to clone.
#[derive(Clone)]
pub(crate) struct LogWriter(Arc<Shared>);

struct Shared {
    lines: Mutex<Lines>,
    changed: Condvar,
    lost: AtomicUsize,
}

#[derive(Default)]
struct Lines {
    waiting: Vec<u8>,
    ended: bool,
    written: bool,
}

/// Keeps the thread; dropping it writes what is waiting, for at most about a second.
pub(crate) struct LogThread {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// Starts a thread that writes to `output`.
///
/// # Errors
/// Where the system gives no thread.
pub(crate) fn start(output: impl Write + Send + 'static) -> io::Result<(LogWriter, LogThread)> {
    let shared = Arc::new(Shared { lines: Mutex::default(), changed: Condvar::new(), lost: AtomicUsize::new(0) });
    let working = shared.clone();
    let thread = std::thread::Builder::new().name("log".to_owned()).spawn(move || working.write_all(output))?;
    Ok((LogWriter(shared.clone()), LogThread { shared, thread: Some(thread) }))
}

impl Shared {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all(&self, mut output: impl Write) {
        let mut batch = Vec::new();
        loop {
            let mut lines = self.lines();
            while lines.waiting.is_empty() && !lines.ended {
                lines = self.changed.wait(lines).unwrap_or_else(PoisonError::into_inner);
            }
            if !lines.ended {
                let gathered = self.changed.wait_timeout_while(lines, GATHER, |lines| !lines.ended);
                lines = gathered.unwrap_or_else(PoisonError::into_inner).0;
            }
            std::mem::swap(&mut batch, &mut lines.waiting);
            let ended = lines.ended;
            drop(lines);
            // A reader that went away loses its log, not the server.
            let _ = output.write_all(&batch).and_then(|()| output.flush());
            batch.clear();
            if ended && self.lines().waiting.is_empty() {
                self.lines().written = true;
                self.changed.notify_all();
                return;
            }
        }
    }
}

impl LogWriter {
    /// Lines dropped so far.
    pub(crate) fn lost(&self) -> usize {
        self.0.lost.load(Ordering::Relaxed)
    }
}

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut lines = self.0.lines();
        if lines.waiting.len() + line.len() > WAITING_BYTES {
            self.0.lost.fetch_add(1, Ordering::Relaxed);
            return Ok(line.len());
        }
        let first = lines.waiting.is_empty();
        lines.waiting.extend_from_slice(line);
        drop(lines);
        // Later lines find the thread gathering already.
        if first {
            self.0.changed.notify_all();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Drop for LogThread {
    fn drop(&mut self) {
        let mut lines = self.shared.lines();
        lines.ended = true;
        self.shared.changed.notify_all();
        let waited = self.shared.changed.wait_timeout_while(lines, LAST_WAIT, |lines| !lines.written);
        let written = waited.unwrap_or_else(PoisonError::into_inner).0.written;
        if let Some(thread) = self.thread.take().filter(|_| written) {
            let _ = thread.join();
        }
    }
}
