//! The caller's own record, and logins.
//! Promise: a login that fails is an error, never a fast figure; the bystander of the login scenario is measured with
//! and without logins in the same call. Not here: registration.

use std::time::Duration;

use super::{Context, repeated};
use crate::client::{Exchange, Request, Seen, closed_loop};
use crate::error::{Error, Result};
use crate::figures::{Figures, Metric, percentile_ms};
use crate::subject::Subject;

const LOGINS_AT_ONCE: usize = 4;

fn own_record(subject: &Subject) -> Result<Request> {
    let path = subject.dialect.own_user.as_ref();
    let path = path.ok_or_else(|| Error::Missing(format!("{} has no users", subject.name)))?;
    Ok(subject.dialect.get(path))
}

/// The caller's own record over `connections` connections.
pub(super) fn own_user(subject: &Subject, context: &Context, connections: usize) -> Result<Figures> {
    let exchanges = repeated(subject, &own_record(subject)?, connections)?;
    Ok(Figures::of_requests(closed_loop(&context.load(subject), exchanges)?))
}

/// Logins over 4 connections, while one more asks for its own record every 2 ms; then that one alone.
pub(super) fn login(subject: &Subject, context: &Context) -> Result<Figures> {
    let Some((path, body)) = &subject.dialect.login else {
        return Err(Error::Missing(format!("{} has no logins", subject.name)));
    };
    let request = Request::json("POST", path, "", body);
    let one = || super::Repeat { request: request.clone(), status: 200, length: None };
    let logins = (0..LOGINS_AT_ONCE).map(|_| Box::new(one()) as Box<dyn Exchange>).collect();
    let record = own_record(subject)?;
    let bystander = || -> Result<Seen> {
        let paced = repeated(subject, &record, 1)?.into_iter().map(|inner| Box::new(Paced(inner)) as Box<dyn Exchange>);
        closed_loop(&context.load(subject), paced.collect())
    };
    let alone = bystander()?;
    let (seen, meanwhile) = std::thread::scope(|scope| {
        let meanwhile = scope.spawn(bystander);
        (closed_loop(&context.load(subject), logins), meanwhile.join())
    });
    let meanwhile = meanwhile.map_err(|_| Error::Wrong("the bystander stopped".to_owned()))??;
    let mut figures = Figures::of_requests(seen?);
    figures.wrong.extend(meanwhile.wrong);
    Ok(figures
        .with(Metric::BystanderP99, percentile_ms(&meanwhile.latencies, 0.99))
        .with(Metric::BystanderAlone, percentile_ms(&alone.latencies, 0.99)))
}

/// Waits 2 ms before each request: a bystander must not be a load itself.
struct Paced(Box<dyn Exchange>);

impl Exchange for Paced {
    fn next(&mut self) -> (Request, crate::client::Keep) {
        // Alone on its client thread, so that sleeping holds nobody else up.
        std::thread::sleep(Duration::from_millis(2));
        self.0.next()
    }

    fn judge(&mut self, answer: &crate::client::Answer) -> std::result::Result<(), String> {
        self.0.judge(answer)
    }
}
