//! The child's life: walls up, then one order after the other of one item, until the server hangs up.
//! Promise: no byte of an upload is read before the walls stand; a panic becomes an answer.

use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use super::protocol::{Answer, Kind, Order, Refused, RefusedCode, receive, receive_data, send};
use super::sandbox::{self, Walls};
use super::work;

/// Bytes asked for first, and at most at once when a file is read from front to back.
const WINDOW: (usize, usize) = (64 * 1024, 4 * 1024 * 1024);

/// From so many bytes on, a read goes past the window.
const DIRECT: usize = 256 * 1024;

/// Serves over standard input, which is a socket to the server. `walls` are left out only where the operator said so.
pub fn run(walls: Option<Walls>) -> ExitCode {
    std::panic::set_hook(Box::new(|_| {}));
    match serve(walls) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(3),
    }
}

fn serve(walls: Option<Walls>) -> io::Result<()> {
    let mut socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    if let Some(walls) = walls {
        sandbox::enter(walls).map_err(io::Error::other)?;
    }
    loop {
        let order = match receive(&mut socket) {
            Ok((Kind::Job, body)) => serde_json::from_slice::<Order>(&body)?,
            Ok(_) => return Err(io::Error::other("an order was expected")),
            // The server hung up: nothing more to do.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut source = Remote::new(&socket, order.length);
        let done = catch_unwind(AssertUnwindSafe(|| work::perform(&order.job, &mut source)));
        let broken = source.broken;
        if broken {
            return Err(io::Error::other("the file could not be read"));
        }
        let answer = done.unwrap_or_else(|_| Answer {
            refused: Some(Refused { code: RefusedCode::Damaged, message: "The file confuses its decoder".to_owned() }),
            ..Answer::default()
        });
        for picture in &answer.made {
            send(&mut socket, Kind::Blob, &picture.bytes)?;
        }
        send(&mut socket, Kind::Answer, &serde_json::to_vec(&answer)?)?;
    }
}

/// The file at the other end of the socket.
struct Remote<'a> {
    socket: &'a UnixStream,
    length: u64,
    at: u64,
    window: Vec<u8>,
    window_at: u64,
    next_window: usize,
    /// The server could not read on: no answer is worth anything.
    broken: bool,
}

impl<'a> Remote<'a> {
    const fn new(socket: &'a UnixStream, length: u64) -> Self {
        Self { socket, length, at: 0, window: Vec::new(), window_at: 0, next_window: WINDOW.0, broken: false }
    }

    /// What of the window stands at the place.
    fn held(&self) -> &[u8] {
        let skip = self.at.checked_sub(self.window_at).and_then(|skip| usize::try_from(skip).ok());
        skip.and_then(|skip| self.window.get(skip..)).unwrap_or_default()
    }

    /// Asks for what comes next and has it written where it is wanted.
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left).min(WINDOW.1);
        let filled = self.ask(wanted).and_then(|()| {
            let mut rest = buffer.get_mut(..wanted).unwrap_or_default();
            while !rest.is_empty() {
                let count = receive_data(&mut self.socket, rest)?;
                rest = rest.get_mut(count..).unwrap_or_default();
            }
            Ok(())
        });
        if let Err(error) = filled {
            self.broken = true;
            return Err(error);
        }
        self.at = self.at.saturating_add(wanted as u64);
        Ok(wanted)
    }

    fn ask(&mut self, wanted: usize) -> io::Result<()> {
        let mut request = [0; 16];
        let (at, len) = request.split_at_mut(8);
        at.copy_from_slice(&self.at.to_le_bytes());
        len.copy_from_slice(&(wanted as u64).to_le_bytes());
        send(&mut self.socket, Kind::Read, &request)
    }

    /// Asks for the window at the place. Reading on from the last one makes the next one larger.
    fn fetch(&mut self) -> io::Result<()> {
        let follows = self.at == self.window_at.saturating_add(self.window.len() as u64) && self.at > 0;
        self.next_window = if follows { self.next_window.saturating_mul(4).min(WINDOW.1) } else { WINDOW.0 };
        let left = usize::try_from(self.length.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let wanted = self.next_window.min(left);
        self.ask(wanted)?;
        self.window.clear();
        self.window_at = self.at;
        while self.window.len() < wanted {
            match receive(&mut self.socket)? {
                (Kind::Data, bytes) if !bytes.is_empty() => self.window.extend_from_slice(&bytes),
                _ => return Err(io::Error::other("the server cannot read the file")),
            }
        }
        Ok(())
    }
}

impl Read for Remote<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.broken {
            return Err(io::Error::other("the file cannot be read"));
        }
        if self.at >= self.length || buffer.is_empty() {
            return Ok(0);
        }
        // What is read whole needs no window in between.
        let direct = self.held().is_empty() && buffer.len() >= DIRECT;
        if self.held().is_empty()
            && !direct
            && let Err(error) = self.fetch()
        {
            self.broken = true;
            return Err(error);
        }
        if direct {
            return self.fill(buffer);
        }
        let held = self.held();
        let count = held.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(held) {
            *to = *from;
        }
        self.at = self.at.saturating_add(count as u64);
        Ok(count)
    }
}

impl Seek for Remote<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = place.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "before the file's start"))?;
        Ok(self.at)
    }
}
