//! The client for URLs that users name: checks them, and makes one POST under one deadline.
//! Promise: every connection goes to an address that was judged for it; no proxies, redirects, cookies, caches or
//! decompression; at most `MOST_BODY` bytes of an answer are kept, and few more are read (`connection`).

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Version, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use mv_core::{Error, Timestamp};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use url::{Host, Position, Url};

use super::connection::Connection;
use super::guard::{Own, Policy, Refusal, Target};
use super::pool::Pool;
use super::resolver::{Asker, Resolver};

/// How long a name may take to be looked up where a user waits for it.
const LOOKUP: Duration = Duration::from_secs(5);
/// How long the addresses of the server's own names are believed.
const OWN_HOLDS: Duration = Duration::from_secs(60);
/// How long the lookup of one of them may take.
const OWN_LOOKUP: Duration = Duration::from_secs(2);
/// The most bytes of an answer's body that are kept.
pub const MOST_BODY: usize = 64 * 1024;

/// Makes requests to URLs that users name. Clones are the same client.
#[derive(Clone)]
pub struct Outgoing(Arc<Inner>);

struct Inner {
    policy: Policy,
    resolver: Resolver,
    own: Mutex<Option<(Instant, Arc<[IpAddr]>)>>,
    tls: TlsConnector,
    pool: Pool,
}

/// What became of a request.
#[derive(Debug)]
pub struct Exchange {
    /// The answer, or why there is none.
    pub outcome: Result<Answer, Failure>,
    /// How long it took.
    pub took: Duration,
}

/// An answer. Redirects are answers too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status, 100 to 999.
    pub status: u16,
    /// When it asks to be tried again.
    pub retry_after: Option<RetryAfter>,
    /// The beginning of its body as it was sent, at most `MOST_BODY` bytes.
    pub body: Vec<u8>,
}

/// The header `Retry-After` (RFC 9110 section 10.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// So much later.
    In(Duration),
    /// Not before then.
    At(Timestamp),
}

impl RetryAfter {
    /// How long to wait from now on.
    pub fn wait(self, now: Timestamp) -> Duration {
        match self {
            Self::In(span) => span,
            Self::At(then) => then.since(now),
        }
    }

    fn of(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(Self::In(Duration::from_secs(text.parse().unwrap_or(u64::from(u32::MAX)))));
        }
        Timestamp::parse_http(text).map(Self::At)
    }
}

/// Why there is no answer, in words for who named the URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The URL or an address of its name may not be reached; nothing was sent.
    Blocked,
    /// The name has no address.
    NameNotFound,
    /// No address took the connection.
    ConnectFailed,
    /// No encrypted connection came about, or its certificate does not hold.
    TlsFailed,
    /// The whole took longer than it may.
    TimedOut,
    /// The connection ended before an answer.
    ConnectionLost,
    /// What came is no answer of HTTP, or its head is too long.
    BadAnswer,
}

impl Failure {
    /// One word, as the delivery log tells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::NameNotFound => "name_not_found",
            Self::ConnectFailed => "connect_failed",
            Self::TlsFailed => "tls_failed",
            Self::TimedOut => "timed_out",
            Self::ConnectionLost => "connection_lost",
            Self::BadAnswer => "bad_answer",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for Failure {}

impl Outgoing {
    /// A client that trusts the certificates of Mozilla's list, which is compiled in.
    ///
    /// # Errors
    /// Internal, where the library of TLS has no safe versions.
    pub fn new(policy: Policy, resolver: Resolver) -> crate::Result<Self> {
        Self::trusting(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }, policy, resolver)
    }

    /// The same that trusts other certificates.
    pub(super) fn trusting(roots: RootCertStore, policy: Policy, resolver: Resolver) -> crate::Result<Self> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(crate::Error::internal)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let tls = TlsConnector::from(Arc::new(config));
        Ok(Self(Arc::new(Inner { policy, resolver, own: Mutex::default(), tls, pool: Pool::default() })))
    }

    /// Checks a URL that a user names: its form, its port, and every address that its name has now. Returns it in normal
    /// form.
    ///
    /// # Errors
    /// `validation_error` on `field`. A name without addresses and one with private addresses are told alike, so that
    /// nobody learns which names this network has.
    pub async fn check(&self, field: &'static str, url: &str) -> Result<Url, Error> {
        let invalid = |refusal: Refusal| Error::invalid(field, refusal.to_string());
        let target = self.0.policy.target(url).map_err(invalid)?;
        match timeout(LOOKUP, self.addresses(&target, Asker::User)).await {
            Ok(Ok(_)) => Ok(target.url),
            Ok(Err(Refused::Policy(Refusal::Own))) => Err(invalid(Refusal::Own)),
            Ok(Err(Refused::Policy(_) | Refused::NotFound)) | Err(_) => Err(Error::invalid(
                field,
                "Must have a host that can be found, at addresses of the public internet only",
            )),
        }
    }

    /// Posts the body to a URL that was checked once, and judges it anew. `limit` holds for all of it: lookup, connection,
    /// TLS, answer and its body. An answer whose body is too long, or ends too early, is cut and counts; one whose body
    /// does not end in time does not.
    pub async fn post(&self, url: &str, headers: HeaderMap, body: Bytes, limit: Duration) -> Exchange {
        let begun = Instant::now();
        let outcome = match timeout(limit, self.exchange(url, headers, body)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::TimedOut),
        };
        Exchange { outcome, took: begun.elapsed() }
    }

    async fn exchange(&self, url: &str, headers: HeaderMap, body: Bytes) -> Result<Answer, Failure> {
        let target = self.0.policy.target(url).map_err(|_| Failure::Blocked)?;
        let request = request(&target, headers, body)?;
        if let Some(held) = self.0.pool.take(target.origin()).await {
            match self.send(held, &target, request.clone()).await {
                // The receiver closed what waited as we took it: one new connection is worth a try.
                Err(Failure::ConnectionLost) => {}
                outcome => return outcome,
            }
        }
        let connection = self.connect(&target).await?;
        self.send(connection, &target, request).await
    }

    async fn connect(&self, target: &Target) -> Result<Connection, Failure> {
        let addresses = self.addresses(target, Asker::Delivery).await.map_err(|refused| match refused {
            Refused::Policy(_) => Failure::Blocked,
            Refused::NotFound => Failure::NameNotFound,
        })?;
        let tls = match target.is_secure() {
            true => Some((&self.0.tls, server_name(&target.host).ok_or(Failure::TlsFailed)?)),
            false => None,
        };
        Connection::open(&addresses, tls).await
    }

    /// Every address of the target, all of them allowed.
    async fn addresses(&self, target: &Target, asker: Asker) -> Result<Vec<SocketAddr>, Refused> {
        let found = async {
            match &target.host {
                Host::Ipv4(address) => vec![IpAddr::V4(*address)],
                Host::Ipv6(address) => vec![IpAddr::V6(*address)],
                Host::Domain(name) => self.0.resolver.lookup(name, asker).await,
            }
        };
        let (found, own) = tokio::join!(found, self.own_addresses());
        if found.is_empty() {
            return Err(Refused::NotFound);
        }
        self.0.policy.judge(target.port, &found, &own).map_err(Refused::Policy)?;
        Ok(found.into_iter().map(|address| SocketAddr::new(address, target.port)).collect())
    }

    /// The addresses that the server's own names have: behind a router they are not this machine's.
    async fn own_addresses(&self) -> Arc<[IpAddr]> {
        let held = self.0.own.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((since, addresses)) = held
            && since.elapsed() < OWN_HOLDS
        {
            return addresses;
        }
        let mut all = Vec::new();
        for own in &self.0.policy.own {
            if let Own::Public { host, .. } = own
                && self.0.policy.is_strict()
                && Host::parse(host).is_ok_and(|host| matches!(host, Host::Domain(_)))
            {
                all.extend(
                    timeout(OWN_LOOKUP, self.0.resolver.lookup(host, Asker::Delivery)).await.unwrap_or_default(),
                );
            }
        }
        let all: Arc<[IpAddr]> = all.into_iter().map(|address| address.to_canonical()).collect();
        *self.0.own.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), all.clone()));
        all
    }

    /// One exchange over an open connection, which waits for the next one afterwards.
    async fn send(
        &self,
        mut connection: Connection,
        target: &Target,
        request: Request<Full<Bytes>>,
    ) -> Result<Answer, Failure> {
        connection.begin();
        let response = connection.sender.send_request(request).await.map_err(|error| {
            let bad = error.is_parse() || error.is_parse_too_large() || connection.is_spent();
            if bad { Failure::BadAnswer } else { Failure::ConnectionLost }
        })?;
        let (head, body) = response.into_parts();
        let (body, whole) = beginning(body).await;
        if whole && keeps(&head) {
            self.0.pool.put(target.origin(), connection);
        }
        Ok(Answer { status: head.status.as_u16(), retry_after: RetryAfter::of(&head.headers), body })
    }
}

/// Why a target has no addresses to connect to.
enum Refused {
    Policy(Refusal),
    NotFound,
}

/// Whether the receiver keeps the connection open after this answer (RFC 9112 section 9.3). The few of HTTP/1.0 that might
/// are not worth asking.
fn keeps(head: &http::response::Parts) -> bool {
    let closes = head.headers.get_all(header::CONNECTION).iter().any(|value| {
        let words = value.to_str().unwrap_or("close");
        words.split(',').any(|word| word.trim().eq_ignore_ascii_case("close"))
    });
    head.version == Version::HTTP_11 && !closes
}

/// The beginning of a body, and whether that is all of it.
async fn beginning(mut body: Incoming) -> (Vec<u8>, bool) {
    let mut kept = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return (kept, false) };
        // Trailers are of no interest.
        let Ok(data) = frame.into_data() else { continue };
        let room = MOST_BODY.saturating_sub(kept.len());
        kept.extend_from_slice(data.get(..room).unwrap_or(&data));
        if kept.len() >= MOST_BODY {
            return (kept, data.len() <= room && hyper::body::Body::is_end_stream(&body));
        }
    }
    (kept, true)
}

fn request(target: &Target, headers: HeaderMap, body: Bytes) -> Result<Request<Full<Bytes>>, Failure> {
    let host = HeaderValue::from_str(&target.url[Position::BeforeHost..Position::AfterPort]);
    let mut request = Request::post(&target.url[Position::BeforePath..Position::AfterQuery])
        .body(Full::new(body))
        .map_err(|_| Failure::Blocked)?;
    *request.headers_mut() = headers;
    request.headers_mut().insert(header::HOST, host.map_err(|_| Failure::Blocked)?);
    Ok(request)
}

fn server_name(host: &Host<String>) -> Option<ServerName<'static>> {
    match host {
        Host::Ipv4(address) => Some(ServerName::from(IpAddr::V4(*address))),
        Host::Ipv6(address) => Some(ServerName::from(IpAddr::V6(*address))),
        // Certificates have no dot at the end of a name.
        Host::Domain(name) => ServerName::try_from(name.strip_suffix('.').unwrap_or(name).to_owned()).ok(),
    }
}

#[cfg(test)]
mod tests;
