//! The parser against tables of bad bodies, and against `multer` as an oracle for good ones, at every cut.

use std::convert::Infallible;

use futures_util::stream;
use proptest::prelude::*;

use super::*;

/// A part as both parsers can tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    name: String,
    filename: Option<String>,
    content: Vec<u8>,
}

fn boundary(text: &str) -> Boundary {
    Boundary::from_content_type(format!("multipart/form-data; boundary=\"{text}\"").as_bytes()).unwrap()
}

fn part(name: &str, filename: Option<&str>, content: &[u8]) -> Part {
    Part { name: name.into(), filename: filename.map(Into::into), content: content.into() }
}

fn written(boundary: &str, parts: &[Part]) -> Vec<u8> {
    let mut body = Vec::new();
    for part in parts {
        body.extend_from_slice(
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", part.name).as_bytes(),
        );
        if let Some(filename) = &part.filename {
            body.extend_from_slice(format!("; filename=\"{filename}\"\r\nContent-Type: a/b").as_bytes());
        }
        body.extend_from_slice(b"\r\n\r\n");
        body.extend_from_slice(&part.content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    body
}

/// All of it, by the machine alone.
fn parsed<'p>(marker: &str, pieces: impl IntoIterator<Item = &'p [u8]>) -> Result<Vec<Part>, Malformed> {
    let mut parser = Parser::new(&boundary(marker));
    let mut parts = Vec::new();
    let mut open = None;
    for piece in pieces {
        let mut input = Bytes::copy_from_slice(piece);
        let (mut budget, slices) = (2 * piece.len() + 2, input.clone());
        while let Some(event) = parser.next_event(&mut input)? {
            budget = budget.checked_sub(1).expect("it does not loop");
            match event {
                Event::Part(head) => {
                    assert!(open.is_none());
                    open = Some(part(&head.name, head.filename.as_deref(), b""));
                }
                Event::Data(bytes) => {
                    assert!(!bytes.is_empty());
                    // Data are slices of the input, but for what was held back of a boundary.
                    assert!(slices.as_ptr_range().contains(&bytes.as_ptr()) || bytes.len() < marker.len() + 4);
                    open.as_mut().unwrap().content.extend_from_slice(&bytes);
                }
                Event::End => parts.push(open.take().unwrap()),
            }
        }
        assert!(input.is_empty());
    }
    parser.finish()?;
    assert!(open.is_none());
    Ok(parts)
}

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn chunks(pieces: &[&[u8]]) -> impl Stream<Item = Result<Bytes, Infallible>> + Unpin + Send + 'static {
    let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    stream::iter(pieces)
}

/// All of it, as a handler reads it.
fn streamed(marker: &str, pieces: &[&[u8]]) -> Result<Vec<Part>, ReadError<Infallible>> {
    run(async {
        let mut form = Multipart::new(chunks(pieces), &boundary(marker));
        let mut parts = Vec::new();
        while let Some(head) = form.next_part().await? {
            let mut read = part(&head.name, head.filename.as_deref(), b"");
            while let Some(bytes) = form.next_chunk().await? {
                read.content.extend_from_slice(&bytes);
            }
            parts.push(read);
        }
        Ok(parts)
    })
}

/// All of it, as the oracle reads it.
fn oracle(marker: &str, pieces: &[&[u8]]) -> Result<Vec<Part>, multer::Error> {
    run(async {
        let mut form = multer::Multipart::new(chunks(pieces), marker);
        let mut parts = Vec::new();
        while let Some(field) = form.next_field().await? {
            let mut read = part(field.name().unwrap(), field.file_name(), b"");
            read.content = field.bytes().await?.to_vec();
            parts.push(read);
        }
        Ok(parts)
    })
}

/// Contents made of what looks like a boundary and is none.
fn content(marker: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let delimiter = format!("\r\n--{marker}").into_bytes();
    let beginnings = (0..delimiter.len()).prop_map({
        let delimiter = delimiter.clone();
        move |end| delimiter[..end].to_vec()
    });
    let pieces = prop_oneof![
        3 => beginnings,
        1 => prop::collection::vec(any::<u8>(), 0..8),
        1 => prop::sample::select(vec![&b"\r"[..], b"\n", b"\r\n", b"--", b"-", b"\r\r\n--", b"\r\n\r\n"]).prop_map(<[u8]>::to_vec),
    ];
    prop::collection::vec(pieces, 0..8).prop_map(|pieces| pieces.concat()).prop_filter(
        "holds no boundary",
        move |content| {
            // The line end behind the content must not complete one either, nor the content begin with one.
            let around = [b"\r\n", &content[..], b"\r\n--"].concat();
            memchr::memmem::find(&around, &delimiter).is_none()
        },
    )
}

fn form(markers: &'static [&'static str]) -> impl Strategy<Value = (&'static str, Vec<Part>)> {
    prop::sample::select(markers).prop_flat_map(|marker| {
        let filename = prop::option::of("[a-zA-Z0-9 ._é-]{1,12}");
        let part = ("[a-z_]{1,8}", filename, content(marker)).prop_map(|(name, filename, content)| Part {
            name,
            filename,
            content,
        });
        (Just(marker), prop::collection::vec(part, 0..4))
    })
}

const MARKERS: &[&str] = &["x", "ab", "--", "----WebKitFormBoundary7MA4YWxkTrZu0gW"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn reads_what_the_oracle_reads_at_every_cut((marker, parts) in form(MARKERS)) {
        let body = written(marker, &parts);
        prop_assert_eq!(&oracle(marker, &[&body]).unwrap(), &parts);
        for cut in 0..=body.len() {
            let (before, after) = body.split_at(cut);
            prop_assert_eq!(&parsed(marker, [before, after]).unwrap(), &parts, "cut at {}", cut);
        }
        prop_assert_eq!(&parsed(marker, body.chunks(1)).unwrap(), &parts);
    }

    #[test]
    fn reads_what_the_oracle_reads_at_random_cuts(
        (marker, parts) in form(MARKERS),
        sizes in prop::collection::vec(0usize..40, 1..20),
    ) {
        let body = written(marker, &parts);
        let mut pieces: Vec<&[u8]> = Vec::new();
        let mut rest = &body[..];
        for size in sizes {
            let (piece, after) = rest.split_at(size.min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        pieces.push(rest);
        prop_assert_eq!(&oracle(marker, &pieces).unwrap(), &parts);
        prop_assert_eq!(&streamed(marker, &pieces).unwrap(), &parts);
    }

    #[test]
    fn a_body_cut_off_is_never_whole((marker, parts) in form(MARKERS), cut in any::<prop::sample::Index>()) {
        let body = written(marker, &parts);
        // Without the last hyphen there is no end.
        let cut = cut.index(body.len() - 2);
        prop_assert_eq!(parsed(marker, [&body[..cut]]), Err(Malformed::Unfinished));
    }

    #[test]
    fn garbage_neither_panics_nor_loops(
        pieces in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..20),
                prop::sample::select(vec![
                    &b"--x\r\n"[..], b"\r\n--x", b"--x--", b"Content-Disposition: form-data; name=\"a\"\r\n\r\n", b"\r\n",
                ]).prop_map(<[u8]>::to_vec),
            ],
            0..20,
        ),
    ) {
        let whole = pieces.concat();
        let at_once = parsed("x", [&whole[..]]);
        prop_assert_eq!(parsed("x", pieces.iter().map(Vec::as_slice)), at_once.clone());
        prop_assert_eq!(parsed("x", whole.chunks(1)), at_once);
    }
}

const FIELD: &str = "Content-Disposition: form-data; name=\"a\"\r\n";

#[test]
fn accepts_the_odd_but_lawful() {
    let one = vec![part("a", None, b"v")];
    for (body, expected) in [
        ("--x--".into(), vec![]),
        (format!("--x\r\n{FIELD}\r\nv\r\n--x--"), one.clone()),
        (format!("\r\n--x\r\n{FIELD}\r\nv\r\n--x--\r\n"), one.clone()),
        (format!("a preamble\r\n--x \t \r\n{FIELD}\r\nv\r\n--x--\r\nan epilogue"), one.clone()),
        (format!("--y\r\n--x\r\n{FIELD}\r\nv\r\n--x--"), one.clone()),
        (format!("--x\r\n{FIELD}\r\n\r\n--x--"), vec![part("a", None, b"")]),
        (format!("--x\r\n{FIELD}\r\n--x--v\r\n--x--"), vec![part("a", None, b"--x--v")]),
        (format!("{}\r\n--x--{}", "p".repeat(MAX_PREAMBLE - 2), "e".repeat(MAX_EPILOGUE)), vec![]),
    ] {
        assert_eq!(parsed("x", [body.as_bytes()]), Ok(expected.clone()), "{body:?}");
        assert_eq!(parsed("x", body.as_bytes().chunks(1)), Ok(expected), "{body:?}");
    }
}

#[test]
fn refuses_bad_bodies() {
    let parts = |count: usize| format!("--x\r\n{FIELD}\r\n\r\n").repeat(count) + "--x--";
    assert_eq!(parsed("x", [parts(MAX_PARTS).as_bytes()]).unwrap().len(), MAX_PARTS);
    let long = "a".repeat(MAX_HEAD);
    for (body, error) in [
        (String::new(), Malformed::Unfinished),
        ("no boundary at all".into(), Malformed::Unfinished),
        (format!("--x\r\n{FIELD}\r\nv"), Malformed::Unfinished),
        (format!("--x\r\n{FIELD}\r\nv\r\n--x\r\n"), Malformed::Unfinished),
        (format!("--x\r\n{FIELD}\r\nv\r\n--x-"), Malformed::Unfinished),
        (format!("--x\r\n{FIELD}\r\nv\n--x--"), Malformed::Unfinished),
        (format!("--x\n{FIELD}\r\nv\r\n--x--"), Malformed::BadDelimiter),
        (format!("--xy\r\n{FIELD}\r\nv\r\n--x--"), Malformed::BadDelimiter),
        (format!("--x\r\n{FIELD}\r\nv\r\n--x-\r\n"), Malformed::BadDelimiter),
        (format!("--x\r\n{FIELD}\r\nboundary \r\n--x inside"), Malformed::BadDelimiter),
        (format!("--x{}", " ".repeat(MAX_PREAMBLE + 1)), Malformed::BadDelimiter),
        (parts(MAX_PARTS + 1), Malformed::TooManyParts),
        (parts(100_000), Malformed::TooManyParts),
        ("p".repeat(MAX_PREAMBLE + 1), Malformed::LongPreamble),
        (format!("--x--{}", "e".repeat(MAX_EPILOGUE + 1)), Malformed::LongEpilogue),
        (format!("--x\r\nX: {long}"), Malformed::LongHead),
        (format!("--x\r\n{}", "X: y\r\n".repeat(2000)), Malformed::LongHead),
        (format!("--x\r\n{}{FIELD}\r\nv\r\n--x--", "X: y\r\n".repeat(16)), Malformed::TooManyHeaders),
        (format!("--x\r\n{}\nv\r\n--x--", FIELD), Malformed::BadHeader),
        ("--x\r\n\r\nv\r\n--x--".into(), Malformed::NoDisposition),
        ("--x\r\nContent-Disposition: form-data; name=\"\"\r\n\r\nv\r\n--x--".into(), Malformed::EmptyName),
    ] {
        let shown = &body[..body.len().min(80)];
        assert_eq!(parsed("x", [body.as_bytes()]), Err(error), "{shown:?}");
        assert_eq!(parsed("x", body.as_bytes().chunks(7)), Err(error), "{shown:?}");
    }
}

#[test]
fn a_head_without_end_is_refused_at_its_limit() {
    let mut parser = Parser::new(&boundary("x"));
    let mut given = 0;
    let mut first = Bytes::from_static(b"--x\r\nX: ");
    assert_eq!(parser.next_event(&mut first), Ok(None));
    let piece = Bytes::from(vec![b'a'; 1024]);
    let error = loop {
        given += piece.len();
        if let Err(error) = parser.next_event(&mut piece.clone()) {
            break error;
        }
        assert!(given < 64 * 1024 * 1024);
    };
    assert_eq!(error, Malformed::LongHead);
    assert!(given <= MAX_HEAD + piece.len());
    assert_eq!(parser.next_event(&mut piece.clone()), Err(Malformed::LongHead));
    assert_eq!(parser.finish(), Err(Malformed::LongHead));
}

#[test]
fn a_chunk_without_boundary_comes_out_as_one_slice() {
    let mut parser = Parser::new(&boundary("x"));
    let mut head = Bytes::from(format!("--x\r\n{FIELD}\r\n"));
    assert!(matches!(parser.next_event(&mut head), Ok(Some(Event::Part(_)))));
    let mut chunk = Bytes::from(vec![b'\r'; 64 * 1024]);
    let start = chunk.as_ptr();
    let Ok(Some(Event::Data(bytes))) = parser.next_event(&mut chunk) else { panic!("data") };
    // The last CR may begin a boundary.
    assert_eq!((bytes.len(), bytes.as_ptr()), (64 * 1024 - 1, start));
    assert_eq!(parser.next_event(&mut chunk), Ok(None));
}

#[test]
fn what_a_handler_leaves_unread_is_skipped() {
    let body = written("x", &[part("a", None, b"first"), part("b", Some("b.jpg"), b"second"), part("c", None, b"")]);
    run(async {
        let mut form = Multipart::new(chunks(&body.chunks(5).collect::<Vec<_>>()), &boundary("x"));
        assert!(form.next_chunk().await.unwrap().is_none());
        assert_eq!(form.next_part().await.unwrap().unwrap().name, "a");
        let second = form.next_part().await.unwrap().unwrap();
        assert_eq!(second.content_type.unwrap(), "a/b");
        assert!(form.next_chunk().await.unwrap().is_some());
        assert_eq!(form.next_part().await.unwrap().unwrap().name, "c");
        assert!(form.next_chunk().await.unwrap().is_none());
        assert!(form.next_chunk().await.unwrap().is_none());
        assert!(form.next_part().await.unwrap().is_none());
        assert!(form.next_part().await.unwrap().is_none());
    });
}

#[test]
fn errors_stay() {
    run(async {
        let broken = stream::iter([Ok(Bytes::from(format!("--x\r\n{FIELD}\r\nv"))), Err("reset")]);
        let mut form = Multipart::new(broken, &boundary("x"));
        form.next_part().await.unwrap().unwrap();
        assert_eq!(form.next_chunk().await.unwrap().unwrap(), "v");
        assert!(matches!(form.next_chunk().await, Err(ReadError::Source("reset"))));
        assert!(matches!(form.next_chunk().await, Err(ReadError::Malformed(Malformed::Unfinished))));
        assert!(matches!(form.next_part().await, Err(ReadError::Malformed(Malformed::Unfinished))));
    });
}

/// The generator of Steele, Lea and Flood ("Fast splittable pseudorandom number generators"): repeatable.
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}

#[test]
fn mutated_bodies_are_read_alike_at_any_cut_for_two_seconds() {
    let mut random = SplitMix(42);
    let seed = written("x-y", &[part("a", Some("n.jpg"), b"\r\n--x-\r\n--x-z\r\n"), part("b", None, b"--x-y")]);
    let begun = tokio::time::Instant::now();
    while begun.elapsed() < std::time::Duration::from_secs(2) {
        let mut body = seed.clone();
        for _ in 0..=random.below(4) {
            if body.is_empty() {
                break;
            }
            let at = random.below(body.len());
            match random.below(5) {
                0 => drop(body.remove(at)),
                1 => body.insert(at, b"\r\n-x:;\" \0\xff"[random.below(10)]),
                2 => body[at] = b"\r\n-x:;\" \0\xff"[random.below(10)],
                3 => body.truncate(at.max(1)),
                _ => {
                    let copy = body[at..].to_vec();
                    let place = random.below(body.len() + 1);
                    body.splice(place..place, copy);
                }
            }
        }
        let at_once = parsed("x-y", [&body[..]]);
        let size = 1 + random.below(12);
        assert_eq!(parsed("x-y", body.chunks(size)), at_once, "{:?} by {size}", String::from_utf8_lossy(&body));
    }
}
