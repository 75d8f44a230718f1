//! JSON shapes that several endpoints share. Domain types are never serialised themselves.

pub mod collection;
pub mod media;
pub mod page;
pub mod user;
