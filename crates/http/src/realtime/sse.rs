//! Server-Sent Events (HTML Standard section 9.2) as the body of an answer that does not end by itself.
//! Promise: every event that the caller may see, in order, none twice; a comment each 15 s so that no proxy takes the silence
//! for an end; over when the credentials have ended, when the reader is too slow, or when the server stops.
//! Not here: who may open one and from where it begins (`api::events`).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use mv_app::App;
use mv_app::auth::watch::Watched;
use mv_app::events::hub::Live;
use mv_app::events::replay::{Follower, Stopped};
use mv_core::Caller;
use mv_core::access::sees;
use tokio_util::sync::CancellationToken;

/// How long a client waits before it comes back, and what it is told first.
const BEGIN: &[u8] = b"retry: 3000\n\n";
/// How often a silent stream says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A comment, which clients pass over.
const ALIVE: &[u8] = b": alive\n\n";

/// A stream of a caller's events.
pub struct EventStream {
    /// The product.
    pub app: Arc<App>,
    /// Whose events, as far as they may be seen.
    pub caller: Caller,
    /// Where the events come from.
    pub follower: Follower,
    /// Ends with the credentials.
    pub watched: Watched,
    /// The server stops.
    pub stop: CancellationToken,
}

impl EventStream {
    /// The stream as a body.
    pub fn into_body(self) -> Body {
        let first = stream::once(async { Ok::<_, Infallible>(Bytes::from_static(BEGIN)) });
        let rest = stream::unfold(self, |mut stream| async move {
            let piece = stream.next().await?;
            Some((Ok(piece), stream))
        });
        Body::from_stream(futures_util::StreamExt::chain(first, rest))
    }

    /// The next piece: all that waits, or a sign of life; none at the end.
    async fn next(&mut self) -> Option<Bytes> {
        let mut silence = std::pin::pin!(tokio::time::sleep(HEARTBEAT));
        loop {
            let events = tokio::select! {
                // In this order: what has ended shows nothing more.
                biased;
                () = self.watched.ended() => return None,
                () = self.stop.cancelled() => return None,
                events = self.follower.next(&self.app) => events,
                () = silence.as_mut() => return Some(Bytes::from_static(ALIVE)),
            };
            let events = match events {
                Ok(events) => events,
                Err(Stopped::TooSlow) => return None,
                Err(Stopped::Failed(error)) => {
                    // The client comes back behind the last event that it got.
                    error.for_client("");
                    return None;
                }
            };
            let piece = write(events.iter().filter(|live| self.shows(live)));
            if !piece.is_empty() {
                return Some(piece);
            }
        }
    }

    fn shows(&self, live: &Live) -> bool {
        live.channel.is_some_and(|channel| sees(&self.caller, channel))
    }
}

/// Each event with its id, its type and the very message that a WebSocket gets. None of the three can hold the end of a line.
fn write<'l>(events: impl Iterator<Item = &'l Arc<Live>>) -> Bytes {
    let mut piece = Vec::new();
    for live in events {
        let id = live.event.id.to_string();
        piece.reserve(live.message.len() + live.event.kind.len() + 64);
        let parts = [b"id: ", id.as_bytes(), b"\nevent: ", live.event.kind.as_bytes(), b"\ndata: "];
        parts.into_iter().for_each(|part| piece.extend_from_slice(part));
        piece.extend_from_slice(live.message.as_bytes());
        piece.extend_from_slice(b"\n\n");
    }
    piece.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mv_core::event::Recorded;
    use mv_core::{EventId, Timestamp, UserId};
    use uuid::Uuid;

    #[test]
    fn an_event_is_three_lines_and_a_blank_one() {
        let event = Recorded {
            position: 1,
            id: EventId::from_uuid(Uuid::from_u128(1)),
            owner: UserId::from_uuid(Uuid::from_u128(2)),
            kind: "media.updated".to_owned(),
            resource: "media_1".to_owned(),
            data: r#"{"id":"media_1"}"#.to_owned(),
            at: Timestamp::from_seconds(0),
        };
        let live = Arc::new(Live::new(event));
        let text = String::from_utf8(write([&live, &live].into_iter()).to_vec()).unwrap();
        let one = format!("id: {}\nevent: media.updated\ndata: {}\n\n", live.event.id, live.message);
        assert_eq!(text, format!("{one}{one}"));
        assert_eq!(one.lines().count(), 4);
    }
}
