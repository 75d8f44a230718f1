//! Containers of sound and pictures: which format is inside, by brand, DocType, codec or stream type.
//! Promise: each function gets a head that has the family's signature; `None` means "not that after all".
//! Not here: tracks and durations. A container that could hold pictures counts as video until its tracks are read.

use crate::bytes::{array, be32, find, has, slice};
use crate::formats::{
    ASF, AVIF, CR3, Format, HEIC, HEIF, M4A, M4V, MKV, MOV, MP4, OGG, OGV, OPUS, THREE_G2, THREE_GP, WEBM, WMA, WMV,
};

/// Files of boxes, by the brands in `ftyp` (ISO/IEC 14496-12 section 4.3).
///
/// The major brand decides; `mif1` and its like only say "HEIF", so there the compatible brands tell the codec
/// (ISO/IEC 23008-12 annex B, AVIF 1.1 section 6). An unknown major brand is passed over for the first known one.
pub(crate) fn iso_media(head: &[u8]) -> Option<Format> {
    // A size of 0 or 1 means "to the end" or "64 bits follow"; no writer does that to `ftyp`.
    let end = be32(head, 0)?.min(head.len());
    let major = slice(head, 8, 4)?;
    let compatible = || head.get(16..end).unwrap_or_default().chunks_exact(4);
    match by_brand(major) {
        Some(HEIF) => {
            let codec = compatible().filter_map(by_brand).find(|format| matches!(*format, AVIF | HEIC));
            Some(codec.unwrap_or(HEIF))
        }
        Some(format) => Some(format),
        None => compatible().find_map(by_brand),
    }
}

/// Brands are registered at mp4ra.org.
fn by_brand(brand: &[u8]) -> Option<Format> {
    Some(match brand {
        b"avif" | b"avis" => AVIF,
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"hevm" | b"hevs" => HEIC,
        b"mif1" | b"mif2" | b"msf1" | b"avci" | b"avcs" => HEIF,
        b"crx " => CR3,
        b"qt  " | b"mqt " => MOV,
        b"M4A " | b"M4B " | b"M4P " | b"F4A " | b"F4B " => M4A,
        b"M4V " | b"M4VH" | b"M4VP" => M4V,
        [b'3', b'g', b'2', _] => THREE_G2,
        [b'3', b'g', _, _] => THREE_GP,
        b"avc1" | b"dash" | b"F4V " | b"F4P " | b"MSNV" | b"XAVC" | b"mmp4" => MP4,
        [b'i', b's', b'o', _] | [b'm', b'p', b'4', _] | [b'c', b'm', b'f', _] => MP4,
        [b'N', b'D', ..] | b"mp71" => MP4,
        _ => return None,
    })
}

/// The id of EBML's DocType (RFC 8794 section 11.2.4).
const DOC_TYPE: u64 = 0x4282;

/// Matroska and WebM, by the DocType in the EBML header (RFC 8794, RFC 9559).
pub(crate) fn ebml(head: &[u8]) -> Option<Format> {
    let (size, start) = ebml_number(head, 4, true)?;
    let end = start.checked_add(usize::try_from(size).ok()?)?;
    let mut at = start;
    while at < end {
        let (id, after_id) = ebml_number(head, at, false)?;
        let (size, body) = ebml_number(head, after_id, true)?;
        let size = usize::try_from(size).ok()?;
        if id == DOC_TYPE {
            let name = slice(head, body, size)?;
            // Names may be padded with zeros.
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            return match name {
                b"webm" => Some(WEBM),
                b"matroska" => Some(MKV),
                _ => None,
            };
        }
        at = body.checked_add(size)?;
    }
    None
}

/// A variable-size integer at `at` and where it ends (RFC 8794 section 4); ids keep the bits that tell their length.
fn ebml_number(head: &[u8], at: usize, drop_marker: bool) -> Option<(u64, usize)> {
    let first = *head.get(at)?;
    let length = usize::try_from(first.leading_zeros()).ok()?.checked_add(1)?;
    if length > 8 {
        return None;
    }
    let bytes = slice(head, at, length)?;
    let value = bytes.iter().fold(0_u64, |value, byte| (value << 8) | u64::from(*byte));
    // The marker is bit 7 * length: seven bits of value in each byte below it.
    let marker = 1_u64.checked_shl(u32::try_from(length.checked_mul(7)?).ok()?)?;
    Some((if drop_marker { value ^ marker } else { value }, at.checked_add(length)?))
}

/// Ogg, by the first packet of the first stream, which names its codec (RFC 3533, RFC 5334).
pub(crate) fn ogg(head: &[u8]) -> Option<Format> {
    let segments = usize::from(*head.get(26)?);
    let packet = head.get(27_usize.checked_add(segments)?..)?;
    if packet.starts_with(b"OpusHead") {
        return Some(OPUS);
    }
    // Theora, OGM and Dirac; a Skeleton or a sound stream may come first.
    let moving = [&b"\x80theora"[..], b"\x01video\0\0\0", b"BBCD\0"].iter().any(|codec| find(head, codec).is_some());
    Some(if moving { OGV } else { OGG })
}

/// Stream types of ASF (section 10.4 of its specification), as the bytes stand in the file.
const ASF_VIDEO: &[u8] = b"\xC0\xEF\x19\xBC\x4D\x5B\xCF\x11\xA8\xFD\x00\x80\x5F\x5C\x44\x2B";
const ASF_AUDIO: &[u8] = b"\x40\x9E\x69\xF8\x4D\x5B\xCF\x11\xA8\xFD\x00\x80\x5F\x5C\x44\x2B";

/// Windows Media, by the types of the streams that the head names.
pub(crate) fn asf(head: &[u8]) -> Format {
    if find(head, ASF_VIDEO).is_some() {
        WMV
    } else if find(head, ASF_AUDIO).is_some() {
        WMA
    } else {
        ASF
    }
}

/// How many bytes an ID3v2 tag takes at the start of the head (ID3v2.4 section 3.1); `None` where it is not one.
pub(crate) fn id3_length(head: &[u8]) -> Option<usize> {
    let [version, revision, flags, size @ ..] = array::<7>(head, 3)?;
    if !has(head, 0, b"ID3") || !(2..=4).contains(&version) || revision == 0xFF || size.iter().any(|byte| *byte >= 0x80)
    {
        return None;
    }
    let size = size.iter().fold(0_usize, |size, byte| (size << 7) | usize::from(*byte));
    // Header, and the footer that flag 4 announces.
    let frame = if flags & 0x10 == 0 { 10 } else { 20 };
    size.checked_add(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Brand = &'static [u8; 4];

    fn ftyp(major: Brand, compatible: &[Brand]) -> Vec<u8> {
        let size = u32::try_from(16 + 4 * compatible.len()).unwrap();
        let mut bytes = size.to_be_bytes().to_vec();
        bytes.extend_from_slice(b"ftyp");
        bytes.extend_from_slice(major);
        bytes.extend_from_slice(&[0; 4]);
        for brand in compatible {
            bytes.extend_from_slice(*brand);
        }
        bytes.extend_from_slice(b"\0\0\0\x08avif");
        bytes
    }

    #[test]
    fn brands() {
        let cases: &[(Brand, &[Brand], Option<Format>)] = &[
            (b"isom", &[b"isom", b"avc1"], Some(MP4)),
            (b"mp42", &[], Some(MP4)),
            (b"iso6", &[b"dash"], Some(MP4)),
            (b"qt  ", &[b"qt  "], Some(MOV)),
            (b"M4A ", &[b"mp42"], Some(M4A)),
            (b"M4V ", &[b"mp42"], Some(M4V)),
            (b"3gp5", &[], Some(THREE_GP)),
            (b"3g2a", &[], Some(THREE_G2)),
            (b"avif", &[b"mif1"], Some(AVIF)),
            (b"heic", &[b"mif1"], Some(HEIC)),
            (b"mif1", &[b"mif1", b"heic"], Some(HEIC)),
            (b"mif1", &[b"miaf", b"avif"], Some(AVIF)),
            (b"mif1", &[b"jpeg"], Some(HEIF)),
            (b"mif1", &[], Some(HEIF)),
            (b"crx ", &[b"isom"], Some(CR3)),
            (b"aax ", &[b"M4B "], Some(M4A)),
            (b"????", &[b"!!!!", b"isom"], Some(MP4)),
            // The `avif` of the box after `ftyp` is no brand.
            (b"????", &[], None),
        ];
        for (major, compatible, format) in cases {
            assert_eq!(iso_media(&ftyp(major, compatible)), *format, "{:?}", String::from_utf8_lossy(*major));
        }
        assert_eq!(iso_media(b"\0\0\0\x10ftyp"), None);
        assert_eq!(iso_media(b"\xFF\xFF\xFF\xFFftyp????\0\0\0\0isom"), Some(MP4));
    }

    #[test]
    fn doc_types() {
        let webm =
            b"\x1A\x45\xDF\xA3\x9F\x42\x86\x81\x01\x42\xF7\x81\x01\x42\xF2\x81\x04\x42\xF3\x81\x08\x42\x82\x84webm";
        assert_eq!(ebml(webm), Some(WEBM));
        assert_eq!(ebml(b"\x1A\x45\xDF\xA3\x01\0\0\0\0\0\0\x0B\x42\x82\x88matroska"), Some(MKV));
        assert_eq!(ebml(b"\x1A\x45\xDF\xA3\x89\x42\x82\x86webm\0\0"), Some(WEBM));
        assert_eq!(ebml(b"\x1A\x45\xDF\xA3\x87\x42\x82\x84webx"), None);
        // A DocType outside the header is none.
        assert_eq!(ebml(b"\x1A\x45\xDF\xA3\x84\x42\x86\x81\x01\x42\x82\x84webm"), None);
        for end in 0..webm.len() {
            assert_eq!(ebml(&webm[..end]), None, "{end}");
        }
    }

    fn ogg_page(packet: &[u8]) -> Vec<u8> {
        let mut bytes = b"OggS\0\x02".to_vec();
        bytes.extend_from_slice(&[0; 20]);
        bytes.push(1);
        bytes.push(u8::try_from(packet.len()).unwrap());
        bytes.extend_from_slice(packet);
        bytes
    }

    #[test]
    fn ogg_codecs() {
        assert_eq!(ogg(&ogg_page(b"OpusHead\x01")), Some(OPUS));
        assert_eq!(ogg(&ogg_page(b"\x01vorbis\0")), Some(OGG));
        assert_eq!(ogg(&ogg_page(b"\x80theora\x03")), Some(OGV));
        let skeleton = [ogg_page(b"fishead\0"), ogg_page(b"\x80theora\x03")].concat();
        assert_eq!(ogg(&skeleton), Some(OGV));
        assert_eq!(ogg(b"OggS\0"), None);
    }

    #[test]
    fn asf_streams() {
        assert_eq!(asf(&[b"head", ASF_AUDIO, ASF_VIDEO].concat()), WMV);
        assert_eq!(asf(&[b"head", ASF_AUDIO].concat()), WMA);
        assert_eq!(asf(b"head"), ASF);
    }

    #[test]
    fn id3_sizes() {
        assert_eq!(id3_length(b"ID3\x04\0\0\0\0\x02\x01"), Some(257 + 10));
        assert_eq!(id3_length(b"ID3\x04\0\x10\0\0\0\0"), Some(20));
        assert_eq!(id3_length(b"ID3\x04\0\0\0\0\0\x80"), None);
        assert_eq!(id3_length(b"ID3 tags are"), None);
        assert_eq!(id3_length(b"ID3\x04\0\0\0"), None);
    }
}
