//! The `Range` request header for bytes: RFC 9110 section 14.
//! Promise: whatever the header says, at most 16 ranges come out, each inside the file, none empty, no two touching.
//! Not here: `If-Range` and the shape of the answer (`http`); ranges count for GET only.

use std::ops::Range;

/// More ranges than this in one request are not worth answering; the header is then ignored.
pub const RANGES_MAX: usize = 16;

/// What a `Range` header asks of a file of known size. Positions are bytes, ends are exclusive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ranges {
    /// Answer as if the header were absent (200): bad syntax, a unit that is not bytes, or too many ranges. RFC 9110
    /// section 14.2 lets a server ignore all of these.
    Ignore,
    /// Well formed, and no part of it exists: 416.
    Unsatisfiable,
    /// One part: 206 with `Content-Range`.
    One(Range<u64>),
    /// Two to [`RANGES_MAX`] parts that neither overlap nor touch, each where its first piece was asked for: 206 with
    /// `multipart/byteranges`.
    Many(Vec<Range<u64>>),
}

/// Reads the value of `Range` for a file of `size` bytes.
///
/// Ranges that overlap or touch are merged (section 15.3.7.2 allows it), ranges past the end are left out. Numbers too
/// big for 64 bits mean "past the end of any file". Of an empty file, `bytes=0-` is unsatisfiable; a suffix such as
/// `bytes=-5` is all of it by section 14.1.2, which no `Content-Range` can say, so that header is ignored.
pub fn parse(header: &str, size: u64) -> Ranges {
    let Some((unit, set)) = header.trim_matches([' ', '\t']).split_once('=') else {
        return Ranges::Ignore;
    };
    if !unit.eq_ignore_ascii_case("bytes") {
        return Ranges::Ignore;
    }
    // Empty list members are no error: RFC 9110 section 5.6.1.2.
    let members = set.split(',').map(|member| member.trim_matches([' ', '\t'])).filter(|member| !member.is_empty());
    let mut specs = Vec::with_capacity(1);
    for member in members {
        match Spec::parse(member) {
            Some(spec) if specs.len() < RANGES_MAX => specs.push(spec),
            _ => return Ranges::Ignore,
        }
    }
    if specs.is_empty() || (size == 0 && specs.iter().any(Spec::is_suffix_with_length)) {
        return Ranges::Ignore;
    }
    let mut merged = Vec::with_capacity(1);
    for range in specs.iter().filter_map(|spec| spec.within(size)) {
        merge(&mut merged, range);
    }
    match merged.as_slice() {
        [] => Ranges::Unsatisfiable,
        [only] => Ranges::One(only.clone()),
        _ => Ranges::Many(merged),
    }
}

/// One member of the set, as written (`range-spec` of RFC 9110 section 14.1.1).
#[derive(Debug, Clone, Copy)]
enum Spec {
    /// `first-` and `first-last`, the last byte included; `None` for up to the end.
    From { first: u64, last: Option<u64> },
    /// `-length`: the last so many bytes.
    Suffix(u64),
}

impl Spec {
    /// `None` for bad syntax; a last position before the first is bad syntax too (section 14.1.1).
    fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('-')?;
        if first.is_empty() {
            return Some(Self::Suffix(number(last)?));
        }
        let first = number(first)?;
        let last = if last.is_empty() { None } else { Some(number(last)?) };
        if last.is_some_and(|last| last < first) { None } else { Some(Self::From { first, last }) }
    }

    fn is_suffix_with_length(&self) -> bool {
        matches!(self, Self::Suffix(length) if *length > 0)
    }

    /// The bytes of a file of `size` bytes that are meant; `None` where there are none.
    fn within(self, size: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::From { first, last } => first..last.map_or(size, |last| last.saturating_add(1).min(size)),
            Self::Suffix(length) => size.saturating_sub(length)..size,
        };
        if range.is_empty() { None } else { Some(range) }
    }
}

/// A decimal number of digits only; what does not fit is the largest there is.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

/// Adds `new`, taking up every range it overlaps or touches; the sum stands where the first of them stood.
fn merge(merged: &mut Vec<Range<u64>>, new: Range<u64>) {
    let mut sum = new;
    let mut place = merged.len();
    // A range taken up makes the sum wider, so it may now reach one that it missed before.
    while let Some(at) = merged.iter().position(|old| old.start <= sum.end && sum.start <= old.end) {
        let old = merged.remove(at);
        sum = old.start.min(sum.start)..old.end.max(sum.end);
        place = place.min(at);
    }
    merged.insert(place.min(merged.len()), sum);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_range() {
        let cases: &[(&str, u64, Range<u64>)] = &[
            ("bytes=0-0", 10, 0..1),
            ("bytes=0-", 10, 0..10),
            ("bytes=9-", 10, 9..10),
            ("bytes=2-5", 10, 2..6),
            ("bytes=2-500", 10, 2..10),
            ("bytes=-3", 10, 7..10),
            ("bytes=-10", 10, 0..10),
            ("bytes=-500", 10, 0..10),
            ("bytes=007-008", 10, 7..9),
            ("Bytes=0-1", 10, 0..2),
            ("  bytes=0-1\t", 10, 0..2),
            ("bytes= 0-1", 10, 0..2),
            ("bytes=0-1 ,", 10, 0..2),
            ("bytes=,,\t,0-1,", 10, 0..2),
            // 2^64 - 1, 2^64 and beyond.
            ("bytes=0-18446744073709551615", 10, 0..10),
            ("bytes=0-18446744073709551616", 10, 0..10),
            ("bytes=-99999999999999999999999", 10, 0..10),
            ("bytes=0-18446744073709551615", u64::MAX, 0..u64::MAX),
            // What is past the end falls out.
            ("bytes=0-1,50-60", 10, 0..2),
            ("bytes=50-60,0-1,-0", 10, 0..2),
            // Touching and overlapping ones merge.
            ("bytes=0-0,1-1", 10, 0..2),
            ("bytes=1-1,0-0", 10, 0..2),
            ("bytes=0-5,3-7", 10, 0..8),
            ("bytes=0-,0-,0-", 10, 0..10),
            ("bytes=0-1,4-5,2-3", 10, 0..6),
            ("bytes=-5,0-4", 10, 0..10),
        ];
        for (header, size, range) in cases {
            assert_eq!(parse(header, *size), Ranges::One(range.clone()), "{header:?} of {size}");
        }
    }

    #[test]
    fn several_ranges_keep_their_order() {
        let cases: &[(&str, &[Range<u64>])] = &[
            ("bytes=0-0,-1", &[0..1, 9..10]),
            ("bytes=-1,0-0", &[9..10, 0..1]),
            ("bytes=8-8, 2-3 ,5-5", &[8..9, 2..4, 5..6]),
            ("bytes=8-9,0-1,4-4,1-2", &[8..10, 0..3, 4..5]),
            ("bytes=8-8,2-2,0-0,1-1", &[8..9, 0..3]),
            ("bytes=5-5,0-0,7-7,6-6", &[5..8, 0..1]),
        ];
        for (header, ranges) in cases {
            assert_eq!(parse(header, 10), Ranges::Many(ranges.to_vec()), "{header:?}");
        }
    }

    #[test]
    fn unsatisfiable() {
        let cases = [
            ("bytes=10-", 10),
            ("bytes=10-12", 10),
            ("bytes=-0", 10),
            ("bytes=-0,-00", 10),
            ("bytes=18446744073709551616-", 10),
            ("bytes=18446744073709551615-", u64::MAX),
            ("bytes=0-", 0),
            ("bytes=0-0", 0),
            ("bytes=-0", 0),
        ];
        for (header, size) in cases {
            assert_eq!(parse(header, size), Ranges::Unsatisfiable, "{header:?} of {size}");
        }
    }

    #[test]
    fn ignored() {
        let cases = [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes= , ,",
            "=0-1",
            "bytes:0-1",
            "bytes =0-1",
            "items=0-1",
            "bytes=5-2",
            "bytes=0-1,5-2",
            "bytes=-",
            "bytes=5",
            "bytes=--5",
            "bytes=1--2",
            "bytes=1-2-3",
            "bytes=a-b",
            "bytes=0x1-2",
            "bytes=+1-2",
            "bytes=1-+2",
            "bytes=1.0-2",
            "bytes=1 - 2",
            "bytes=0-1;2-3",
            "bytes=0-1 2-3",
            "bytes=0-1,bytes=2-3",
            "bytes=٣-٤",
            "bytes=0-1\0",
        ];
        for header in cases {
            assert_eq!(parse(header, 10), Ranges::Ignore, "{header:?}");
        }
        assert_eq!(parse("bytes=-5", 0), Ranges::Ignore);
        assert_eq!(parse("bytes=0-,-5", 0), Ranges::Ignore);
    }

    #[test]
    fn at_most_sixteen() {
        let header = |count: u64| {
            let members: Vec<String> = (0..count).map(|at| format!("{0}-{0}", at * 2)).collect();
            format!("bytes={}", members.join(","))
        };
        assert!(matches!(parse(&header(16), 100_000), Ranges::Many(ranges) if ranges.len() == 16));
        assert_eq!(parse(&header(17), 100_000), Ranges::Ignore);
        assert_eq!(parse(&header(5_000), 100_000), Ranges::Ignore);
        // Those past the end count too, and so do those that would merge.
        assert_eq!(parse(&format!("bytes={}", "0-0,".repeat(17)), 100), Ranges::Ignore);
        assert_eq!(parse(&format!("bytes={}", "200-,".repeat(17)), 100), Ranges::Ignore);
    }

    /// Which bytes are meant, by looking at each byte; `None` where the header cannot be satisfied.
    fn model(specs: &[(Option<u64>, Option<u64>)], size: u64) -> Vec<bool> {
        let meant = |at: u64| {
            specs.iter().any(|spec| match *spec {
                (Some(first), Some(last)) => first <= at && at <= last,
                (Some(first), None) => first <= at,
                (None, length) => size - at <= length.unwrap_or(0),
            })
        };
        (0..size).map(meant).collect()
    }

    fn specs() -> impl Strategy<Value = Vec<(Option<u64>, Option<u64>)>> {
        let spec = (proptest::option::of(0u64..40), proptest::option::of(0u64..40)).prop_map(|spec| match spec {
            (Some(first), Some(span)) => (Some(first), Some(first + span / 4)),
            (None, None) => (None, Some(1)),
            other => other,
        });
        proptest::collection::vec(spec, 1..=RANGES_MAX)
    }

    proptest! {
        #[test]
        fn agrees_with_the_model(specs in specs(), size in 1u64..40) {
            let text = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
            let members: Vec<String> =
                specs.iter().map(|(first, last)| format!("{}-{}", text(*first), text(*last))).collect();
            let ranges = match parse(&format!("bytes={}", members.join(",")), size) {
                Ranges::Ignore => return Err(TestCaseError::fail("ignored")),
                Ranges::Unsatisfiable => Vec::new(),
                Ranges::One(range) => vec![range],
                Ranges::Many(ranges) => {
                    prop_assert!(ranges.len() > 1);
                    ranges
                }
            };
            let got: Vec<bool> = (0..size).map(|at| ranges.iter().any(|range| range.contains(&at))).collect();
            prop_assert_eq!(got, model(&specs, size));
            let mut sorted = ranges.clone();
            sorted.sort_by_key(|range| range.start);
            prop_assert!(sorted.iter().all(|range| range.start < range.end && range.end <= size));
            prop_assert!(sorted.windows(2).all(|pair| pair[0].end < pair[1].start));
        }

        #[test]
        fn keeps_its_promise_on_any_header(header in "(bytes=)?[-0-9, a]{0,60}", size in any::<u64>()) {
            let ranges = match parse(&header, size) {
                Ranges::Ignore | Ranges::Unsatisfiable => Vec::new(),
                Ranges::One(range) => vec![range],
                Ranges::Many(ranges) => ranges,
            };
            prop_assert!(ranges.len() <= RANGES_MAX);
            prop_assert!(ranges.iter().all(|range| range.start < range.end && range.end <= size));
        }
    }
}
