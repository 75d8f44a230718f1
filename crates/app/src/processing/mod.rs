//! Items understood: what their bytes say, and small pictures of them, made behind the answer by sandboxed workers.
//! The walk of an upload: `ingest` puts a job beside the item; `runner` claims it; `examine` has a worker read the file;
//! `settle` writes what came of it, with its event, in one transaction. `render` serves pictures, made at need; `film` what
//! browsers can play.
//! Promise: each item ends `ready` or `failed`, whatever its file does and whenever the server dies; nothing is done twice
//! that anybody could see. Not here: reading and drawing (`mv_media`), where pictures lie (`mv_blobs::Cache`).

mod examine;
pub mod film;
pub mod motion;
pub mod operate;
mod programs;
pub mod render;
pub mod runner;
mod settle;
mod strip;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mv_blobs::Cache;
use mv_media::worker::sandbox::Walls;
use mv_media::worker::{Limits, Pool};
use tokio::sync::{Notify, Semaphore};

/// What a worker may use up (reliability section 5).
pub const WALLS: Walls = Walls { cpu_seconds: 10, memory_bytes: 512 * 1024 * 1024 };
/// How long one look at a file may take.
const WALL: Duration = Duration::from_secs(30);

/// What the operator decides.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program that is started as a worker: this server itself.
    pub worker: PathBuf,
    /// Whether workers are closed in.
    pub sandbox: bool,
    /// Jobs at once.
    pub jobs: usize,
    /// Programs found at the start.
    pub tools: Tools,
}

/// Programs that do what this one cannot; what is missing is done without.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tools {
    /// Moving pictures.
    pub ffmpeg: Option<PathBuf>,
    /// What is in them.
    pub ffprobe: Option<PathBuf>,
    /// HEIC and AVIF.
    pub heif: Option<PathBuf>,
}

/// Whether workers can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sandbox {
    /// Not tried yet.
    Untried,
    /// The self-test passed.
    Proven,
    /// The operator turned it off.
    Off,
    /// The self-test failed: nothing is processed.
    Broken,
}

impl Sandbox {
    /// As operators see it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Untried => "starting",
            Self::Proven => "on",
            Self::Off => "off",
            Self::Broken => "broken",
        }
    }
}

/// All that processing needs at hand.
pub(crate) struct Processing {
    options: Options,
    pool: Pool,
    cache: Cache,
    wake: Notify,
    sandbox: Mutex<Sandbox>,
    /// Pictures made at request at once.
    turns: Semaphore,
    flights: render::Flights,
}

impl Processing {
    pub(crate) fn new(options: Options, cache: Cache) -> Self {
        let walls = options.sandbox.then_some(WALLS);
        let limits = Limits { program: options.worker.clone(), walls, ready: options.jobs };
        Self {
            pool: Pool::new(limits),
            cache,
            wake: Notify::new(),
            sandbox: Mutex::new(Sandbox::Untried),
            turns: Semaphore::new(options.jobs),
            flights: render::Flights::default(),
            options,
        }
    }

    /// There is a new job.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Pictures made from blobs.
    pub(crate) const fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Programs found at the start.
    pub(crate) const fn tools(&self) -> &Tools {
        &self.options.tools
    }

    /// Whether workers can be trusted.
    pub(crate) fn sandbox(&self) -> Sandbox {
        *self.sandbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_sandbox(&self, sandbox: Sandbox) {
        *self.sandbox.lock().unwrap_or_else(PoisonError::into_inner) = sandbox;
    }

    /// Whether foreign bytes may be given to workers.
    fn trusted(&self) -> bool {
        matches!(self.sandbox(), Sandbox::Proven | Sandbox::Off)
    }
}
