//! Makes a stream of fragments, as ffmpeg writes it to a pipe, playable from any place: an index for the front of it.
//! The fragments stay as they lie; what goes before them says that all of them together are media data (`mdat`), and where
//! in it each sample is. So a film of any length is made without being held whole, and is served by ranges like any file.
//! Source: ISO/IEC 14496-12 (boxes in section 8.8, sample tables in 8.6 and 8.7).

use std::io;

use crate::metadata::isobmff::{dig, find, inner};
use crate::metadata::scan::{be32, be64};
use crate::source::{Source, bytes_at, length};

/// Samples of all tracks: 18 hours of 60 frames a second.
const SAMPLES_MAX: usize = 4_000_000;
/// The largest header of one fragment, and of the whole.
const HEADER_MAX: u64 = 16 * 1024 * 1024;
/// Boxes on the stream's own level.
const BOXES_MAX: usize = 400_000;

/// Why there is no index.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The stream is not what ffmpeg writes.
    #[error("the fragments make no sense")]
    Nonsense,
    /// More samples than are counted.
    #[error("the film is too long")]
    TooLong,
    /// Of the source.
    #[error("the fragments cannot be read")]
    Read(#[from] io::Error),
}

/// Everything that goes before the stream: the file's type, the index and the head of the media data.
///
/// # Errors
/// `IndexError`.
pub fn index(source: &mut dyn Source) -> Result<Vec<u8>, IndexError> {
    let end = length(source)?;
    let mut movie: Option<Movie> = None;
    let mut at = 0;
    for _ in 0..BOXES_MAX {
        if at >= end {
            break;
        }
        let head = bytes_at(source, at, 16)?;
        let (size, kind) = match (be32(&head, 0), head.get(4..8)) {
            (Some(1), Some(kind)) => (be64(&head, 8).unwrap_or(0), kind),
            (Some(size), Some(kind)) => (u64::from(size), kind),
            _ => return Err(IndexError::Nonsense),
        };
        if size < 8 || at.saturating_add(size) > end {
            return Err(IndexError::Nonsense);
        }
        if matches!(kind, b"moov" | b"moof") {
            let len = usize::try_from(size.min(HEADER_MAX)).unwrap_or(0);
            let whole = bytes_at(source, at, len)?;
            let body = whole.get(8..).unwrap_or_default();
            match (&mut movie, kind) {
                (None, b"moov") => movie = Some(Movie::read(body).ok_or(IndexError::Nonsense)?),
                (Some(movie), b"moof") => movie.add(body, at)?,
                _ => return Err(IndexError::Nonsense),
            }
        }
        at = at.saturating_add(size);
    }
    movie.ok_or(IndexError::Nonsense)?.front(end).ok_or(IndexError::Nonsense)
}

struct Movie {
    header: Vec<u8>,
    timescale: u32,
    tracks: Vec<Track>,
}

/// A track: its description as it stood, and its samples as they are found.
struct Track {
    id: u32,
    timescale: u32,
    description: Vec<u8>,
    defaults: Defaults,
    sizes: Vec<u32>,
    durations: Runs,
    offsets: Runs,
    syncs: Vec<u32>,
    /// Where each run of samples lies in the stream, and how many samples it has.
    chunks: Vec<(u64, u32)>,
    /// Decoding time of the first sample, and of the one to come.
    first: u64,
    next: u64,
    /// When the last sample to be shown ends.
    end: u64,
    edit: Edit,
}

/// When a track begins (8.6.6): what ffmpeg says of it before the first fragment.
#[derive(Clone, Copy, Default)]
struct Edit {
    /// How long nothing is shown first, in the movie's units.
    late: u64,
    /// Which of the track's times is shown first, in its own units.
    from: u64,
}

impl Edit {
    fn read(description: &[u8]) -> Option<Self> {
        let list = dig(description, &[b"edts", b"elst"])?;
        let wide = list.first() == Some(&1);
        let mut edit = Self::default();
        for row in list.get(8..)?.chunks_exact(if wide { 20 } else { 12 }) {
            let (length, from) = if wide {
                (be64(row, 0)?, be64(row, 8)?.cast_signed())
            } else {
                (u64::from(be32(row, 0)?), i64::from(be32(row, 4)?.cast_signed()))
            };
            match u64::try_from(from) {
                Ok(from) => edit.from = from,
                Err(_) => edit.late = edit.late.saturating_add(length),
            }
        }
        Some(edit)
    }
}

/// What holds for samples where nothing else is said.
#[derive(Clone, Copy, Default)]
struct Defaults {
    duration: u32,
    size: u32,
    flags: u32,
}

/// Equal numbers in a row, counted.
#[derive(Default)]
struct Runs(Vec<(u32, u32)>);

impl Runs {
    fn push(&mut self, value: u32) {
        match self.0.last_mut() {
            Some((count, last)) if *last == value => *count = count.saturating_add(1),
            _ => self.0.push((1, value)),
        }
    }

    /// Makes the last number larger: a gap before the next sample.
    fn stretch(&mut self, by: u32) {
        if let Some((count, last)) = self.0.pop() {
            if count > 1 {
                self.0.push((count.saturating_sub(1), last));
            }
            self.push(last.saturating_add(by));
        }
    }

    fn table(&self, kind: &[u8; 4]) -> Vec<u8> {
        let rows = self.0.iter().flat_map(|(count, value)| [count.to_be_bytes(), value.to_be_bytes()]);
        full(kind, 0, &[&count(self.0.len())[..], &rows.flatten().collect::<Vec<u8>>()])
    }
}

const NOT_SYNC: u32 = 0x0001_0000;

impl Movie {
    fn read(body: &[u8]) -> Option<Self> {
        let header = find(body, b"mvhd")?;
        let timescale = be32(header, if header.first() == Some(&1) { 20 } else { 12 }).filter(|scale| *scale > 0)?;
        let extends = find(body, b"mvex")?;
        let mut tracks = Vec::new();
        for (_, description) in inner(body).into_iter().filter(|(kind, _)| kind == b"trak") {
            let track_header = find(description, b"tkhd")?;
            let id = be32(track_header, if track_header.first() == Some(&1) { 20 } else { 12 })?;
            let media_header = dig(description, &[b"mdia", b"mdhd"])?;
            let timescale = be32(media_header, if media_header.first() == Some(&1) { 20 } else { 12 });
            let told = inner(extends).into_iter().find(|(kind, body)| kind == b"trex" && be32(body, 4) == Some(id));
            let defaults = told.map(|(_, body)| body).map_or_else(Defaults::default, |body| Defaults {
                duration: be32(body, 12).unwrap_or(0),
                size: be32(body, 16).unwrap_or(0),
                flags: be32(body, 20).unwrap_or(0),
            });
            tracks.push(Track {
                id,
                timescale: timescale.filter(|scale| *scale > 0)?,
                description: description.to_vec(),
                defaults,
                sizes: Vec::new(),
                durations: Runs::default(),
                offsets: Runs::default(),
                syncs: Vec::new(),
                chunks: Vec::new(),
                first: 0,
                next: 0,
                end: 0,
                edit: Edit::read(description).unwrap_or_default(),
            });
        }
        Some(Self { header: header.to_vec(), timescale, tracks })
    }

    /// Takes the samples of a fragment whose header begins at `at` in the stream.
    fn add(&mut self, body: &[u8], at: u64) -> Result<(), IndexError> {
        let held: usize = self.tracks.iter().map(|track| track.sizes.len()).sum();
        let mut room = SAMPLES_MAX.saturating_sub(held);
        for (_, fragment) in inner(body).into_iter().filter(|(kind, _)| kind == b"traf") {
            let header = find(fragment, b"tfhd").ok_or(IndexError::Nonsense)?;
            let (flags, id) = (be32(header, 0).unwrap_or(0), be32(header, 4));
            let track = self.tracks.iter_mut().find(|track| Some(track.id) == id).ok_or(IndexError::Nonsense)?;
            // Offsets count from the fragment's header, as we ask ffmpeg for (8.8.7: default-base-is-moof).
            if flags & 0x2_0000 == 0 {
                return Err(IndexError::Nonsense);
            }
            let mut place = 8;
            let mut take = |flag: u32| {
                let there = flags & flag != 0;
                let value = be32(header, place).filter(|_| there);
                place = if there { place.saturating_add(4) } else { place };
                value
            };
            let _description = take(0x2);
            let (duration, size, sample_flags) = (take(0x8), take(0x10), take(0x20));
            let defaults = Defaults {
                duration: duration.unwrap_or(track.defaults.duration),
                size: size.unwrap_or(track.defaults.size),
                flags: sample_flags.unwrap_or(track.defaults.flags),
            };
            if let Some(time) = find(fragment, b"tfdt") {
                let begins = if time.first() == Some(&1) { be64(time, 4) } else { be32(time, 4).map(u64::from) };
                track.begin(begins.ok_or(IndexError::Nonsense)?);
            }
            for (_, run) in inner(fragment).into_iter().filter(|(kind, _)| kind == b"trun") {
                let taken = track.run(run, at, defaults, room).ok_or(IndexError::Nonsense)?;
                room = room.checked_sub(taken).ok_or(IndexError::TooLong)?;
            }
        }
        Ok(())
    }

    /// The front: with 64-bit places throughout, so that its length does not depend on them.
    fn front(self, stream: u64) -> Option<Vec<u8>> {
        let file_type = boxed(b"ftyp", &[b"isom", &512u32.to_be_bytes(), b"isomiso2avc1mp41"]);
        let before = file_type.len().checked_add(self.movie(0)?.len())?;
        let length = (before as u64).checked_add(16)?;
        let movie = self.movie(length)?;
        let data = stream.checked_add(16)?.to_be_bytes();
        Some([&file_type[..], &movie, &1u32.to_be_bytes(), b"mdat", &data].concat())
    }

    fn movie(&self, shift: u64) -> Option<Vec<u8>> {
        let mut longest = 0;
        let mut tracks = Vec::new();
        for track in self.tracks.iter().filter(|track| !track.sizes.is_empty()) {
            let units = track.end.saturating_sub(track.first).saturating_sub(track.edit.from) as f64;
            let shown = (units / f64::from(track.timescale) * f64::from(self.timescale)).round() as u64;
            longest = longest.max(track.edit.late.saturating_add(shown));
            tracks.push(track.rebuilt(shown, shift)?);
        }
        if tracks.is_empty() {
            return None;
        }
        let header = with_duration(&self.header, if self.header.first() == Some(&1) { 24 } else { 16 }, longest)?;
        Some(boxed(b"moov", &[&boxed(b"mvhd", &[&header]), &tracks.concat()]))
    }
}

impl Track {
    /// How long it is, in its units.
    const fn length(&self) -> u64 {
        self.next.saturating_sub(self.first)
    }

    /// A fragment begins at this time: what lies between is the last sample's.
    fn begin(&mut self, time: u64) {
        if self.sizes.is_empty() {
            (self.first, self.next) = (time, time);
        } else if let Some(gap) = time.checked_sub(self.next).filter(|gap| *gap > 0) {
            self.durations.stretch(u32::try_from(gap).unwrap_or(0));
            self.next = time;
        }
    }

    /// Takes a run of samples (8.8.8); returns how many, `None` where it is none or has more than `room`.
    fn run(&mut self, run: &[u8], fragment: u64, defaults: Defaults, room: usize) -> Option<usize> {
        let (flags, samples) = (be32(run, 0)?, be32(run, 4)? as usize);
        let mut place = 8;
        let mut take = |flag: u32| -> Option<Option<u32>> {
            if flags & flag == 0 {
                return Some(None);
            }
            let value = be32(run, place)?;
            place = place.saturating_add(4);
            Some(Some(value))
        };
        let offset = take(0x1)??.cast_signed();
        let first_flags = take(0x4)?;
        if samples > room {
            return None;
        }
        self.chunks.push((fragment.checked_add_signed(i64::from(offset))?, u32::try_from(samples).ok()?));
        for number in 0..samples {
            let duration = take(0x100)?.unwrap_or(defaults.duration);
            self.sizes.push(take(0x200)?.unwrap_or(defaults.size));
            let told = take(0x400)?;
            let flags = if number == 0 { first_flags.or(told) } else { told }.unwrap_or(defaults.flags);
            let offset = take(0x800)?.unwrap_or(0);
            self.offsets.push(offset);
            self.durations.push(duration);
            self.next = self.next.checked_add(u64::from(duration))?;
            self.end = self.end.max(self.next.saturating_add_signed(i64::from(offset.cast_signed())));
            if flags & NOT_SYNC == 0 {
                self.syncs.push(u32::try_from(self.sizes.len()).ok()?);
            }
        }
        Some(samples)
    }

    /// The track's box with tables of its samples, which lie `shift` bytes later than in the stream. It is `shown` for so long,
    /// in the movie's units.
    fn rebuilt(&self, shown: u64, shift: u64) -> Option<Vec<u8>> {
        let Edit { late, from } = self.edit;
        let mut edits = Vec::new();
        if late > 0 {
            edits.push([&late.to_be_bytes()[..], &(-1i64).to_be_bytes(), &[0, 1, 0, 0]].concat());
        }
        edits.push([&shown.to_be_bytes()[..], &from.to_be_bytes(), &[0, 1, 0, 0]].concat());
        let list = [&count(edits.len())[..], &edits.concat()].concat();
        let edits = boxed(b"edts", &[&full(b"elst", 0x0100_0000, &[&list])]);
        let mut parts = Vec::new();
        for (kind, body) in inner(&self.description) {
            match &kind {
                b"tkhd" => {
                    let at = if body.first() == Some(&1) { 28 } else { 20 };
                    parts.push(boxed(&kind, &[&with_duration(body, at, late.saturating_add(shown))?]));
                    parts.push(edits.clone());
                }
                b"edts" => {}
                b"mdia" => parts.push(self.media(body, shift)?),
                _ => parts.push(boxed(&kind, &[body])),
            }
        }
        Some(boxed(b"trak", &[&parts.concat()]))
    }

    fn media(&self, body: &[u8], shift: u64) -> Option<Vec<u8>> {
        let mut parts = Vec::new();
        for (kind, body) in inner(body) {
            match &kind {
                b"mdhd" => {
                    let at = if body.first() == Some(&1) { 24 } else { 16 };
                    parts.push(boxed(&kind, &[&with_duration(body, at, self.length())?]));
                }
                b"minf" => {
                    let inside = inner(body).into_iter().map(|(kind, body)| match &kind {
                        b"stbl" => Some(self.tables(find(body, b"stsd")?, shift)),
                        _ => Some(boxed(&kind, &[body])),
                    });
                    parts.push(boxed(&kind, &[&inside.collect::<Option<Vec<_>>>()?.concat()]));
                }
                _ => parts.push(boxed(&kind, &[body])),
            }
        }
        Some(boxed(b"mdia", &[&parts.concat()]))
    }

    fn tables(&self, descriptions: &[u8], shift: u64) -> Vec<u8> {
        let mut tables = vec![boxed(b"stsd", &[descriptions]), self.durations.table(b"stts")];
        if self.offsets.0.iter().any(|(_, offset)| *offset != 0) {
            let mut table = self.offsets.table(b"ctts");
            // Version 1: offsets may be negative.
            if let Some(version) = table.get_mut(8) {
                *version = 1;
            }
            tables.push(table);
        }
        if self.syncs.len() < self.sizes.len() {
            let syncs: Vec<u8> = self.syncs.iter().flat_map(|number| number.to_be_bytes()).collect();
            tables.push(full(b"stss", 0, &[&count(self.syncs.len()), &syncs]));
        }
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for (number, (_, samples)) in (1u32..).zip(&self.chunks) {
            if runs.last().is_none_or(|(_, last)| last != samples) {
                runs.push((number, *samples));
            }
        }
        let rows: Vec<u8> =
            runs.iter().flat_map(|(first, samples)| [*first, *samples, 1]).flat_map(u32::to_be_bytes).collect();
        tables.push(full(b"stsc", 0, &[&count(runs.len()), &rows]));
        let sizes: Vec<u8> = self.sizes.iter().flat_map(|size| size.to_be_bytes()).collect();
        tables.push(full(b"stsz", 0, &[&[0; 4], &count(self.sizes.len()), &sizes]));
        let places: Vec<u8> = self.chunks.iter().flat_map(|(at, _)| at.saturating_add(shift).to_be_bytes()).collect();
        tables.push(full(b"co64", 0, &[&count(self.chunks.len()), &places]));
        boxed(b"stbl", &[&tables.concat()])
    }
}

/// A table's count of rows; there are fewer than `SAMPLES_MAX`.
fn count(rows: usize) -> [u8; 4] {
    u32::try_from(rows).unwrap_or(0).to_be_bytes()
}

fn boxed(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let size = u32::try_from(length.saturating_add(8)).unwrap_or(0).to_be_bytes();
    [&[&size[..], kind], parts].concat().concat()
}

/// A box with version and flags (4.2).
fn full(kind: &[u8; 4], version_and_flags: u32, parts: &[&[u8]]) -> Vec<u8> {
    boxed(kind, &[&[&version_and_flags.to_be_bytes()[..]], parts].concat())
}

/// A header with another duration at its place; 64 bits wide in version 1.
fn with_duration(header: &[u8], at: usize, duration: u64) -> Option<Vec<u8>> {
    let mut header = header.to_vec();
    let wide = header.first() == Some(&1);
    let narrow = u32::try_from(duration).unwrap_or(u32::MAX).to_be_bytes();
    let value: &[u8] = if wide { &duration.to_be_bytes() } else { &narrow };
    header.get_mut(at..at.checked_add(value.len())?)?.copy_from_slice(value);
    Some(header)
}
