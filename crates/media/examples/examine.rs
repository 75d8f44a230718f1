//! Says what a file says of itself, without walls and without a server: `examine FILE` prints the answer as JSON;
//! `examine FILE OUT_FOLDER` also writes its thumbnails; `examine --repeat N FILE` measures.
use std::io::Write as _;

use mv_media::worker::{Job, perform};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut repeat = 1;
    if arguments.first().is_some_and(|first| first == "--repeat") {
        repeat = arguments.get(1).ok_or("how often?")?.parse()?;
        arguments.drain(..2);
    }
    let path = arguments.first().ok_or("which file?")?;
    let bytes = std::fs::read(path)?;
    let mut answer = None;
    for _ in 0..repeat {
        answer = Some(perform(&Job::Examine, &mut std::io::Cursor::new(&bytes)));
    }
    let answer = answer.ok_or("never")?;
    if let Some(folder) = arguments.get(1) {
        for made in &answer.made {
            let ending = made.mime_type.rsplit('/').next().unwrap_or("bin");
            std::fs::write(format!("{folder}/{}.{ending}", made.name), &made.bytes)?;
        }
    }
    if repeat == 1 {
        writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&answer)?)?;
    }
    Ok(())
}
