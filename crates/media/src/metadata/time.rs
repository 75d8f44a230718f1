//! Times as files write them.

use mv_core::taken::LocalTime;

use crate::found::{FoundTime, TimeSource};

/// Seconds from 1904 to 1970 (ISO/IEC 14496-12 section 8.2.2).
const SINCE_1904: u64 = 2_082_844_800;

/// `2019:07:21 23:06:38` as EXIF has it, or the same with other separators; `fraction` are the digits behind the second.
pub(super) fn local(text: &str, fraction: Option<&str>) -> Option<i64> {
    let text = text.trim().trim_end_matches('\0');
    let (date, rest) = text.split_at_checked(10)?;
    let time = rest.trim_start_matches(['T', ' ']);
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let [year, month, day] = date.split([':', '-', '.', '/']).collect::<Vec<_>>().try_into().ok()?;
    let (clock, own) = time.split_once('.').unwrap_or((time, ""));
    let [hour, minute, second] = clock.split(':').collect::<Vec<_>>().try_into().ok()?;
    if ![year, month, day, hour, minute, second].iter().all(|part| digits(part)) {
        return None;
    }
    // A leap second is the last one of its minute.
    let second = if second == "60" { "59" } else { second };
    let own: String = own.chars().take_while(char::is_ascii_digit).take(6).collect();
    let fraction = fraction.map(str::trim).filter(|text| digits(text)).map(|text| text.chars().take(6).collect());
    let fraction = if own.is_empty() { fraction.unwrap_or_default() } else { own };
    let point = if fraction.is_empty() { "" } else { "." };
    LocalTime::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}{point}{fraction}")).map(LocalTime::micros)
}

/// `+02:00`, `-0800` or `Z` in seconds.
pub(super) fn offset(text: &str) -> Option<i32> {
    let text = text.trim().trim_end_matches('\0').trim();
    if text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let digits: String = rest.chars().filter(|c| *c != ':').collect();
    let (hours, minutes) = digits.split_at_checked(2)?;
    let (hours, minutes): (i32, i32) =
        (hours.parse().ok()?, if minutes.is_empty() { 0 } else { minutes.parse().ok()? });
    (hours <= 14 && minutes < 60)
        .then(|| (hours.saturating_mul(3600).saturating_add(minutes.saturating_mul(60))).saturating_mul(sign))
}

/// A time as XMP and QuickTime write it: ISO 8601, with or without an offset, perhaps a day alone (which is no time).
pub(super) fn iso(text: &str, source: TimeSource) -> Option<FoundTime> {
    let text = text.trim();
    let (date, rest) = text.split_at_checked(10)?;
    let clock_end =
        rest.char_indices().skip(1).find(|(_, c)| matches!(c, '+' | '-' | 'Z' | 'z')).map_or(rest.len(), |(at, _)| at);
    let (clock, zone) = rest.split_at_checked(clock_end)?;
    let clock = if clock.matches(':').count() == 1 { format!("{clock}:00") } else { clock.to_owned() };
    let local_micros = local(&format!("{date}{clock}"), None)?;
    let offset_seconds = if zone.is_empty() { None } else { Some(offset(zone)?) };
    Some(FoundTime { local_micros, offset_seconds, source })
}

/// Seconds since 1904, UTC by the standard; 0 is unknown, and so is what lies before 1970.
pub(super) fn since_1904(seconds: u64) -> Option<FoundTime> {
    let seconds = i64::try_from(seconds.checked_sub(SINCE_1904)?).ok().filter(|seconds| *seconds > 0)?;
    Some(FoundTime {
        local_micros: seconds.checked_mul(1_000_000)?,
        offset_seconds: Some(0),
        source: TimeSource::Video,
    })
}

/// What the satellites' clock says of the one on the wall: their difference in quarters of an hour, if both were read within
/// two minutes of each other and it is a zone's.
pub(super) fn offset_by_gps(local_micros: i64, gps_micros: i64) -> Option<i32> {
    const QUARTER: i64 = 900;
    let seconds = local_micros.checked_sub(gps_micros)?.div_euclid(1_000_000);
    let quarters = seconds.checked_add(QUARTER / 2)?.div_euclid(QUARTER);
    let rounded = quarters.checked_mul(QUARTER)?;
    let stale = seconds.checked_sub(rounded)?.abs() > 120;
    (!stale && rounded.abs() <= 14 * 3600).then(|| i32::try_from(rounded).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_all_kinds() {
        let micros = 1_563_750_398_000_000;
        assert_eq!(local("2019:07:21 23:06:38", None), Some(micros));
        assert_eq!(local("2019:07:21 23:06:38\0", Some("25 ")), Some(micros + 250_000));
        for bad in [
            "",
            "2019:07:21",
            "    :  :     :  :  ",
            "0000:00:00 00:00:00",
            "2019:13:21 23:06:38",
            "2019:07:21 23:06",
            "é019:07:21 23:06:38",
        ] {
            assert_eq!(local(bad, None), None, "{bad}");
        }
        assert_eq!(
            (offset("+02:00"), offset("-0830\0"), offset("Z"), offset("+15:00"), offset("2")),
            (Some(7200), Some(-30_600), Some(0), None, None)
        );
        let told = iso("2019-07-21T23:06:38+0200", TimeSource::Video).unwrap();
        assert_eq!((told.local_micros, told.offset_seconds), (micros, Some(7200)));
        assert_eq!(iso("2019-07-21T23:06", TimeSource::Exif).unwrap().local_micros, micros - 38_000_000);
        assert_eq!(iso("2019-07-21", TimeSource::Exif), None);
        assert_eq!(since_1904(3_646_595_198).unwrap().local_micros, micros);
        assert_eq!((since_1904(0), since_1904(u64::MAX)), (None, None));
        assert_eq!(offset_by_gps(micros, micros - 7_199_000_000), Some(7200));
        assert_eq!(offset_by_gps(micros, micros - 7_600_000_000), None, "an old fix");
        assert_eq!(offset_by_gps(micros, micros - 86_400_000_000), None);
    }
}
