//! Webhooks to one local receiver: how many a second, how late at a fixed rate, and what they leave of the API.
//! Promise: every delivery is signed, written before and after, and answered; one that never comes is an error, and a late one
//! counts as late. The receiver is in this process. The server is started with `webhooks.allow_private_networks`, and
//! without it again afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Context, product, start};
use crate::client::{Answer, Exchange, Keep, Request, ask, closed_loop};
use crate::error::{Error, Result};
use crate::figures::{Figures, Metric, percentile_ms};
use crate::machine;
use crate::receiver::Receiver;
use crate::subject::Subject;

/// Events that wait before any is delivered.
const BACKLOG: u64 = 12_000;
/// Deliveries a second of the fixed rate, and for how long.
const PACE: u32 = 1000;
const PACED: Duration = Duration::from_secs(5);
const CONNECTIONS: usize = 8;
/// Collections that are changed by turns.
const COLLECTIONS: usize = 400;
/// How long a backlog may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts the server so that it may deliver to this machine.
fn allow(subject: &mut Subject, context: &Context) -> Result<()> {
    subject.server.end();
    let raised = ["anonymous", "authenticated", "api_key", "delivery"];
    let mut set = raised.map(|class| format!("limits.{class}_per_minute=1000000")).to_vec();
    set.push("webhooks.allow_private_networks=true".to_owned());
    let data = product::data_folder(context.settings);
    (subject.server, subject.ready, subject.idle_mib) = product::serve_with(context.settings, &data, &set)?;
    subject.renew()
}

/// Makes a webhook to the receiver; its path.
fn hook(subject: &Subject, receiver: &Receiver) -> Result<String> {
    let body = json!({ "url": receiver.url(), "events": ["collection.updated"] });
    let request = Request::json("POST", "/api/v1/webhooks", &subject.dialect.headers, &body);
    let answer = ask(subject.server.address(), &request, Keep::Body)?;
    let id = answer.json().pointer("/data/id").and_then(Value::as_str).map(str::to_owned);
    let id = id.ok_or_else(|| Error::Wrong(format!("a webhook: {}", answer.summary())))?;
    Ok(format!("/api/v1/webhooks/{id}"))
}

fn unhook(subject: &Subject, hook: &str) -> Result<()> {
    let request = Request::empty("DELETE", hook, &subject.dialect.headers);
    let answer = ask(subject.server.address(), &request, Keep::Nothing)?;
    if answer.status == 204 { Ok(()) } else { Err(Error::Wrong(answer.summary())) }
}

/// Changes collections by turns, each change an event; at a fixed rate if there is one. There are many, since one
/// delivery a collection is under way at a time.
struct Changer {
    headers: Arc<str>,
    /// Changes that were made, by all.
    made: Arc<AtomicU64>,
    ids: Arc<[String]>,
    number: usize,
    count: usize,
    every: Option<(Instant, Duration)>,
}

impl Exchange for Changer {
    fn next(&mut self) -> (Request, Keep) {
        if let Some((at, every)) = &mut self.every {
            // Few connections and short waits: the client's threads have nothing else to do.
            std::thread::sleep(at.saturating_duration_since(Instant::now()));
            *at += *every;
        }
        self.count += 1;
        let id = self.ids.get(self.count % self.ids.len().max(1)).map_or("", String::as_str);
        // What is there already would be no change.
        let body = json!({ "description": format!("{}-{}", self.number, self.count) });
        (Request::json("PATCH", &format!("/api/v1/collections/{id}"), &self.headers, &body), Keep::Nothing)
    }

    fn judge(&mut self, answer: &Answer) -> std::result::Result<(), String> {
        if answer.status != 200 {
            return Err(answer.summary());
        }
        self.made.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }
}

/// Who changes them, and how many changes they have made.
type Changers = (Vec<Box<dyn Exchange>>, Arc<AtomicU64>);

fn changers(subject: &Subject, ids: &Arc<[String]>, count: usize, every: Option<Duration>) -> Changers {
    let (begin, made) = (Instant::now(), Arc::<AtomicU64>::default());
    let one = |number: usize| Changer {
        headers: Arc::clone(&subject.dialect.headers),
        made: Arc::clone(&made),
        ids: Arc::clone(ids),
        number,
        count: number * ids.len() / count,
        every: every.map(|every| (begin, every)),
    };
    ((0..count).map(|number| Box::new(one(number)) as Box<dyn Exchange>).collect(), made)
}

/// Makes the collections that are changed.
fn collections(subject: &Subject) -> Result<Arc<[String]>> {
    let request = Request::json("POST", "/api/v1/collections", &subject.dialect.headers, &json!({ "name": "told" }));
    let one = |_| {
        let answer = ask(subject.server.address(), &request, Keep::Body)?;
        let id = answer.json().pointer("/data/id").and_then(Value::as_str).map(str::to_owned);
        id.ok_or_else(|| Error::Wrong(format!("a collection: {}", answer.summary())))
    };
    (0..COLLECTIONS).map(one).collect()
}

/// Waits until so many have come.
fn await_count(receiver: &Receiver, count: u64) -> Result<()> {
    let begun = Instant::now();
    while receiver.count() < count {
        if begun.elapsed() > PATIENCE {
            return Err(Error::Wrong(format!("{} deliveries of {count}", receiver.count())));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Waits until the server has written down that all have come.
fn await_recorded(subject: &Subject, hook: &str) -> Result<()> {
    let begun = Instant::now();
    let request = subject.dialect.get(&format!("{hook}/deliveries?status=pending&per_page=1"));
    loop {
        let answer = ask(subject.server.address(), &request, Keep::Body)?;
        match answer.json().pointer("/meta/pagination/total").and_then(Value::as_u64) {
            Some(0) => return Ok(()),
            Some(_) if begun.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(2)),
            _ => return Err(Error::Wrong(format!("pending deliveries: {}", answer.summary()))),
        }
    }
}

/// Deliveries a second from a backlog, each of them received and written down.
pub(super) fn backlog(subject: &mut Subject, context: &Context) -> Result<Figures> {
    allow(subject, context)?;
    let receiver = Receiver::start(false)?;
    let (ids, hook) = (collections(subject)?, hook(subject, &receiver)?);
    let load = context.load(subject);
    let each = BACKLOG / CONNECTIONS as u64;
    crate::client::burst(&load, changers(subject, &ids, CONNECTIONS, None).0, each)?;
    let (begun, cpu) = (Instant::now(), machine::cpu_seconds(load.pid));
    receiver.open();
    await_count(&receiver, each * CONNECTIONS as u64)?;
    await_recorded(subject, &hook)?;
    let (seconds, cpu) = (begun.elapsed().as_secs_f64(), machine::cpu_seconds(load.pid) - cpu);
    let count = receiver.count() as f64;
    unhook(subject, &hook)?;
    start::restart(subject, context)?;
    Ok(Figures::default().with(Metric::Rate, count / seconds).with(Metric::CpuPerRequest, cpu * 1e6 / count))
}

/// How late deliveries are at 1000 a second.
pub(super) fn paced(subject: &mut Subject, context: &Context) -> Result<Figures> {
    allow(subject, context)?;
    let receiver = Receiver::start(true)?;
    let (ids, hook) = (collections(subject)?, hook(subject, &receiver)?);
    // Two connections: each client thread sleeps for one alone.
    let connections = 2;
    let mut load = context.load(subject);
    load.measured = PACED;
    let every = Duration::from_secs(1) / PACE * connections;
    let (changers, made) = changers(subject, &ids, connections as usize, Some(every));
    let seen = closed_loop(&load, changers)?;
    await_count(&receiver, made.load(Ordering::Acquire))?;
    let lags = receiver.lags();
    unhook(subject, &hook)?;
    start::restart(subject, context)?;
    Ok(Figures::default()
        .with(Metric::Rate, seen.latencies.len() as f64 / seen.seconds)
        .with(Metric::P50, percentile_ms(&lags, 0.5))
        .with(Metric::P99, percentile_ms(&lags, 0.99)))
}

/// What the API does with changes, each told to a webhook or to none.
pub(super) fn changes(subject: &mut Subject, context: &Context, told: bool) -> Result<Figures> {
    allow(subject, context)?;
    let receiver = Receiver::start(true)?;
    let ids = collections(subject)?;
    let hook = if told { Some(hook(subject, &receiver)?) } else { None };
    let load = context.load(subject);
    let (changers, made) = changers(subject, &ids, CONNECTIONS, None);
    let begun = Instant::now();
    let seen = closed_loop(&load, changers)?;
    let delivered = receiver.count() as f64 / begun.elapsed().as_secs_f64();
    let mut figures = Figures::of_requests(seen);
    if let Some(hook) = hook {
        figures = figures.with(Metric::Delivered, delivered);
        await_count(&receiver, made.load(Ordering::Acquire))?;
        unhook(subject, &hook)?;
    }
    start::restart(subject, context)?;
    Ok(figures)
}
