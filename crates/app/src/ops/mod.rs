//! What operators and administrators ask: is it well, is all there, who did what?

pub mod audit;
pub mod check;
pub mod health;
pub mod root_key;
pub mod stats;
