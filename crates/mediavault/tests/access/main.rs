//! Who may do what: every operation of the API by every kind of caller, against the table `tests/security/matrix.toml`
//! (reliability section 4, rows 1, 2, 4), and what nobody may choose in any body (row 3). On both databases.
//! Promise: a route without a row fails, and so does a row without a route; what is refused changes nothing.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at once when anything is not as it must be")]

mod callers;
mod matrix;
mod members;
mod table;
mod world;
