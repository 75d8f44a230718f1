//! The index of a film in fragments: as long as there is one, it goes before all of the stream and is not longer than what
//! it was made of by more than its tables can be.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use mv_media::video;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(front) = video::index(&mut Cursor::new(bytes)) {
        let end = front.len() - 16;
        assert!(front.get(4..8) == Some(b"ftyp") && front.get(end + 4..end + 8) == Some(b"mdat"));
        assert!(front.get(end + 8..) == Some(&(bytes.len() as u64 + 16).to_be_bytes()[..]));
    }
});
