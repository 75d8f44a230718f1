//! The multipart grammar of RFC 2046 section 5.1.1 as a machine over chunks of bytes. No I/O.
//! Promise: each byte is looked at a bounded number of times; data come out as slices of the chunk they
//! came in, and of a chunk only the begin of what may be a boundary is held back (as a count, not as bytes).
//! Not here: what a head says (`headers`).

use bytes::{Buf, Bytes};
use memchr::memmem::Finder;
use memchr::{memchr, memrchr};

use super::headers::{Boundary, PartHead};
use super::{MAX_EPILOGUE, MAX_HEAD, MAX_PARTS, MAX_PREAMBLE, Malformed};

/// What was found. A part is `Part`, any number of `Data`, `End`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A part begins.
    Part(PartHead),
    /// Bytes of the part, never empty.
    Data(Bytes),
    /// The part is complete.
    End,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Preamble,
    /// Behind a boundary, on its line.
    Line(Line),
    Head,
    Data,
    Epilogue,
    Failed(Malformed),
}

/// What has been seen of the line behind a boundary.
#[derive(Debug, Clone, Copy)]
enum Line {
    Start,
    Hyphen,
    Padding,
    Return,
}

/// What a look for the boundary gave.
enum Found {
    Boundary,
    Data(Bytes),
    NeedsMore,
}

/// The parser of one body.
#[derive(Debug)]
pub struct Parser {
    state: State,
    /// CRLF, two hyphens, the boundary. CR stands in it at the begin only, so a match that fails can
    /// start anew only at the byte that failed.
    delimiter: Bytes,
    finder: Finder<'static>,
    /// How much of the delimiter the bytes before the input have matched.
    matched: usize,
    head: Vec<u8>,
    parts: usize,
    ignored: usize,
}

impl Parser {
    /// A parser at the begin of a body with this boundary.
    pub fn new(boundary: &Boundary) -> Self {
        let delimiter = [b"\r\n--", boundary.as_bytes()].concat();
        let finder = Finder::new(&delimiter).into_owned();
        // The first delimiter may stand at the very begin, where no CRLF comes before it.
        let matched = 2;
        let delimiter = Bytes::from(delimiter);
        Self { state: State::Preamble, delimiter, finder, matched, head: Vec::new(), parts: 0, ignored: 0 }
    }

    /// Takes from `input` up to the next event. `None`: all of it was taken, more is needed. An error is
    /// final: each further call gives it again.
    pub fn next_event(&mut self, input: &mut Bytes) -> Result<Option<Event>, Malformed> {
        self.step(input).inspect_err(|malformed| self.state = State::Failed(*malformed))
    }

    /// To be called at the end of the body: an error unless the last boundary was seen.
    pub fn finish(&mut self) -> Result<(), Malformed> {
        match self.state {
            State::Epilogue => Ok(()),
            State::Failed(malformed) => Err(malformed),
            State::Preamble | State::Line(_) | State::Head | State::Data => {
                self.fail(Malformed::Unfinished);
                Err(Malformed::Unfinished)
            }
        }
    }

    /// Gives up; each further call gives this error.
    pub(super) fn fail(&mut self, malformed: Malformed) {
        self.state = State::Failed(malformed);
    }

    fn step(&mut self, input: &mut Bytes) -> Result<Option<Event>, Malformed> {
        loop {
            match self.state {
                State::Failed(malformed) => return Err(malformed),
                State::Preamble => match self.look(input) {
                    Found::NeedsMore => return Ok(None),
                    Found::Boundary => self.state = State::Line(Line::Start),
                    Found::Data(bytes) => self.ignore(bytes.len(), MAX_PREAMBLE, Malformed::LongPreamble)?,
                },
                State::Line(line) => match input.try_get_u8() {
                    Err(_) => return Ok(None),
                    Ok(byte) => self.line(line, byte)?,
                },
                State::Head => match self.head(input)? {
                    None => return Ok(None),
                    Some(head) => {
                        self.state = State::Data;
                        return Ok(Some(Event::Part(head)));
                    }
                },
                State::Data => match self.look(input) {
                    Found::NeedsMore => return Ok(None),
                    Found::Data(bytes) => return Ok(Some(Event::Data(bytes))),
                    Found::Boundary => {
                        self.state = State::Line(Line::Start);
                        return Ok(Some(Event::End));
                    }
                },
                State::Epilogue => {
                    self.ignore(input.len(), MAX_EPILOGUE, Malformed::LongEpilogue)?;
                    input.clear();
                    return Ok(None);
                }
            }
        }
    }

    /// Looks for the delimiter: gives what stands before it, or takes it off the input.
    fn look(&mut self, input: &mut Bytes) -> Found {
        if self.matched > 0 {
            let awaited = self.delimiter.iter().skip(self.matched);
            let common = input.iter().zip(awaited).take_while(|(ours, theirs)| ours == theirs).count();
            if self.matched + common == self.delimiter.len() {
                input.advance(common);
                self.matched = 0;
                return Found::Boundary;
            }
            if common == input.len() {
                input.clear();
                self.matched += common;
                return Found::NeedsMore;
            }
            return Found::Data(self.delimiter.slice(..std::mem::take(&mut self.matched)));
        }
        match self.finder.find(input) {
            Some(0) => {
                input.advance(self.delimiter.len());
                return Found::Boundary;
            }
            Some(at) => return Found::Data(input.split_to(at)),
            None => {}
        }
        self.matched = self.held_back(input);
        let data = input.split_to(input.len() - self.matched);
        input.clear();
        if data.is_empty() { Found::NeedsMore } else { Found::Data(data) }
    }

    /// How many of the last bytes are a begin of the delimiter.
    fn held_back(&self, input: &[u8]) -> usize {
        let from = input.len().saturating_sub(self.delimiter.len() - 1);
        let tail = input.get(from..).unwrap_or_default();
        let tail = memrchr(b'\r', tail).and_then(|at| tail.get(at..)).unwrap_or_default();
        if self.delimiter.starts_with(tail) { tail.len() } else { 0 }
    }

    /// One byte of the line behind a boundary: blanks, then the line end; or two hyphens after the last part.
    fn line(&mut self, line: Line, byte: u8) -> Result<(), Malformed> {
        self.state = match (line, byte) {
            (Line::Start, b'-') => State::Line(Line::Hyphen),
            (Line::Hyphen, b'-') => {
                self.ignored = 0;
                State::Epilogue
            }
            (Line::Start | Line::Padding, b' ' | b'\t') => {
                self.ignore(1, MAX_PREAMBLE, Malformed::BadDelimiter)?;
                State::Line(Line::Padding)
            }
            (Line::Start | Line::Padding, b'\r') => State::Line(Line::Return),
            (Line::Return, b'\n') if self.parts == MAX_PARTS => return Err(Malformed::TooManyParts),
            (Line::Return, b'\n') => {
                self.parts += 1;
                self.head.clear();
                State::Head
            }
            _other => return Err(Malformed::BadDelimiter),
        };
        Ok(())
    }

    /// Gathers a head line by line, up to the empty one.
    fn head(&mut self, input: &mut Bytes) -> Result<Option<PartHead>, Malformed> {
        while !input.is_empty() {
            let end = memchr(b'\n', input).map(|at| at + 1);
            let piece = input.split_to(end.unwrap_or(input.len()));
            if self.head.len() + piece.len() > MAX_HEAD {
                return Err(Malformed::LongHead);
            }
            self.head.extend_from_slice(&piece);
            if end.is_none() {
                return Ok(None);
            }
            if !self.head.ends_with(b"\r\n") {
                return Err(Malformed::BadHeader);
            }
            if self.head == b"\r\n" || self.head.ends_with(b"\r\n\r\n") {
                return PartHead::parse(&self.head).map(Some);
            }
        }
        Ok(None)
    }

    fn ignore(&mut self, count: usize, most: usize, otherwise: Malformed) -> Result<(), Malformed> {
        self.ignored = self.ignored.saturating_add(count);
        if self.ignored > most { Err(otherwise) } else { Ok(()) }
    }
}
