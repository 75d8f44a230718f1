//! TIFF and the camera raws that are TIFF too: which of them, by the first directory (TIFF 6.0 section 2).
//! Promise: only entries inside the head are read, at most 512 of them, and no offset is followed twice.
//! Not here: tags as metadata; raws with a signature of their own (`formats`).

use crate::bytes::{array, slice};
use crate::formats::{ARW, DNG, Format, NEF, PEF, TIFF};

const NEW_SUBFILE_TYPE: u16 = 0x00FE;
const MAKE: u16 = 0x010F;
const SUB_IFDS: u16 = 0x014A;
/// Every DNG has it in its first directory, and nothing else does (DNG 1.7, "DNGVersion").
const DNG_VERSION: u16 = 0xC612;

const ENTRIES_MAX: usize = 512;
const ENTRY_BYTES: usize = 12;

/// What the first directory tells.
#[derive(Default)]
struct Hints<'a> {
    is_dng: bool,
    /// The first picture is only a small one.
    is_preview: bool,
    has_sub_images: bool,
    make: &'a [u8],
}

/// The format of a head that starts with a TIFF signature.
///
/// A camera's name alone does not make a raw: pictures developed from one keep it. Raws of these makers have a preview
/// in the first directory and the sensor's data in a sub-directory. What lies too deep for the head is plain TIFF.
pub(crate) fn tiff(head: &[u8]) -> Format {
    let hints = Reader { head, big_endian: head.starts_with(b"MM") }.hints();
    if hints.is_dng {
        return DNG;
    }
    if !(hints.is_preview && hints.has_sub_images) {
        return TIFF;
    }
    let makers: &[(&[u8], Format)] = &[(b"NIKON", NEF), (b"SONY", ARW), (b"PENTAX", PEF), (b"RICOH", PEF)];
    makers.iter().find(|(maker, _)| hints.make.starts_with(maker)).map_or(TIFF, |(_, format)| *format)
}

struct Reader<'a> {
    head: &'a [u8],
    big_endian: bool,
}

impl<'a> Reader<'a> {
    fn hints(&self) -> Hints<'a> {
        let mut hints = Hints::default();
        // Stops where the head ends; what was seen until then counts.
        let _ended_early = self.read_entries(&mut hints).is_none();
        hints
    }

    fn read_entries(&self, hints: &mut Hints<'a>) -> Option<()> {
        let directory = self.u32(4)?;
        let count = usize::from(self.u16(directory)?).min(ENTRIES_MAX);
        let first = directory.checked_add(2)?;
        for index in 0..count {
            let entry = first.checked_add(index.checked_mul(ENTRY_BYTES)?)?;
            let value = entry.checked_add(8)?;
            match self.u16(entry)? {
                NEW_SUBFILE_TYPE => hints.is_preview = self.u32(value)? & 1 == 1,
                SUB_IFDS => hints.has_sub_images = true,
                DNG_VERSION => hints.is_dng = true,
                MAKE => hints.make = self.text(entry.checked_add(4)?, value).unwrap_or_default(),
                _ => {}
            }
        }
        Some(())
    }

    /// An entry's ASCII value: in the entry when it fits four bytes, else where the entry points.
    fn text(&self, count_at: usize, value_at: usize) -> Option<&'a [u8]> {
        let count = self.u32(count_at)?;
        let start = if count <= 4 { value_at } else { self.u32(value_at)? };
        slice(self.head, start, count)
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let bytes = array(self.head, at)?;
        Some(if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn u32(&self, at: usize) -> Option<usize> {
        let bytes = array(self.head, at)?;
        usize::try_from(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: u16 = 4;
    const ASCII: u16 = 2;

    /// A TIFF with these entries (tag, type, value) and this maker's name behind the directory.
    fn file(big_endian: bool, entries: &[(u16, u16, u32)], make: Option<&str>) -> Vec<u8> {
        let u16 = |value: u16| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
        let u32 = |value: u32| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
        let count = entries.len() + usize::from(make.is_some());
        let mut bytes = if big_endian { b"MM\0*".to_vec() } else { b"II*\0".to_vec() };
        bytes.extend(u32(8));
        bytes.extend(u16(u16::try_from(count).unwrap()));
        for (tag, kind, value) in entries {
            bytes.extend([u16(*tag), u16(*kind)].concat());
            bytes.extend([u32(1), u32(*value)].concat());
        }
        if let Some(make) = make {
            let end = u32::try_from(8 + 2 + count * 12 + 4).unwrap();
            bytes.extend([u16(MAKE), u16(ASCII)].concat());
            bytes.extend([u32(u32::try_from(make.len()).unwrap()), u32(end)].concat());
            bytes.extend(u32(0));
            bytes.extend_from_slice(make.as_bytes());
        }
        bytes
    }

    #[test]
    fn raws_by_maker_and_layout() {
        let raw = [(NEW_SUBFILE_TYPE, LONG, 1), (SUB_IFDS, LONG, 500)];
        for big_endian in [false, true] {
            assert_eq!(tiff(&file(big_endian, &raw, Some("NIKON CORPORATION\0"))), NEF);
            assert_eq!(tiff(&file(big_endian, &raw, Some("SONY\0"))), ARW);
            assert_eq!(tiff(&file(big_endian, &raw, Some("PENTAX Corporation\0"))), PEF);
            assert_eq!(tiff(&file(big_endian, &raw, Some("Somebody\0"))), TIFF);
            assert_eq!(tiff(&file(big_endian, &[(DNG_VERSION, 1, 4)], Some("SONY\0"))), DNG);
        }
    }

    #[test]
    fn developed_pictures_are_tiff() {
        assert_eq!(tiff(&file(false, &[(NEW_SUBFILE_TYPE, LONG, 0)], Some("NIKON CORPORATION\0"))), TIFF);
        assert_eq!(tiff(&file(true, &[(NEW_SUBFILE_TYPE, LONG, 1)], Some("SONY\0"))), TIFF);
        let with_thumbnail = [(NEW_SUBFILE_TYPE, LONG, 0), (SUB_IFDS, LONG, 500)];
        assert_eq!(tiff(&file(false, &with_thumbnail, Some("NIKON CORPORATION\0"))), TIFF);
        assert_eq!(tiff(&file(true, &[], None)), TIFF);
    }

    #[test]
    fn cut_and_hostile_directories() {
        let whole = file(false, &[(NEW_SUBFILE_TYPE, LONG, 1), (SUB_IFDS, LONG, 500)], Some("NIKON\0"));
        for end in 0..whole.len() {
            assert_eq!(tiff(&whole[..end]), TIFF, "{end}");
        }
        assert_eq!(tiff(b"II*\0\xFF\xFF\xFF\xFF"), TIFF);
        assert_eq!(tiff(b"II*\0\0\0\0\0"), TIFF);
    }
}
