//! Cookies: whatever comes, only a value that this server could have set is read, and never out of two.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mv_http::extract::cookie::{Held, RefreshCookie};

fuzz_target!(|bytes: &[u8]| {
    let cookie = RefreshCookie::at("https://vault.example.org");
    // A line end parts the headers, as nothing else within one can.
    let lines = || bytes.split(|byte| *byte == b'\n');
    let held = cookie.read(lines());
    if let Held::Token(token) = held {
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        assert_eq!(cookie.read(lines().chain(lines())), Held::Unusable);
    }
});
