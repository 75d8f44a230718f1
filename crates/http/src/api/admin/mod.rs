//! For administrators: accounts, the audit trail, the server in numbers (contract section 3).

pub mod audit;
pub mod jobs;
pub mod stats;
pub mod users;
