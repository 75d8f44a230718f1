//! Downloads: small files, the large one, random ranges of it.
//! Promise: every answer's status and length are checked, the first of each connection byte for byte; all from the
//! page cache. Not here: cold caches.

use super::{Context, SMALL, SMALL_FILES, uploads};
use crate::client::{Answer, Exchange, Keep, Request, burst, closed_loop};
use crate::content::next_random;
use crate::error::{Error, Result};
use crate::figures::Figures;
use crate::subject::{Dialect, Form, Stored, Subject};

const RANGE: u64 = 1 << 20;
/// Times that the large file is fetched in one measurement.
const LARGE_TIMES: u64 = 4;

/// One connection that fetches whole files, chosen at random.
struct Fetching {
    requests: Vec<(Request, Stored)>,
    random: u64,
    current: usize,
    checked: bool,
}

impl Fetching {
    fn new(dialect: &Dialect, files: &[Stored], seed: u64) -> Fetching {
        let requests = files.iter().map(|file| (dialect.get(&file.path), file.clone())).collect();
        Fetching { requests, random: seed, current: 0, checked: false }
    }
}

impl Exchange for Fetching {
    fn next(&mut self) -> (Request, Keep) {
        self.current = (next_random(&mut self.random) % self.requests.len().max(1) as u64) as usize;
        let request = self.requests.get(self.current).map(|(request, _)| request.clone());
        let keep = if self.checked { Keep::Nothing } else { Keep::Digest };
        (request.unwrap_or_else(|| Request::get("/", "")), keep)
    }

    fn judge(&mut self, answer: &Answer) -> std::result::Result<(), String> {
        let Some((_, file)) = self.requests.get(self.current) else { return Err("nothing to fetch".to_owned()) };
        self.checked = true;
        let same = answer.digest.is_none_or(|digest| digest == file.digest);
        if answer.status == 200 && answer.length == file.size && same { Ok(()) } else { Err(answer.summary()) }
    }
}

/// One connection that fetches ranges of 1 MiB at random places.
struct Ranging {
    dialect: Dialect,
    file: Stored,
    random: u64,
}

impl Exchange for Ranging {
    fn next(&mut self) -> (Request, Keep) {
        let span = self.file.size.saturating_sub(RANGE).max(1);
        let from = next_random(&mut self.random) % span;
        (Request::range(&self.file.path, &self.dialect.headers, from, from + RANGE), Keep::Nothing)
    }

    fn judge(&mut self, answer: &Answer) -> std::result::Result<(), String> {
        let wanted = RANGE.min(self.file.size);
        if answer.status == 206 && answer.length == wanted { Ok(()) } else { Err(answer.summary()) }
    }
}

/// Small files over `connections` connections; the files are uploaded first where the subject has none yet.
pub(super) fn small(subject: &mut Subject, context: &Context, connections: usize) -> Result<Figures> {
    for _ in subject.small.len() as u64..SMALL_FILES {
        let stored = subject.store(Form::Multipart, context.pool.draw(SMALL), uploads::next_number())?;
        subject.small.push(stored);
    }
    let one = |seed| Box::new(Fetching::new(&subject.dialect, &subject.small, seed)) as Box<dyn Exchange>;
    let exchanges = (0..connections as u64).map(one).collect();
    Ok(Figures::of_requests(closed_loop(&context.load(subject), exchanges)?))
}

/// The large file, four times over one connection.
pub(super) fn large(subject: &mut Subject, context: &Context) -> Result<Figures> {
    let file = large_file(subject, context)?;
    let mut one = Fetching::new(&subject.dialect, std::slice::from_ref(&file), 1);
    // Hashing on the client would take longer than the transfer: compared once beforehand instead.
    subject.verify(&file)?;
    one.checked = true;
    let seen = burst(&context.load(subject), vec![Box::new(one)], LARGE_TIMES)?;
    let bytes = seen.bytes;
    Ok(Figures::of_bytes(seen, bytes))
}

/// Random ranges of 1 MiB over 8 connections.
pub(super) fn ranges(subject: &mut Subject, context: &Context) -> Result<Figures> {
    let file = large_file(subject, context)?;
    let one = |seed| {
        Box::new(Ranging { dialect: subject.dialect.clone(), file: file.clone(), random: seed }) as Box<dyn Exchange>
    };
    let seen = closed_loop(&context.load(subject), (0..8).map(one).collect())?;
    let bytes = seen.bytes;
    Ok(Figures::of_bytes(seen, bytes))
}

fn large_file(subject: &mut Subject, context: &Context) -> Result<Stored> {
    if let Some(file) = &subject.large {
        return Ok(file.clone());
    }
    let content = context.pool.draw(context.settings.large_bytes());
    let stored = subject.store(subject.dialect.large, content, uploads::next_number())?;
    subject.large = Some(stored.clone());
    crate::machine::settle();
    if stored.size == 0 { Err(Error::Wrong("an empty large file".to_owned())) } else { Ok(stored) }
}
