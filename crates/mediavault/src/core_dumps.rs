//! No core dumps: a crashed process would leave keys and passwords on the disk, in a file that nobody asked for.

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Turns them off for this process, also where the system hands them to a program (core(5): then the size limit does not
/// count, and only a process that is not dumpable is spared). Other processes of the same user can no longer read its
/// memory either.
///
/// # Errors
/// What the system says.
pub fn turn_off() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}
