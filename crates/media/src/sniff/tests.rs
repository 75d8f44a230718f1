//! What becomes of whole heads: a table over all formats, hostile files, and properties of any input.

use std::collections::HashSet;

use mv_core::mime::{MediaType, served_as};
use proptest::prelude::*;

use super::*;
use crate::archive::tests::entry;
use crate::audio_frame::tests::{adts, id3, mp3};
use crate::formats::*;

/// Zeros up to `length`, with these parts at their places.
fn made(length: usize, parts: &[(usize, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; length];
    for (at, part) in parts {
        bytes[*at..*at + part.len()].copy_from_slice(part);
    }
    bytes
}

fn start(part: &[u8]) -> Vec<u8> {
    made(600, &[(0, part)])
}

fn ftyp(brand: &[u8; 4]) -> Vec<u8> {
    made(600, &[(3, &[16]), (4, b"ftyp"), (8, brand)])
}

fn zipped(names: &[&str]) -> Vec<u8> {
    names.iter().flat_map(|name| entry(name, b"<x/>", false)).collect()
}

fn opened(format: Format) -> Vec<u8> {
    entry("mimetype", format.mime.as_bytes(), false)
}

/// A little-endian TIFF: whether its first picture is a preview beside sub-images, and the maker.
fn raw(maker: &[u8]) -> Vec<u8> {
    let entries: &[u8] =
        b"\x03\0\xFE\0\x04\0\x01\0\0\0\x01\0\0\0\x0F\x01\x02\0\x08\0\0\0\x40\0\0\0\x4A\x01\x04\0\x01\0\0\0\0\x01\0\0";
    made(600, &[(0, b"II*\0\x08\0\0\0"), (8, entries), (0x40, maker)])
}

fn ogg(packet: &[u8]) -> Vec<u8> {
    made(600, &[(0, b"OggS\0\x02"), (26, &[1, 30]), (28, packet)])
}

fn pictures() -> Vec<(Format, Vec<u8>)> {
    vec![
        (JPEG, start(b"\xFF\xD8\xFF\xE0\0\x10JFIF\0")),
        (JPEG, start(b"\xFF\xD8\xFF\xE1\0\x10Exif\0\0")),
        (PNG, start(b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR")),
        (GIF, start(b"GIF87a")),
        (GIF, start(b"GIF89a")),
        (WEBP, start(b"RIFF\x24\0\0\0WEBPVP8 ")),
        (AVIF, ftyp(b"avif")),
        (HEIC, ftyp(b"heic")),
        (HEIF, ftyp(b"mif1")),
        (JXL, start(b"\0\0\0\x0CJXL \r\n\x87\n")),
        (JXL, start(b"\xFF\x0A\xFA\x7F")),
        (BMP, start(b"BM\x3A\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0")),
        (BMP, start(b"BM\x3A\0\0\0\0\0\0\0\x36\0\0\0\x7C\0\0\0")),
        (TIFF, start(b"II*\0\x08\0\0\0\x01\0\0\x01")),
        (TIFF, start(b"MM\0*\0\0\0\x08")),
        (TIFF, start(b"II+\0\x08\0\0\0")),
        (ICO, start(b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0")),
        (PSD, start(b"8BPS\0\x01")),
        (EXR, start(b"\x76\x2F\x31\x01\x02\0\0\0")),
        (SVG, b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec()),
        (SVG, b"\xEF\xBB\xBF<?xml version=\"1.0\"?>\n<!-- x -->\n<svg>".to_vec()),
        (JP2, start(b"\0\0\0\x0CjP  \r\n\x87\n\0\0\0\x14ftypjp2 ")),
        (JXR, start(b"II\xBC\x01")),
        (DJVU, start(b"AT&TFORM\0\0\0\x20DJVU")),
        (DWG, start(b"AC1032\0")),
        (CR2, start(b"II*\0\x10\0\0\0CR\x02\0")),
        (CR3, ftyp(b"crx ")),
        (NEF, raw(b"NIKON\0\0\0")),
        (ARW, raw(b"SONY\0\0\0\0")),
        (PEF, raw(b"PENTAX\0\0")),
        (DNG, made(600, &[(0, b"II*\0\x08\0\0\0\x01\0\x12\xC6\x01\0\x04\0\0\0\x01\x04\0\0")])),
        (RAF, start(b"FUJIFILMCCD-RAW 0201")),
        (RW2, start(b"IIU\0\x18\0\0\0")),
        (ORF, start(b"IIRO\x08\0\0\0")),
        (ORF, start(b"MMOR\0\0\0\x08")),
    ]
}

fn sound_and_video() -> Vec<(Format, Vec<u8>)> {
    let packet = |size: usize, at: usize| {
        made(
            size * 5,
            &[(at, b"G"), (at + size, b"G"), (at + 2 * size, b"G"), (at + 3 * size, b"G"), (at + 4 * size, b"G")],
        )
    };
    vec![
        (MP4, ftyp(b"isom")),
        (M4V, ftyp(b"M4V ")),
        (MOV, ftyp(b"qt  ")),
        (MOV, start(b"\0\0\x20\0moov\0\0\0\x6Cmvhd")),
        (MOV, start(b"\0\0\0\x08wide\0\0\0\0mdat")),
        (MOV, start(b"\x7F\0\0\x08mdat\0\0\0\0")),
        (THREE_GP, ftyp(b"3gp4")),
        (THREE_G2, ftyp(b"3g2a")),
        (M4A, ftyp(b"M4A ")),
        (WEBM, start(b"\x1A\x45\xDF\xA3\x87\x42\x82\x84webm")),
        (MKV, start(b"\x1A\x45\xDF\xA3\x8B\x42\x82\x88matroska")),
        (AVI, start(b"RIFF\0\0\0\0AVI LIST")),
        (
            WMV,
            made(
                600,
                &[
                    (0, b"\x30\x26\xB2\x75\x8E\x66\xCF\x11\xA6\xD9\x00\xAA\x00\x62\xCE\x6C"),
                    (99, b"\xC0\xEF\x19\xBC\x4D\x5B\xCF\x11\xA8\xFD\x00\x80\x5F\x5C\x44\x2B"),
                ],
            ),
        ),
        (
            WMA,
            made(
                600,
                &[
                    (0, b"\x30\x26\xB2\x75\x8E\x66\xCF\x11\xA6\xD9\x00\xAA\x00\x62\xCE\x6C"),
                    (99, b"\x40\x9E\x69\xF8\x4D\x5B\xCF\x11\xA8\xFD\x00\x80\x5F\x5C\x44\x2B"),
                ],
            ),
        ),
        (ASF, start(b"\x30\x26\xB2\x75\x8E\x66\xCF\x11\xA6\xD9\x00\xAA\x00\x62\xCE\x6C")),
        (FLV, start(b"FLV\x01\x05\0\0\0\x09")),
        (OGV, ogg(b"\x80theora\x03\x02\x01")),
        (OGG, ogg(b"\x01vorbis\0\0\0\0\x02")),
        (OPUS, ogg(b"OpusHead\x01\x02")),
        (MPEG_TS, packet(188, 0)),
        (MPEG_TS, packet(192, 4)),
        (MPEG_PS, start(b"\0\0\x01\xBA\x44\0\x04")),
        (MPEG_PS, start(b"\0\0\x01\xB3\x14\0\xF0")),
        (MXF, start(b"\x06\x0E\x2B\x34\x02\x05\x01\x01\x0D\x01\x02\x01\x01\x02")),
        (MP3, [mp3(), mp3(), mp3()].concat()),
        (MP3, [id3(200), mp3()].concat()),
        (AAC, [adts(), adts(), adts()].concat()),
        (WAV, start(b"RIFF\x24\0\0\0WAVEfmt ")),
        (WAV, start(b"RF64\xFF\xFF\xFF\xFFWAVEds64")),
        (FLAC, start(b"fLaC\0\0\0\x22")),
        (AIFF, start(b"FORM\0\0\0\0AIFFCOMM")),
        (AIFF, start(b"FORM\0\0\0\0AIFCFVER")),
        (MIDI, start(b"MThd\0\0\0\x06\0\x01")),
        (MIDI, start(b"RIFF\0\0\0\0RMIDdata")),
        (CAF, start(b"caff\0\x01\0\0desc")),
        (AMR, start(b"#!AMR\n\x3C")),
        (DSF, start(b"DSD \x1C\0\0\0")),
        (APE, start(b"MAC \x96\x0F\0\0")),
    ]
}

fn documents() -> Vec<(Format, Vec<u8>)> {
    vec![
        (PDF, b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n".to_vec()),
        (POSTSCRIPT, b"%!PS-Adobe-3.0 EPSF-3.0\n".to_vec()),
        (POSTSCRIPT, start(b"\xC5\xD0\xD3\xC6\x1E\0\0\0")),
        (RTF, b"{\\rtf1\\ansi}".to_vec()),
        (HTML, b"<!DOCTYPE html><title>x</title>".to_vec()),
        (XHTML, b"<?xml version=\"1.0\"?><html xmlns=\"http://www.w3.org/1999/xhtml\"/>".to_vec()),
        (XML, b"<?xml version=\"1.0\"?><note/>".to_vec()),
        (TEXT, b"BM is how a bitmap starts, MZ a program, II* a TIFF, GIF a GIF, %! nothing.\n".to_vec()),
        (TEXT, b"\xFF\xFEh\0i\0".to_vec()),
        (TEXT, b"a".to_vec()),
        (DOCX, zipped(&["[Content_Types].xml", "_rels/.rels", "word/document.xml"])),
        (XLSX, zipped(&["[Content_Types].xml", "_rels/.rels", "xl/workbook.xml"])),
        (PPTX, zipped(&["[Content_Types].xml", "_rels/.rels", "ppt/presentation.xml"])),
        (ODT, opened(ODT)),
        (ODS, opened(ODS)),
        (ODP, opened(ODP)),
        (ODG, opened(ODG)),
        (EPUB, opened(EPUB)),
        (MOBI, made(600, &[(60, b"BOOKMOBI")])),
        (OLE, start(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")),
    ]
}

fn all_else() -> Vec<(Format, Vec<u8>)> {
    vec![
        (ZIP, zipped(&["photos/1.jpg"])),
        (ZIP, start(b"PK\x05\x06")),
        (RAR, start(b"Rar!\x1A\x07\x01\0")),
        (SEVEN_ZIP, start(b"7z\xBC\xAF\x27\x1C\0\x04")),
        (GZIP, start(b"\x1F\x8B\x08\0")),
        (BZIP2, start(b"BZh91AY&SY")),
        (XZ, start(b"\xFD7zXZ\0\0\x04")),
        (ZSTD, start(b"\x28\xB5\x2F\xFD\x24")),
        (TAR, made(600, &[(0, b"a.html"), (257, b"ustar\x0000")])),
        (TAR, made(600, &[(0, b"a.html"), (257, b"ustar  \0")])),
        (LZ4, start(b"\x04\x22\x4D\x18\x64\x40\xA7")),
        (LZIP, start(b"LZIP\x01\x0C")),
        (CAB, start(b"MSCF\0\0\0\0")),
        (DEB, start(b"!<arch>\ndebian-binary   ")),
        (SQLITE, start(b"SQLite format 3\0")),
        (DICOM, made(600, &[(128, b"DICM")])),
        (WOFF, start(b"wOFF\0\x01\0\0")),
        (WOFF2, start(b"wOF2\0\x01\0\0")),
        (TTF, start(b"\0\x01\0\0\0\x0F")),
        (OTF, start(b"OTTO\0\x0B")),
        (WASM, start(b"\0asm\x01\0\0\0")),
        (ELF, start(b"\x7FELF\x02\x01\x01")),
        (MACH_O, start(b"\xCF\xFA\xED\xFE\x07\0\0\x01")),
        (EXE, start(b"MZ\x90\0\x03")),
        (JAVA_CLASS, start(b"\xCA\xFE\xBA\xBE\0\0\0\x41")),
        (DEX, made(600, &[(0, b"dex\n035\0"), (36, b"\x70")])),
        (SWF, start(b"CWS\x0F\x10\0\0\0")),
        (QCOW2, start(b"QFI\xFB\0\0\0\x03")),
        (UNKNOWN, Vec::new()),
        (UNKNOWN, vec![0; 4096]),
        (UNKNOWN, b"\x93\x01\x02\x03random\xFF".to_vec()),
    ]
}

fn heads() -> Vec<(Format, Vec<u8>)> {
    [pictures(), sound_and_video(), documents(), all_else()].concat()
}

#[test]
fn every_format_is_found() {
    let mut found = HashSet::new();
    for (format, bytes) in heads() {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(24)]).into_owned();
        assert_eq!(sniff(&bytes, true), format, "{shown:?}");
        found.insert(format);
    }
    for (name, format) in ALL {
        assert!(found.contains(format), "{name} has no head in this table");
    }
}

#[test]
fn the_first_signature_wins() {
    let html = b"<html><script>alert(1)</script>";
    for (format, signature) in [
        (JPEG, &b"\xFF\xD8\xFF\xE0"[..]),
        (GIF, b"GIF89a=1;/*"),
        (PDF, b"%PDF-1.7\n"),
        (PNG, b"\x89PNG\r\n\x1A\n"),
        (WAV, b"RIFF....WAVE"),
    ] {
        assert_eq!(sniff(&[signature, html].concat(), true), format);
    }
    assert_eq!(sniff(&[&b"%PDF-1.7\n"[..], &zipped(&["x"])].concat(), true), PDF);
    assert_eq!(sniff(&[&zipped(&["x"])[..], b"%PDF-1.7\n"].concat(), true), ZIP);
}

/// Rows 34, 35, 38, 44, 47 and 48 of the security bar.
#[test]
fn files_that_only_pretend() {
    for (bytes, kind) in [
        (&b"#EXTM3U\nfile:///etc/passwd"[..], MediaType::Document),
        (b"ffconcat version 1.0\nfile /etc/passwd", MediaType::Document),
        (b"push graphic-context\nviewbox 0 0 640 480", MediaType::Document),
        (b"<?xml version=\"1.0\"?><MPD/>", MediaType::Document),
        (b"", MediaType::Other),
    ] {
        assert_eq!(sniff(bytes, true).kind, kind);
    }
    let unmarked: Vec<u8> = "<html><script>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [
        unmarked,
        b"+ADw-html+AD4-+ADw-script+AD4-".to_vec(),
        [&[b' '; 1500][..], b"<?xml version=\"1.0\"?><x/>"].concat(),
        [&[b'\n'; 4000][..], b"<html>"].concat(),
        [&[b' '; 5000][..], b"<html>"].concat(),
        [&[b' '; 1500][..], b"%!PS"].concat(),
    ] {
        let served = served_as(sniff(&bytes, true).mime);
        assert!(!served.inline, "{:?}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn only_the_head_counts() {
    let mut bytes = vec![b'a'; HEAD_BYTES];
    assert_eq!(sniff(&bytes, true), TEXT);
    bytes[HEAD_BYTES - 1] = 0xC3;
    assert_eq!(sniff(&bytes, true), UNKNOWN, "half a character ends the file");
    assert_eq!(sniff(&bytes, false), TEXT);
    bytes.extend([0xA9, 0, 0]);
    assert_eq!(sniff(&bytes, true), TEXT, "more than a head is not looked at");
}

/// Whatever is cut off, the answer is the format, what it is made of, or nothing.
#[test]
fn cut_heads_do_not_change_the_kind_of_danger() {
    for (format, bytes) in heads() {
        let inline = served_as(format.mime).inline;
        for end in 0..bytes.len() {
            let cut = sniff(&bytes[..end], true);
            assert!(inline || cut == TEXT || !served_as(cut.mime).inline, "{} cut to {end}: {}", format.mime, cut.mime);
        }
    }
}

const TAGS: &[&str] = &["<html", "<svg", "<?xml", "<!doctype", "<script"];

fn cased(tag: &str, upper: u16) -> String {
    let letter = |(at, letter): (usize, char)| if upper >> at & 1 == 1 { letter.to_ascii_uppercase() } else { letter };
    tag.chars().enumerate().map(letter).collect()
}

proptest! {
    #[test]
    fn any_bytes_get_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..600), complete in any::<bool>()) {
        sniff(&bytes, complete);
    }

    /// Random bytes seldom get past a signature, so damage real heads.
    #[test]
    fn damaged_heads_get_an_answer(
        row in any::<prop::sample::Index>(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        end in any::<prop::sample::Index>(),
        tail in proptest::collection::vec(any::<u8>(), 0..100),
        complete in any::<bool>(),
    ) {
        let heads = heads();
        let (_, mut bytes) = heads[row.index(heads.len())].clone();
        bytes.truncate(end.index(bytes.len() + 1));
        bytes.extend(tail);
        if !bytes.is_empty() {
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
        }
        sniff(&bytes, complete);
    }

    #[test]
    fn text_with_markup_is_never_plain(
        before in "(\\PC|[ \n<>?!+]){0,200}",
        tag in prop::sample::select(TAGS),
        upper in any::<u16>(),
        after in "(\\PC|[ \n<>]){0,100}",
        encoding in 0..4,
        complete in any::<bool>(),
    ) {
        let content = format!("{before}{}{after}", cased(tag, upper));
        let marked = format!("\u{FEFF}{content}");
        let bytes: Vec<u8> = match encoding {
            0 => content.into_bytes(),
            1 => marked.into_bytes(),
            2 => marked.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            _ => marked.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        };
        prop_assert!(bytes.len() <= HEAD_BYTES);
        let format = sniff(&bytes, complete);
        prop_assert_ne!(format, TEXT);
        prop_assert!(!served_as(format.mime).inline, "{}", format.mime);
    }

    #[test]
    fn words_are_plain_text(content in "[a-zA-Z0-9 .,;:()\n\u{e0}-\u{ff}]{1,300}") {
        let format = sniff(content.as_bytes(), true);
        prop_assert_eq!(format, TEXT);
    }
}
