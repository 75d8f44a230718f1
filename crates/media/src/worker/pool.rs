//! Children started and closed in ahead of need, each used for one item and then replaced (decision 0008).
//! Promise: a child that dies, hangs or lies costs its own job and nothing else; none outlives the server.
//! Not here: how many jobs run at once, and what is tried again (`mv_app::processing`).

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

use super::protocol::{Answer, HEAD, Job, Kind, Order, head, read_head};
use super::sandbox::Walls;

/// Reads up to so many bytes of the item at a place; fewer only at its end.
pub type Feed = Arc<dyn Fn(u64, usize) -> Pin<Box<dyn Future<Output = io::Result<Bytes>> + Send>> + Send + Sync>;

/// Bytes that one job may read in all: the largest file that is held whole, and its metadata once more.
const READ_MAX: u64 = 640 * 1024 * 1024;
/// Pictures that one job may answer with, and their bytes together.
const MADE_MAX: (usize, usize) = (8, 48 * 1024 * 1024);
/// How long a child that has hung up may take to end.
const FAREWELL: Duration = Duration::from_secs(2);

/// A feed of bytes in memory.
pub fn feed_of_bytes(bytes: Bytes) -> Feed {
    Arc::new(move |at, len| {
        let start = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
        let part = bytes.slice(start..start.saturating_add(len).min(bytes.len()));
        Box::pin(async move { Ok(part) })
    })
}

/// How children are started.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The program that is started as `PROGRAM worker`; `/proc/self/exe` is the server itself, even after an update.
    pub program: PathBuf,
    /// What each may use up; `None` only where the operator turned the sandbox off.
    pub walls: Option<Walls>,
    /// Children kept waiting.
    pub ready: usize,
}

/// What came of a job that the child finished.
pub type Outcome = Answer;

/// Why a child gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The child could not be started.
    #[error("no worker can be started")]
    Start(#[source] io::Error),
    /// The item's bytes could not be read: no fault of theirs.
    #[error("the item cannot be read")]
    Unread(#[source] io::Error),
    /// Its time was up.
    #[error("it took too long")]
    TooLong,
    /// Its memory was not enough.
    #[error("it needs more memory than a worker may use")]
    Memory,
    /// It tried what a decoder never does.
    #[error("it was stopped at a forbidden system call")]
    Forbidden,
    /// It died otherwise.
    #[error("the worker broke down ({0})")]
    Crashed(String),
    /// Somebody else ended it: the system for want of memory, or an operator.
    #[error("the worker was killed from outside")]
    Killed,
}

struct Waiting {
    child: Child,
    socket: UnixStream,
}

/// The children that wait for work.
pub struct Pool {
    limits: Limits,
    waiting: Mutex<Vec<Waiting>>,
}

impl Pool {
    /// A pool without children yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, waiting: Mutex::default() }
    }

    /// How children are started.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Starts children until enough wait. Must be called on the runtime.
    ///
    /// # Errors
    /// Of the system.
    pub fn fill(&self) -> io::Result<()> {
        while self.waiting.lock().unwrap_or_else(PoisonError::into_inner).len() < self.limits.ready {
            let fresh = self.start()?;
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(fresh);
        }
        Ok(())
    }

    fn start(&self) -> io::Result<Waiting> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut command = Command::new(&self.limits.program);
        command.arg0("mediavault").env_clear().current_dir("/").arg("worker");
        // Memory counts as used once it is committed; the allocator would else commit a GiB ahead of need.
        command.env("MIMALLOC_ARENA_EAGER_COMMIT", "0");
        match self.limits.walls {
            Some(walls) => {
                command.args(["--cpu-seconds", &walls.cpu_seconds.to_string()]);
                command.args(["--memory-bytes", &walls.memory_bytes.to_string()]);
            }
            None => {
                command.arg("--no-sandbox");
            }
        }
        command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.kill_on_drop(true).spawn()?;
        Ok(Waiting { child, socket: UnixStream::from_std(ours)? })
    }

    fn take(&self) -> io::Result<Waiting> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
        waiting.map_or_else(|| self.start(), Ok)
    }

    /// Has a child do a job on an item of `length` bytes, within `wall`.
    ///
    /// # Errors
    /// `Failure`; the child is gone then, as it is after success.
    pub async fn run(&self, job: Job, length: u64, feed: Feed, wall: Duration) -> Result<Outcome, Failure> {
        let mut worker = self.take().map_err(Failure::Start)?;
        if worker.child.try_wait().is_ok_and(|ended| ended.is_some()) {
            // It was killed while it waited; that says nothing about this job.
            worker = self.start().map_err(Failure::Start)?;
        }
        let talk = async {
            let order = Order { job, length };
            let order = serde_json::to_vec(&order).map_err(|error| Talk::Broken(error.into()))?;
            put(&mut worker.socket, Kind::Job, &order).await?;
            // The next one starts while this one works; where that fails, the next job will say so.
            let _ = self.fill();
            converse(&mut worker.socket, length, &feed).await
        };
        let talked = tokio::time::timeout(wall, talk).await;
        match talked {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(Talk::Unread(error))) => Err(Failure::Unread(error)),
            Ok(Err(Talk::Broken(error))) => {
                let Waiting { mut child, socket } = worker;
                drop(socket);
                match tokio::time::timeout(FAREWELL, child.wait()).await {
                    Ok(Ok(status)) => Err(verdict(status, &error)),
                    _ => Err(Failure::Crashed(error.to_string())),
                }
            }
            Err(_) => Err(Failure::TooLong),
        }
    }
}

/// What the end of a process says.
pub(super) fn verdict(status: ExitStatus, error: &io::Error) -> Failure {
    match status.signal() {
        Some(libc::SIGABRT) => Failure::Memory,
        Some(libc::SIGXCPU) => Failure::TooLong,
        Some(libc::SIGSYS) => Failure::Forbidden,
        Some(libc::SIGKILL) => Failure::Killed,
        Some(signal) => Failure::Crashed(format!("signal {signal}")),
        None => Failure::Crashed(format!("{status}: {error}")),
    }
}

enum Talk {
    Broken(io::Error),
    Unread(io::Error),
}

impl From<io::Error> for Talk {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

async fn put(socket: &mut UnixStream, kind: Kind, body: &[u8]) -> io::Result<()> {
    socket.write_all(&head(kind, body.len())?).await?;
    socket.write_all(body).await
}

async fn get(socket: &mut UnixStream) -> io::Result<(Kind, Vec<u8>)> {
    let mut bytes = [0; HEAD];
    socket.read_exact(&mut bytes).await?;
    let (kind, length) = read_head(bytes)?;
    let mut body = Vec::new();
    // Grows as bytes come: a child that only promises them reserves nothing.
    (&mut *socket).take(length as u64).read_to_end(&mut body).await?;
    if body.len() == length { Ok((kind, body)) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

async fn converse(socket: &mut UnixStream, length: u64, feed: &Feed) -> Result<Answer, Talk> {
    let mut blobs: Vec<Vec<u8>> = Vec::new();
    let mut left = READ_MAX;
    let lies = |what: &str| Talk::Broken(io::Error::new(io::ErrorKind::InvalidData, what));
    loop {
        match get(socket).await? {
            (Kind::Read, request) => {
                let (at, len) = range(&request, length).ok_or_else(|| lies("a range outside the file"))?;
                left = left.checked_sub(len).ok_or_else(|| lies("too much was read"))?;
                answer_read(socket, feed, at, len).await?;
            }
            (Kind::Blob, bytes) => {
                let held: usize = blobs.iter().map(Vec::len).sum();
                if blobs.len() >= MADE_MAX.0 || held.saturating_add(bytes.len()) > MADE_MAX.1 {
                    return Err(lies("too many pictures"));
                }
                blobs.push(bytes);
            }
            (Kind::Answer, body) => {
                let mut answer: Answer = serde_json::from_slice(&body).map_err(|error| Talk::Broken(error.into()))?;
                if answer.made.len() != blobs.len() {
                    return Err(lies("pictures are missing"));
                }
                for (made, bytes) in answer.made.iter_mut().zip(blobs) {
                    made.bytes = bytes;
                }
                return Ok(answer);
            }
            (Kind::Job | Kind::Data, _) => return Err(lies("out of turn")),
        }
    }
}

fn range(request: &[u8], length: u64) -> Option<(u64, u64)> {
    let (at, rest) = request.split_first_chunk::<8>()?;
    let (at, len) = (u64::from_le_bytes(*at), u64::from_le_bytes(*rest.first_chunk::<8>()?));
    (len > 0 && at.checked_add(len)? <= length).then_some((at, len))
}

/// Sends the bytes in pieces as the feed gives them.
async fn answer_read(socket: &mut UnixStream, feed: &Feed, mut at: u64, mut len: u64) -> Result<(), Talk> {
    const PIECE: usize = 256 * 1024;
    while len > 0 {
        let wanted = usize::try_from(len).unwrap_or(PIECE).min(PIECE);
        let bytes = feed(at, wanted).await.map_err(Talk::Unread)?;
        let got = bytes.len() as u64;
        if got == 0 || got > len {
            return Err(Talk::Unread(io::ErrorKind::UnexpectedEof.into()));
        }
        put(socket, Kind::Data, &bytes).await?;
        at = at.saturating_add(got);
        len = len.saturating_sub(got);
    }
    Ok(())
}
