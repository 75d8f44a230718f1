//! Instants and clocks. Times are whole microseconds since 1970 (UTC), as the databases keep them.
//! Not here: sleeping. SQL never asks for the time; whoever writes a row passes it in.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::error::Error;

/// An instant: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Reads a time that a client sent in this field.
    ///
    /// # Errors
    /// `validation_error` on the field where it is not as RFC 3339 writes it.
    pub fn read(field: impl Into<Cow<'static, str>>, text: &str) -> Result<Self, Error> {
        let message = "Must be a time as RFC 3339 writes it, such as 2023-05-30T10:00:00Z";
        Self::parse(text).ok_or_else(|| Error::invalid(field, message))
    }

    /// From microseconds since 1970.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From milliseconds since 1970.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1000))
    }

    /// From seconds since 1970.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Microseconds since 1970.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since 1970, rounded down.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Seconds since 1970, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This much later; stops at the end of time instead of overflowing.
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }

    /// This much earlier; stops at the beginning of time instead of overflowing.
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How long ago `earlier` was; zero if it is later than this.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Parses RFC 3339 with an offset or `Z`, years 0001 to 9999 less the last 26 hours.
    pub fn parse(text: &str) -> Option<Self> {
        let instant: jiff::Timestamp = text.parse().ok()?;
        Some(Self(instant.as_microsecond()))
    }

    /// Parses an HTTP date in its preferred form, IMF-fixdate (RFC 9110 section 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
    pub fn parse_http(text: &str) -> Option<Self> {
        if text.get(3..5)? != ", " {
            return None;
        }
        let mut words = text.get(5..)?.split(' ');
        let (day, month, year, time) = (words.next()?, words.next()?, words.next()?, words.next()?);
        if words.next()? != "GMT" || words.next().is_some() {
            return None;
        }
        let month = MONTHS.iter().position(|known| *known == month)?.saturating_add(1);
        Self::parse(&format!("{year}-{month:02}-{day}T{time}Z"))
    }
}

/// The months as HTTP dates write them.
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// RFC 3339 in UTC, ending in `Z`, with as many digits of a second as are needed (0, 3 or 6). Digits are set by hand:
/// a list writes 60 times a page, and the formatting machinery costs ten times as much.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.seconds().div_euclid(86_400));
        if !(0..=9999).contains(&year) {
            return write!(f, "{year}-{month:02}-{day:02}T00:00:00Z");
        }
        let of_day = self.seconds().rem_euclid(86_400);
        let micros = self.0.rem_euclid(1_000_000);
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        put(&mut text[0..4], year);
        put(&mut text[5..7], month);
        put(&mut text[8..10], day);
        put(&mut text[11..13], of_day / 3600);
        put(&mut text[14..16], of_day / 60 % 60);
        put(&mut text[17..19], of_day % 60);
        put(&mut text[20..26], micros);
        let length = match micros {
            0 => 19,
            m if m % 1000 == 0 => 23,
            _ => 26,
        };
        text[length] = b'Z';
        f.write_str(std::str::from_utf8(&text[..=length]).map_err(|_| fmt::Error)?)
    }
}

/// Writes a number that fits into as many digits as there are places.
fn put(places: &mut [u8], number: i64) {
    let mut rest = number;
    for place in places.iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom("must be a time as RFC 3339 writes it, such as 2023-05-30T10:00:00Z")
        })
    }
}

/// Days since 1970 as year, month, day in the proleptic Gregorian calendar (Hinnant, "chrono-Compatible
/// Low-Level Date Algorithms"). Here because a list formats 60 times a page and jiff's printer costs more.
pub(crate) fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Tells the time. Wall time may jump; `mono` never goes back and is for measuring spans.
pub trait Clock: Send + Sync {
    /// The wall clock.
    fn now(&self) -> Timestamp;
    /// Time since some fixed moment of this process.
    fn mono(&self) -> Duration;
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    started: std::time::Instant,
}

impl Default for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's monotonic clock")]
    fn default() -> Self {
        Self { started: std::time::Instant::now() }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's wall clock")]
    fn now(&self) -> Timestamp {
        match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
            Ok(span) => Timestamp::default().plus(span),
            Err(before) => Timestamp::default().minus(before.duration()),
        }
    }

    fn mono(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A clock that tests move by hand.
#[derive(Debug, Default)]
pub struct ManualClock {
    wall: AtomicI64,
    mono: AtomicI64,
}

impl ManualClock {
    /// A clock that stands at this moment.
    pub fn at(now: Timestamp) -> Self {
        Self { wall: AtomicI64::new(now.micros()), mono: AtomicI64::new(0) }
    }

    /// Lets time pass: wall and monotonic time go on together.
    pub fn advance(&self, span: Duration) {
        let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        self.wall.fetch_add(micros, Ordering::SeqCst);
        self.mono.fetch_add(micros, Ordering::SeqCst);
    }

    /// Sets the wall clock alone, as an administrator or NTP would.
    pub fn set(&self, now: Timestamp) {
        self.wall.store(now.micros(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.wall.load(Ordering::SeqCst))
    }

    fn mono(&self) -> Duration {
        Duration::from_micros(u64::try_from(self.mono.load(Ordering::SeqCst)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_dates() {
        let at = Timestamp::parse("1994-11-06T08:49:37Z");
        assert_eq!(Timestamp::parse_http("Sun, 06 Nov 1994 08:49:37 GMT"), at);
        for bad in [
            "",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun, 06 Foo 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 GMT x",
            "ü",
        ] {
            assert_eq!(Timestamp::parse_http(bad), None, "{bad}");
        }
    }

    #[test]
    fn writes_rfc_3339() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_685_440_800_000_000, "2023-05-30T10:00:00Z"),
            (1_685_440_800_120_000, "2023-05-30T10:00:00.120Z"),
            (1_685_440_800_000_007, "2023-05-30T10:00:00.000007Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(Timestamp::from_micros(micros).to_string(), text);
            assert_eq!(Timestamp::parse(text), Some(Timestamp::from_micros(micros)));
        }
        assert_eq!(Timestamp::parse("2023-05-30T12:00:00+02:00"), Timestamp::parse("2023-05-30T10:00:00Z"));
        for bad in ["", "2023-05-30", "2023-05-30T10:00:00", "0000-99-99T10:00:00Z", "now"] {
            assert_eq!(Timestamp::parse(bad), None, "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn agrees_with_jiff(seconds in -62_135_596_800i64..253_402_300_799, micros in 0i64..1_000_000) {
            let ours = Timestamp::from_micros(seconds * 1_000_000 + micros);
            let theirs: jiff::Timestamp = ours.to_string().parse().unwrap();
            proptest::prop_assert_eq!(theirs.as_microsecond(), ours.micros());
        }
    }
}
