//! An HTTP/1.1 client made for measuring: prepared requests, keep-alive, answers read and mostly thrown away.
//! Promise: nothing of a body is copied before it is sent, and answers are checked without being parsed.
//! Not here: TLS, HTTP/2, redirects, compression, pipelining.

mod answer;
mod connection;
mod load;
mod request;

pub(crate) use answer::{Answer, Keep};
pub(crate) use connection::Connection;
pub(crate) use load::{Exchange, Load, Seen, burst, closed_loop};
pub(crate) use request::Request;

use std::net::SocketAddr;

use crate::error::{Doing, Result};

/// One request on a connection of its own, for preparing and checking outside the timed parts.
pub(crate) fn ask(address: SocketAddr, request: &Request, keep: Keep) -> Result<Answer> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().doing(|| "starting a client".to_owned())?;
    runtime
        .block_on(async {
            tokio::time::timeout(load::ANSWER_WITHIN, async {
                connection::Connection::open(address).await?.exchange(request, keep).await
            })
            .await
            .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
        })
        .doing(|| format!("asking {address} for {}", request.line()))
}
