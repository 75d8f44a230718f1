//! `mediavault health`: asks the server of this machine whether it is ready, for container health checks.
//! Promises: speaks TLS where the server does, at most 4 KiB read, no step longer than [`PATIENCE`]. Not here: what ready means (`http`).

use crate::settings::{PublicUrl, Settings, Tls};
use crate::tls::probe;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long connecting, writing and each read may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A status line is far shorter than this; whoever sends more is not our server.
const MOST_BYTES: u64 = 4096;

/// The server did not say that it is ready.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// It cannot be reached.
    #[error("not ready: no answer from {address}")]
    Unreachable {
        /// Where it was asked.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It says no.
    #[error("not ready: {address} answers {status}")]
    Refused {
        /// Where it was asked.
        address: SocketAddr,
        /// The HTTP status.
        status: u16,
    },
    /// Something else listens there.
    #[error("not ready: {address} does not speak HTTP")]
    NotHttp {
        /// Where it was asked.
        address: SocketAddr,
    },
}

/// Asks `/health/ready` where these settings make the server listen, and writes one line if it is ready.
pub fn run(settings: &Settings, output: &mut impl Write) -> Result<(), NotReady> {
    let address = reachable(settings.listen);
    let url = settings.public_url_at(settings.listen);
    let answer =
        ask(address, &url, settings.tls != Tls::Off).map_err(|source| NotReady::Unreachable { address, source })?;
    match status(&answer) {
        Some(200) => {
            // A closed stdout does not make the server less ready.
            let _ = writeln!(output, "ready");
            Ok(())
        }
        Some(status) => Err(NotReady::Refused { address, status }),
        None => Err(NotReady::NotHttp { address }),
    }
}

/// A wildcard address is reached by the loopback address of its family.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// The beginning of the answer. The `Host` is the one people use, since others may be refused with 421.
fn ask(address: SocketAddr, url: &PublicUrl, encrypted: bool) -> io::Result<Vec<u8>> {
    let socket = TcpStream::connect_timeout(&address, PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    match encrypted {
        true => ask_over(probe::over(socket, url.host())?, &url.authority()),
        false => ask_over(socket, &url.authority()),
    }
}

fn ask_over(mut stream: impl Read + Write, host: &str) -> io::Result<Vec<u8>> {
    let request = format!("GET /health/ready HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    let mut buffer = [0; 512];
    let mut stream = stream.take(MOST_BYTES);
    while !answer.contains(&b'\n') {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        answer.extend(buffer.iter().take(read));
    }
    Ok(answer)
}

/// The code of a status line (RFC 9112 section 4).
fn status(answer: &[u8]) -> Option<u16> {
    let line = answer.split(|byte| *byte == b'\n').next()?;
    let rest = std::str::from_utf8(line).ok()?.strip_prefix("HTTP/1.")?;
    let code = rest.split(' ').nth(1)?.trim_end();
    if code.len() == 3 { code.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Flag, Sources};
    use std::net::TcpListener;

    fn settings(listen: &str, public_url: &str) -> Settings {
        let flag = |name: &str, value: &str| Flag { shown: name.into(), name: name.into(), value: value.into() };
        let flags = vec![flag("listen", listen), flag("public_url", public_url)];
        Settings::read(&Sources { flags, ..Sources::default() }).unwrap()
    }

    /// Answers one connection on the given address in two writes; returns where, and later what was asked.
    fn server(listen: &str, answer: &'static str) -> (SocketAddr, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind(listen).unwrap();
        let address = listener.local_addr().unwrap();
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut question = Vec::new();
            let mut byte = [0];
            while !question.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
                question.push(byte[0]);
            }
            let (first, second) = answer.as_bytes().split_at(answer.len() / 2);
            stream.write_all(first).unwrap();
            // Whoever has seen enough may hang up.
            let _ = stream.write_all(second);
            String::from_utf8(question).unwrap()
        });
        (address, thread)
    }

    #[test]
    fn ready_is_a_200() {
        let (address, thread) = server("127.0.0.1:0", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
        let mut output = Vec::new();
        run(&settings(&format!("0.0.0.0:{}", address.port()), "http://localhost:8080"), &mut output).unwrap();
        assert_eq!(output, b"ready\n");
        let question = thread.join().unwrap();
        assert!(question.starts_with("GET /health/ready HTTP/1.1\r\nHost: localhost:8080\r\n"), "{question}");
    }

    #[test]
    fn everything_else_is_not_ready() {
        for (answer, said) in [
            ("HTTP/1.1 503 Service Unavailable\r\n\r\n", "answers 503"),
            ("HTTP/1.1 421 \r\n\r\n", "answers 421"),
            ("SSH-2.0-OpenSSH\r\n", "does not speak HTTP"),
            ("HTTP/1.1 2000 OK\r\n", "does not speak HTTP"),
            ("", "does not speak HTTP"),
        ] {
            let (address, thread) = server("127.0.0.1:0", answer);
            let error = run(&settings(&address.to_string(), ""), &mut Vec::new()).unwrap_err().to_string();
            assert!(error.ends_with(said), "{error}");
            thread.join().unwrap();
        }
    }

    #[test]
    fn nobody_there_is_not_ready() {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = run(&settings(&address.to_string(), ""), &mut Vec::new()).unwrap_err();
        assert!(matches!(error, NotReady::Unreachable { .. }), "{error}");
    }

    #[test]
    fn an_endless_line_is_given_up() {
        let endless: &'static str = "x".repeat(100_000).leak();
        let (address, thread) = server("127.0.0.1:0", endless);
        let error = run(&settings(&address.to_string(), ""), &mut Vec::new()).unwrap_err();
        assert!(matches!(error, NotReady::NotHttp { .. } | NotReady::Unreachable { .. }), "{error}");
        drop(thread);
    }

    #[test]
    fn wildcards_are_reached_by_loopback() {
        for (listen, reached) in
            [("0.0.0.0:80", "127.0.0.1:80"), ("[::]:80", "[::1]:80"), ("192.168.1.2:80", "192.168.1.2:80")]
        {
            assert_eq!(reachable(listen.parse().unwrap()), reached.parse().unwrap());
        }
    }
}
