//! One WebSocket from its upgrade to its close (contract section 6).
//! Promises: messages are taken in the order sent, each answered before the next is read; events reach only those who may
//! see them, asked for each event; the connection ends with its credentials, with the server, and with a reader that
//! takes too little. An idle connection costs a few KiB: small buffers, and whatever happens seldom is on the heap only
//! while it happens.
//! Not here: the form of messages (`protocol`), where events come from (`mv_app::events`).

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, State};
use axum::http::header::{SEC_WEBSOCKET_VERSION, UPGRADE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use mv_app::App;
use mv_app::auth::access::Authenticated;
use mv_app::auth::watch::Watched;
use mv_app::events::audience::may_hear;
use mv_app::events::hub::Live;
use mv_app::events::replay::{Follower, Stopped};
use mv_core::event::Channel;
use mv_core::{Code, Error};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tungstenite::error::Error as WireError;

use super::origin;
use super::protocol::{Closing, Incoming, MAX_BAD, MAX_MESSAGE, Outgoing, Problem};
use super::subscriptions::Subscriptions;
use crate::error::ApiError;
use crate::extract::query::{NoParameters, Query};
use crate::server::Stopping;
use crate::state::AppState;

/// Of writing; the library's own 128 KiB would be the most of an idle connection.
const WRITE_BUFFER: usize = 4 * 1024;
/// Of reading: cleared at each look for a message, also where only an event has come, so it is no larger than messages mostly
/// are. Larger ones are read in several pieces.
const READ_BUFFER: usize = 512;
/// How long the other end has to answer a close.
const FAREWELL: Duration = Duration::from_secs(2);
/// Likewise where it has to read much before.
const FAREWELL_TO_SLOW: Duration = Duration::from_secs(10);
/// How long a connection stays open after a close that nobody can answer any more: closing at once would reset it, and the
/// reset can overtake the close.
const LINGER: Duration = Duration::from_secs(1);
/// So many pings in a row without any sign of life, and the other end is gone.
const MISSED: u8 = 2;

/// The pace of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How long a client has to authenticate.
    pub authenticate: Duration,
    /// How often the server asks whether the client lives.
    pub ping: Duration,
    /// How long a client may take nothing while more waits for it than its queue holds.
    pub stuck: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { authenticate: Duration::from_secs(10), ping: Duration::from_secs(30), stuck: Duration::from_secs(5) }
    }
}

/// Opens a WebSocket. Credentials come in its first message, never in the address.
pub(crate) async fn open(
    State(state): State<AppState>,
    Extension(Stopping(stopping, tasks)): Extension<Stopping>,
    headers: HeaderMap,
    Query(()): Query<NoParameters>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let upgrade = upgrade.map_err(|_| no_handshake())?;
    origin::check(&headers, &state.app.options().public_url, &state.wire.allowed_origins)?;
    let place = Arc::clone(&state.sockets).try_acquire_owned().map_err(|_| no_room())?;
    let upgrade = upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE);
    let waited_for = tasks.token();
    // Each has a token of its own below the server's, so that thousands do not meet at one lock.
    let stopping = stopping.child_token();
    Ok(upgrade.on_upgrade(move |socket| async move {
        Connection::new(state, socket).run(stopping).await;
        drop((waited_for, place));
    }))
}

fn no_room() -> Error {
    let message = "The server keeps as many connections open as it can";
    Error::new(Code::ServiceUnavailable, message).retry_after(Duration::from_secs(10))
}

/// A plain request, or a version of the protocol that is not spoken (RFC 6455 section 4.4).
fn no_handshake() -> ApiError {
    ApiError::from(Error::invalid("Upgrade", "This address takes WebSocket connections only"))
        .with(UPGRADE, HeaderValue::from_static("websocket"))
        .with(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"))
}

/// How a connection ends.
#[derive(Debug)]
enum End {
    /// The other end has closed it or is gone.
    Gone,
    /// The server closes it.
    Close(Closing),
    /// Likewise, where nothing can be read any more.
    Fail(Closing),
}

/// Who a client has shown to be.
struct Member {
    authenticated: Arc<Authenticated>,
    watched: Watched,
}

/// One connection.
struct Connection {
    state: AppState,
    socket: WebSocket,
    member: Option<Member>,
    follower: Option<Box<Follower>>,
    subscriptions: Subscriptions,
    bad: u8,
    unanswered: u8,
}

/// What comes next on a connection.
enum Next {
    Received(Option<Result<Message, axum::Error>>),
    Happened(Result<Vec<Arc<Live>>, Stopped>),
    Time,
}

impl Connection {
    fn new(state: AppState, socket: WebSocket) -> Self {
        let subscriptions = Subscriptions::default();
        Self { state, socket, member: None, follower: None, subscriptions, bad: 0, unanswered: 0 }
    }

    /// Serves it to its end.
    async fn run(mut self, stopping: CancellationToken) {
        let Err(end) = self.serve(&stopping).await;
        self.end(end).await;
    }

    /// Takes what comes until the connection must end.
    async fn serve(&mut self, stopping: &CancellationToken) -> Result<std::convert::Infallible, End> {
        let pace = self.state.pace;
        let mut timer = std::pin::pin!(sleep(pace.authenticate));
        let mut stopped = std::pin::pin!(stopping.cancelled());
        loop {
            let app = &self.state.app;
            let next = tokio::select! {
                // In this order: what has ended shows nothing more, and what a client asks goes before what it is told.
                biased;
                () = stopped.as_mut() => return Err(End::Close(Closing::STOPPING)),
                () = ended(self.member.as_ref()) => return Err(End::Close(Closing::ENDED)),
                received = self.socket.next() => Next::Received(received),
                events = happened(self.follower.as_deref_mut(), app) => Next::Happened(events),
                () = timer.as_mut() => Next::Time,
            };
            match next {
                Next::Received(received) => {
                    let was_nobody = self.member.is_none();
                    let taken = self.take(received, stopping);
                    // What is done for a message is large and seldom: on the heap while it lasts.
                    Box::pin(taken).await?;
                    if was_nobody && self.member.is_some() {
                        timer.as_mut().reset(Instant::now() + pace.ping);
                    }
                }
                Next::Happened(events) => self.tell(events, stopping).await?,
                Next::Time => {
                    if self.member.is_none() {
                        return Err(End::Close(Closing::SILENT));
                    }
                    if self.unanswered >= MISSED {
                        return Err(End::Gone);
                    }
                    self.unanswered += 1;
                    self.send(Message::Ping(Bytes::new()), stopping).await?;
                    timer.as_mut().reset(Instant::now() + pace.ping);
                }
            }
        }
    }

    /// Takes one message, or the end of messages.
    async fn take(
        &mut self,
        received: Option<Result<Message, axum::Error>>,
        stopping: &CancellationToken,
    ) -> Result<(), End> {
        let message = received.ok_or(End::Gone)?.map_err(failed)?;
        self.unanswered = 0;
        let text = match message {
            Message::Text(text) => text,
            Message::Binary(_) => return Err(End::Close(Closing::BINARY)),
            // The library answers a ping and a close by itself.
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Close(_) => return Err(End::Gone),
        };
        let done = match Incoming::parse(&text) {
            Ok(Incoming::Auth { token }) => return self.authenticate(&token, stopping).await,
            Ok(Incoming::Ping {}) => Ok(Outgoing::Pong.text()),
            Ok(Incoming::Subscribe { channel, resource_id, since }) => {
                self.subscribe(channel, resource_id.as_deref(), since.as_deref()).await
            }
            Ok(Incoming::Unsubscribe { channel, resource_id }) => {
                self.subscriptions.remove(channel, resource_id.as_deref());
                return Ok(());
            }
            Err(error) => {
                self.bad += 1;
                self.answer(refusal(&error), stopping).await?;
                return if self.bad >= MAX_BAD { Err(End::Close(Closing::NONSENSE)) } else { Ok(()) };
            }
        };
        self.answer(done.unwrap_or_else(|error| refusal(&error)), stopping).await
    }

    /// Finds out who it is. May be asked again by the same user, before the access token ends.
    async fn authenticate(&mut self, token: &str, stopping: &CancellationToken) -> Result<(), End> {
        let checked = self.state.app.authenticate(token).await.and_then(|authenticated| {
            let known = self.member.as_ref().map(|member| member.authenticated.user.id);
            if known.is_some_and(|known| known != authenticated.user.id) {
                return Err(Error::new(Code::Forbidden, "Another user needs another connection").into());
            }
            // The old watch goes first: it would count as another open connection.
            self.member = None;
            let watched = self.state.app.watch(&authenticated)?;
            Ok(Member { authenticated, watched })
        });
        match checked.map_err(for_client) {
            Ok(member) => {
                let told = Outgoing::Authenticated {
                    user_id: member.authenticated.user.id,
                    expires_at: member.watched.until(),
                };
                let text = told.text();
                self.member = Some(member);
                self.answer(text, stopping).await
            }
            Err(error) => {
                self.answer(refusal(&error), stopping).await?;
                Err(End::Close(match error.code {
                    Code::Forbidden => Closing::FORBIDDEN,
                    Code::RateLimited => Closing::TOO_MANY,
                    Code::Unauthorized => Closing::UNAUTHORIZED,
                    _ => Closing::TRY_LATER,
                }))
            }
        }
    }

    /// Begins a subscription; gives the answer.
    async fn subscribe(
        &mut self,
        channel: Channel,
        resource: Option<&str>,
        since: Option<&str>,
    ) -> Result<String, Error> {
        let member = self.member.as_ref().ok_or_else(|| Error::unauthorized("Authenticate first"))?;
        if self.subscriptions.is_full() {
            return Err(Error::new(Code::ValidationError, "A connection has at most 1000 subscriptions"));
        }
        let (app, caller) = (&self.state.app, member.authenticated.caller);
        app.may_follow(&caller, channel, resource).await.map_err(for_client)?;
        let user = caller.user();
        let since = match since {
            Some(since) => Some(app.position_since(user, since).await.map_err(for_client)?),
            None => None,
        };
        let follower = match &mut self.follower {
            Some(follower) => follower,
            none => none.insert(Box::new(app.follow(user, since).await.map_err(for_client)?)),
        };
        let reader = follower.reach(app);
        let from = since.unwrap_or(reader);
        let cursor = app.position_cursor(user, from).map_err(for_client)?;
        self.subscriptions.add(channel, resource, from, reader);
        follower.rewind(from);
        Ok(Outgoing::Subscribed { channel: channel.as_str(), resource_id: resource, cursor: &cursor }.text())
    }

    /// Sends events on, as many as there are in one go.
    async fn tell(&mut self, events: Result<Vec<Arc<Live>>, Stopped>, stopping: &CancellationToken) -> Result<(), End> {
        let events = match events {
            Ok(events) => events,
            Err(Stopped::TooSlow) => {
                // It takes what it is sent, else it would have been let go meanwhile: the rest is read at its own pace.
                self.follower.iter_mut().for_each(|follower| follower.catch_up());
                return Ok(());
            }
            Err(Stopped::Failed(error)) => {
                for_client(error);
                return Err(End::Close(Closing::TRY_LATER));
            }
        };
        let Self { state, socket, member: Some(member), follower, subscriptions, .. } = self else { return Ok(()) };
        let caller = &member.authenticated.caller;
        let is_due = |live: &Arc<Live>| {
            let position = live.event.position;
            let wanted = live.channel.is_some_and(|it| subscriptions.want(it, &live.event.resource, position));
            wanted && may_hear(caller, live)
        };
        let sent = async {
            for live in events.into_iter().filter(is_due) {
                socket.feed(Message::Text(shared(live))).await?;
            }
            socket.flush().await
        };
        sending(sent, (Some(member), follower.as_deref()), stopping, state.pace.stuck).await
    }

    async fn answer(&mut self, text: String, stopping: &CancellationToken) -> Result<(), End> {
        self.send(Message::Text(text.into()), stopping).await
    }

    async fn send(&mut self, message: Message, stopping: &CancellationToken) -> Result<(), End> {
        let sent = self.socket.send(message);
        sending(sent, (self.member.as_ref(), self.follower.as_deref()), stopping, self.state.pace.stuck).await
    }

    /// Ends the connection in order.
    async fn end(&mut self, end: End) {
        let (Closing(code, reason), can_read) = match end {
            End::Close(closing) => (closing, true),
            End::Fail(closing) => (closing, false),
            End::Gone => {
                // What is left to say is the answer to the other end's close.
                let _closed = timeout(FAREWELL, self.socket.close()).await;
                return;
            }
        };
        // Nothing more of it counts as open, and nothing more waits for it.
        self.member = None;
        self.follower = None;
        let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        // One that has been slow gets time to come to the end of what was sent, which costs nothing more here.
        let patience = if code == Closing::TOO_SLOW.0 { FAREWELL_TO_SLOW } else { FAREWELL };
        let closed = timeout(patience, async {
            self.socket.send(Message::Close(Some(frame))).await?;
            if can_read {
                while let Some(Ok(_)) = self.socket.next().await {}
            } else {
                sleep(LINGER).await;
            }
            Ok::<_, axum::Error>(())
        });
        if !matches!(closed.await, Ok(Ok(()))) {
            tracing::debug!(code, "a WebSocket did not answer its close");
        }
    }
}

/// Waits until the client's credentials have ended; for nobody, for ever.
async fn ended(member: Option<&Member>) {
    match member {
        Some(member) => member.watched.ended().await,
        None => std::future::pending().await,
    }
}

/// The next events of one who follows; of others, none.
async fn happened(follower: Option<&mut Follower>, app: &App) -> Result<Vec<Arc<Live>>, Stopped> {
    match follower {
        Some(follower) => follower.next(app).await,
        None => std::future::pending().await,
    }
}

/// Waits until something is sent, or there is no more sense in it.
async fn sending(
    sent: impl Future<Output = Result<(), axum::Error>>,
    (member, follower): (Option<&Member>, Option<&Follower>),
    stopping: &CancellationToken,
    patience: Duration,
) -> Result<(), End> {
    let stuck = async {
        match follower {
            Some(follower) => follower.overflowed().await,
            None => std::future::pending().await,
        }
        sleep(patience).await;
    };
    tokio::select! {
        biased;
        sent = sent => sent.map_err(failed),
        () = stopping.cancelled() => Err(End::Close(Closing::STOPPING)),
        () = ended(member) => Err(End::Close(Closing::ENDED)),
        () = stuck => Err(End::Close(Closing::TOO_SLOW)),
    }
}

/// How a connection ends on which reading or writing has failed.
fn failed(error: axum::Error) -> End {
    let Ok(error) = error.into_inner().downcast::<WireError>() else { return End::Gone };
    match *error {
        WireError::Capacity(_) => End::Fail(Closing::TOO_BIG),
        WireError::Utf8(_) => End::Fail(Closing::NOT_TEXT),
        WireError::Protocol(_) => End::Fail(Closing::BROKEN),
        _ => End::Gone,
    }
}

/// The one text of an event, for one more connection.
fn shared(live: Arc<Live>) -> Utf8Bytes {
    struct Text(Arc<Live>);
    impl AsRef<[u8]> for Text {
        fn as_ref(&self) -> &[u8] {
            self.0.message.as_bytes()
        }
    }
    // It is text, so it is UTF-8.
    Utf8Bytes::try_from(Bytes::from_owner(Text(live))).unwrap_or_default()
}

/// The error for the client; its cause goes to the log.
fn for_client(error: mv_app::Error) -> Error {
    error.for_client("")
}

/// A message has no place for details: the first one is told instead of the sentence above all.
fn refusal(error: &Error) -> String {
    let code = error.code.as_str();
    match error.details.first() {
        Some(detail) => {
            let message = &format!("{}: {}", detail.field, detail.message);
            Outgoing::Error { error: Problem { code, message } }.text()
        }
        None => Outgoing::Error { error: Problem { code, message: &error.message } }.text(),
    }
}
