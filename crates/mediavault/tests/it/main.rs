//! The product through its public surface: HTTP on both databases, and the program itself.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests stop at once when anything is not as it must be")]

use mv_testkit::{Options, on_both};
use serde_json::json;

mod readme;
mod smoke;
