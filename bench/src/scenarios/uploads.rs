//! Small uploads in a closed loop.
//! Promise: every body is new; a sample of what was acknowledged is fetched back and compared afterwards.
//! Not here: large files (`large`).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::Context;
use crate::client::{Answer, Exchange, Keep, Request, closed_loop};
use crate::content::{Content, Pool};
use crate::error::{Error, Result};
use crate::figures::Figures;
use crate::subject::{Dialect, Form, Stored, Subject};

/// Uploads fetched back after each measurement.
const SAMPLES: usize = 16;
/// One in so many uploads is a candidate for it.
const SAMPLE_EVERY: u64 = 97;

/// Numbers given to uploads, over all subjects and rounds: some peers name files by them.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1_000);

/// A number that no upload had before.
pub(super) fn next_number() -> u64 {
    NEXT_NUMBER.fetch_add(1, Ordering::Relaxed)
}

type Samples = Arc<Mutex<Vec<Stored>>>;

/// One connection that uploads.
struct Uploading {
    dialect: Dialect,
    pool: Pool,
    size: usize,
    samples: Samples,
    sent: u64,
    current: Option<(u64, Content)>,
}

impl Uploading {
    fn is_sample(&self) -> bool {
        self.sent % SAMPLE_EVERY == 1
    }
}

impl Exchange for Uploading {
    fn next(&mut self) -> (Request, Keep) {
        let (number, content) = (next_number(), self.pool.draw(self.size));
        self.sent += 1;
        self.current = Some((number, content.clone()));
        // `small` refused already those that take no uploads.
        let request = self.dialect.upload(Form::Multipart, content, number);
        (request.unwrap_or_else(|_| Request::get("/", "")), Keep::Body)
    }

    fn judge(&mut self, answer: &Answer) -> std::result::Result<(), String> {
        if answer.status / 100 != 2 {
            return Err(answer.summary());
        }
        let Some((number, content)) = self.current.take().filter(|_| self.is_sample()) else { return Ok(()) };
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.len() < SAMPLES
            && let Some(path) = (self.dialect.stored_at)(answer, number)
        {
            samples.push(Stored { path, size: content.len() as u64, digest: content.digest() });
        }
        Ok(())
    }
}

/// Uploads of `size` bytes over `connections` connections.
pub(super) fn small(subject: &Subject, context: &Context, size: usize, connections: usize) -> Result<Figures> {
    if subject.dialect.upload.is_empty() {
        return Err(Error::Missing(format!("{} takes no uploads", subject.name)));
    }
    let samples = Samples::default();
    let one = || Uploading {
        dialect: subject.dialect.clone(),
        pool: context.pool.clone(),
        size,
        samples: Arc::clone(&samples),
        sent: 0,
        current: None,
    };
    let exchanges = (0..connections).map(|_| Box::new(one()) as Box<dyn Exchange>).collect();
    let seen = closed_loop(&context.load(subject), exchanges)?;
    for sample in samples.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        subject.verify(sample)?;
    }
    Ok(Figures::of_requests(seen))
}
