//! `Host`: what is read from it is the beginning of what was sent, and nothing that could stand for another host.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mv_http::layers::host::named;

fuzz_target!(|text: &str| {
    let Some(host) = named(text) else { return };
    assert!(text.starts_with(host) && !host.is_empty());
    assert!(!host.contains(['@', '/', '?', '#', '\\', ' ', '\r', '\n', '\0']));
    let rest = &text[host.len()..];
    assert!(rest.is_empty() || rest.starts_with(':'), "only a port may follow");
});
