//! Servers under test as child processes.
//! Promise: whatever was started is ended by its own pid when its [`Server`] is dropped, and by the kernel
//! (`setpriv --pdeathsig`) if this program dies first. Output goes to a log file beside the data.
//! Not here: what the servers are asked (`subject`, `peers`).

use std::ffi::OsStr;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::client::{Keep, Request, ask};
use crate::error::{Doing, Error, Result};

/// How long a server may take from its start to its first good answer.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long a server may take to end after SIGTERM, before SIGKILL.
const END_WITHIN: Duration = Duration::from_secs(10);

/// A running server, ended when dropped.
pub(crate) struct Server {
    child: Child,
    started: Instant,
    address: SocketAddr,
}

impl Server {
    /// Starts `program` with `arguments`, both its outputs going to `log`; it is expected to listen on
    /// `127.0.0.1:port`. Returns at once: see [`Server::wait_ready`].
    pub(crate) fn start<I, S>(program: &Path, arguments: I, port: u16, log: &Path) -> Result<Server>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let output = File::create(log).doing(|| format!("creating {}", log.display()))?;
        let errors = output.try_clone().doing(|| format!("opening {}", log.display()))?;
        let started = Instant::now();
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "--"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .doing(|| format!("starting {}", program.display()))?;
        Ok(Server { child, started, address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The root of its process tree.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How long ago it was started.
    pub(crate) fn running_for(&self) -> Duration {
        self.started.elapsed()
    }

    /// Asks `path` every half millisecond until it answers with `status`. Returns the time from the start to then.
    pub(crate) fn wait_ready(&mut self, path: &str, status: u16) -> Result<Duration> {
        let request = Request::get(path, "");
        loop {
            if let Ok(answer) = ask(self.address, &request, Keep::Nothing)
                && answer.status == status
            {
                return Ok(self.started.elapsed());
            }
            if let Some(ended) = self.child.try_wait().doing(|| "looking after a server".to_owned())? {
                return Err(Error::Missing(format!("the server ended at its start ({ended})")));
            }
            if self.started.elapsed() > READY_WITHIN {
                return Err(Error::Missing(format!("not ready after {} s", READY_WITHIN.as_secs())));
            }
            std::thread::sleep(Duration::from_micros(500));
        }
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends it: SIGTERM, then SIGKILL if that is not enough. Returns when it has ended.
    pub(crate) fn end(&mut self) {
        // try_wait first: a pid that was already reaped may belong to somebody else by now.
        if self.has_ended() {
            return;
        }
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let asked = Instant::now();
        while asked.elapsed() < END_WITHIN {
            if self.has_ended() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Runs a short command to its end; its output is part of the error when it fails.
pub(crate) fn run<I, S>(program: &Path, arguments: I) -> Result<()>
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .doing(|| format!("running {}", program.display()))?;
    if output.status.success() {
        return Ok(());
    }
    let last = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned();
    Err(Error::Missing(format!("{} failed ({}): {last}", program.display(), output.status)))
}
