//! What waits for one webhook, in memory: a window of its due deliveries and how many may be under way.
//! Promise: one delivery a resource is under way at a time, so that first tries of one thing's events do not overtake each
//! other; a receiver that fails is asked one at a time until it works again.
//! Not here: the database and the network (`deliver`).

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use mv_core::webhook::Delivery;
use mv_core::{DeliveryId, Timestamp};
use uuid::Uuid;

use crate::webhook_secrets::Signer;

/// Deliveries under way to a receiver of which nothing is known yet.
const FIRST_WINDOW: usize = 2;
/// The most that are under way to one receiver.
const MOST: usize = 32;
/// When fewer than these wait in memory, more are read.
const LOW: usize = 64;

/// Where deliveries go and what signs them, as it was read at `read_at` (monotonic).
pub(super) struct Target {
    pub(super) url: String,
    pub(super) signer: Signer,
    /// Whether anything may be sent there.
    pub(super) open: bool,
    pub(super) read_at: Duration,
}

/// When there is something more to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// Now, or perhaps: look.
    Now,
    /// Then.
    At(Timestamp),
    /// Not until somebody says so.
    Never,
}

/// What waits for one webhook.
pub(super) struct Lane {
    queue: VecDeque<Delivery>,
    /// All that was read and is not yet settled: it must not be read again.
    held: HashSet<DeliveryId>,
    busy: HashSet<String>,
    in_flight: usize,
    window: usize,
    behind: (Timestamp, DeliveryId),
    pub(super) due: Due,
    pub(super) target: Option<Arc<Target>>,
}

impl Default for Lane {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            held: HashSet::new(),
            busy: HashSet::new(),
            in_flight: 0,
            window: FIRST_WINDOW,
            behind: beginning(),
            due: Due::Now,
            target: None,
        }
    }
}

fn beginning() -> (Timestamp, DeliveryId) {
    (Timestamp::from_micros(i64::MIN), DeliveryId::from_uuid(Uuid::nil()))
}

impl Lane {
    /// Whether more is to be read now.
    pub(super) fn wants_more(&self, now: Timestamp) -> bool {
        let due = match self.due {
            Due::Now => true,
            Due::At(at) => at <= now,
            Due::Never => false,
        };
        due && self.queue.len() < LOW
    }

    /// Behind what the next page begins.
    pub(super) fn behind(&self) -> (Timestamp, DeliveryId) {
        self.behind
    }

    /// Takes a page of due deliveries. One that is not full ends at what there is: the next look begins anew, where what
    /// was committed late may stand. `next` is when something later falls due.
    pub(super) fn fill(&mut self, page: Vec<Delivery>, full: bool, next: Option<Timestamp>) {
        let last = page.last().and_then(|last| last.next_at.map(|at| (at, last.id)));
        (self.behind, self.due) = match (full, last, next) {
            (true, Some(last), _) => (last, Due::Now),
            (.., Some(next)) => (beginning(), Due::At(next)),
            (.., None) => (beginning(), Due::Never),
        };
        for delivery in page {
            if self.held.insert(delivery.id) {
                self.queue.push_back(delivery);
            }
        }
    }

    /// The next one to be sent, if one may be. `crowded` is when very many are under way elsewhere.
    pub(super) fn start(&mut self, crowded: bool) -> Option<Delivery> {
        if self.in_flight >= if crowded { 1 } else { self.window } {
            return None;
        }
        let place = self.queue.iter().position(|delivery| !self.busy.contains(&delivery.resource))?;
        let delivery = self.queue.remove(place)?;
        self.busy.insert(delivery.resource.clone());
        self.in_flight += 1;
        Some(delivery)
    }

    /// One that was under way came back; it stays held until it is settled.
    pub(super) fn back(&mut self, resource: &str, taken: bool) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.busy.remove(resource);
        self.window = if taken { (self.window + 1).min(MOST) } else { 1 };
    }

    /// One was settled; `next` is when it is tried again.
    pub(super) fn settled(&mut self, id: DeliveryId, next: Option<Timestamp>) {
        self.held.remove(&id);
        if let Some(next) = next {
            self.due = match self.due {
                Due::Now => Due::Now,
                Due::At(at) => Due::At(at.min(next)),
                Due::Never => Due::At(next),
            };
        }
    }

    /// Forgets what waits here and was not begun: the database has it.
    pub(super) fn begin_anew(&mut self) {
        for delivery in self.queue.drain(..) {
            self.held.remove(&delivery.id);
        }
        (self.behind, self.due, self.target) = (beginning(), Due::Now, None);
    }

    /// All that waits here, none of which will be sent; it stays held.
    pub(super) fn give_up(&mut self) -> Vec<Delivery> {
        self.queue.drain(..).collect()
    }

    /// Whether there is nothing here and nothing to come.
    pub(super) fn is_idle(&self) -> bool {
        self.held.is_empty() && self.due == Due::Never
    }
}

#[cfg(test)]
mod tests {
    use mv_core::webhook::DeliveryStatus;
    use mv_core::{EventId, WebhookId};

    use super::*;

    fn delivery(number: u128, resource: &str) -> Delivery {
        Delivery {
            id: DeliveryId::from_uuid(Uuid::from_u128(number)),
            webhook_id: WebhookId::from_uuid(Uuid::nil()),
            event_id: EventId::from_uuid(Uuid::nil()),
            position: Some(1),
            kind: "media.updated".to_owned(),
            resource: resource.to_owned(),
            body: String::new(),
            status: DeliveryStatus::Pending,
            attempts: 0,
            next_at: Some(at(1)),
            response_status: None,
            response_part: None,
            failure: None,
            duration_ms: None,
            attempted_at: None,
            created_at: at(1),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn started(lane: &mut Lane) -> Vec<u128> {
        std::iter::from_fn(|| lane.start(false)).map(|it| it.id.uuid().as_u128()).collect()
    }

    #[test]
    fn one_a_resource_and_a_window_that_follows_what_the_receiver_does() {
        let mut lane = Lane::default();
        let page = [(1, "a"), (2, "a"), (3, "b"), (4, "c"), (5, "d"), (6, "e")];
        lane.fill(page.map(|(number, resource)| delivery(number, resource)).to_vec(), false, None);
        assert_eq!(started(&mut lane), [1, 3], "the second of a waits for the first");
        lane.back("a", true);
        assert_eq!(started(&mut lane), [2, 4], "a success opens the window");
        lane.back("b", false);
        assert_eq!(started(&mut lane), [0u128; 0], "a failure closes it to one");
        lane.back("a", true);
        lane.back("c", true);
        assert_eq!(started(&mut lane), [5, 6]);
        lane.back("d", true);
        lane.back("e", true);
        assert!(!lane.is_idle(), "nothing is settled yet");
        (1..=6).for_each(|number| lane.settled(delivery(number, "").id, None));
        assert!(lane.is_idle());
    }

    #[test]
    fn what_is_held_is_not_taken_twice_and_crowds_share() {
        let mut lane = Lane::default();
        lane.fill((1..=3).map(|number| delivery(number, &number.to_string())).collect(), true, None);
        assert!(lane.wants_more(at(1)) && lane.behind().1 == delivery(3, "").id);
        lane.fill((2..=4).map(|number| delivery(number, &number.to_string())).collect(), false, Some(at(9)));
        assert_eq!(lane.due, Due::At(at(9)));
        assert!(!lane.wants_more(at(8)) && lane.wants_more(at(9)));
        assert!(lane.start(true).is_some() && lane.start(true).is_none(), "one where it is crowded");
        assert_eq!(started(&mut lane), [2]);
        lane.settled(delivery(1, "").id, Some(at(5)));
        assert_eq!(lane.due, Due::At(at(5)), "the earlier one counts");
        lane.begin_anew();
        assert_eq!(started(&mut lane), [0u128; 0]);
        lane.fill((2..=4).map(|number| delivery(number, &number.to_string())).collect(), false, None);
        lane.back("1", true);
        assert_eq!(started(&mut lane), [3, 4], "2 is under way");
    }
}
