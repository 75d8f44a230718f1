//! The sandboxed child that parses what users upload (decision 0008): the same binary, started as `mediavault worker`.
//! Promise: a child has no file, no network, no other process and no key; it gets the bytes of one item over a socket,
//! works for that item alone, and whatever becomes of it, the server goes on. Programs such as ffmpeg run beside it
//! under the same walls, save that they may read the system's libraries.
//! Not here: what is done with the results (`mv_app::processing`).

pub mod child;
pub mod pool;
pub mod program;
pub mod protocol;
pub mod sandbox;
pub mod self_test;
mod work;

#[doc(hidden)]
pub use work::perform;

pub use pool::{Failure, Feed, Limits, Outcome, Pool, feed_of_bytes};
pub use protocol::{Answer, Job, Made, Pixels};
