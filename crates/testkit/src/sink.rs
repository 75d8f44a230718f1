//! A receiver of webhooks in this process: keeps what it is sent, answers as it is told, and checks signatures with a
//! library that is not ours.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use standardwebhooks::Webhook;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;

/// How long a test waits for what must come.
const SOON: Duration = Duration::from_secs(20);

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    /// The path and query.
    pub target: String,
    /// Headers, names in lower case.
    pub headers: HashMap<String, String>,
    /// The body's bytes as text.
    pub body: String,
    /// When all of it was there.
    pub at: Instant,
}

impl Received {
    /// The event's id.
    pub fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    /// The body.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The event's type.
    pub fn kind(&self) -> String {
        self.json()["event"].as_str().unwrap().to_owned()
    }

    /// Whether the library takes it, the time included, which must be that of this machine.
    pub fn verifies(&self, secret: &str) -> bool {
        let mut headers = http::HeaderMap::new();
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            headers.insert(name, self.headers[name].parse().unwrap());
        }
        Webhook::new(secret).unwrap().verify(self.body.as_bytes(), &headers).is_ok()
    }

    /// Whether one of its signatures is the one that the library makes, at whatever time.
    pub fn signed_by(&self, secret: &str) -> bool {
        let at: i64 = self.headers["webhook-timestamp"].parse().unwrap();
        let expected = Webhook::new(secret).unwrap().sign(self.id(), at, self.body.as_bytes()).unwrap();
        self.headers["webhook-signature"].split(' ').any(|signature| signature == expected)
    }
}

/// What it does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Answers with this status, these header lines and this body.
    Status(u16, Vec<(&'static str, String)>, String),
    /// Says nothing.
    Hang,
    /// Sends the head of a 200 and then a byte of the body now and then, without an end.
    Drip,
    /// Closes the connection.
    Close,
}

impl Reply {
    /// A status with nothing else.
    pub fn status(status: u16) -> Self {
        Self::Status(status, Vec::new(), String::new())
    }
}

type Behaviour = Box<dyn FnMut(&Received) -> Reply + Send>;

/// The receiver. Clones are the same one; it ends with the runtime.
#[derive(Clone)]
pub struct Sink {
    address: SocketAddr,
    received: watch::Sender<Vec<Received>>,
    behaviour: Arc<Mutex<Behaviour>>,
}

impl Sink {
    /// Starts one on a free port; it answers 204.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sink = Self {
            address: listener.local_addr().unwrap(),
            received: watch::Sender::default(),
            behaviour: Arc::new(Mutex::new(Box::new(|_| Reply::status(204)))),
        };
        let own = sink.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(own.clone().talk(stream));
            }
        });
        sink
    }

    /// From now on it does this.
    pub fn does(&self, behaviour: impl FnMut(&Received) -> Reply + Send + 'static) {
        *self.behaviour.lock().unwrap() = Box::new(behaviour);
    }

    /// From now on it answers so.
    pub fn answers(&self, reply: Reply) {
        self.does(move |_| reply.clone());
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// All that came so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.borrow().clone()
    }

    /// Waits until so many requests have come, and gives all.
    pub async fn wait_for(&self, count: usize) -> Vec<Received> {
        self.wait_until(&format!("{count} requests"), |received| received.len() >= count).await
    }

    /// Waits until what came is enough, and gives all.
    pub async fn wait_until(&self, what: &str, enough: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        let mut watched = self.received.subscribe();
        let waited = tokio::time::timeout(SOON, watched.wait_for(|received| enough(received))).await;
        match waited {
            Ok(received) => received.unwrap().clone(),
            Err(_) => panic!("no {what} came, but {:#?}", self.received()),
        }
    }

    async fn talk(self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        while let Some(received) = read(&mut stream).await {
            let reply = (self.behaviour.lock().unwrap())(&received);
            self.received.send_modify(|all| all.push(received));
            match reply {
                Reply::Status(status, headers, body) => {
                    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
                    let length =
                        if status == 204 { String::new() } else { format!("content-length: {}\r\n", body.len()) };
                    let text = format!("HTTP/1.1 {status} x\r\n{lines}{length}\r\n{body}");
                    if stream.get_mut().write_all(text.as_bytes()).await.is_err() {
                        return;
                    }
                }
                Reply::Hang => std::future::pending().await,
                Reply::Drip => {
                    let head = b"HTTP/1.1 200 x\r\ncontent-length: 1000000\r\n\r\n";
                    let mut open = stream.get_mut().write_all(head).await.is_ok();
                    while open {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        open = stream.get_mut().write_all(b".").await.is_ok();
                    }
                    return;
                }
                Reply::Close => return,
            }
        }
    }
}

/// The next request of a connection; none at its end.
async fn read(stream: &mut BufReader<TcpStream>) -> Option<Received> {
    let mut line = String::new();
    let mut next = async || {
        line.clear();
        match stream.read_line(&mut line).await {
            Ok(1..) => Some(line.trim_end().to_owned()),
            _ => None,
        }
    };
    let first = next().await?;
    let mut headers = HashMap::new();
    loop {
        let line = next().await?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let target = first.split(' ').nth(1)?.to_owned();
    Some(Received { target, headers, body: String::from_utf8(body).unwrap(), at: Instant::now() })
}
