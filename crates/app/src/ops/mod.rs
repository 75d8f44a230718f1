//! What operators ask: is it well, and is all there?

pub mod check;
pub mod health;
pub mod root_key;
