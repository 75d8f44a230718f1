//! What an account holds, from the numbers that are kept with every change.

use mv_core::Caller;
use mv_store::usage::{self, Usage};

use crate::{App, Result};

impl App {
    /// What the caller holds, in the library and in the trash.
    pub async fn usage(&self, caller: &Caller) -> Result<Usage> {
        let who = caller.user();
        Ok(self.store.read(move |db| usage::of(db, who)).await?)
    }
}
