//! `openapi`: prints the description of the API, as the server serves it.

use std::io::{self, Write};

/// Runs the command.
///
/// # Errors
/// Where standard output takes nothing.
pub fn run(out: &mut impl Write) -> io::Result<()> {
    let text = mv_http::router::description_json().map_err(io::Error::other)?;
    out.write_all(text.as_bytes())
}
