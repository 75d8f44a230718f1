//! The bare servers (`bare`, `hub`) as subjects: this program started once more, as a process of its own.
//! Promise: measured like any peer. Not here: its routes.

use std::path::Path;

use crate::error::{Doing, Result};
use crate::machine;
use crate::process::Server;
use crate::scenarios::{BARE, HUB, HUB_TOGETHER};
use crate::settings::Settings;
use crate::subject::{Dialect, Subject};

/// Starts it.
pub(crate) fn start(settings: &Settings) -> Result<Subject> {
    started(settings, BARE, "bare-axum", &[])
}

/// Starts the bare hub.
pub(crate) fn start_hub(settings: &Settings) -> Result<Subject> {
    started(settings, HUB, "bare-hub", &[])
}

/// Starts the bare hub that writes together what waits for one socket.
pub(crate) fn start_hub_together(settings: &Settings) -> Result<Subject> {
    started(settings, HUB_TOGETHER, "bare-hub", &["--together"])
}

fn started(settings: &Settings, name: &'static str, command: &str, flags: &[&str]) -> Result<Subject> {
    let program = std::env::current_exe().doing(|| "finding this program".to_owned())?;
    let port = machine::free_ports(1)?;
    let port_flag = port.to_string();
    let arguments = [command, "--port", &port_flag].into_iter().chain(flags.iter().copied());
    let log = settings.work.join(Path::new("data")).join(command.to_owned() + &flags.concat()).with_extension("log");
    let mut server = Server::start(&program, arguments, port, &log)?;
    let ready = server.wait_ready("/hello", 200)?;
    let idle_mib = machine::memory_mib(server.pid());
    let mut dialect = Dialect::new("");
    dialect.upload = "/drop";
    dialect.own_user = Some("/hello".into());
    Ok(Subject { name, server, dialect, sign_in: None, small: Vec::new(), large: None, ready, idle_mib })
}
