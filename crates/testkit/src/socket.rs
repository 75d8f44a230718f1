//! A client of the WebSocket, which a test drives message by message.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::{HeaderName, HeaderValue, Request};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async, connect_async};

use crate::client::Actor;
use crate::server::Server;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection.
pub struct Socket(pub WebSocketStream<MaybeTlsStream<TcpStream>>);

/// Why a connection was not made: the status and the body.
#[derive(Debug)]
pub struct Refused {
    /// The status.
    pub status: u16,
    /// The answer's headers.
    pub headers: http::HeaderMap,
}

impl Socket {
    /// Connects to `/realtime`, without a word.
    pub async fn open(server: &Server) -> Self {
        Self::try_open(server, "/realtime", &[]).await.expect("the WebSocket opens")
    }

    /// Connects to a path, with further headers.
    ///
    /// # Errors
    /// The answer, where it is no upgrade.
    pub async fn try_open(server: &Server, path: &str, headers: &[(&str, &str)]) -> Result<Self, Refused> {
        let url = format!("ws://{}{path}", server.address());
        let mut request: Request<()> = url.into_client_request().unwrap();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, HeaderValue::from_str(value).unwrap());
        }
        match connect_async(request).await {
            Ok((socket, answer)) => {
                assert_eq!(answer.headers().get("sec-websocket-extensions"), None, "nothing is compressed");
                Ok(Self(socket))
            }
            Err(Error::Http(answer)) => {
                Err(Refused { status: answer.status().as_u16(), headers: answer.headers().clone() })
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Connects to `/realtime`, with little room for what comes and is not read.
    pub async fn narrow(server: &Server) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(32 * 1024).unwrap();
        let stream = socket.connect(server.address()).await.expect("a connection");
        let url = format!("ws://{}/realtime", server.address());
        let (socket, _) = client_async(url, MaybeTlsStream::Plain(stream)).await.expect("the WebSocket opens");
        Self(socket)
    }

    /// Connects and authenticates.
    pub async fn of(actor: &Actor) -> Self {
        let mut socket = Self::open(&actor.server).await;
        socket.authenticate(actor.token.as_deref().unwrap()).await;
        socket
    }

    /// Authenticates, successfully.
    pub async fn authenticate(&mut self, token: &str) -> Value {
        self.say(json!({ "type": "auth", "token": token })).await;
        let told = self.hear().await;
        assert_eq!(told["type"], "authenticated", "{told}");
        told
    }

    /// Subscribes, successfully, and gives the cursor.
    pub async fn subscribe(&mut self, channel: &str, resource: Option<&str>, since: Option<&str>) -> String {
        let mut message = json!({ "type": "subscribe", "channel": channel });
        message.as_object_mut().unwrap().extend(
            [("resource_id", resource), ("since", since)]
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?.into()))),
        );
        self.say(message).await;
        let told = self.hear().await;
        assert_eq!((&told["type"], &told["channel"]), (&"subscribed".into(), &channel.into()), "{told}");
        assert_eq!(told["resource_id"], resource.map_or(Value::Null, Into::into));
        told["cursor"].as_str().unwrap().to_owned()
    }

    /// Sends a message.
    pub async fn say(&mut self, message: Value) {
        self.say_text(&message.to_string()).await;
    }

    /// Sends any text.
    pub async fn say_text(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.expect("the message is sent");
    }

    /// The next message.
    pub async fn hear(&mut self) -> Value {
        self.hear_or_end(PATIENCE).await.unwrap_or_else(|end| panic!("no message but {end:?}"))
    }

    /// The next message that is an event.
    pub async fn event(&mut self) -> Value {
        let told = self.hear().await;
        assert_eq!(told["type"], "event", "{told}");
        told
    }

    /// The next message that is an error: its code.
    pub async fn error(&mut self) -> String {
        let told = self.hear().await;
        assert_eq!(told["type"], "error", "{told}");
        assert!(told["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{told}");
        told["error"]["code"].as_str().unwrap().to_owned()
    }

    /// The next message within a time; else the code of the close, 1006 where it came without one, 0 where nothing came.
    ///
    /// # Errors
    /// The code.
    pub async fn hear_or_end(&mut self, wait: Duration) -> Result<Value, u16> {
        let until = Instant::now() + wait;
        loop {
            match timeout_at(until, self.0.next()).await {
                Err(_) => return Err(0),
                Ok(Some(Ok(Message::Text(text)))) => return Ok(serde_json::from_str(&text).expect("JSON")),
                Ok(Some(Ok(Message::Close(frame)))) => return Err(frame.map_or(1005, |frame| frame.code.into())),
                Ok(Some(Ok(_))) => {}
                Ok(None | Some(Err(_))) => return Err(1006),
            }
        }
    }

    /// The code of the close, which must be the next that comes.
    pub async fn closed(&mut self) -> u16 {
        match self.hear_or_end(PATIENCE).await {
            Ok(told) => panic!("no close but {told}"),
            Err(code) => code,
        }
    }

    /// Makes sure that nothing came so far: whatever was on its way is there before the answer to a ping.
    pub async fn hear_nothing(&mut self) {
        tokio::time::sleep(Duration::from_millis(150)).await;
        self.say(json!({ "type": "ping" })).await;
        let told = self.hear().await;
        assert_eq!(told, json!({ "type": "pong" }));
    }

    /// Closes it in order.
    pub async fn leave(mut self) {
        let _closed = timeout(PATIENCE, self.0.close(None)).await;
    }
}
