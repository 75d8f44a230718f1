//! One event to many sockets: how many deliveries a second, how late at a fixed rate, and what an idle socket costs.
//! Promise: the same client and events of about the same size for all; the publisher waits once so many events are on their
//! way, so that what is measured is delivery. The product's events are collections that are made through the API, durable
//! before they are told; an account has at most 1000 sockets and hears its own events only, so 10 000 are ten accounts' and
//! each event goes to 1000, where hub and peer send each to all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::runtime::Runtime;
use tokio::time::{sleep, sleep_until};

use super::{Context, PRODUCT, product};
use crate::client::{Connection, Keep, Request};
use crate::error::{Doing, Error, Result};
use crate::figures::{Figures, Metric, percentile_ms};
use crate::machine;
use crate::sockets::{Crowd, Heard, Opening};
use crate::subject::Subject;

/// Sockets of one account of the product's.
const EACH: usize = 1000;
/// Events on their way at once.
const AHEAD: u64 = 16;
/// Connections that publish.
const PUBLISHERS: usize = 4;
/// Events of the fixed rate, and how many a second.
const PACED: usize = 200;
const PACE: u32 = 20;

/// Who listens, and how one publishes to them.
struct Audience {
    openings: Vec<Opening>,
    /// One request for each account.
    publish: Vec<Request>,
    /// Sockets that an event goes to.
    fan: u64,
}

fn audience(subject: &Subject, sockets: usize) -> Result<Audience> {
    let address = subject.server.address();
    if subject.name != PRODUCT {
        let opening = Opening { address, path: "/socket", messages: Vec::new(), answers: 0 };
        // About the length of the product's message.
        let event = json!({ "type": "event", "id": "evt_01h455vb4pex5vsknk084sn02q", "channel": "collection_updates",
            "resource_id": "col_01h455vb4pex5vsknk084sn02q", "event": "collection.created",
            "data": { "id": "col_01h455vb4pex5vsknk084sn02q", "type": "collection", "user_id": "user_01h455vb4pex5vsknk084sn02q" },
            "timestamp": "2026-11-25T11:14:42.677854Z" });
        let publish = vec![Request::json("POST", "/publish", "", &event)];
        return Ok(Audience { openings: vec![opening; sockets], publish, fan: sockets as u64 });
    }
    let (mut openings, mut publish) = (Vec::new(), Vec::new());
    for account in 0..sockets.div_ceil(EACH) {
        let email = format!("listener{account}@example.com");
        // It may be there from an earlier round.
        let _ = product::register(address, &email);
        let headers = product::sign_in(address, &email)?;
        let token = headers.trim_start_matches("Authorization: Bearer ").trim();
        let messages = vec![
            json!({ "type": "auth", "token": token }).to_string(),
            json!({ "type": "subscribe", "channel": "collection_updates" }).to_string(),
        ];
        let opening = Opening { address, path: "/realtime", messages, answers: 2 };
        openings.extend(std::iter::repeat_n(opening, EACH.min(sockets - openings.len())));
        publish.push(Request::json("POST", "/api/v1/collections", &headers, &json!({ "name": "fan-out" })));
    }
    let fan = (sockets / publish.len()) as u64;
    Ok(Audience { openings, publish, fan })
}

fn runtime() -> Result<Runtime> {
    machine::raise_open_files();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(machine::cores().min(2)).enable_all().build().doing(|| "starting a client".to_owned())
}

/// CPU time in seconds, of the server and of this client.
struct Cpu {
    server: f64,
    client: f64,
}

impl Cpu {
    fn of(pid: u32) -> Cpu {
        Cpu { server: machine::cpu_seconds(pid), client: machine::own_cpu_seconds() }
    }

    fn since(&self, pid: u32) -> Cpu {
        let now = Cpu::of(pid);
        Cpu { server: now.server - self.server, client: now.client - self.client }
    }
}

/// Deliveries a second to so many sockets, as fast as they go.
pub(super) fn flood(subject: &Subject, context: &Context, sockets: usize) -> Result<Figures> {
    let Audience { openings, publish, fan } = audience(subject, sockets)?;
    let (load, heard) = (context.load(subject), Arc::<Heard>::default());
    runtime()?.block_on(async {
        let crowd = Crowd::open(openings.into_iter(), &heard).await.doing(|| "opening sockets".to_owned())?;
        let published = Arc::new(AtomicU64::new(0));
        let mut publishers = tokio::task::JoinSet::new();
        for number in 0..PUBLISHERS {
            let mut connection = Connection::open(load.address).await.doing(|| "opening a publisher".to_owned())?;
            let (published, heard, publish) = (Arc::clone(&published), Arc::clone(&heard), publish.clone());
            publishers.spawn(async move {
                for request in publish.iter().cycle().skip(number) {
                    while published.load(Ordering::Acquire).saturating_sub(heard.frames.load(Ordering::Acquire) / fan)
                        >= AHEAD
                    {
                        sleep(Duration::from_micros(500)).await;
                    }
                    published.fetch_add(1, Ordering::AcqRel);
                    match connection.exchange(request, Keep::Nothing).await {
                        Ok(answer) if answer.status / 100 == 2 => {}
                        Ok(answer) => return answer.summary(),
                        Err(error) => return error.to_string(),
                    }
                }
                String::new()
            });
        }
        sleep(load.warm_up).await;
        let (begun, cpu, from) = (Instant::now(), Cpu::of(load.pid), heard.frames.load(Ordering::Acquire));
        sleep(load.measured).await;
        let frames = heard.frames.load(Ordering::Acquire) - from;
        let (seconds, cpu) = (begun.elapsed().as_secs_f64(), cpu.since(load.pid));
        if let Some(ended) = publishers.try_join_next() {
            return Err(Error::Wrong(format!("a publisher ended: {}", ended.unwrap_or_default())));
        }
        publishers.shutdown().await;
        let ended = heard.ended.load(Ordering::Acquire);
        drop(crowd);
        if ended > 0 {
            return Err(Error::Wrong(format!("{ended} sockets ended")));
        }
        Ok(Figures::default()
            .with(Metric::Rate, frames as f64 / seconds)
            .with(Metric::CpuPerRequest, cpu.server * 1e6 / frames as f64)
            .with(Metric::ClientCpu, cpu.client * 1e6 / frames as f64)
            .with(Metric::PeakMemory, machine::memory_mib(load.pid)))
    })
}

/// How late 20 events a second are at a thousand sockets.
pub(super) fn paced(subject: &Subject) -> Result<Figures> {
    let Audience { openings, publish, .. } = audience(subject, EACH)?;
    let request = publish.first().ok_or_else(|| Error::Missing("nobody to publish to".to_owned()))?;
    let (address, heard) = (subject.server.address(), Arc::new(Heard::timed(PACED)));
    runtime()?.block_on(async {
        let crowd = Crowd::open(openings.into_iter(), &heard).await.doing(|| "opening sockets".to_owned())?;
        let mut connection = Connection::open(address).await.doing(|| "opening a publisher".to_owned())?;
        let pid = subject.server.pid();
        let (begun, cpu) = (Instant::now(), Cpu::of(pid));
        for (number, published) in (0_u32..).zip(&heard.published) {
            let due = begun + Duration::from_secs(1) / PACE * number;
            // One that waits for the answer before it is late from when it was due; the timer's own delay is nobody's fault.
            let is_late = Instant::now() > due;
            sleep_until(due.into()).await;
            published.store(heard.nanoseconds(if is_late { due } else { Instant::now() }), Ordering::Release);
            let answer = connection.exchange(request, Keep::Nothing).await.doing(|| "publishing".to_owned())?;
            if answer.status / 100 != 2 {
                return Err(Error::Wrong(answer.summary()));
            }
        }
        sleep(Duration::from_secs(1)).await;
        let cpu = cpu.since(pid);
        let mut latencies =
            std::mem::take(&mut *heard.latencies.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        drop(crowd);
        latencies.sort_unstable();
        let wanted = PACED * EACH;
        if latencies.len() != wanted {
            return Err(Error::Wrong(format!("{} deliveries of {wanted}", latencies.len())));
        }
        Ok(Figures::default()
            .with(Metric::P50, percentile_ms(&latencies, 0.5))
            .with(Metric::P99, percentile_ms(&latencies, 0.99))
            .with(Metric::CpuPerRequest, cpu.server * 1e6 / wanted as f64)
            .with(Metric::ClientCpu, cpu.client * 1e6 / wanted as f64))
    })
}

/// What a socket costs that is subscribed and hears nothing.
pub(super) fn idle(subject: &mut Subject, context: &mut Context, sockets: usize) -> Result<Figures> {
    // Anew, since memory that was used before would hold these without growing. Peers show what that costs.
    if subject.name == PRODUCT {
        super::start::restart(subject, context)?;
    }
    let Audience { openings, .. } = audience(subject, sockets)?;
    let (pid, heard) = (subject.server.pid(), Arc::<Heard>::default());
    runtime()?.block_on(async {
        let before = machine::memory_mib(pid);
        let crowd = Crowd::open(openings.into_iter(), &heard).await.doing(|| "opening sockets".to_owned())?;
        sleep(Duration::from_secs(1)).await;
        let after = machine::memory_mib(pid);
        drop(crowd);
        Ok(Figures::default().with(Metric::PerSocket, (after - before) * 1024.0 / sockets as f64))
    })
}
