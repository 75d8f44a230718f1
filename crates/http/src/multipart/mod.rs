//! Multipart form data as a stream (RFC 7578, RFC 2046 section 5.1): parts one after the other, their
//! bytes as they come from the socket.
//! Promise: file bytes are never copied or gathered, memory is bounded by one head of a part, time is
//! linear in the body whatever stands in it.
//! Not here: what the parts mean, how large they may be, character sets other than UTF-8.

mod headers;
mod parser;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};

pub use headers::{Boundary, PartHead};
pub use parser::{Event, Parser};

/// Parts of one body.
pub const MAX_PARTS: usize = 64;
/// Bytes of one part's head, line ends included.
pub const MAX_HEAD: usize = 8 * 1024;
/// Lines of one part's head.
pub const MAX_HEADERS: usize = 16;
/// Bytes before the first boundary, which are ignored.
pub const MAX_PREAMBLE: usize = 1024;
/// Bytes after the last boundary, which are ignored.
pub const MAX_EPILOGUE: usize = 8 * 1024;

/// What is wrong with a multipart body. The text is fit for the client. `NotMultipart` is a matter of 415,
/// all others of 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The request is of another type.
    #[error("the content type must be multipart/form-data")]
    NotMultipart,
    /// `Content-Type` has no `boundary`.
    #[error("the content type names no boundary")]
    NoBoundary,
    /// The boundary is empty, too long, repeated or has bytes that none may have.
    #[error("the boundary must be 1 to 70 of the characters that RFC 2046 allows")]
    BadBoundary,
    /// The body does not begin with the boundary.
    #[error("more than {MAX_PREAMBLE} bytes stand before the first boundary")]
    LongPreamble,
    /// The body goes on after its end.
    #[error("more than {MAX_EPILOGUE} bytes stand after the last boundary")]
    LongEpilogue,
    /// The body is cut off.
    #[error("the body ends before its last boundary")]
    Unfinished,
    /// A boundary with text behind it on its line.
    #[error("a boundary must be followed by a line end or, the last one, by two hyphens")]
    BadDelimiter,
    /// Too many parts.
    #[error("there are more than {MAX_PARTS} parts")]
    TooManyParts,
    /// A head that is too large.
    #[error("the headers of a part are larger than {MAX_HEAD} bytes")]
    LongHead,
    /// A head with too many lines.
    #[error("a part has more than {MAX_HEADERS} headers")]
    TooManyHeaders,
    /// A line that is no header: no colon, folded, not ended by CRLF, control bytes.
    #[error("a part has a header line that is not \"Name: value\"")]
    BadHeader,
    /// A header that may stand once only.
    #[error("a part has more than one {0} header")]
    RepeatedHeader(&'static str),
    /// No `Content-Disposition`.
    #[error("a part has no Content-Disposition header")]
    NoDisposition,
    /// `Content-Disposition` cannot be read.
    #[error("a part's Content-Disposition must read: form-data; name=\"...\"; filename=\"...\"")]
    BadDisposition,
    /// A parameter of `Content-Disposition` that may stand once only.
    #[error("a part's Content-Disposition has more than one {0}")]
    RepeatedParameter(&'static str),
    /// `name` is missing.
    #[error("a part has no name")]
    NoName,
    /// `name=""`.
    #[error("a part has an empty name")]
    EmptyName,
    /// The named parameter is in another character set.
    #[error("the {0} of a part is not UTF-8")]
    NotUtf8(&'static str),
    /// The part is encoded (RFC 7578 section 4.7 deprecates it).
    #[error("a part's Content-Transfer-Encoding must be binary, 7bit or 8bit")]
    TransferEncoding,
}

/// Why no more could be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError<E> {
    /// The stream of bytes failed.
    #[error("the body could not be read")]
    Source(#[source] E),
    /// The bytes are no multipart form.
    #[error("the body is not a valid multipart form")]
    Malformed(#[source] Malformed),
}

/// A multipart body over a stream of bytes.
#[derive(Debug)]
pub struct Multipart<S> {
    source: S,
    input: Bytes,
    parser: Parser,
    in_part: bool,
    at_end: bool,
}

impl<S, E> Multipart<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    /// Reads parts from `source`, divided by `boundary`.
    pub fn new(source: S, boundary: &Boundary) -> Self {
        Self { source, input: Bytes::new(), parser: Parser::new(boundary), in_part: false, at_end: false }
    }

    /// The next part's head; what is left of the part before is skipped. `None` after the last part, when
    /// the source was read to its end. Dropping the future loses nothing. Errors stay: after one, no part follows.
    pub async fn next_part(&mut self) -> Result<Option<PartHead>, ReadError<E>> {
        loop {
            match self.next_event().await? {
                Some(Event::Part(head)) => {
                    self.in_part = true;
                    return Ok(Some(head));
                }
                Some(Event::Data(_) | Event::End) => self.in_part = false,
                None => return Ok(None),
            }
        }
    }

    /// The next bytes of the part under way, never empty; `None` at its end. Dropping the future loses nothing.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, ReadError<E>> {
        if !self.in_part {
            return Ok(None);
        }
        if let Some(Event::Data(bytes)) = self.next_event().await? {
            return Ok(Some(bytes));
        }
        self.in_part = false;
        Ok(None)
    }

    async fn next_event(&mut self) -> Result<Option<Event>, ReadError<E>> {
        loop {
            if let Some(event) = self.parser.next_event(&mut self.input).map_err(ReadError::Malformed)? {
                return Ok(Some(event));
            }
            if self.at_end {
                return Ok(None);
            }
            match self.source.next().await {
                Some(Ok(bytes)) => self.input = bytes,
                Some(Err(error)) => {
                    self.parser.fail(Malformed::Unfinished);
                    return Err(ReadError::Source(error));
                }
                None => {
                    self.at_end = true;
                    self.parser.finish().map_err(ReadError::Malformed)?;
                }
            }
        }
    }
}
