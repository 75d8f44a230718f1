//! nginx on plain files: the yardstick of the downloads.
//! Promise: sendfile, open files cached, no access log, connections kept for ever (`bench/peers/nginx.sh`). Not here: uploads.

use std::fs;
use std::io::Write;

use super::{Script, data_folder};
use crate::content::{Content, Pool};
use crate::error::{Doing, Result};
use crate::settings::Settings;
use crate::subject::{Dialect, Stored, Subject};

pub(super) const NAME: &str = "nginx";
/// As many files as the others get for the download scenarios.
const FILES: u64 = crate::scenarios::SMALL_FILES;

/// Starts it and puts the files to download where it serves from.
pub(super) fn start(settings: &Settings, pool: &Pool) -> Result<Subject> {
    let script = Script { name: NAME, file: "nginx", verb: "start", ports: 1, ready: ("/", 403) };
    let mut dialect = Dialect::new("");
    dialect.own_user = Some("/me".into());
    let mut subject = script.start(settings, dialect)?;
    let root = data_folder(settings, NAME)?.join("www");
    let put = |name: &str, content: &Content| -> Result<Stored> {
        fs::File::create(root.join(name))
            .and_then(|mut file| content.parts().iter().try_for_each(|part| file.write_all(part)))
            .doing(|| format!("writing {name} for nginx"))?;
        Ok(Stored { path: format!("/{name}"), size: content.len() as u64, digest: content.digest() })
    };
    for number in 0..FILES {
        subject.small.push(put(&format!("{number}.bin"), &pool.draw(crate::scenarios::SMALL))?);
    }
    subject.large = Some(put("large.bin", &pool.draw(settings.large_bytes()))?);
    Ok(subject)
}
