//! The program itself: how it starts, stops and is refused; what it logs; what crashes and full disks leave; and the
//! order of its system calls.
//! Promise: the tests run the real binary; what a killed server acknowledged is there after the next start.
//! Not here: what the API answers (the other suites), the command line's own rules (`command_line`).
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests stop at once when anything is not as it must be"
)]

mod accounts;
mod acme;
mod administration;
mod clients;
mod crash_points;
mod deletions;
mod deliveries;
mod full_disk;
mod jwt_rotation;
mod kill_storm;
mod ledger;
mod logs;
mod order;
mod outgoing;
mod person;
mod processing;
mod program;
mod refusals;
mod root_key;
mod start_stop;
mod syscall_order;
mod tls;
mod trace;
mod vault;
