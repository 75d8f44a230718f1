//! The program `mediavault`: reads the command line, runs the command, turns the outcome into an exit code.
//! Promise: 0 is done, 1 is failed (one line on stderr says why), 2 is a wrong command line.

use mediavault::cli::Cli;
use mediavault::{commands, core_dumps};
use std::io::Write;
use std::process::ExitCode;

// Many threads allocate for requests; the system's allocator (musl's above all) makes them wait for each other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if let Err(error) = core_dumps::turn_off() {
        let _ = writeln!(std::io::stderr(), "mediavault: core dumps cannot be turned off: {error}");
    }
    let cli = match Cli::read(std::env::args_os().collect()) {
        Ok(cli) => cli,
        Err(usage) => {
            // Also the way of --help and --version; a closed pipe is no reason to fail.
            let _ = usage.print();
            return ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(2));
        }
    };
    match commands::run(cli) {
        Ok(code) => code,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "mediavault: {}", commands::one_line(&failure));
            ExitCode::FAILURE
        }
    }
}
