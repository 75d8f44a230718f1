//! Large uploads: one request, tus in chunks, and many at once.
//! Promise: bodies exist before the clock starts and are not copied by the client; what was stored is fetched back
//! once and its digest compared. Not here: downloads.

use std::collections::VecDeque;

use super::{Context, PRODUCT, uploads};
use crate::client::{Answer, Exchange, Keep, Request, ask, burst};
use crate::error::{Error, Result};
use crate::figures::Figures;
use crate::subject::{Stored, Subject};

/// What tus clients send at once here.
const TUS_CHUNK: usize = 8 << 20;
/// Files of [`many`].
const AT_ONCE: usize = 50;

/// Sends prepared requests one after the other and keeps the answers for the caller to look at.
struct Prepared {
    requests: VecDeque<Request>,
    status: u16,
    answer: std::sync::Arc<std::sync::Mutex<Option<Answer>>>,
}

impl Exchange for Prepared {
    fn next(&mut self) -> (Request, Keep) {
        (self.requests.pop_front().unwrap_or_else(|| Request::get("/", "")), Keep::Body)
    }

    fn judge(&mut self, answer: &Answer) -> std::result::Result<(), String> {
        if answer.status != self.status {
            return Err(answer.summary());
        }
        let kept = Answer { body: answer.body.clone(), head: answer.head.clone(), ..Answer::default() };
        *self.answer.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(kept);
        Ok(())
    }
}

/// The large file in one request.
pub(super) fn one_request(subject: &mut Subject, context: &Context) -> Result<Figures> {
    let content = context.pool.draw(context.settings.large_bytes());
    let digest = content.digest();
    let number = uploads::next_number();
    let request = subject.dialect.upload(subject.dialect.large, content.clone(), number)?;
    let answer = std::sync::Arc::default();
    let one = Prepared { requests: [request].into(), status: 201, answer: std::sync::Arc::clone(&answer) };
    // PocketBase says 200 where the others say 201.
    let one = Prepared { status: if subject.name == crate::peers::NAMES[0] { 200 } else { one.status }, ..one };
    let seen = burst(&context.load(subject), vec![Box::new(one)], 1)?;
    let answer = answer.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    if let Some(path) = answer.and_then(|answer| (subject.dialect.stored_at)(&answer, number)) {
        let stored = Stored { path, size: content.len() as u64, digest };
        subject.verify(&stored)?;
        subject.large = Some(stored);
    }
    Ok(Figures::of_bytes(seen, content.len() as u64))
}

/// The large file by tus 1.0.0: created, then sent in chunks of 8 MiB, each acknowledged with its offset.
pub(super) fn tus(subject: &Subject, context: &Context) -> Result<Figures> {
    let path = subject.dialect.tus.ok_or_else(|| Error::Missing(format!("{} speaks no tus", subject.name)))?;
    let content = context.pool.draw(context.settings.large_bytes());
    let headers = format!("{}Tus-Resumable: 1.0.0\r\n", subject.dialect.headers);
    let create = Request::empty("POST", path, &format!("{headers}Upload-Length: {}\r\n", content.len()));
    let created = ask(subject.server.address(), &create, Keep::Body)?;
    if created.status == 404 || created.status == 405 {
        return Err(Error::Missing(format!("{} has no tus uploads", subject.name)));
    }
    let location = created.header("Location").filter(|_| created.status == 201);
    let location = location.ok_or_else(|| Error::Wrong(format!("tus creation: {}", created.summary())))?;
    // `Location` may be a whole URL (RFC 9110 section 10.2.2); only its path matters on loopback.
    let target = location.split_once("://").map_or(location, |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
    let requests: VecDeque<Request> = (0..content.len())
        .step_by(TUS_CHUNK)
        .map(|from| {
            let chunk = content.slice(from, (from + TUS_CHUNK).min(content.len()));
            let headers =
                format!("{headers}Content-Type: application/offset+octet-stream\r\nUpload-Offset: {from}\r\n");
            Request::raw("PATCH", target, &headers, chunk)
        })
        .collect();
    let count = requests.len() as u64;
    let one = Prepared { requests, status: 204, answer: std::sync::Arc::default() };
    let seen = burst(&context.load(subject), vec![Box::new(one)], count)?;
    Ok(Figures::of_bytes(seen, content.len() as u64))
}

/// 50 files at once, each a fifth of the large one: what memory that takes.
pub(super) fn many(subject: &Subject, context: &Context) -> Result<Figures> {
    if subject.name != PRODUCT {
        return Err(Error::Missing("only the product's memory is measured".to_owned()));
    }
    let size = context.settings.large_bytes() / 5;
    let mut exchanges: Vec<Box<dyn Exchange>> = Vec::new();
    for _ in 0..AT_ONCE {
        let request = subject.dialect.upload(subject.dialect.large, context.pool.draw(size), uploads::next_number())?;
        let answer = std::sync::Arc::default();
        exchanges.push(Box::new(Prepared { requests: [request].into(), status: 201, answer }));
    }
    let seen = burst(&context.load(subject), exchanges, 1)?;
    Ok(Figures::of_bytes(seen, (size * AT_ONCE) as u64))
}
