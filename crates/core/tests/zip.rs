//! Zips as other people's readers see them: Python's `zipfile` and, where it is installed, `unzip`.
//! Files of many gigabytes are holes: their headers are read, their bytes are not.
#![expect(clippy::unwrap_used, reason = "tests stop at once when anything is not as it must be")]

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use mv_core::Timestamp;
use mv_core::zip::{Archive, Entry, Piece};

/// CRC-32 of `123456789`, the check value of every catalogue of CRCs.
const CHECK: (&[u8], u32) = (b"123456789", 0xcbf4_3926);
const AT: Timestamp = Timestamp::from_seconds(1_685_440_800);

fn small(name: &str) -> Entry {
    Entry { name: name.to_owned(), size: 9, crc32: CHECK.1, modified: AT }
}

/// A file that goes when the test ends.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

/// Writes a zip; small files are the check value, large ones are holes.
fn write(name: &str, entries: Vec<Entry>) -> Scratch {
    let scratch = Scratch(std::env::temp_dir().join(format!("mv-core-{}-{name}.zip", std::process::id())));
    let mut file = File::create(&scratch.0).unwrap();
    let plan = Arc::new(Archive::plan(entries));
    file.set_len(plan.length()).unwrap();
    for piece in Arc::clone(&plan).pieces(0..plan.length()) {
        match piece {
            Piece::Bytes(bytes) => file.write_all(&bytes).unwrap(),
            Piece::Content { range: Range { start: 0, end: 9 }, .. } => file.write_all(CHECK.0).unwrap(),
            Piece::Content { range, .. } => {
                file.seek(SeekFrom::Current(i64::try_from(range.end - range.start).unwrap())).unwrap();
            }
        }
    }
    assert_eq!(file.stream_position().unwrap(), plan.length());
    scratch
}

/// What Python reads: a line for each file, with its bytes where they are few. `None` where there is no Python.
fn python(path: &Path) -> Option<Vec<String>> {
    let program = "import sys, zipfile\n\
        sys.stdout.reconfigure(encoding='utf-8')\n\
        with zipfile.ZipFile(sys.argv[1]) as z:\n\
        \x20for i in z.infolist():\n\
        \x20 text = z.read(i).decode() if i.file_size < 100 else '-'\n\
        \x20 print(i.filename, i.file_size, i.compress_type, i.date_time, oct(i.external_attr >> 16), text, sep='|')\n";
    let output = match Command::new("python3").args(["-c", program]).arg(path).output() {
        Ok(output) => output,
        Err(error) => {
            eprintln!("not asked: python3: {error}");
            return None;
        }
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
}

/// `unzip -t` finds nothing wrong.
fn unzip(path: &Path) {
    match Command::new("unzip").arg("-tq").arg(path).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout)),
        Err(error) => eprintln!("not asked: unzip: {error}"),
    }
}

#[test]
fn small_files() {
    let names = ["a.jpg", "A.JPG", "写真.jpg", "../../etc/passwd", "nul.txt", "cafe\u{301}", "a\u{202e}b"];
    let mut entries: Vec<Entry> = names.iter().map(|name| small(name)).collect();
    entries.push(Entry { size: 0, crc32: 0, ..small("nothing") });
    let scratch = write("small", entries);
    unzip(&scratch.0);
    let Some(found) = python(&scratch.0) else { return };
    let expected = ["a.jpg", "A (2).JPG", "写真.jpg", ".._.._etc_passwd", "_nul.txt", "cafe\u{301}", "a\u{202e}b"];
    let line = |name: &str, size, text| format!("{name}|{size}|0|(2023, 5, 30, 10, 0, 0)|0o100644|{text}");
    let mut expected: Vec<String> = expected.iter().map(|name| line(name, 9, "123456789")).collect();
    expected.push(line("nothing", 0, ""));
    assert_eq!(found, expected);
}

#[test]
fn no_files() {
    let scratch = write("none", Vec::new());
    if let Some(found) = python(&scratch.0) {
        assert_eq!(found, Vec::<String>::new());
    }
}

#[test]
fn more_files_than_16_bits_count() {
    let scratch = write("many", vec![small("a"); 65_537]);
    unzip(&scratch.0);
    let Some(found) = python(&scratch.0) else { return };
    assert_eq!(found.len(), 65_537);
    assert!(found.last().unwrap().starts_with("a (65537)|9|"), "{:?}", found.last());
}

#[test]
fn files_behind_and_beyond_32_bits() {
    let large = |name: &str, size| Entry { size, crc32: 0, ..small(name) };
    let max = u64::from(u32::MAX);
    for (case, sizes) in [("at", [max - 1, max]), ("over", [max + 1, 9 << 30])] {
        let entries =
            vec![small("first"), large("one", sizes[0]), small("between"), large("two", sizes[1]), small("last")];
        let scratch = write(case, entries);
        let Some(found) = python(&scratch.0) else { return };
        let start = |name: &str, size| format!("{name}|{size}|0|");
        let expected =
            [start("first", 9), start("one", sizes[0]), start("between", 9), start("two", sizes[1]), start("last", 9)];
        assert_eq!(found.len(), expected.len(), "{case}");
        for (line, start) in found.iter().zip(&expected) {
            assert!(line.starts_with(start), "{case}: {line}");
            assert!(!start.contains("|9|") || line.ends_with("123456789"), "{case}: {line}");
        }
    }
}
