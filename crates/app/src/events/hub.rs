//! Who listens right now: one bounded queue for each listener, filled by the dispatcher.
//! Promise: a listener gets every event of its user that is dispatched after it began, in order, or is told that it was
//! too slow. An event is shared by all its listeners. Not here: what was dispatched before (`replay`).

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use mv_core::UserId;
use mv_core::event::{Channel, Recorded};
use tokio::sync::Notify;

/// Bytes that may wait for one listener; as many again may be on their way to it.
const QUEUE_BYTES: usize = 512 * 1024;

/// An event on its way to listeners, with its text made once.
#[derive(Debug)]
pub struct Live {
    /// The event.
    pub event: Recorded,
    /// Which channel it belongs to.
    pub channel: Option<Channel>,
    /// The WebSocket's message, for whoever subscribed to the channel.
    pub message: String,
}

impl Live {
    /// The event with its message.
    pub fn new(event: Recorded) -> Self {
        let channel = Channel::of(&event.kind);
        let message = message(&event, channel);
        Self { event, channel, message }
    }
}

/// `{"type": "event", "id", "channel", "resource_id", "event", "data", "timestamp"}` (contract section 6). Ids, types and
/// times have no character that JSON escapes; `data` is JSON already.
fn message(event: &Recorded, channel: Option<Channel>) -> String {
    format!(
        r#"{{"type":"event","id":"{}","channel":"{}","resource_id":"{}","event":"{}","data":{},"timestamp":"{}"}}"#,
        event.id,
        channel.map_or("", Channel::as_str),
        event.resource,
        event.kind,
        event.data,
        event.at,
    )
}

/// All listeners of this process.
#[derive(Default)]
pub struct Hub {
    users: RwLock<HashMap<UserId, Vec<Arc<Queue>>>>,
}

/// What waits for one listener.
#[derive(Default)]
struct Queue {
    state: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Arc<Live>>,
    bytes: usize,
    too_slow: bool,
}

/// The listener did not take its events in time; it has missed some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooSlow;

/// A listener; ends when dropped.
pub struct Listener {
    user: UserId,
    queue: Arc<Queue>,
    hub: Arc<Hub>,
}

impl Hub {
    /// Begins to listen to a user's events.
    pub fn listen(self: &Arc<Self>, user: UserId) -> Listener {
        let queue = Arc::new(Queue::default());
        let mut users = self.users.write().unwrap_or_else(PoisonError::into_inner);
        users.entry(user).or_default().push(Arc::clone(&queue));
        Listener { user, queue, hub: Arc::clone(self) }
    }

    /// Whether this user has a listener.
    pub fn has(&self, user: UserId) -> bool {
        self.users.read().unwrap_or_else(PoisonError::into_inner).contains_key(&user)
    }

    /// Hands an event to every listener of its owner.
    pub(crate) fn send(&self, live: &Arc<Live>) {
        let users = self.users.read().unwrap_or_else(PoisonError::into_inner);
        for queue in users.get(&live.event.owner).into_iter().flatten() {
            queue.push(live);
        }
    }
}

impl Queue {
    fn push(&self, live: &Arc<Live>) {
        let mut waiting = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.too_slow {
            return;
        }
        let bytes = live.message.len() + 64;
        if waiting.bytes + bytes > QUEUE_BYTES {
            // What waits is of no use to a reader that will have to begin anew.
            *waiting = Waiting { too_slow: true, ..Waiting::default() };
        } else {
            waiting.bytes += bytes;
            waiting.events.push_back(Arc::clone(live));
        }
        drop(waiting);
        self.filled.notify_one();
    }
}

impl Listener {
    /// All that waits, at least one event; sleeps until there is one.
    ///
    /// # Errors
    /// `TooSlow`, from then on each time.
    pub async fn next(&self) -> Result<VecDeque<Arc<Live>>, TooSlow> {
        loop {
            // The permit of a push between the look and the wait is kept by `Notify`.
            {
                let mut waiting = self.queue.state.lock().unwrap_or_else(PoisonError::into_inner);
                if waiting.too_slow {
                    return Err(TooSlow);
                }
                if !waiting.events.is_empty() {
                    waiting.bytes = 0;
                    return Ok(std::mem::take(&mut waiting.events));
                }
            }
            self.queue.filled.notified().await;
        }
    }

    /// Forgets what waits, also that it was too much: for one that reads what is there already by itself.
    pub(super) fn renew(&self) {
        *self.queue.state.lock().unwrap_or_else(PoisonError::into_inner) = Waiting::default();
    }

    /// Whether everything that was dispatched to it has been taken.
    pub(super) fn has_all(&self) -> bool {
        let waiting = self.queue.state.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.events.is_empty() && !waiting.too_slow
    }

    /// Waits until it is too slow.
    pub(super) async fn overflowed(&self) {
        while !self.queue.state.lock().unwrap_or_else(PoisonError::into_inner).too_slow {
            // `next` looks before it waits, so it does not miss the permit that is used up here.
            self.queue.filled.notified().await;
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut users = self.hub.users.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(queues) = users.get_mut(&self.user) {
            queues.retain(|queue| !Arc::ptr_eq(queue, &self.queue));
            if queues.is_empty() {
                users.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mv_core::{EventId, Timestamp};
    use uuid::Uuid;

    fn live(position: i64, owner: u128, size: usize) -> Arc<Live> {
        let event = Recorded {
            position,
            id: EventId::from_uuid(Uuid::from_u128(position as u128)),
            owner: UserId::from_uuid(Uuid::from_u128(owner)),
            kind: "media.updated".to_owned(),
            resource: "media_1".to_owned(),
            data: format!(r#"{{"id":"{}"}}"#, "x".repeat(size)),
            at: Timestamp::from_seconds(0),
        };
        Arc::new(Live::new(event))
    }

    #[test]
    fn the_message_is_the_contracts() {
        let message: serde_json::Value = serde_json::from_str(&live(1, 1, 3).message).unwrap();
        assert_eq!(message["type"], "event");
        assert_eq!((&message["channel"], &message["event"]), (&"media_updates".into(), &"media.updated".into()));
        assert_eq!(message["data"]["id"], "xxx");
        assert_eq!(message["timestamp"], "1970-01-01T00:00:00Z");
        assert_eq!(message.as_object().unwrap().len(), 7);
    }

    #[tokio::test]
    async fn listeners_get_their_own_events_in_order_until_they_are_too_slow() {
        let hub = Arc::new(Hub::default());
        let (alice, bob) = (UserId::from_uuid(Uuid::from_u128(1)), UserId::from_uuid(Uuid::from_u128(2)));
        let (first, second, other) = (hub.listen(alice), hub.listen(alice), hub.listen(bob));
        for position in 1..=3 {
            hub.send(&live(position, 1, 10));
        }
        hub.send(&live(4, 2, 10));
        let positions = |events: VecDeque<Arc<Live>>| events.iter().map(|live| live.event.position).collect::<Vec<_>>();
        assert_eq!(positions(first.next().await.unwrap()), [1, 2, 3]);
        assert_eq!(positions(other.next().await.unwrap()), [4]);
        for position in 5..40 {
            hub.send(&live(position, 1, 40_000));
        }
        assert_eq!(second.next().await.unwrap_err(), TooSlow);
        assert_eq!(first.next().await.unwrap_err(), TooSlow);
        drop((first, second));
        assert!(!hub.has(alice) && hub.has(bob));
        drop(other);
        assert!(!hub.has(bob));
    }
}
