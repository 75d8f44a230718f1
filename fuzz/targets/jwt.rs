//! Access tokens: whatever comes, a token holds only if it was made here.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mv_app::auth::tokens::{JwtKeys, Tokens};
use mv_blobs::RootKey;
use mv_core::Timestamp;

fuzz_target!(|text: &str| {
    let Some(keys) = JwtKeys::new(vec![[7; 32], [8; 32]]) else { return };
    let tokens = Tokens::new(keys, &RootKey::from_bytes([1; 32]));
    // No input of a fuzzer guesses an HMAC-SHA-256, so none may hold.
    assert!(tokens.check(text, Timestamp::from_seconds(1_700_000_000)).is_err());
    assert!(tokens.read_refresh(text).is_none());
});
