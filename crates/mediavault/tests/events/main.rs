//! Events on their way out, on both databases: in order, none lost, none twice, none to one who may not see it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests stop at once when anything is not as it must be"
)]

mod changes;
mod hostile;
mod mirror;
mod order;
mod socket;
mod ssrf;
mod streams;
mod tickets;
mod wire;
