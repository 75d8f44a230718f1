//! What is laid out, read back by a reader of its own; `tests/zip.rs` asks other people's readers.

use proptest::prelude::*;

use super::*;

const AT: Timestamp = Timestamp::from_seconds(1_685_440_801);
const GIB: u64 = 1 << 30;

fn entry(name: &str, size: u64) -> Entry {
    Entry { name: name.to_owned(), size, crc32: 0x1234_5678, modified: AT }
}

/// The headers of a plan, each with the place where it begins; the files' bytes are skipped.
fn headers(plan: &Archive) -> Vec<(u64, Vec<u8>)> {
    let mut at = 0;
    let mut found = Vec::new();
    for piece in Arc::new(plan.clone()).pieces(0..u64::MAX) {
        let begin = at;
        at += piece.len();
        if let Piece::Bytes(bytes) = piece {
            found.push((begin, bytes));
        }
    }
    assert_eq!(at, plan.length(), "the length was told right");
    found
}

fn number(bytes: &[u8], at: usize, len: usize) -> u64 {
    bytes[at..at + len].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// What one header says: name, size, CRC-32, where the local header is (of those in the directory).
#[derive(Debug, PartialEq)]
struct Told {
    name: String,
    size: u64,
    crc32: u64,
    at: u64,
}

/// Reads the extra field `id`.
fn extra(mut fields: &[u8], id: u64) -> Option<&[u8]> {
    while !fields.is_empty() {
        let len = usize::try_from(number(fields, 2, 2)).unwrap();
        if number(fields, 0, 2) == id {
            return Some(&fields[4..4 + len]);
        }
        fields = &fields[4 + len..];
    }
    None
}

/// Reads one header at the beginning of `bytes`, local or of the directory; gives also its length.
fn read(bytes: &[u8]) -> (Told, usize) {
    let (fixed, local) = match number(bytes, 0, 4) {
        0x0403_4b50 => (30, true),
        0x0201_4b50 => (46, false),
        other => panic!("no header: {other:x}"),
    };
    let common = if local { 4 } else { 6 };
    assert_eq!(number(bytes, common + 2, 2), 0x800, "UTF-8, no data descriptor");
    assert_eq!(number(bytes, common + 4, 2), 0, "stored");
    let (packed, mut size) = (number(bytes, common + 14, 4), number(bytes, common + 18, 4));
    assert_eq!(packed, size);
    let name_len = usize::try_from(number(bytes, common + 22, 2)).unwrap();
    let extra_len = usize::try_from(number(bytes, common + 24, 2)).unwrap();
    let len = fixed + name_len + extra_len;
    let fields = &bytes[fixed + name_len..len];
    let mut at = if local { 0 } else { number(bytes, 42, 4) };
    let zip64 = extra(fields, 1);
    let marks = usize::from(size == 0xffff_ffff) * 2 + usize::from(at == 0xffff_ffff);
    assert_eq!(zip64.map_or(0, <[u8]>::len), marks * 8, "zip64 holds what is marked and no more");
    assert_eq!(number(bytes, common, 2), if marks > 0 { 45 } else { 20 }, "the version that is needed");
    if let Some(mut zip64) = zip64 {
        if size == 0xffff_ffff {
            assert_eq!(number(zip64, 0, 8), number(zip64, 8, 8));
            size = number(zip64, 0, 8);
            zip64 = &zip64[16..];
        }
        if !zip64.is_empty() {
            at = number(zip64, 0, 8);
        }
    }
    let name = std::str::from_utf8(&bytes[fixed..fixed + name_len]).unwrap().to_owned();
    (Told { name, size, crc32: number(bytes, common + 10, 4), at }, len)
}

/// Checks that the end, the directory and the local headers of a plan agree; gives what the directory says.
fn told(plan: &Archive) -> Vec<Told> {
    let headers = headers(plan);
    let local: std::collections::HashMap<u64, &[u8]> =
        headers.iter().map(|(at, bytes)| (*at, bytes.as_slice())).collect();
    let end = &headers.last().unwrap().1;
    let short = &end[end.len() - 22..];
    assert_eq!((number(short, 0, 4), number(short, 20, 2)), (0x0605_4b50, 0));
    let mut ends = [number(short, 8, 2), number(short, 12, 4), number(short, 16, 4)];
    let marked = ends[0] == 0xffff || ends[1] == 0xffff_ffff || ends[2] == 0xffff_ffff;
    assert_eq!(end.len(), if marked { 56 + 20 + 22 } else { 22 }, "zip64 where needed, and only there");
    if marked {
        assert_eq!((number(end, 0, 4), number(end, 4, 8), number(end, 56, 4)), (0x0606_4b50, 44, 0x0706_4b50));
        assert_eq!(number(end, 56 + 8, 8), plan.length() - end.len() as u64, "where the zip64 end begins");
        assert_eq!((number(end, 56 + 4, 4), number(end, 56 + 16, 4)), (0, 1));
        ends = [number(end, 32, 8), number(end, 40, 8), number(end, 48, 8)];
    }
    let [entries, directory_len, directory_at] = ends;
    assert_eq!(directory_at + directory_len + end.len() as u64, plan.length());
    let directory: Vec<u8> =
        headers.iter().filter(|(at, _)| *at >= directory_at).flat_map(|(_, bytes)| bytes.iter().copied()).collect();
    let mut rest = &directory[..usize::try_from(directory_len).unwrap()];
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (entry, len) = read(rest);
        let (before, _) = read(local[&entry.at]);
        assert_eq!(
            before,
            Told { at: 0, ..Told { name: entry.name.clone(), ..entry } },
            "local header and directory agree"
        );
        found.push(entry);
        rest = &rest[len..];
    }
    assert_eq!(found.len() as u64, entries);
    found
}

#[test]
fn one_small_file_byte_for_byte() {
    let headers = headers(&Archive::plan(vec![entry("é.txt", 5)]));
    let local = b"PK\x03\x04\x14\0\0\x08\0\0\x00\x50\xbe\x56\x78\x56\x34\x12\x05\0\0\0\x05\0\0\0\x06\0\x09\0\xc3\xa9.txtUT\x05\0\x01\x21\xc9\x75\x64";
    assert_eq!(headers[0], (0, local.to_vec()));
    let directory = b"PK\x01\x02\x14\x03\x14\0\0\x08\0\0\x00\x50\xbe\x56\x78\x56\x34\x12\x05\0\0\0\x05\0\0\0\x06\0\x09\0\0\0\0\0\0\0\0\0\xa4\x81\0\0\0\0\xc3\xa9.txtUT\x05\0\x01\x21\xc9\x75\x64";
    assert_eq!(headers[1], (50, directory.to_vec()));
    let end = b"PK\x05\x06\0\0\0\0\x01\0\x01\0\x3d\0\0\0\x32\0\0\0\0\0";
    assert_eq!(headers[2], (111, end.to_vec()));
}

#[test]
fn an_empty_zip_is_its_end() {
    let plan = Archive::plan(Vec::new());
    assert_eq!(headers(&plan), [(0, b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec())]);
}

#[test]
fn zip64_begins_where_32_bits_end() {
    let max = u64::from(u32::MAX);
    // The second header begins 40 bytes and the first file's size behind the start.
    for (size, second, name) in [
        (max - 41, 1, "the second begins one before the mark"),
        (max - 40, 1, "the second begins at the mark"),
        (max - 1, 1, "one below the mark"),
        (max, 0, "just the mark"),
        (max + 1, 1, "4 GiB"),
        (7 * GIB, 5 * GIB, "two large ones"),
    ] {
        let found = told(&Archive::plan(vec![entry("a", size), entry("b", second)]));
        let sizes: Vec<u64> = found.iter().map(|entry| entry.size).collect();
        assert_eq!(sizes, [size, second], "{name}");
        assert!(found[1].at > size, "{name}");
    }
}

#[test]
fn zip64_begins_where_16_bits_end() {
    for count in [65_534, 65_535, 65_536, 70_000] {
        let found = told(&Archive::plan(vec![entry("a.jpg", 3); count]));
        assert_eq!(found.len(), count);
        assert_eq!(found.last().unwrap().name, format!("a ({count}).jpg"));
    }
}

#[test]
fn times_that_dos_or_32_bits_cannot_tell() {
    let dos = |seconds| {
        let plan = Archive::plan(vec![Entry { modified: Timestamp::from_seconds(seconds), ..entry("a", 0) }]);
        let header = &headers(&plan)[0].1;
        let exact = extra(&header[31..], 0x5455).map(|field| i32::from_le_bytes(field[1..].try_into().unwrap()));
        (number(header, 12, 2), number(header, 10, 2), exact.map(i64::from))
    };
    assert_eq!(dos(-10_000_000_000), (0x21, 0, None), "before 1901: the first day of DOS");
    assert_eq!(dos(-1), (0x21, 0, Some(-1)));
    assert_eq!(dos(951_827_696), (20 << 9 | 2 << 5 | 29, 12 << 11 | 34 << 5 | 28, Some(951_827_696)), "a leap day");
    assert_eq!(dos(2_147_483_647).2, Some(2_147_483_647));
    assert_eq!(dos(2_147_483_648), (58 << 9 | 1 << 5 | 19, 3 << 11 | 14 << 5 | 4, None));
    assert_eq!(
        dos(10_000_000_000),
        (127 << 9 | 12 << 5 | 31, 23 << 11 | 59 << 5 | 29, None),
        "behind 2107: the last day of DOS"
    );
}

/// A zip as bytes; a file's bytes are `fill` of its number and their place.
fn written(plan: &Archive, range: Range<u64>) -> Vec<u8> {
    let fill = |entry: usize, at: u64| u8::try_from((entry as u64 * 31 + at) % 251).unwrap();
    let pieces = Arc::new(plan.clone()).pieces(range);
    let bytes = pieces.flat_map(|piece| match piece {
        Piece::Bytes(bytes) => bytes,
        Piece::Content { entry, range } => range.map(|at| fill(entry, at)).collect(),
    });
    bytes.collect()
}

proptest! {
    #[test]
    fn headers_agree_and_ranges_are_parts(
        files in proptest::collection::vec(("\\PC{0,30}", 0_u64..300, any::<u32>(), any::<i64>()), 0..12),
        cuts in (0.0..1.2, 0.0..1.2),
    ) {
        let entries: Vec<Entry> = files
            .iter()
            .map(|(name, size, crc32, micros)| Entry { name: name.clone(), size: *size, crc32: *crc32, modified: Timestamp::from_micros(*micros) })
            .collect();
        let plan = Archive::plan(entries.clone());
        let found = told(&plan);
        let sizes: Vec<_> = found.iter().map(|told| (told.size, told.crc32)).collect();
        let expected: Vec<_> = entries.iter().map(|entry| (entry.size, u64::from(entry.crc32))).collect();
        prop_assert_eq!(sizes, expected);
        prop_assert!(found.iter().map(|told| &told.name).eq(plan.members.iter().map(|member| &member.name)));
        let whole = written(&plan, 0..plan.length());
        prop_assert_eq!(whole.len() as u64, plan.length());
        let place = |part: f64| (part * whole.len() as f64) as usize;
        let (from, to) = (place(cuts.0), place(cuts.1));
        let expected = whole.get(from..to.min(whole.len())).unwrap_or_default();
        prop_assert_eq!(written(&plan, from as u64..to as u64), expected);
    }

    #[test]
    fn large_files_at_any_place(sizes in proptest::collection::vec((0_u64..3).prop_flat_map(|kind| match kind {
        0 => 0..1000,
        1 => 0..6 * GIB,
        _ => u64::from(u32::MAX) - 200..u64::from(u32::MAX) + 200,
    }), 0..6)) {
        let found = told(&Archive::plan(sizes.iter().map(|size| entry("a", *size)).collect()));
        prop_assert_eq!(found.iter().map(|told| told.size).collect::<Vec<_>>(), sizes);
    }
}
