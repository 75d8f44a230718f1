//! Cursors of lists: none but those made here opens.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mv_app::media::cursor::Cursors;
use mv_blobs::RootKey;
use mv_core::UserId;
use uuid::Uuid;

fuzz_target!(|text: &str| {
    let cursors = Cursors::new(&RootKey::from_bytes([1; 32]));
    assert!(cursors.open::<(i64, String)>(UserId::from_uuid(Uuid::from_u128(1)), "list", text).is_err());
});
