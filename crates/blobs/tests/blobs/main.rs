//! The crate as its users see it: one test binary, a module per subject.
//! Not here: the pure parts, which are tested where they stand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::allow_attributes,
    reason = "tests may stop at once"
)]

#[cfg(feature = "failpoints")]
mod crash;
mod downloads;
mod faulty;
mod interop;
mod uploads;
mod vault;
mod world;
