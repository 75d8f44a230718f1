//! `Range` and the conditions beside it: ranges lie inside the file, are not empty and do not touch.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mv_core::byte_range::{RANGES_MAX, Ranges, parse};

fuzz_target!(|input: (u64, &str)| {
    let (size, header) = input;
    let ranges = match parse(header, size) {
        Ranges::Ignore | Ranges::Unsatisfiable => return,
        Ranges::One(range) => vec![range],
        Ranges::Many(ranges) => ranges,
    };
    assert!(ranges.len() <= RANGES_MAX);
    assert!(ranges.iter().all(|range| range.start < range.end && range.end <= size));
    let mut sorted = ranges;
    sorted.sort_by_key(|range| range.start);
    assert!(sorted.windows(2).all(|pair| matches!(pair, [one, two] if one.end < two.start)));
});
