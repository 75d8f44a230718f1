//! `rotate-root-key`: a new root key for a vault that nobody serves at the moment.

use std::io::{self, Write};

use crate::settings::Settings;
use crate::wire::{self, Machine, OpenFailure};

/// Why there is no new key. Before the vault's commit the old key holds, after it the new one; a start tells which.
#[derive(Debug, thiserror::Error)]
pub enum RotateFailure {
    /// The vault.
    #[error(transparent)]
    Open(#[from] OpenFailure),
    /// Standard output.
    #[error("the answer cannot be written")]
    Output(#[from] io::Error),
}

/// Rotates the key and says where both are.
///
/// # Errors
/// `RotateFailure`.
pub async fn run(settings: &Settings) -> Result<(), RotateFailure> {
    let (fingerprint, count) = wire::rotate_root_key(settings, Machine::default()).await?;
    let file = settings.root_key_file.display();
    writeln!(
        io::stdout(),
        "new root key {file} (fingerprint {fingerprint}); {count} users' keys were wrapped anew\nback it up now; keep the old one, {file}.<its fingerprint>, as long as backups made before are kept"
    )?;
    Ok(())
}
