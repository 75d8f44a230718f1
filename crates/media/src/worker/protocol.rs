//! What server and child say to each other over one socket: frames of a length, a kind and a body.
//! Promise: lengths are checked before anything is kept; the server believes nothing but lengths.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use crate::found::Found;
use crate::image;

/// The longest body of a frame: a rendition with room to spare.
pub const FRAME_MAX: usize = 20 * 1024 * 1024;
/// Bytes before each body: its length (little endian) and the kind.
pub const HEAD: usize = 5;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Server to child: the job, as JSON; the file's length stands in it.
    Job = 1,
    /// Child to server: `at` and `len`, 8 bytes each, little endian: these bytes of the file, please.
    Read = 2,
    /// Server to child: some of the bytes asked for; none of them means that the file cannot be read.
    Data = 3,
    /// Child to server: bytes of a picture; the answer refers to them by their order.
    Blob = 4,
    /// Child to server: the answer, as JSON; the last frame.
    Answer = 5,
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        [Self::Job, Self::Read, Self::Data, Self::Blob, Self::Answer].into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// A job for one child.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Job {
    /// Read what the file says of itself and, where it is a picture, make its three thumbnails.
    Examine,
    /// The bytes are a picture that another program or job made of the item: its three thumbnails, nothing else. Its colours
    /// may be those of an ICC profile that is not in it.
    Thumbnails(Pixels, Option<Vec<u8>>),
    /// One rendition of a picture.
    Render(Pixels, image::Params),
    /// The best of some frames of a video, as thumbnails.
    Frames {
        /// Pixels across of each.
        width: u32,
        /// Pixels down of each.
        height: u32,
    },
    /// The bytes are a film in fragments, as ffmpeg wrote it: what must go before them.
    Index,
    /// Of a film whose index stands at its end: the index, to be put before it.
    Front,
    /// A raised hand: only for the self-test.
    Probe(Probe),
}

/// What the bytes of a picture job are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pixels {
    /// A file as it was uploaded: its own metadata tell how it is turned.
    File,
    /// An encoded picture that is upright already.
    Upright,
}

/// What a self-test tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// Open a file that everybody may read.
    File,
    /// Reach for the network.
    Socket,
    /// Start a program.
    Program,
    /// Nothing: whether an innocent job goes through.
    Nothing,
}

/// The job with what the child must know besides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// What to do.
    pub job: Job,
    /// Bytes of the file.
    pub length: u64,
}

/// A picture that was made; its bytes came before, as blobs in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// `256`, `512` or `1024` of thumbnails, else empty.
    pub name: String,
    /// Its media type.
    pub mime_type: String,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// The bytes; not in the JSON.
    #[serde(skip)]
    pub bytes: Vec<u8>,
}

/// What came of a job.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// What the file says of itself.
    pub found: Found,
    /// Pictures.
    pub made: Vec<Made>,
    /// A hash of the picture to show meanwhile (thumbhash).
    pub thumbhash: Option<Vec<u8>>,
    /// Why there is no picture.
    pub refused: Option<Refused>,
    /// Of a probe: what happened.
    pub probe: Option<String>,
}

/// Why a file gave no picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Stable, for programs: `unsupported`, `too_large` or `damaged`.
    pub code: RefusedCode,
    /// For people.
    pub message: String,
}

/// The kinds of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedCode {
    /// No decoder here.
    Unsupported,
    /// More pixels, bytes or memory than are allowed.
    TooLarge,
    /// Not what its first bytes promise.
    Damaged,
}

impl RefusedCode {
    /// As clients see it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unsupported => "unsupported",
            Self::TooLarge => "too_large",
            Self::Damaged => "damaged",
        }
    }
}

/// A frame's head.
pub fn head(kind: Kind, length: usize) -> io::Result<[u8; HEAD]> {
    let length = u32::try_from(length).ok().filter(|length| *length as usize <= FRAME_MAX).ok_or_else(too_long)?;
    let [a, b, c, d] = length.to_le_bytes();
    Ok([a, b, c, d, kind as u8])
}

/// Kind and length out of a head.
pub fn read_head(head: [u8; HEAD]) -> io::Result<(Kind, usize)> {
    let [a, b, c, d, kind] = head;
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    let kind = Kind::of(kind).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "an unknown kind of frame"))?;
    if length > FRAME_MAX { Err(too_long()) } else { Ok((kind, length)) }
}

fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a frame is too long")
}

/// Writes a whole frame. Blocks.
///
/// # Errors
/// Of the socket; `InvalidData` where the body is longer than `FRAME_MAX`.
pub fn send(socket: &mut impl Write, kind: Kind, body: &[u8]) -> io::Result<()> {
    socket.write_all(&head(kind, body.len())?)?;
    socket.write_all(body)
}

/// Reads a whole frame. Blocks.
///
/// # Errors
/// Of the socket; `InvalidData` where it is no frame.
pub fn receive(socket: &mut impl Read) -> io::Result<(Kind, Vec<u8>)> {
    let mut bytes = [0; HEAD];
    socket.read_exact(&mut bytes)?;
    let (kind, length) = read_head(bytes)?;
    let mut body = vec![0; length];
    socket.read_exact(&mut body)?;
    Ok((kind, body))
}

/// Reads a frame of the file's bytes to where they are wanted; returns how many there were, at least one. Blocks.
///
/// # Errors
/// Of the socket; `InvalidData` where it is another frame, an empty one or longer than the room.
pub fn receive_data(socket: &mut impl Read, room: &mut [u8]) -> io::Result<usize> {
    let mut bytes = [0; HEAD];
    socket.read_exact(&mut bytes)?;
    let (kind, length) = read_head(bytes)?;
    let room = room.get_mut(..length).filter(|room| kind == Kind::Data && !room.is_empty());
    socket.read_exact(room.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no bytes of the file"))?)?;
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_and_nonsense_does_not() {
        let mut wire = Vec::new();
        send(&mut wire, Kind::Blob, b"abc").unwrap();
        send(&mut wire, Kind::Answer, b"").unwrap();
        let mut read = wire.as_slice();
        assert_eq!(receive(&mut read).unwrap(), (Kind::Blob, b"abc".to_vec()));
        assert_eq!(receive(&mut read).unwrap(), (Kind::Answer, Vec::new()));
        assert!(receive(&mut read).is_err(), "nothing is left");
        assert!(receive(&mut [0, 0, 0, 0, 9].as_slice()).is_err(), "no such kind");
        assert!(receive(&mut [255, 255, 255, 255, 4].as_slice()).is_err(), "4 GiB");
        assert!(head(Kind::Blob, FRAME_MAX + 1).is_err());
    }
}
