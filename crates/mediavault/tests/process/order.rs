//! The rule of durability over a trace of system calls (reliability: F4): when an upload is acknowledged, its file, the
//! file's name and the row are on disk, in this order.
//! Promise: a pure function; each omission that `Wrong` names is found wherever it happens, also among uploads at the
//! same time. Not here: reading traces (`trace`), making them (`syscall_order`).

use std::collections::{BTreeMap, HashSet};

use crate::trace::Call;

/// An omission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// A file got its final name before its bytes were synced.
    File(String),
    /// An answer went out while the folder of a name was not synced.
    Name(String),
    /// An answer went out while the write-ahead log was not synced (looked at only where uploads come one by one).
    Log,
    /// More uploads were acknowledged than had a durable file and, written after it, a synced row.
    Early,
}

/// How far the file of an upload has come.
#[derive(Debug, Clone, Copy)]
enum Stage {
    /// The name is durable since this line.
    Durable(usize),
    /// The log was written after that, until this line.
    Logged(usize),
}

/// What has been seen so far. Lines are those of `Call`.
struct Seen<'a> {
    data: &'a str,
    one_by_one: bool,
    /// Files with unsynced bytes: where the last write ended, the end of time while one is under way.
    dirty: BTreeMap<String, usize>,
    /// Names whose folder is not synced, and where they were made.
    names: BTreeMap<String, usize>,
    known: HashSet<String>,
    uploads: BTreeMap<String, Stage>,
    committed: usize,
    acknowledged: usize,
    wrong: Vec<Wrong>,
}

/// Goes through a trace of a server on the built-in database that began with an empty data folder. Gives the number of
/// acknowledged uploads, and what was wrong.
pub(crate) fn judge(calls: &[Call], data: &str, one_by_one: bool) -> (usize, Vec<Wrong>) {
    // Pictures that can be made again are never promised, and so never synced.
    let cache = format!("{data}/cache");
    let lasting = calls.iter().filter(|call| !call.arguments.iter().any(|argument| argument.contains(&cache)));
    let mut moments: Vec<(usize, bool, &Call)> =
        lasting.flat_map(|call| [(call.began, false, call), (call.ended, true, call)]).collect();
    // A call on one line begins before it ends.
    moments.sort_by_key(|(line, ends, _)| (*line, *ends));
    let mut seen = Seen {
        data,
        one_by_one,
        dirty: BTreeMap::new(),
        names: BTreeMap::new(),
        known: HashSet::new(),
        uploads: BTreeMap::new(),
        committed: 0,
        acknowledged: 0,
        wrong: Vec::new(),
    };
    for (_, ends, call) in moments {
        if ends { seen.end(call) } else { seen.begin(call) }
    }
    (seen.acknowledged, seen.wrong)
}

/// Whether a call is the answer to an upload.
pub(crate) fn is_acknowledgement(call: &Call) -> bool {
    let to_a_client = call.descriptor(0).is_some_and(|label| label.starts_with("socket:") || label.starts_with("TCP"));
    let text = call.arguments.get(1).map_or("", String::as_str);
    is_write(call) && to_a_client && text.contains("HTTP/1.1 201") && text.contains("/media/media_")
}

fn is_write(call: &Call) -> bool {
    ["write", "writev", "pwrite64", "pwritev", "sendto", "sendmsg"].contains(&call.name.as_str())
}

/// Whether a call writes into a file whose path ends so.
pub(crate) fn writes(call: &Call, ending: &str) -> bool {
    is_write(call) && call.descriptor(0).is_some_and(|path| path.ends_with(ending))
}

/// Whether a call syncs something whose path this is true for.
pub(crate) fn syncs(call: &Call, suits: impl Fn(&str) -> bool) -> bool {
    ["fsync", "fdatasync"].contains(&call.name.as_str()) && call.descriptor(0).is_some_and(suits)
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

impl Seen<'_> {
    fn begin(&mut self, call: &Call) {
        if is_acknowledgement(call) {
            self.acknowledge();
        } else if is_write(call)
            && let Some(path) = call.descriptor(0)
        {
            self.dirty.insert(path.to_owned(), usize::MAX);
        } else if call.name.starts_with("rename") && self.dirty.contains_key(&self.ends_of_rename(call).0) {
            self.wrong.push(Wrong::File(self.ends_of_rename(call).0));
        }
    }

    fn end(&mut self, call: &Call) {
        if !call.worked() {
            return;
        }
        match call.name.as_str() {
            "openat" if call.arguments[2].contains("O_CREAT") => {
                self.made(Call::label(&call.result).unwrap().to_owned(), call)
            }
            "mkdir" => self.made(call.arguments[0].trim_matches('"').to_owned(), call),
            "mkdirat" => self.made(call.path(0), call),
            "linkat" => self.made(call.path(2), call),
            "unlink" => self.gone(call.arguments[0].trim_matches('"')),
            "unlinkat" => self.gone(&call.path(0)),
            "fsync" | "fdatasync" => self.synced(call),
            name if name.starts_with("rename") => {
                let (from, to) = self.ends_of_rename(call);
                if let Some(dirty) = self.dirty.remove(&from) {
                    self.dirty.insert(to.clone(), dirty);
                }
                self.gone(&from);
                self.known.remove(&to);
                self.made(to, call);
            }
            _ if is_write(call) => self.written(call),
            _ => {}
        }
    }

    fn ends_of_rename(&self, call: &Call) -> (String, String) {
        match call.name.as_str() {
            "rename" => {
                (call.arguments[0].trim_matches('"').to_owned(), call.arguments[1].trim_matches('"').to_owned())
            }
            _ => (call.path(0), call.path(2)),
        }
    }

    fn made(&mut self, path: String, call: &Call) {
        if path.starts_with(self.data) && self.known.insert(path.clone()) {
            self.names.insert(path, call.ended);
        }
    }

    fn gone(&mut self, path: &str) {
        self.known.remove(path);
        self.names.remove(path);
        self.dirty.remove(path);
    }

    fn written(&mut self, call: &Call) {
        let Some(path) = call.descriptor(0) else { return };
        self.dirty.insert(path.to_owned(), call.ended);
        if path.ends_with("-wal") {
            for stage in self.uploads.values_mut() {
                match stage {
                    Stage::Durable(line) if *line < call.began => *stage = Stage::Logged(call.ended),
                    _ => {}
                }
            }
        }
    }

    fn synced(&mut self, call: &Call) {
        let Some(path) = call.descriptor(0) else { return };
        if self.dirty.get(path).is_some_and(|written| *written < call.began) {
            self.dirty.remove(path);
        }
        let durable: Vec<String> = self
            .names
            .iter()
            .filter(|(name, made)| folder(name) == path && **made < call.began)
            .map(|(name, _)| name.clone())
            .collect();
        for name in durable {
            self.names.remove(&name);
            // A file whose bytes are not synced never counts.
            if self.is_blob(&name) && !self.dirty.contains_key(&name) {
                self.uploads.insert(name, Stage::Durable(call.ended));
            }
        }
        if path.ends_with("-wal") {
            let before = self.uploads.len();
            self.uploads.retain(|_, stage| !matches!(stage, Stage::Logged(line) if *line < call.began));
            self.committed += before - self.uploads.len();
        }
    }

    fn is_blob(&self, path: &str) -> bool {
        let blobs = path.strip_prefix(self.data).and_then(|path| path.strip_prefix("/blobs/"));
        blobs.is_some_and(|rest| rest.contains('/'))
    }

    fn acknowledge(&mut self) {
        self.acknowledged += 1;
        if self.acknowledged > self.committed {
            self.wrong.push(Wrong::Early);
        }
        // Names of uploads under way may be open at any time, names of the vault's own files never; SQLite makes its
        // index anew after a crash, and an unfinished file may go.
        let (tmp, at_risk) = (format!("{}/tmp/", self.data), !self.one_by_one);
        let open = self.names.keys().find(|name| {
            !(name.starts_with(&tmp)
                || name.ends_with("-shm")
                || name.ends_with("/LOCK")
                || at_risk && self.is_blob(name))
        });
        self.wrong.extend(open.cloned().map(Wrong::Name));
        if self.one_by_one && self.dirty.keys().any(|path| path.ends_with("-wal")) {
            self.wrong.push(Wrong::Log);
        }
    }
}
