//! `worker`: what the server starts itself as, to look at what users upload. Not for people: it talks over a socket on
//! standard input. With `--program` it puts up the walls and becomes that program.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::Args;
use mv_media::worker::sandbox::{self, Walls};
use mv_media::worker::{child, program};

/// Flags of `worker`.
#[derive(Debug, Args)]
pub struct WorkerFlags {
    /// Seconds of processor time.
    #[arg(long, default_value_t = 10)]
    pub cpu_seconds: u64,
    /// Bytes of memory.
    #[arg(long, default_value_t = 512 * 1024 * 1024)]
    pub memory_bytes: u64,
    /// Without walls: only where the operator turned them off.
    #[arg(long)]
    pub no_sandbox: bool,
    /// Become this program.
    #[arg(long)]
    pub program: Option<PathBuf>,
    /// The program's arguments.
    #[arg(last = true)]
    pub arguments: Vec<OsString>,
}

/// Runs until the server hangs up; as a program, until that ends.
pub fn run(flags: WorkerFlags) -> ExitCode {
    let walls = Walls { cpu_seconds: flags.cpu_seconds, memory_bytes: flags.memory_bytes };
    match flags.program {
        None => child::run((!flags.no_sandbox).then_some(walls)),
        Some(program) => {
            let error = become_program(walls, &program, &flags.arguments);
            // Standard error is read by the server, which logs it.
            let _ = io::Write::write_fmt(&mut io::stderr(), format_args!("{}: {error}\n", program.display()));
            ExitCode::from(126)
        }
    }
}

/// Returns only if it fails.
fn become_program(walls: Walls, program: &std::path::Path, arguments: &[OsString]) -> io::Error {
    match sandbox::enter_for_program(walls, &program::folders()) {
        Ok(()) => Command::new(program).args(arguments).exec(),
        Err(error) => io::Error::other(super::one_line(&error)),
    }
}
