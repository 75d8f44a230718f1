//! Load in a closed loop: each connection sends its next request when the last one was answered.
//! Promise: the answers that end inside the measured span count, and no others; every answer is judged; CPU time,
//! cache flushes and memory are read at the same two moments as the clock.
//! Not here: open-loop load at a fixed rate (closed loops hide queueing; read their latencies with that in mind).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Barrier, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::answer::{Answer, Keep};
use super::connection::Connection;
use super::request::Request;
use crate::error::{Doing, Error, Result};
use crate::machine;

/// An answer that takes longer than this fails.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(120);
/// Connections are spread over this many client threads, each with a runtime of its own.
const CLIENT_THREADS: usize = 2;

/// What one connection asks, and how it judges the answers.
pub(crate) trait Exchange: Send {
    /// The next request, and what of its answer is wanted.
    fn next(&mut self) -> (Request, Keep);
    /// Whether the answer is right; the error says why not.
    fn judge(&mut self, answer: &Answer) -> std::result::Result<(), String>;
}

/// Whom to load, and for how long.
pub(crate) struct Load<'a> {
    /// Where the server listens.
    pub(crate) address: SocketAddr,
    /// Root of its process tree.
    pub(crate) pid: u32,
    /// A folder on the disk whose flushes are counted.
    pub(crate) disk: &'a Path,
    /// Not measured, at the beginning.
    pub(crate) warm_up: Duration,
    /// Measured.
    pub(crate) measured: Duration,
}

/// What was seen.
#[derive(Default)]
pub(crate) struct Seen {
    /// Latencies of the right answers in the measured span, in nanoseconds, ascending.
    pub(crate) latencies: Vec<u64>,
    /// Wrong ones in it, by status; 0 stands for a broken connection.
    pub(crate) wrong: BTreeMap<u16, u64>,
    /// The first reason given for a wrong one.
    pub(crate) reason: Option<String>,
    /// Body bytes of the right answers.
    pub(crate) bytes: u64,
    /// Length of the measured span in seconds.
    pub(crate) seconds: f64,
    /// CPU time of the server's process tree in it, in seconds.
    pub(crate) cpu: f64,
    /// Cache flushes of the disk in it.
    pub(crate) flushes: Option<u64>,
    /// Peak resident memory of the server in MiB, warm-up included.
    pub(crate) peak_mib: f64,
}

/// When a connection counts, and when it stops.
#[derive(Clone, Copy)]
struct Span {
    from: Instant,
    until: Instant,
    at_most: u64,
}

/// Runs one connection per exchange for the warm-up and the measured span.
pub(crate) fn closed_loop(load: &Load, exchanges: Vec<Box<dyn Exchange>>) -> Result<Seen> {
    run(load, exchanges, u64::MAX)
}

/// Runs `each` requests on every connection, all of them measured from the first to the last; for large bodies.
pub(crate) fn burst(load: &Load, exchanges: Vec<Box<dyn Exchange>>, each: u64) -> Result<Seen> {
    run(load, exchanges, each)
}

fn run(load: &Load, exchanges: Vec<Box<dyn Exchange>>, at_most: u64) -> Result<Seen> {
    machine::forget_peak_memory(load.pid);
    let threads = exchanges.len().clamp(1, CLIENT_THREADS);
    let mut shares: Vec<Vec<Box<dyn Exchange>>> = (0..threads).map(|_| Vec::new()).collect();
    for (number, exchange) in exchanges.into_iter().enumerate() {
        if let Some(share) = shares.get_mut(number % threads) {
            share.push(exchange);
        }
    }
    let begin = Arc::new(Barrier::new(threads + 1));
    let span = Arc::new(Mutex::new(None));
    let mut workers = Vec::new();
    for share in shares {
        let (begin, span, address) = (Arc::clone(&begin), Arc::clone(&span), load.address);
        workers.push(std::thread::spawn(move || drive(address, share, &begin, &span)));
    }
    let bounded = at_most < u64::MAX;
    let from = Instant::now() + if bounded { Duration::ZERO } else { load.warm_up };
    let until = if bounded { from + ANSWER_WITHIN } else { from + load.measured };
    *span.lock().unwrap_or_else(PoisonError::into_inner) = Some(Span { from, until, at_most });
    begin.wait();
    std::thread::sleep(from.saturating_duration_since(Instant::now()));
    let (cpu, flushes, started) = (machine::cpu_seconds(load.pid), machine::disk_flushes(load.disk), Instant::now());
    let mut seen = Seen::default();
    if !bounded {
        std::thread::sleep(until.saturating_duration_since(Instant::now()));
        close(&mut seen, load, (cpu, flushes, started));
    }
    for worker in workers {
        let part = worker.join().map_err(|_| Error::Wrong("a client thread stopped".to_owned()))?;
        merge(&mut seen, part?);
    }
    if bounded {
        close(&mut seen, load, (cpu, flushes, started));
    }
    seen.latencies.sort_unstable();
    Ok(seen)
}

fn close(seen: &mut Seen, load: &Load, (cpu, flushes, started): (f64, Option<u64>, Instant)) {
    seen.seconds = started.elapsed().as_secs_f64();
    seen.cpu = machine::cpu_seconds(load.pid) - cpu;
    seen.flushes = machine::disk_flushes(load.disk).zip(flushes).map(|(now, before)| now.saturating_sub(before));
    seen.peak_mib = machine::peak_memory_mib(load.pid);
}

fn merge(seen: &mut Seen, part: Seen) {
    seen.latencies.extend(part.latencies);
    seen.bytes += part.bytes;
    for (status, count) in part.wrong {
        *seen.wrong.entry(status).or_default() += count;
    }
    if seen.reason.is_none() {
        seen.reason = part.reason;
    }
}

/// One client thread: opens its connections, waits for the others, then drives its share.
fn drive(
    address: SocketAddr,
    share: Vec<Box<dyn Exchange>>,
    begin: &Barrier,
    span: &Mutex<Option<Span>>,
) -> Result<Seen> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let opened = runtime.and_then(|runtime| {
        let connections: std::io::Result<Vec<Connection>> =
            share.iter().map(|_| runtime.block_on(Connection::open(address))).collect();
        Ok((runtime, connections?))
    });
    // Reached also after an error, or the others would wait for ever.
    begin.wait();
    let (runtime, connections) = opened.doing(|| format!("connecting to {address}"))?;
    let Some(span) = *span.lock().unwrap_or_else(PoisonError::into_inner) else {
        return Ok(Seen::default());
    };
    Ok(runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for (connection, exchange) in connections.into_iter().zip(share) {
            tasks.spawn(converse(connection, exchange, span));
        }
        let mut seen = Seen::default();
        while let Some(part) = tasks.join_next().await {
            merge(&mut seen, part.unwrap_or_else(|error| broken(error.to_string())));
        }
        seen
    }))
}

fn broken(reason: String) -> Seen {
    Seen { wrong: BTreeMap::from([(0, 1)]), reason: Some(reason), ..Seen::default() }
}

/// One connection's conversation.
async fn converse(mut connection: Connection, mut exchange: Box<dyn Exchange>, span: Span) -> Seen {
    let mut seen = Seen::default();
    let mut faults_in_a_row = 0;
    for _ in 0..span.at_most {
        let began = Instant::now();
        if began >= span.until {
            break;
        }
        let (request, keep) = exchange.next();
        let outcome = tokio::time::timeout(ANSWER_WITHIN, connection.exchange(&request, keep)).await;
        let ended = Instant::now();
        let (status, length, verdict) = match outcome {
            Ok(Ok(answer)) => (answer.status, answer.length, exchange.judge(&answer)),
            Ok(Err(error)) => (0, 0, Err(error.to_string())),
            Err(_) => (0, 0, Err("no answer in time".to_owned())),
        };
        let counts = ended >= span.from && ended <= span.until;
        match verdict {
            Ok(()) => {
                faults_in_a_row = 0;
                if counts {
                    seen.latencies.push(u64::try_from((ended - began).as_nanos()).unwrap_or(u64::MAX));
                    seen.bytes += length;
                }
            }
            Err(reason) => {
                *seen.wrong.entry(status).or_default() += 1;
                seen.reason.get_or_insert(reason);
                faults_in_a_row += 1;
                // A server that is gone must not be hammered until the span ends.
                if faults_in_a_row == 100 {
                    break;
                }
            }
        }
    }
    seen
}
