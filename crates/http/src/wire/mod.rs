//! What several endpoints share of their answers: JSON shapes, and bytes in pieces. Domain types are never serialised
//! themselves.

pub mod bytes;
pub mod collection;
pub mod delivery;
pub mod event;
pub mod media;
pub mod media_page;
pub mod metadata;
pub mod page;
pub mod picture;
pub mod user;
