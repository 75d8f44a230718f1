//! What files say of themselves: every reader of ours, by the format that the bytes begin like. What is found lies in the file.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use mv_media::{HEAD_BYTES, metadata, sniff, video};

fuzz_target!(|bytes: &[u8]| {
    let head = bytes.get(..bytes.len().min(HEAD_BYTES)).unwrap_or_default();
    let format = sniff(head, head.len() == bytes.len());
    let found = metadata::read(&mut Cursor::new(bytes), format);
    assert!(found.raw.len() <= 1000 && found.raw.values().all(|text| text.len() <= 1024));
    assert!(found.location.is_none_or(|place| place.latitude.abs() <= 90.0 && place.longitude.abs() <= 180.0));
    assert!(found.rating.is_none_or(|stars| (-1..=5).contains(&stars)));
    if let Some(front) = video::front(&mut Cursor::new(bytes)) {
        assert!(front.len() <= bytes.len() && front.get(4..8) == Some(b"moov"));
    }
});
