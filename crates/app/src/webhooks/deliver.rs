//! Sends what is due, to every webhook beside the others. One task keeps a lane for each webhook that has something to be
//! sent; each try is a task of its own; results are written many at once.
//! Promise: what was written as pending is tried until it has ended, over restarts too; a receiver that hangs holds its
//! own lane and a small share of the whole.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mv_core::webhook::{Delivery, RETRY_WAITS};
use mv_core::{DeliveryId, Timestamp, WebhookId};
use mv_store::webhooks::Endpoint;
use mv_store::{deliveries, webhooks};
use tokio::runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Waiting;
use super::lane::{Lane, Target};
use super::settle::{Tried, Verdict};
use crate::net::{HeaderMap, HeaderName, HeaderValue};
use crate::{App, Result};

/// How often the clock is looked at, for what falls due.
const LOOK: Duration = Duration::from_millis(500);
/// How often the database is asked for webhooks that nobody spoke of.
const SEARCH: Duration = Duration::from_secs(10);
/// After a failure of the database.
const PAUSE: Duration = Duration::from_secs(1);
/// For how long what is known of a webhook is believed; changes are told at once, this is for other processes'.
const BELIEVED: Duration = Duration::from_secs(2);
/// Due deliveries read at once.
const PAGE: u32 = 256;
/// Results written at once.
const BATCH: usize = 512;
/// Results that may wait to be written; beyond that nothing is begun.
const UNWRITTEN: usize = 2048;
/// With so many under way each receiver gets one more at most.
const CROWD: usize = 512;
/// The most that are under way.
const MOST: usize = 2048;
/// How far deliveries stand back (nice(2)), as far as hashing does: where requests want every core, a tenth as much of it is
/// still some thousand deliveries a second.
const NICENESS: i32 = 10;
/// How long tries under way may take to end when the server stops.
const GRACE: Duration = Duration::from_secs(5);
/// When tries are made and how long one may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Waits between the tries of a delivery.
    pub waits: Vec<Duration>,
    /// How long one try may take, from the look for the name to the end of the answer's body.
    pub limit: Duration,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { waits: RETRY_WAITS.to_vec(), limit: Duration::from_secs(15) }
    }
}

/// Runs until told to stop; then what is under way may end for a moment. What did not end is tried again after the next
/// start. It has a thread of its own, which stands back behind requests.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
    match begin(app, stop) {
        // Nothing is sent: the end of the thread is what is waited for.
        Ok(ended) => drop(ended.await),
        Err(error) => tracing::error!(%error, "webhooks get nothing until the next start: {error}"),
    }
}

fn begin(app: Arc<App>, stop: CancellationToken) -> io::Result<oneshot::Receiver<()>> {
    let (ending, ended) = oneshot::channel();
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("deliveries".to_owned()).spawn(move || {
        // Where the system refuses, deliveries take their share as anybody does.
        let _ = rustix::process::setpriority_process(None, NICENESS);
        runtime.block_on(Deliverer::new(app).run(stop));
        drop(ending);
    })?;
    Ok(ended)
}

struct Deliverer {
    app: Arc<App>,
    lanes: HashMap<WebhookId, Lane>,
    /// Lanes where something may be begun.
    touched: HashSet<WebhookId>,
    tries: JoinSet<()>,
    in_flight: usize,
    sender: mpsc::UnboundedSender<Tried>,
    results: mpsc::UnboundedReceiver<Tried>,
    unwritten: Vec<Tried>,
    writing: Option<Writing>,
    searched: Option<Duration>,
}

/// Results on their way into the database.
struct Writing {
    batch: Vec<Tried>,
    task: JoinHandle<Result<Vec<WebhookId>>>,
}

impl Deliverer {
    fn new(app: Arc<App>) -> Self {
        let (sender, results) = mpsc::unbounded_channel();
        Self {
            app,
            lanes: HashMap::new(),
            touched: HashSet::new(),
            tries: JoinSet::new(),
            in_flight: 0,
            sender,
            results,
            unwritten: Vec::new(),
            writing: None,
            searched: None,
        }
    }

    async fn run(mut self, stop: CancellationToken) {
        let app = Arc::clone(&self.app);
        while !stop.is_cancelled() {
            let wait = match self.turn().await {
                Ok(()) => LOOK,
                Err(error) => {
                    tracing::warn!(cause = %crate::chain(&error), "deliveries wait: {}", crate::chain(&error));
                    PAUSE
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = app.deliverer.wait() => {}
                () = self.something_ended() => {}
                () = sleep(wait) => self.touch_due(),
            }
        }
        self.finish().await;
    }

    /// Looks at what was told, begins what may be begun, writes what has ended.
    async fn turn(&mut self) -> Result<()> {
        self.hear(self.app.deliverer.take());
        self.search().await?;
        self.write();
        let mut later = HashSet::new();
        for id in std::mem::take(&mut self.touched) {
            // What cannot be begun for want of room is looked at again when something has ended.
            if self.in_flight >= MOST || self.unwritten.len() >= UNWRITTEN {
                later.insert(id);
            } else if let Err(error) = self.serve(id).await {
                later.insert(id);
                self.touched.extend(later);
                return Err(error);
            }
        }
        self.touched.extend(later);
        self.write();
        Ok(())
    }

    fn hear(&mut self, told: Waiting) {
        for id in told.filled {
            let lane = self.lanes.entry(id).or_default();
            lane.due = super::lane::Due::Now;
            self.touched.insert(id);
        }
        for (id, lane) in &mut self.lanes {
            if told.accounts || told.changed.contains(id) {
                lane.begin_anew();
                self.touched.insert(*id);
            }
        }
        // One that was deleted may have deliveries to be deleted.
        for id in told.changed {
            self.lanes.entry(id).or_default();
            self.touched.insert(id);
        }
    }

    /// Now and then, and at the start: which webhooks have something that nobody spoke of?
    async fn search(&mut self) -> Result<()> {
        let mono = self.app.clock.mono();
        if self.searched.is_some_and(|at| mono.saturating_sub(at) < SEARCH) {
            return Ok(());
        }
        let waiting = self
            .app
            .store
            .read_slow(|db| -> mv_store::Result<Vec<WebhookId>> {
                let (mut found, mut last) = (Vec::new(), WebhookId::from_uuid(Uuid::nil()));
                while let Some(next) = deliveries::next_waiting_any(db, last)? {
                    found.push(next);
                    last = next;
                }
                Ok(found)
            })
            .await?;
        for id in waiting {
            self.lanes.entry(id).or_default();
            self.touched.insert(id);
        }
        self.searched = Some(mono);
        Ok(())
    }

    fn touch_due(&mut self) {
        let now = self.app.now();
        self.touched.extend(self.lanes.iter().filter(|(_, lane)| lane.wants_more(now)).map(|(id, _)| *id));
    }

    /// Reads what a webhook's lane wants, and begins what it may.
    async fn serve(&mut self, id: WebhookId) -> Result<()> {
        let now = self.app.now();
        let Some(lane) = self.lanes.get_mut(&id) else { return Ok(()) };
        let mono = self.app.clock.mono();
        let known = lane.target.as_ref().is_some_and(|target| mono.saturating_sub(target.read_at) < BELIEVED);
        if !known || lane.wants_more(now) {
            let Some(target) = refresh(&self.app, id, lane, now, mono).await? else {
                self.lanes.remove(&id);
                let app = Arc::clone(&self.app);
                self.tries.spawn(async move { app.forget_deliveries(id).await });
                return Ok(());
            };
            lane.target = Some(target);
        }
        let Some(target) = lane.target.clone() else { return Ok(()) };
        if !target.open {
            let given_up = lane.give_up();
            self.unwritten.extend(given_up.into_iter().map(Tried::not_asked));
        }
        while target.open && self.in_flight < MOST {
            let Some(delivery) = lane.start(self.in_flight >= CROWD) else { break };
            self.in_flight += 1;
            let (app, target, sender) = (Arc::clone(&self.app), Arc::clone(&target), self.sender.clone());
            self.tries.spawn(async move { drop(sender.send(app.attempt(&target, delivery).await)) });
        }
        if lane.is_idle() {
            self.lanes.remove(&id);
        } else if self.in_flight >= MOST {
            self.touched.insert(id);
        }
        Ok(())
    }

    /// Sleeps until a try or a write has ended, and takes it up. May be dropped while it waits.
    async fn something_ended(&mut self) {
        let writing = async {
            match &mut self.writing {
                Some(writing) => (&mut writing.task).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(tried) = self.results.recv() => {
                self.came_back(tried);
                while let Ok(more) = self.results.try_recv() {
                    self.came_back(more);
                }
            }
            written = writing => {
                let written = written.unwrap_or_else(|error| Err(crate::Error::internal(error)));
                self.wrote(written).await;
            }
        }
        while self.tries.try_join_next().is_some() {}
    }

    fn came_back(&mut self, tried: Tried) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let id = tried.delivery.webhook_id;
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.back(&tried.delivery.resource, tried.verdict == Verdict::Taken);
            self.touched.insert(id);
        }
        self.unwritten.push(tried);
    }

    /// Begins to write results, if there are some and none are being written.
    fn write(&mut self) {
        if self.writing.is_some() || self.unwritten.is_empty() {
            return;
        }
        let count = self.unwritten.len().min(BATCH);
        let batch: Vec<Tried> = self.unwritten.drain(..count).collect();
        let (app, results) = (Arc::clone(&self.app), batch.clone());
        self.writing = Some(Writing { batch, task: tokio::spawn(async move { app.settle(results).await }) });
    }

    async fn wrote(&mut self, written: Result<Vec<WebhookId>>) {
        let Some(Writing { batch, .. }) = self.writing.take() else { return };
        match written {
            Ok(off) => {
                for Tried { delivery, .. } in batch {
                    if let Some(lane) = self.lanes.get_mut(&delivery.webhook_id) {
                        lane.settled(delivery.id, delivery.next_at);
                        self.touched.insert(delivery.webhook_id);
                    }
                }
                for id in off {
                    self.lanes.entry(id).or_default().begin_anew();
                    self.touched.insert(id);
                }
            }
            Err(error) => {
                tracing::warn!(cause = %crate::chain(&error), "results of deliveries wait: {}", crate::chain(&error));
                self.unwritten.splice(..0, batch);
                sleep(PAUSE).await;
            }
        }
    }

    /// The end: tries under way get a moment, and what is known is written.
    async fn finish(mut self) {
        let deadline = Instant::now() + GRACE;
        while self.in_flight > 0 || self.writing.is_some() || !self.unwritten.is_empty() {
            self.write();
            tokio::select! {
                () = self.something_ended() => {}
                () = sleep_until(deadline) => return,
            }
        }
    }
}

/// Reads a webhook and its next page of due deliveries; none where it is gone.
async fn refresh(
    app: &App,
    id: WebhookId,
    lane: &mut Lane,
    now: Timestamp,
    mono: Duration,
) -> Result<Option<Arc<Target>>> {
    type Read = (Option<Endpoint>, Option<(Vec<Delivery>, Option<Timestamp>)>);
    let behind: Option<(Timestamp, DeliveryId)> = lane.wants_more(now).then(|| lane.behind());
    let (endpoint, due): Read = app
        .store
        .read(move |db| -> mv_store::Result<Read> {
            let endpoint = webhooks::endpoint_any(db, id)?;
            let due = match behind {
                Some(behind) => {
                    Some((deliveries::due_any(db, id, now, behind, PAGE)?, deliveries::next_due_any(db, id, now)?))
                }
                None => None,
            };
            Ok((endpoint, due))
        })
        .await?;
    if let Some((page, next)) = due {
        let full = page.len() >= PAGE as usize;
        lane.fill(page, full, next);
    }
    let Some(endpoint) = endpoint else { return Ok(None) };
    let signer = app.webhook_secrets.signer(&endpoint.sealed)?;
    let open = endpoint.is_open();
    Ok(Some(Arc::new(Target { url: endpoint.webhook.url, signer, open, read_at: mono })))
}

impl App {
    /// One try.
    async fn attempt(&self, target: &Target, delivery: Delivery) -> Tried {
        let begun = self.now();
        let mut headers = HeaderMap::with_capacity(5);
        let signature = target.signer.header(delivery.event_id, begun, &delivery.body);
        for (name, value) in [
            ("webhook-id", delivery.event_id.to_string()),
            ("webhook-timestamp", begun.seconds().to_string()),
            ("webhook-signature", signature),
        ] {
            // Ids, numbers and Base64 are sound values.
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(http::header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        let body = Bytes::from(delivery.body.clone());
        let schedule = &self.options.webhooks;
        let exchange = self.outgoing.post(&target.url, headers, body, schedule.limit).await;
        Tried::judge(delivery, begun, exchange, schedule, self.entropy.as_ref())
    }
}

const USER_AGENT: &str = concat!("Media-Vault/", env!("CARGO_PKG_VERSION"));
