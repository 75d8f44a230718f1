//! A server with nothing behind it: constant answers, bodies read and dropped. What it reaches on this machine is the
//! floor of every request, and shows how far the client itself reaches.
//! Promise: axum and hyper as the product uses them (HTTP/1.1, TCP_NODELAY), two workers at most.
//! Not here: time-outs, limits, envelope.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use http_body_util::BodyExt;

use crate::error::{Doing, Result};

/// Length of the ready page: about what 20 items of `GET /media` take.
const PAGE_BYTES: usize = 14 * 1024;

/// Serves on `127.0.0.1:port` until the process is ended.
pub(crate) fn serve(port: u16) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(crate::machine::cores().min(2))
        .enable_all()
        .build()
        .doing(|| "starting the runtime".to_owned())?;
    runtime.block_on(async {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .doing(|| format!("listening on {address}"))?
            .tap_io(|socket| {
                // Without it only latency suffers, and visibly so.
                let _ = socket.set_nodelay(true);
            });
        axum::serve(listener, routes()).await.doing(|| "serving".to_owned())
    })
}

fn routes() -> Router {
    let page = Bytes::from(ready_page());
    Router::new()
        .route("/hello", get(async || "hello"))
        .route("/page", get(async move || ([(header::CONTENT_TYPE, "application/json")], page.clone())))
        .route("/drop", post(drop_body))
}

async fn drop_body(mut body: Body) -> StatusCode {
    while let Some(frame) = body.frame().await {
        if frame.is_err() {
            return StatusCode::BAD_REQUEST;
        }
    }
    StatusCode::CREATED
}

fn ready_page() -> Vec<u8> {
    let mut page = b"{\"success\":true,\"data\":\"".to_vec();
    page.resize(PAGE_BYTES - 2, b'x');
    page.extend_from_slice(b"\"}");
    page
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_is_json_of_the_promised_length() {
        let page = super::ready_page();
        assert_eq!(page.len(), super::PAGE_BYTES);
        assert!(serde_json::from_slice::<serde_json::Value>(&page).is_ok());
    }
}
