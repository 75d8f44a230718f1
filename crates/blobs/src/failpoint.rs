//! Named crash points: places at which a fault test makes the process kill itself as a power cut would.
//! Promise: without the feature `failpoints` all of this compiles to nothing. The names are those of the durability
//! protocol: C0 to C13 for uploads and deletions; C1 to C6, C10 and C13 are in this crate.
//! Not here: reading from the environment which point to arm.

/// Whether this build has crash points. Dependants' tests turn them on; a build for users never does.
pub const ENABLED: bool = cfg!(feature = "failpoints");

#[cfg(feature = "failpoints")]
use std::sync::{Mutex, PoisonError};

#[cfg(feature = "failpoints")]
static ARMED: Mutex<Option<(String, u32)>> = Mutex::new(None);

/// Makes the process kill itself when it comes to the point `name` for the `nth` time, counted from 1.
#[cfg(feature = "failpoints")]
pub fn arm(name: &str, nth: u32) {
    *ARMED.lock().unwrap_or_else(PoisonError::into_inner) = Some((name.to_owned(), nth.max(1)));
}

/// The process is at the point `name`; if it is armed and due, the process ends here by SIGKILL.
#[cfg(feature = "failpoints")]
pub fn hit(name: &'static str) {
    let mut armed = ARMED.lock().unwrap_or_else(PoisonError::into_inner);
    let Some((point, left)) = armed.as_mut() else { return };
    if point != name {
        return;
    }
    *left -= 1;
    if *left > 0 {
        return;
    }
    // The lock is kept: no other thread may pass a point while the signal is on its way.
    if rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).is_err() {
        std::process::abort();
    }
    loop {
        std::thread::park();
    }
}

/// Without the feature nothing can be armed.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub const fn arm(_name: &str, _nth: u32) {}

/// The process is at the point `name`; without the feature nothing happens.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub const fn hit(_name: &'static str) {}
