//! Before the handshake is done: who is silent, slow or speaks something else holds nothing for long. Whole handshakes
//! are the binary's tests; here there is no certificate to show.

use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use super::*;

#[derive(Debug)]
struct NoCertificate;

impl ResolvesServerCert for NoCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}

fn encrypted() -> Options {
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(NoCertificate));
    Options { tls: Some(Arc::new(config)), ..quick() }
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_given_up() {
    let server = Running::start(encrypted()).await;
    let mut silent = server.connect().await;
    let mut half = server.connect().await;
    // The head of a record that announces a hello of 512 bytes (RFC 8446 section 5.1), and nothing of it.
    half.write_all(&[0x16, 3, 1, 2, 0]).await.unwrap();
    for socket in [&mut silent, &mut half] {
        assert_eq!(until_closed(socket).await, "");
    }
}

#[tokio::test]
async fn a_handshake_counts_as_a_connection() {
    let server = Running::start(Options { connections: 1, ..encrypted() }).await;
    let _silent = server.connect().await;
    let mut waiting = server.connect().await;
    waiting.write_all(GET.as_bytes()).await.unwrap();
    assert!(timeout(Duration::from_millis(200), waiting.read_u8()).await.is_err(), "its turn has not come");
    // After the silent one's time it is looked at, and told in TLS that it does not speak it (RFC 8446 section 6).
    assert_eq!(within(waiting.read_u8()).await.unwrap(), 0x15);
}

#[tokio::test]
async fn plain_http_gets_no_answer_in_http() {
    let server = Running::start(encrypted()).await;
    let mut socket = server.connect().await;
    socket.write_all(GET.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    within(socket.read_to_end(&mut all)).await.unwrap();
    assert_eq!((all.first(), all.len()), (Some(&0x15), 7), "one alert, then the end: {all:?}");
}

#[tokio::test]
async fn handshakes_do_not_hold_up_the_end() {
    let server = Running::start(Options { first_byte_timeout: Duration::from_secs(30), ..encrypted() }).await;
    let mut silent = server.connect().await;
    sleep(Duration::from_millis(100)).await;
    assert!(server.stop().await < Duration::from_millis(400));
    assert_eq!(until_closed(&mut silent).await, "");
}
