//! EXIF (CIPA DC-008 2.32) in a TIFF structure, by the crate `kamadak-exif`; of maker notes the lens alone.

use exif::{Exif, Field, In, Reader, Tag, Value};
use mv_core::facts::{Device, Exposure, Facts, ImageFacts};

use super::scan::{be16, be32, le16, le32};
use super::{clean, time};
use crate::found::{Found, FoundPlace, FoundTime, TimeSource};

/// What a block of EXIF says.
pub(super) struct Told {
    pub(super) found: Found,
    /// The time by the satellites, for want of another.
    pub(super) gps_time: Option<FoundTime>,
    /// The size of the picture as the camera means it, which is less than its sensor's.
    pub(super) size: Option<(u32, u32)>,
}

/// Reads a block; `None` where it is none.
pub(super) fn read(block: Vec<u8>) -> Option<Told> {
    let mut reader = Reader::new();
    reader.continue_on_error(true);
    let exif = reader.read_raw(block).or_else(|error| error.distill_partial_result(|_| {})).ok()?;
    let fields = Fields(&exif);
    let gps = fields.gps_micros();
    let size = fields.number(Tag::PixelXDimension).zip(fields.number(Tag::PixelYDimension));
    let size =
        size.map(|(width, height)| (width as u32, height as u32)).filter(|(width, height)| *width > 0 && *height > 0);
    let mut found = Found {
        facts: facts(&fields),
        taken: fields.taken(gps),
        location: fields.place(),
        rating: fields.number(Tag(exif::Context::Tiff, 0x4746)).and_then(|stars| i8::try_from(stars as i64).ok()),
        ..Found::default()
    };
    found.rating = found.rating.filter(|stars| (-1..=5).contains(stars));
    for field in exif.fields().filter(|field| field.ifd_num == In::PRIMARY).take(1000) {
        if let Some((name, value)) = named(&exif, field) {
            found.raw.insert(name, value);
        }
    }
    let gps_time =
        gps.map(|micros| FoundTime { local_micros: micros, offset_seconds: Some(0), source: TimeSource::Gps });
    Some(Told { found, gps_time, size })
}

fn named(exif: &Exif, field: &Field) -> Option<(String, String)> {
    let group = if field.tag.context() == exif::Context::Gps { "GPS" } else { "EXIF" };
    if field.tag == Tag::MakerNote || matches!(&field.value, Value::Undefined(bytes, _) if bytes.len() > 256) {
        return None;
    }
    let name = match field.tag.description() {
        Some(_) => field.tag.to_string(),
        None => format!("0x{:04x}", field.tag.number()),
    };
    let value: String = field.display_value().with_unit(exif).to_string().chars().take(1024).collect();
    Some((format!("{group}:{name}"), clean(&value)?))
}

fn facts(fields: &Fields<'_>) -> Facts {
    let device = |make: Option<String>, model: Option<String>| {
        (make.is_some() || model.is_some()).then_some(Device { make, model })
    };
    let camera = device(fields.text(Tag::Make), fields.text(Tag::Model));
    let lens = device(fields.text(Tag::LensMake), fields.text(Tag::LensModel).or_else(|| fields.maker_lens()));
    let exposure = Exposure {
        seconds: fields.positive(Tag::ExposureTime),
        f_number: fields.positive(Tag::FNumber),
        iso: fields.iso(),
        bias_ev: fields.number(Tag::ExposureBiasValue).map(|bias| (bias * 1000.0).round() / 1000.0),
        focal_length_mm: fields.positive(Tag::FocalLength),
        focal_length_35mm: fields.positive(Tag::FocalLengthIn35mmFilm),
        flash: fields.number(Tag::Flash).map(|bits| bits as u32 & 1 == 1),
    };
    let orientation = fields.number(Tag::Orientation).map(|turn| turn as u8).filter(|turn| (1..=8).contains(turn));
    let image = orientation.map(|_| ImageFacts { orientation, ..ImageFacts::default() });
    Facts {
        camera,
        lens,
        exposure: (exposure != Exposure::default()).then_some(exposure),
        software: fields.text(Tag::Software),
        creator: fields.text(Tag::Artist),
        copyright: fields.text(Tag::Copyright),
        caption: fields.text(Tag::ImageDescription).filter(|text| !is_filler(text)),
        image,
        ..Facts::default()
    }
}

/// What cameras write where nobody has said anything.
fn is_filler(caption: &str) -> bool {
    ["OLYMPUS DIGITAL CAMERA", "SONY DSC", "DCIM", "KODAK Digital Still Camera", "MINOLTA DIGITAL CAMERA", "SAMSUNG"]
        .iter()
        .any(|filler| caption.eq_ignore_ascii_case(filler))
}

struct Fields<'a>(&'a Exif);

impl Fields<'_> {
    fn value(&self, tag: Tag) -> Option<&Value> {
        self.0.get_field(tag, In::PRIMARY).map(|field| &field.value)
    }

    fn text(&self, tag: Tag) -> Option<String> {
        match self.value(tag)? {
            Value::Ascii(parts) => clean(&String::from_utf8_lossy(parts.first()?)),
            _ => None,
        }
    }

    fn number(&self, tag: Tag) -> Option<f64> {
        number(self.value(tag)?, 0)
    }

    /// Nikon writes two numbers, the first of them 0; large ones do not fit and stand elsewhere.
    fn iso(&self) -> Option<u32> {
        let stated = self.value(Tag::PhotographicSensitivity)?;
        let fits =
            (0..2).filter_map(|at| number(stated, at)).map(|iso| iso as u32).find(|iso| (1..65_535).contains(iso));
        fits.or_else(|| self.number(Tag::RecommendedExposureIndex).map(|iso| iso as u32).filter(|iso| *iso > 0))
    }

    fn positive(&self, tag: Tag) -> Option<f64> {
        self.number(tag).filter(|number| *number > 0.0)
    }

    /// The time on the camera's clock, and its offset: its own, or by the satellites' (features 4.5). `OffsetTime` belongs to
    /// the last change and says nothing of it.
    fn taken(&self, gps: Option<i64>) -> Option<FoundTime> {
        let pairs = [
            (Tag::DateTimeOriginal, Tag::SubSecTimeOriginal, Tag::OffsetTimeOriginal),
            (Tag::DateTimeDigitized, Tag::SubSecTimeDigitized, Tag::OffsetTimeDigitized),
        ];
        pairs.into_iter().find_map(|(time, fraction, offset)| {
            let local_micros = time::local(&self.text(time)?, self.text(fraction).as_deref())?;
            let own = self.text(offset).and_then(|text| time::offset(&text));
            let offset_seconds = own.or_else(|| gps.and_then(|gps| time::offset_by_gps(local_micros, gps)));
            Some(FoundTime { local_micros, offset_seconds, source: TimeSource::Exif })
        })
    }

    fn gps_micros(&self) -> Option<i64> {
        let date = self.text(Tag::GPSDateStamp)?;
        let clock = self.value(Tag::GPSTimeStamp)?;
        let [hour, minute, second] = [number(clock, 0)?, number(clock, 1)?, number(clock, 2)?];
        if !(0.0..24.0).contains(&hour) || !(0.0..60.0).contains(&minute) || !(0.0..61.0).contains(&second) {
            return None;
        }
        time::local(&format!("{date} {:02}:{:02}:{:02}", hour as u8, minute as u8, second as u8), None)
    }

    fn place(&self) -> Option<FoundPlace> {
        let degrees = |value: Tag, reference: Tag, negative: &str, most: f64| {
            let value = self.value(value)?;
            let sum =
                number(value, 0)? + number(value, 1).unwrap_or(0.0) / 60.0 + number(value, 2).unwrap_or(0.0) / 3600.0;
            let negative = self.text(reference).is_some_and(|text| text.eq_ignore_ascii_case(negative));
            let signed = if negative { -sum } else { sum };
            (signed.is_finite() && signed.abs() <= most).then(|| (signed * 1e7).round() / 1e7)
        };
        let latitude = degrees(Tag::GPSLatitude, Tag::GPSLatitudeRef, "S", 90.0)?;
        let longitude = degrees(Tag::GPSLongitude, Tag::GPSLongitudeRef, "W", 180.0)?;
        // What receivers write before they know.
        if latitude == 0.0 && longitude == 0.0 {
            return None;
        }
        let below = match self.value(Tag::GPSAltitudeRef) {
            Some(Value::Byte(bytes)) => bytes.first() == Some(&1),
            _ => false,
        };
        let altitude = self.number(Tag::GPSAltitude).filter(|metres| metres.abs() < 100_000.0);
        let altitude = altitude.map(|metres| if below { -metres } else { metres });
        Some(FoundPlace { latitude, longitude, altitude: altitude.map(|metres| (metres * 1000.0).round() / 1000.0) })
    }

    /// The lens as makers note it where EXIF has no word of it.
    fn maker_lens(&self) -> Option<String> {
        let Value::Undefined(note, at) = self.value(Tag::MakerNote)? else { return None };
        let make = self.text(Tag::Make)?.to_ascii_lowercase();
        if make.starts_with("nikon") {
            return nikon_lens(note);
        }
        let little = self.0.little_endian();
        if make.starts_with("canon") {
            // A directory like the file's own; places count from the file's beginning.
            return entry(note, 0, little, 0x0095).and_then(|entry| text_of(self.0.buf(), &entry, 0));
        }
        if make.starts_with("panasonic") || make.starts_with("leica") {
            let _ = at;
            return entry(note, 12, little, 0x0051).and_then(|entry| text_of(self.0.buf(), &entry, 0));
        }
        None
    }
}

fn number(value: &Value, at: usize) -> Option<f64> {
    let number = match value {
        Value::Rational(parts) => parts.get(at).map(|part| f64::from(part.num) / f64::from(part.denom))?,
        Value::SRational(parts) => parts.get(at).map(|part| f64::from(part.num) / f64::from(part.denom))?,
        Value::Float(parts) => f64::from(*parts.get(at)?),
        Value::Double(parts) => *parts.get(at)?,
        Value::SShort(parts) => f64::from(*parts.get(at)?),
        Value::SLong(parts) => f64::from(*parts.get(at)?),
        other => f64::from(other.get_uint(at)?),
    };
    number.is_finite().then_some(number)
}

/// An entry of a directory in a maker note: its count and where its value lies.
struct Entry {
    count: usize,
    /// The value itself where it fits into four bytes, else where it lies.
    at: usize,
    inline: Option<[u8; 4]>,
}

/// The entry with this tag of the directory that begins at `start` of the note.
fn entry(note: &[u8], start: usize, little: bool, tag: u16) -> Option<Entry> {
    let short = if little { le16 } else { be16 };
    let long = if little { le32 } else { be32 };
    let count = usize::from(short(note, start)?).min(512);
    (0..count).find_map(|number| {
        let at = start.checked_add(2)?.checked_add(number.checked_mul(12)?)?;
        if short(note, at)? != tag {
            return None;
        }
        let size: usize = match short(note, at.checked_add(2)?)? {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 => 4,
            5 | 10 | 12 => 8,
            _ => return None,
        };
        let count = usize::try_from(long(note, at.checked_add(4)?)?).ok()?;
        let place = at.checked_add(8)?;
        let inline = (count.checked_mul(size)? <= 4).then(|| note.get(place..)?.first_chunk::<4>().copied()).flatten();
        Some(Entry { count, at: usize::try_from(long(note, place)?).ok()?, inline })
    })
}

fn text_of(bytes: &[u8], entry: &Entry, base: usize) -> Option<String> {
    let count = entry.count.min(256);
    let text = match &entry.inline {
        Some(inline) => inline.get(..count)?,
        None => {
            let start = base.checked_add(entry.at)?;
            bytes.get(start..start.checked_add(count)?)?
        }
    };
    clean(std::str::from_utf8(text).ok()?)
}

/// `Lens` (0x0084): shortest and longest focal length, largest aperture at each. The note has a TIFF header of its own.
fn nikon_lens(note: &[u8]) -> Option<String> {
    let inner = note.strip_prefix(b"Nikon\0")?.get(4..)?;
    let little = inner.starts_with(b"II");
    let long: fn(&[u8], usize) -> Option<u32> = if little { le32 } else { be32 };
    let entry = entry(inner, usize::try_from(long(inner, 4)?).ok()?, little, 0x0084)?;
    let rational = |number: usize| {
        let at = entry.at.checked_add(number.checked_mul(8)?)?;
        let (top, bottom) = (long(inner, at)?, long(inner, at.checked_add(4)?)?);
        (bottom > 0).then(|| (f64::from(top) / f64::from(bottom) * 10.0).round() / 10.0)
    };
    let [short, far, wide, wide_far] = [rational(0)?, rational(1)?, rational(2)?, rational(3)?];
    let range = |from: f64, to: f64| if from == to { format!("{from}") } else { format!("{from}-{to}") };
    (short > 0.0 && wide > 0.0).then(|| format!("{}mm f/{}", range(short, far), range(wide, wide_far)))
}
