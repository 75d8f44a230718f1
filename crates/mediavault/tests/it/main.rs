//! The main job once through on both databases, and the README's lines as they stand.

use mv_testkit::{Options, on_both};
use serde_json::json;

mod creating;
mod readme;
mod smoke;
