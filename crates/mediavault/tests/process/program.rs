//! The binary as a process: a home with data of its own, commands run in it, and the server as a child.
//! Promise: nothing of the environment of whoever runs the tests reaches the program; no child outlives its test.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use mv_core::{Clock, SystemClock};
use mv_testkit::Backend;
use mv_testkit::databases::Database;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long anything that is not measured may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A folder with a vault's data in it, and its database.
pub(crate) struct Home {
    folder: TempDir,
    data: PathBuf,
    database: Database,
    logs: AtomicU32,
}

/// How a command ended, and what it said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// Must have failed with this one line.
    #[track_caller]
    pub(crate) fn refused(&self, beginning: &str) {
        assert_eq!(self.code, Some(1), "{self:?}");
        assert!(self.err.starts_with(beginning), "wanted {beginning:?}: {self:?}");
        assert!(self.err.ends_with('\n') && self.err.matches('\n').count() == 1, "not one line: {self:?}");
        assert_eq!(self.out, "", "{self:?}");
    }

    /// Must have worked; gives what it printed.
    #[track_caller]
    pub(crate) fn worked(&self) -> &str {
        assert_eq!(self.code, Some(0), "{self:?}");
        assert_eq!(self.err, "", "{self:?}");
        &self.out
    }
}

/// What `check` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Checked {
    pub(crate) blobs: u64,
    pub(crate) bytes: u64,
    pub(crate) orphans: u64,
}

impl Home {
    pub(crate) async fn new(backend: Backend) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        Self::over(folder, data, backend).await
    }

    /// A home whose data lie in a given folder.
    pub(crate) async fn over(folder: TempDir, data: PathBuf, backend: Backend) -> Self {
        let database = Database::fresh(backend, &data).await;
        Self { folder, data, database, logs: AtomicU32::new(0) }
    }

    pub(crate) async fn end(self) {
        self.database.drop_it().await;
    }

    /// The data folder.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// A place for files of the test.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The setting `database_url`, where it is not the default.
    pub(crate) fn database_url(&self) -> Option<&str> {
        self.database.url.as_deref()
    }

    /// The program, told by variables where this home is; it listens on any free port.
    pub(crate) fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mediavault"));
        self.settle(&mut command);
        command
    }

    /// Gives a command this home's folder and settings.
    pub(crate) fn settle(&self, command: &mut Command) {
        command.current_dir(self.folder.path()).env_clear();
        command.env("MEDIAVAULT_DATA_DIR", &self.data).env("MEDIAVAULT_LISTEN", "127.0.0.1:0");
        // Storms of requests are not what is limited here.
        for class in ["ANONYMOUS", "AUTHENTICATED", "API_KEY", "DELIVERY"] {
            command.env(format!("MEDIAVAULT_LIMITS__{class}_PER_MINUTE"), "1000000");
        }
        if let Some(url) = &self.database.url {
            // Each server takes its connections when it starts, and PostgreSQL has few of them for all tests.
            command.env("MEDIAVAULT_DATABASE_URL", url).env("MEDIAVAULT_DATABASE__CONNECTIONS", "4");
        }
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        run(self.program().args(arguments), "")
    }

    /// Runs a command with this on its standard input.
    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> Said {
        run(self.program().args(arguments), input)
    }

    /// Runs `check`, which must find nothing wrong.
    #[track_caller]
    pub(crate) fn check(&self) -> Checked {
        let said = self.run(&["check"]);
        let numbers: Vec<u64> =
            said.worked().split(|letter: char| !letter.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
        let [blobs, bytes, orphans, 0] = numbers[..] else { panic!("{said:?}") };
        Checked { blobs, bytes, orphans }
    }

    pub(crate) fn serve(&self) -> Running {
        self.start(self.program().arg("serve"))
    }

    /// A server that kills itself at this point of the durability protocol.
    pub(crate) fn serve_until(&self, point: &str) -> Running {
        self.start(self.program().arg("serve").env("MEDIAVAULT_FAILPOINT", point))
    }

    /// Starts a command that becomes a server, and waits for its four lines.
    pub(crate) fn start(&self, command: &mut Command) -> Running {
        let log = self.folder.path().join(format!("log-{}", self.logs.fetch_add(1, Ordering::Relaxed)));
        let clock = SystemClock::default();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let (lines, out) = next_lines(BufReader::new(child.stdout.take().unwrap()), 4);
        let took = clock.mono();
        let mut running = Running { child, out: Some(out), banner: lines, took, log };
        if running.banner.len() != 4 {
            running.kill();
            panic!("the server did not start: {:?} {}", running.banner, running.log());
        }
        running
    }

    /// Names of files in a folder below the data folder, and in its folders.
    pub(crate) fn files_in(&self, name: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.data.join(name)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if entry.file_name() != ".vault_id" {
                    found.push(path);
                }
            }
        }
        found
    }
}

/// Runs a command to its end with this on its standard input.
pub(crate) fn run(command: &mut Command, input: &str) -> Said {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // One that does not read its input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// The next lines of a child's output; fewer where it ends before.
fn next_lines(mut reader: BufReader<ChildStdout>, count: usize) -> (Vec<String>, BufReader<ChildStdout>) {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut lines = Vec::new();
        while lines.len() < count {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap() == 0 {
                break;
            }
            lines.push(line.trim_end_matches('\n').to_owned());
        }
        sender.send((lines, reader)).ok();
    });
    receiver.recv_timeout(PATIENCE).expect("the server says something in time")
}

/// A server that runs. Dropped, it is killed.
pub(crate) struct Running {
    child: Child,
    out: Option<BufReader<ChildStdout>>,
    banner: Vec<String>,
    took: Duration,
    log: PathBuf,
}

impl Running {
    /// `http://127.0.0.1:port`.
    pub(crate) fn origin(&self) -> &str {
        self.banner[0].rsplit(' ').next().unwrap()
    }

    /// The lines that it began with.
    pub(crate) fn banner(&self) -> &[String] {
        &self.banner
    }

    /// How long it took to say them.
    pub(crate) fn took(&self) -> Duration {
        self.took
    }

    /// The next lines of its standard output.
    pub(crate) fn more(&mut self, count: usize) -> Vec<String> {
        let (lines, out) = next_lines(self.out.take().unwrap(), count);
        self.out = Some(out);
        lines
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that it has logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Cuts it off.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to finish.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let clock = SystemClock::default();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            if clock.mono() > PATIENCE {
                self.kill();
                panic!("the server does not end: {}", self.log());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Ends it in order, and gives its whole log.
    #[track_caller]
    pub(crate) fn stop(mut self) -> String {
        self.terminate();
        let status = self.ended();
        assert_eq!(status.code(), Some(0), "{}", self.log());
        let mut more = String::new();
        std::io::Read::read_to_string(&mut self.out.take().unwrap(), &mut more).unwrap();
        assert_eq!(more, "", "standard output is for the four lines");
        self.log()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
