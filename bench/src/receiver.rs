//! A receiver of webhooks: counts what comes and how old it is, answers 204.
//! Promise: signatures are not checked, so that it costs little beside what is measured. Not here: the API (`scenarios`).

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::error::{Doing, Result};

const TAKEN: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
const DAY: u64 = 86_400_000_000;

/// The receiver; it ends when dropped.
pub(crate) struct Receiver {
    address: SocketAddr,
    seen: Arc<Seen>,
    open: watch::Sender<bool>,
    _runtime: Runtime,
}

#[derive(Default)]
struct Seen {
    count: AtomicU64,
    /// Nanoseconds from the event's own time to its arrival.
    lags: Mutex<Vec<u64>>,
}

impl Receiver {
    /// Starts one; while it is not open it answers nothing.
    pub(crate) fn start(open: bool) -> Result<Receiver> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .doing(|| "starting a receiver".to_owned())?;
        let listener =
            runtime.block_on(TcpListener::bind("127.0.0.1:0")).doing(|| "listening for webhooks".to_owned())?;
        let address = listener.local_addr().doing(|| "listening for webhooks".to_owned())?;
        let (seen, open) = (Arc::<Seen>::default(), watch::Sender::new(open));
        let (counting, gate) = (Arc::clone(&seen), open.clone());
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, gate) = (Arc::clone(&counting), gate.subscribe());
                tokio::spawn(async move { drop(talk(stream, &seen, gate).await) });
            }
        });
        Ok(Receiver { address, seen, open, _runtime: runtime })
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// From now on it answers.
    pub(crate) fn open(&self) {
        self.open.send_replace(true);
    }

    /// How many came.
    pub(crate) fn count(&self) -> u64 {
        self.seen.count.load(Ordering::Acquire)
    }

    /// How old they were, in nanoseconds, ascending; from here on it begins anew.
    pub(crate) fn lags(&self) -> Vec<u64> {
        let mut lags = std::mem::take(&mut *self.seen.lags.lock().unwrap_or_else(PoisonError::into_inner));
        lags.sort_unstable();
        lags
    }
}

async fn talk(mut stream: TcpStream, seen: &Seen, mut gate: watch::Receiver<bool>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(4096);
    loop {
        let (length, body) = loop {
            if let Some(found) = whole(&buffer) {
                break found;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        let lag = buffer.get(body..length).and_then(time_of_day).map(|then| (time_of_now() + DAY - then) % DAY);
        seen.lags.lock().unwrap_or_else(PoisonError::into_inner).extend(lag.map(|lag| lag * 1000));
        let _ = gate.wait_for(|open| *open).await;
        seen.count.fetch_add(1, Ordering::AcqRel);
        stream.write_all(TAKEN).await?;
        buffer.drain(..length);
    }
}

/// The length of the first request, and where its body begins.
fn whole(buffer: &[u8]) -> Option<(usize, usize)> {
    let body = buffer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(buffer.get(..body)?).ok()?.to_ascii_lowercase();
    let length: usize = head.lines().find_map(|line| line.strip_prefix("content-length:"))?.trim().parse().ok()?;
    (buffer.len() >= body + length).then_some((body + length, body))
}

/// The time of day of the body's `timestamp`, `2026-11-25T11:14:42.677854Z`, in microseconds.
fn time_of_day(body: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, time) = text.rsplit_once("\"timestamp\":\"")?.1.split_once('T')?;
    let time = time.split_once('Z')?.0;
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    let seconds = clock.split(':').try_fold(0, |sum, part| Some(sum * 60 + part.parse::<u64>().ok()?))?;
    let micros: u64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    Some(seconds * 1_000_000 + micros)
}

fn time_of_now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(0) % DAY
}

#[cfg(test)]
mod tests {
    use super::time_of_day;

    #[test]
    fn times_are_read_from_bodies() {
        let at = |time: &str| time_of_day(format!(r#"{{"data":{{}},"timestamp":"2026-11-25T{time}"}}"#).as_bytes());
        assert_eq!(at("01:02:03.5Z"), Some(3_723_500_000));
        assert_eq!(at("00:00:01Z"), Some(1_000_000));
        assert_eq!(at("nonsense"), None);
    }
}
