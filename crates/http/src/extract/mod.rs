//! Extractors whose rejections are already errors in the envelope.

pub mod body;
pub mod caller;
pub mod conditional;
pub mod cookie;
pub mod creating;
pub mod idempotency;
pub mod page;
pub mod path;
pub mod query;
