//! The edge: pages of other origins, headers of every answer, hosts, and TLS of the program's own.
//! Promise: every case names itself where it fails.
#![expect(clippy::unwrap_used, reason = "tests stop at once when anything is not as it must be")]

mod headers;
mod origins;
