//! Programs such as ffmpeg, run behind the walls: the file comes in by an anonymous piece of memory or a pipe, never by a
//! path, and what comes out is bounded.
//! Promise: a program that hangs, floods or dies ends with its job; it sees the system's libraries and its input.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rustix::fd::OwnedFd;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::pool::{Failure, Feed, verdict};
use super::sandbox::Walls;

/// Where programs and their libraries lie; nothing else can be read.
const FOLDERS: [&str; 6] = ["/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/alternatives"];
/// Bytes that are handed on at once.
const PIECE: usize = 256 * 1024;
/// What a program may say on standard error.
const STDERR_MAX: u64 = 16 * 1024;

/// What programs may read besides their input.
pub fn folders() -> Vec<PathBuf> {
    FOLDERS.iter().map(PathBuf::from).collect()
}

/// A file held in memory that no path leads to (memfd_create(2)); programs find it as `/proc/self/fd/0`.
#[derive(Debug)]
pub struct Memory(OwnedFd);

impl Memory {
    /// An empty one, to be written to.
    ///
    /// # Errors
    /// Of the system.
    pub fn empty() -> io::Result<Self> {
        Ok(Self(memfd_create("media", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?))
    }

    /// The item's bytes, sealed against change.
    ///
    /// # Errors
    /// Of the feed or the system.
    pub async fn filled(length: u64, feed: &Feed) -> io::Result<Self> {
        let memory = Self::empty()?;
        let mut at = 0;
        while at < length {
            let bytes = feed(at, 256 * 1024).await?;
            if bytes.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            memory.write_at(at, &bytes)?;
            at = at.saturating_add(bytes.len() as u64);
        }
        fcntl_add_seals(&memory.0, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK)?;
        Ok(memory)
    }

    fn write_at(&self, mut at: u64, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = rustix::io::pwrite(&self.0, bytes, at)?;
            at = at.saturating_add(written as u64);
            bytes = bytes.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    /// Bytes in it.
    ///
    /// # Errors
    /// Of the system.
    pub fn length(&self) -> io::Result<u64> {
        Ok(u64::try_from(rustix::fs::fstat(&self.0)?.st_size).unwrap_or(0))
    }

    /// Up to `len` bytes at `at`; memory is read without waiting.
    ///
    /// # Errors
    /// Of the system.
    pub fn read_at(&self, at: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        let got = rustix::io::pread(&self.0, &mut bytes, at)?;
        bytes.truncate(got);
        Ok(bytes)
    }
}

/// What the program reads.
pub enum Input<'a> {
    /// Nothing.
    Nothing,
    /// All of it, at any place.
    Memory(&'a Memory),
    /// One byte after the other: this many, from this feed.
    Stream(u64, Feed),
}

/// Where its output goes.
pub enum Output<'a> {
    /// Over a pipe, at most so many bytes.
    Bytes(u64),
    /// Over a pipe, piece by piece as they come; a receiver that is gone ends the program.
    Pieces(tokio::sync::mpsc::Sender<Bytes>),
    /// Into memory, where it may go back and forth as `/proc/self/fd/1`.
    Memory(&'a Memory),
}

/// A program to be run.
pub struct Program<'a> {
    /// This binary, which puts up the walls first.
    pub server: &'a Path,
    /// The program.
    pub path: &'a Path,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// What it may use up; `None` only where the operator turned the sandbox off.
    pub walls: Option<Walls>,
    /// How long it may take.
    pub wall: Duration,
}

/// What a program left.
#[derive(Debug)]
pub struct Ran {
    /// What it wrote over the pipe.
    pub stdout: Vec<u8>,
    /// What it said, cut short.
    pub stderr: String,
    /// Whether it ended with 0.
    pub success: bool,
}

/// Runs a program to its end.
///
/// # Errors
/// `Failure`; a program that only ends with another code than 0 is no failure here.
pub async fn run(program: Program<'_>, input: Input<'_>, output: Output<'_>) -> Result<Ran, Failure> {
    let mut child = start(&program, &input, &output).map_err(Failure::Start)?;
    let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let outcome = tokio::time::timeout(program.wall, attend(&mut child, input, output)).await;
    // Also those that it may have left behind: threads are its own, but nothing else should be there either.
    let end = || group.map(|group| kill_process_group(group, Signal::KILL));
    match outcome {
        Ok(done) => {
            if done.is_err() {
                end();
            }
            done
        }
        Err(_) => {
            end();
            Err(Failure::TooLong)
        }
    }
}

fn start(program: &Program<'_>, input: &Input<'_>, output: &Output<'_>) -> io::Result<Child> {
    let mut command = match program.walls {
        Some(walls) => {
            let mut command = Command::new(program.server);
            command.arg0("mediavault").arg("worker");
            command.args(["--cpu-seconds", &walls.cpu_seconds.to_string()]);
            command.args(["--memory-bytes", &walls.memory_bytes.to_string()]);
            command.arg("--program").arg(program.path).arg("--");
            command
        }
        None => Command::new(program.path),
    };
    command.args(&program.args).env_clear().env("LANG", "C.UTF-8").current_dir("/").kill_on_drop(true);
    command.stdin(match input {
        Input::Nothing => Stdio::null(),
        Input::Memory(memory) => Stdio::from(memory.0.try_clone()?),
        Input::Stream(..) => Stdio::piped(),
    });
    command.stdout(match output {
        Output::Bytes(_) | Output::Pieces(_) => Stdio::piped(),
        Output::Memory(memory) => Stdio::from(memory.0.try_clone()?),
    });
    command.stderr(Stdio::piped()).spawn()
}

async fn attend(child: &mut Child, input: Input<'_>, output: Output<'_>) -> Result<Ran, Failure> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feeding = async {
        match (input, stdin) {
            (Input::Stream(length, feed), Some(stdin)) => pour(length, &feed, stdin).await,
            _ => Ok(()),
        }
    };
    let reading = async {
        match output {
            Output::Bytes(limit) => drain(stdout, limit, true).await,
            Output::Pieces(to) => hand_on(stdout, to).await,
            Output::Memory(_) => Some(Vec::new()),
        }
    };
    let (fed, out, err) = tokio::join!(feeding, reading, drain(stderr, STDERR_MAX, false));
    fed.map_err(Failure::Unread)?;
    let status = child.wait().await.map_err(Failure::Start)?;
    let (Some(stdout), Some(stderr)) = (out, err) else {
        return Err(Failure::Crashed("it wrote more than it may".to_owned()));
    };
    if status.code().is_none() {
        return Err(verdict(status, &io::Error::other("it ended early")));
    }
    let stderr = String::from_utf8_lossy(&stderr).into_owned();
    Ok(Ran { stdout, stderr, success: status.success() })
}

/// Writes the item to a program, which may stop listening when it has seen enough.
async fn pour(length: u64, feed: &Feed, mut stdin: tokio::process::ChildStdin) -> io::Result<()> {
    let mut at = 0;
    while at < length {
        let bytes = feed(at, 256 * 1024).await?;
        if bytes.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if stdin.write_all(&bytes).await.is_err() {
            return Ok(());
        }
        at = at.saturating_add(bytes.len() as u64);
    }
    Ok(())
}

/// Hands on what comes; `None` where nobody takes it, which ends the program by its closed pipe.
async fn hand_on<R: AsyncRead + Unpin>(from: Option<R>, to: tokio::sync::mpsc::Sender<Bytes>) -> Option<Vec<u8>> {
    let mut from = from?;
    loop {
        let mut piece = BytesMut::with_capacity(PIECE);
        match from.read_buf(&mut piece).await {
            Ok(0) | Err(_) => return Some(Vec::new()),
            Ok(_) => to.send(piece.freeze()).await.ok()?,
        }
    }
}

/// Reads to the end; `None` where there was more than `limit` and that matters, else the rest is thrown away.
async fn drain<R: AsyncRead + Unpin>(from: Option<R>, limit: u64, strict: bool) -> Option<Vec<u8>> {
    let mut kept = Vec::new();
    let Some(mut from) = from else { return Some(kept) };
    let mut bounded = (&mut from).take(limit);
    if bounded.read_to_end(&mut kept).await.is_err() {
        return Some(kept);
    }
    let mut rest = vec![0; 16 * 1024];
    loop {
        match from.read(&mut rest).await {
            Ok(0) | Err(_) => return Some(kept),
            Ok(_) if strict => return None,
            Ok(_) => {}
        }
    }
}
