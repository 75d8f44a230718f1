//! SeaweedFS: master, volume server and filer in one process; files by the filer's HTTP interface.
//! Promise: as it comes, once without syncs (its default) and once with `fsync=true`, which syncs bytes only.
//! Not here: its S3 gateway.

use super::Script;
use crate::client::{Answer, Keep, ask};
use crate::content::Pool;
use crate::error::{Error, Result};
use crate::settings::Settings;
use crate::subject::{Dialect, Form, Subject};

pub(super) const NAME: &str = "SeaweedFS";
pub(super) const NAME_SYNCED: &str = "SeaweedFS fsync";

/// Starts it, and waits until it takes a file: its filer answers before its volume server does.
pub(super) fn start(settings: &Settings, pool: &Pool, synced: bool) -> Result<Subject> {
    let name = if synced { NAME_SYNCED } else { NAME };
    let script = Script { name, file: "seaweedfs", verb: "start", ports: 3, ready: ("/healthz", 200) };
    let mut dialect = Dialect::new("");
    dialect.upload = if synced { "/bench/{number}?fsync=true" } else { "/bench/{number}" };
    dialect.stored_at = stored_at;
    let mut subject = script.start(settings, dialect)?;
    let mut last = None;
    for attempt in 0..200 {
        let request = subject.dialect.upload(Form::Multipart, pool.draw(1024), attempt)?;
        match ask(subject.server.address(), &request, Keep::Body) {
            Ok(answer) if answer.status == 201 => {
                // Ready means that it takes files; the filer alone answers a little earlier.
                subject.ready = subject.server.running_for();
                return Ok(subject);
            }
            Ok(answer) => last = Some(answer.summary()),
            Err(error) => last = Some(error.to_string()),
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    Err(Error::Missing(format!("{name} takes no files: {}", last.unwrap_or_default())))
}

#[expect(clippy::unnecessary_wraps, reason = "the shape that every dialect has")]
fn stored_at(_answer: &Answer, number: u64) -> Option<String> {
    Some(format!("/bench/{number}"))
}
