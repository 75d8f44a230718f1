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
}

impl TakenSource {
    /// As JSON and the database write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Client => "client",
        }
    }

    /// Reads what `as_str` wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::User, Self::Client].into_iter().find(|source| source.as_str() == text)
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

    /// The offset as `+02:00`.
    pub fn offset_text(&self) -> Option<String> {
        self.offset_seconds.map(|seconds| {
            let sign = if seconds < 0 { '-' } else { '+' };
            let minutes = seconds.unsigned_abs() / 60;
            format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
        })
    }
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
