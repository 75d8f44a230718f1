//! The outbox on its way out: events are put in order, read once, and handed to whoever waits for them.
//! Promise: what is handed on was committed, in the order of commits, without a gap.

pub mod audience;
pub mod changes;
pub mod dispatch;
pub mod hub;
pub mod replay;
