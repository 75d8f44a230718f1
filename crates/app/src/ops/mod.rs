//! What operators ask: is it well, and is all there?

pub mod audit;
pub mod check;
pub mod health;
pub mod stats;
