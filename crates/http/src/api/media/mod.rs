//! Handlers of items.

pub mod check;
pub mod content;
mod disposition;
pub mod examined;
pub mod item;
pub mod list;
pub mod moving;
pub mod rendition;
pub mod upload;
mod upload_digests;
pub mod upload_fields;
pub mod urls;
