//! Form bodies: the first byte says how the body is cut into pieces, the rest is the body. However it is cut, the parser
//! says the same of it.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use mv_http::multipart::{Boundary, Event, Malformed, Parser};

/// What a parser says of a body that comes in pieces of this size: part heads as text, all data in a row, the end.
fn parsed(boundary: &Boundary, body: &[u8], piece: usize) -> (Vec<String>, Vec<u8>, Result<(), Malformed>) {
    let (mut parser, mut heads, mut data) = (Parser::new(boundary), Vec::new(), Vec::new());
    for piece in body.chunks(piece.max(1)) {
        let mut input = Bytes::copy_from_slice(piece);
        loop {
            match parser.next_event(&mut input) {
                Ok(Some(Event::Part(head))) => heads.push(format!("{head:?}")),
                Ok(Some(Event::Data(bytes))) => data.extend_from_slice(&bytes),
                Ok(Some(Event::End)) => data.push(b'|'),
                Ok(None) => break,
                Err(malformed) => return (heads, data, Err(malformed)),
            }
        }
    }
    let end = parser.finish();
    (heads, data, end)
}

fuzz_target!(|input: &[u8]| {
    let Some((cut, rest)) = input.split_first() else { return };
    let _ = Boundary::from_content_type(rest);
    let Ok(boundary) = Boundary::from_content_type(b"multipart/form-data; boundary=b") else { return };
    let (whole, cut) = (parsed(&boundary, rest, rest.len()), parsed(&boundary, rest, usize::from(*cut)));
    assert_eq!(whole, cut);
});
