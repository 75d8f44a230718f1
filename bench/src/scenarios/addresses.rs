//! A million addresses that each ask once or twice: what the count of requests costs, in time and above all in memory.
//! Alone: `mv-bench product --only "a million addresses"`. Promise: the server counts by the limits of `mediavault serve`, with this
//! machine as its proxy, so that `X-Forwarded-For` tells the address. Not here: refusals (`tests/limits`).

use super::{Context, product, start};
use crate::client::{Answer, Exchange, Keep, Request, burst};
use crate::error::Result;
use crate::figures::Figures;
use crate::subject::Subject;

const ADDRESSES: u32 = 1_000_000;
const CONNECTIONS: u32 = 16;

/// Asks once for each address, and once more for every other one.
pub(super) fn measure(subject: &mut Subject, context: &Context) -> Result<Figures> {
    let data = product::data_folder(context.settings);
    subject.server.end();
    let proxied = ["trusted_proxies=[\"127.0.0.1\"]".to_owned()];
    (subject.server, subject.ready, subject.idle_mib) = product::serve_with(context.settings, &data, &proxied)?;
    let each = ADDRESSES / CONNECTIONS;
    let asker = |number: u32| Box::new(Asker { next: number * each, asked: 0 }) as Box<dyn Exchange>;
    let seen = burst(&context.load(subject), (0..CONNECTIONS).map(asker).collect(), u64::from(each + each / 2))?;
    start::restart(subject, context)?;
    Ok(Figures::of_requests(seen))
}

/// One connection's share of the addresses.
struct Asker {
    next: u32,
    asked: u8,
}

impl Exchange for Asker {
    fn next(&mut self) -> (Request, Keep) {
        let address = std::net::Ipv4Addr::from_bits(0x1000_0000 + self.next);
        let wanted = if self.next.is_multiple_of(2) { 2 } else { 1 };
        self.asked += 1;
        if self.asked >= wanted {
            (self.next, self.asked) = (self.next + 1, 0);
        }
        let headers = format!("X-Forwarded-Proto: https\r\nX-Forwarded-For: {address}\r\n");
        (Request::get("/api/v1/server", &headers), Keep::Nothing)
    }

    fn judge(&mut self, answer: &Answer) -> std::result::Result<(), String> {
        if answer.status == 200 { Ok(()) } else { Err(answer.summary()) }
    }
}
