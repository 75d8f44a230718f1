//! The peers: other servers that take and give files, installed and started by the scripts of `bench/peers`.
//! Promise: default settings unless the script says otherwise; a peer that cannot be had is left out with its reason.
//! Not here: what is measured (`scenarios`).

mod nginx;
mod node;
mod pocketbase;
mod seaweedfs;

use std::path::{Path, PathBuf};

use crate::content::Pool;
use crate::error::{Doing, Error, Result};
use crate::machine;
use crate::process::{self, Server};
use crate::settings::Settings;
use crate::subject::{Dialect, Subject};

/// Their names, as in the report.
pub(crate) const NAMES: [&str; 8] = [
    pocketbase::NAME,
    seaweedfs::NAME,
    seaweedfs::NAME_SYNCED,
    nginx::NAME,
    node::EXPRESS,
    node::EXPRESS_SYNCED,
    node::TUS,
    node::WS,
];

/// Installs (where needed) and starts the peer of this name.
pub(crate) fn start(name: &str, settings: &Settings, pool: &Pool) -> Result<Subject> {
    match name {
        pocketbase::NAME => pocketbase::start(settings),
        seaweedfs::NAME => seaweedfs::start(settings, pool, false),
        seaweedfs::NAME_SYNCED => seaweedfs::start(settings, pool, true),
        nginx::NAME => nginx::start(settings, pool),
        node::EXPRESS => node::express(settings, false),
        node::EXPRESS_SYNCED => node::express(settings, true),
        node::TUS => node::tus(settings),
        node::WS => node::ws(settings),
        other => Err(Error::Missing(format!("no peer is called {other}"))),
    }
}

/// Puts `rows` rows into PocketBase's table, for the list scenario.
pub(crate) fn fill_pocketbase(settings: &Settings, rows: u64) -> Result<()> {
    pocketbase::fill(settings, rows)
}

/// Path and query of the list of 20, with and without the total.
pub(crate) use pocketbase::{LIST, LIST_WITHOUT_TOTAL};

/// How a peer's script is called.
struct Script<'a> {
    name: &'static str,
    file: &'a str,
    verb: &'a str,
    /// Neighbouring ports that it needs.
    ports: u16,
    /// Asked until it answers with this status.
    ready: (&'a str, u16),
}

impl Script<'_> {
    /// Installs into `WORK/peers/FILE`, starts on an empty data folder, waits until it is ready.
    fn start(&self, settings: &Settings, dialect: Dialect) -> Result<Subject> {
        let script = absolute(&settings.scripts.join(format!("peers/{}.sh", self.file)))?;
        let installed = absolute(&settings.work)?.join("peers").join(self.file);
        process::run(&script, [Path::new("install"), &installed])?;
        let data = data_folder(settings, self.name)?;
        machine::fresh_folder(&data)?;
        let port = machine::free_ports(self.ports)?;
        let arguments = [self.verb.into(), installed, PathBuf::from(port.to_string()), data.clone()];
        let mut server = Server::start(&script, arguments, port, &data.with_extension("log"))?;
        let ready = server.wait_ready(self.ready.0, self.ready.1)?;
        let idle_mib = machine::memory_mib(server.pid());
        Ok(Subject { name: self.name, server, dialect, sign_in: None, small: Vec::new(), large: None, ready, idle_mib })
    }
}

/// Where a peer's files are.
fn data_folder(settings: &Settings, name: &str) -> Result<PathBuf> {
    Ok(absolute(&settings.work)?.join("data").join(name.to_lowercase().replace(' ', "-")))
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).doing(|| format!("finding {}", path.display()))
}
