//! When a picture was taken: wall-clock time, its offset from UTC if known, and the instant (contract section 4).
//! An instant without a known offset is reckoned by the owner's time zone and marked by the missing offset.

use std::fmt;

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

use crate::error::Error;
use crate::time::Timestamp;

/// Wall-clock time, without a place: `2019-07-21T23:06:38`. Counted as microseconds as if it were UTC, so it sorts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LocalTime(i64);

impl LocalTime {
    /// From the number that the database keeps.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The number that the database keeps and sorts by.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Reads `YYYY-MM-DDTHH:MM:SS[.fraction]` without an offset.
    pub fn parse(text: &str) -> Option<Self> {
        // jiff's civil parser would take an offset and drop it.
        let (_, time) = text.split_once(['T', 't', ' '])?;
        if time.contains(['Z', 'z', '+', '-', '[']) {
            return None;
        }
        let civil: DateTime = text.parse().ok()?;
        let instant = Offset::UTC.to_timestamp(civil).ok()?;
        Some(Self(instant.as_microsecond()))
    }

    fn civil(self) -> Option<DateTime> {
        jiff::Timestamp::from_microsecond(self.0).ok().map(|instant| Offset::UTC.to_datetime(instant))
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = Timestamp::from_micros(self.0).to_string();
        f.write_str(text.strip_suffix('Z').unwrap_or(&text))
    }
}

/// Who said when it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenSource {
    /// The owner, by an edit.
    User,
    /// The client, at upload.
    Client,
    /// EXIF or XMP in the file.
    Exif,
    /// The satellites' clock.
    Gps,
    /// A video's own header.
    Video,
    /// The file's name.
    Filename,
    /// Nobody: it is the time of the upload.
    Upload,
}

impl TakenSource {
    /// As JSON and the database write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Client => "client",
            Self::Exif => "exif",
            Self::Gps => "gps",
            Self::Video => "video",
            Self::Filename => "filename",
            Self::Upload => "upload",
        }
    }

    /// Reads what `as_str` wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let all = [Self::User, Self::Client, Self::Exif, Self::Gps, Self::Video, Self::Filename, Self::Upload];
        all.into_iter().find(|source| source.as_str() == text)
    }
}

/// When an item was taken, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The instant.
    pub at: Timestamp,
    /// What the clock on the wall showed.
    pub local: LocalTime,
    /// Seconds east of UTC; `None` where nobody knows.
    pub offset_seconds: Option<i32>,
    /// Who said so.
    pub source: TakenSource,
}

impl Taken {
    /// From an RFC 3339 time; its offset tells the wall clock.
    ///
    /// # Errors
    /// `validation_error` on `taken_at`.
    pub fn from_instant(text: &str, source: TakenSource) -> Result<Self, Error> {
        let bad =
            || Error::invalid("taken_at", "Must be a time as RFC 3339 writes it, such as 2019-07-21T23:06:38-08:00");
        let at = Timestamp::parse(text).ok_or_else(bad)?;
        let pieces = jiff::fmt::temporal::DateTimeParser::new().parse_pieces(text.as_bytes()).map_err(|_| bad())?;
        let offset_seconds = pieces.to_numeric_offset().map_or(0, |offset| offset.seconds());
        check_range("taken_at", at)?;
        let local = LocalTime(at.micros() + i64::from(offset_seconds) * 1_000_000);
        Ok(Self { at, local, offset_seconds: Some(offset_seconds), source })
    }

    /// From wall-clock time alone; the instant is reckoned in `zone`, an IANA name (UTC if it is unknown).
    ///
    /// # Errors
    /// `validation_error` on `taken_at_local`.
    pub fn from_local(text: &str, zone: &str, source: TakenSource) -> Result<Self, Error> {
        let bad = || Error::invalid("taken_at_local", "Must be a time without an offset, such as 2019-07-21T23:06:38");
        let local = LocalTime::parse(text).ok_or_else(bad)?;
        let civil = local.civil().ok_or_else(bad)?;
        let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
        let at = zone.to_ambiguous_zoned_datetime(civil).compatible().map_err(|_| bad())?.timestamp();
        let at = Timestamp::from_micros(at.as_microsecond());
        check_range("taken_at_local", at)?;
        Ok(Self { at, local, offset_seconds: None, source })
    }

    /// From what a file says: wall-clock time and, where it is known, its offset; else the instant is reckoned in `zone`.
    /// `None` where the time lies outside 1826 to 9998, or more than a day after `now` (features 4.5).
    pub fn from_file(
        local: LocalTime,
        offset_seconds: Option<i32>,
        zone: &str,
        now: Timestamp,
        source: TakenSource,
    ) -> Option<Self> {
        let at = match offset_seconds {
            Some(offset) if offset.abs() <= 14 * 3600 => {
                Timestamp::from_micros(local.0.checked_sub(i64::from(offset) * 1_000_000)?)
            }
            Some(_) => return None,
            None => {
                let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
                let zoned = zone.to_ambiguous_zoned_datetime(local.civil()?).compatible().ok()?;
                Timestamp::from_micros(zoned.timestamp().as_microsecond())
            }
        };
        check_range("taken_at", at).ok()?;
        let latest = now.plus(std::time::Duration::from_secs(86_400));
        (at <= latest).then_some(Self { at, local, offset_seconds, source })
    }

    /// Of an item of which nothing else is known: the time of its upload.
    pub fn at_upload(at: Timestamp, zone: &str) -> Self {
        let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
        let offset = jiff::Timestamp::from_microsecond(at.micros()).map_or(0, |at| zone.to_offset(at).seconds());
        let local = LocalTime(at.micros().saturating_add(i64::from(offset) * 1_000_000));
        Self { at, local, offset_seconds: None, source: TakenSource::Upload }
    }

    /// The offset as `+02:00`.
    pub fn offset_text(&self) -> Option<String> {
        self.offset_seconds.map(|seconds| {
            let sign = if seconds < 0 { '-' } else { '+' };
            let minutes = seconds.unsigned_abs() / 60;
            format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
        })
    }
}

/// When a file was made, by its name: `IMG_20190721_230638.jpg`, `PXL_20260626_055812345.jpg` (whose clock shows UTC),
/// `2019-07-21 23.06.38.mov`, `Screenshot_20190721-230638.png` (features 4.5). `None` where the name tells no time of day.
pub fn from_filename(name: &str, zone: &str, now: Timestamp) -> Option<Taken> {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let is_utc = stem.starts_with("PXL_");
    let digits: Vec<(usize, u8)> = stem
        .bytes()
        .enumerate()
        .filter(|(_, byte)| byte.is_ascii_digit())
        .map(|(at, byte)| (at, byte - b'0'))
        .collect();
    // The fourteen digits of a time, close together: at most one other letter between two of its parts.
    digits.windows(14).find_map(|window| {
        let (first, last) = (window.first()?.0, window.last()?.0);
        let is_alone = first == 0 || !stem.as_bytes().get(first - 1)?.is_ascii_digit();
        if last - first > 18 || !is_alone {
            return None;
        }
        let number = |from: usize, to: usize| {
            window.get(from..to).map(|part| part.iter().fold(0i64, |sum, (_, digit)| sum * 10 + i64::from(*digit)))
        };
        let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
        let (hour, minute, second) = (number(8, 10)?, number(10, 12)?, number(12, 14)?);
        if !(1990..2100).contains(&year) {
            return None;
        }
        let local = LocalTime::parse(&format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"))?;
        if !is_utc {
            return Taken::from_file(local, None, zone, now, TakenSource::Filename);
        }
        let at = Timestamp::from_micros(local.micros());
        let here = Taken::at_upload(at, zone);
        Taken::from_file(
            here.local,
            Some(i32::try_from((here.local.micros() - at.micros()) / 1_000_000).ok()?),
            zone,
            now,
            TakenSource::Filename,
        )
    })
}

/// Photographs begin in 1826 (features: the first known one); the far end keeps sums from overflowing.
fn check_range(field: &'static str, at: Timestamp) -> Result<(), Error> {
    const FIRST: Timestamp = Timestamp::from_seconds(-4_544_208_000);
    const LAST: Timestamp = Timestamp::from_seconds(253_370_764_800);
    if (FIRST..LAST).contains(&at) {
        Ok(())
    } else {
        Err(Error::invalid(field, "Must lie between the years 1826 and 9998"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_keeps_its_offset() {
        let taken = Taken::from_instant("2019-07-21T23:06:38-08:00", TakenSource::Client).unwrap();
        assert_eq!(taken.at.to_string(), "2019-07-22T07:06:38Z");
        assert_eq!(taken.local.to_string(), "2019-07-21T23:06:38");
        assert_eq!(taken.offset_text().unwrap(), "-08:00");
        let utc = Taken::from_instant("2019-07-21T23:06:38.5Z", TakenSource::User).unwrap();
        assert_eq!(
            (utc.local.to_string().as_str(), utc.offset_text().unwrap().as_str()),
            ("2019-07-21T23:06:38.500", "+00:00")
        );
    }

    #[test]
    fn local_time_is_reckoned_by_the_owners_zone() {
        let taken = Taken::from_local("2019-07-21T23:06:38", "Europe/Berlin", TakenSource::User).unwrap();
        assert_eq!(taken.at.to_string(), "2019-07-21T21:06:38Z");
        assert_eq!(taken.local.to_string(), "2019-07-21T23:06:38");
        assert_eq!(taken.offset_text(), None);
    }

    #[test]
    fn names_tell_times() {
        let now = Timestamp::parse("2026-11-25T00:00:00Z").unwrap();
        let told = |name| {
            from_filename(name, "Europe/Berlin", now).map(|taken| (taken.at.to_string(), taken.local.to_string()))
        };
        let summer = Some(("2019-07-21T21:06:38Z".to_owned(), "2019-07-21T23:06:38".to_owned()));
        for name in [
            "IMG_20190721_230638.jpg",
            "2019-07-21 23.06.38.mov",
            "Screenshot_20190721-230638.png",
            "VID_20190721_230638123.mp4",
        ] {
            assert_eq!(told(name), summer, "{name}");
        }
        let pixel = Some(("2026-06-26T05:58:12Z".to_owned(), "2026-06-26T07:58:12".to_owned()));
        assert_eq!(told("PXL_20260626_055812345.jpg"), pixel);
        for name in [
            "IMG-20190721-WA0001.jpg",
            "DSC_0001.jpg",
            "99920190721230638.jpg",
            "20191321230638.jpg",
            "IMG_20290721_230638.jpg",
            "é1.jpg",
        ] {
            assert_eq!(told(name), None, "{name}");
        }
    }

    #[test]
    fn bad_times_are_refused() {
        for bad in [
            "",
            "yesterday",
            "2019-07-21",
            "2019-07-21T23:06:38",
            "1700-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "2019-13-01T00:00:00Z",
        ] {
            assert!(Taken::from_instant(bad, TakenSource::User).is_err(), "{bad}");
        }
        for bad in [
            "",
            "2019-07-21",
            "2019-07-21T23:06:38Z",
            "2019-07-21T23:06:38+01:00",
            "2019-07-21T25:00:00",
            "1500-01-01T00:00:00",
        ] {
            assert!(Taken::from_local(bad, "UTC", TakenSource::User).is_err(), "{bad}");
        }
    }
}
