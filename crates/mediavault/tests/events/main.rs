//! Events on their way out, on both databases: in order, none lost, none twice, none to one who may not see it.
#![expect(clippy::unwrap_used, reason = "tests stop at once when anything is not as it must be")]

mod hostile;
mod order;
mod socket;
