//! Sound without a container: MP3 and AAC frames, which start with a sync word of 11 or 12 bits.
//! Promise: a sync word alone is not believed: the frame must be valid and the next one must follow where it ends.
//! Not here: MPEG layers I and II; what the frames hold.

use crate::bytes::array;
use crate::container::id3_length;
use crate::formats::{AAC, FLAC, Format, MP3};

/// What comes after an ID3v2 tag; MP3 where that lies behind the head, for nearly all tagged files are. `None` where
/// the tag is none.
pub(crate) fn tagged(head: &[u8], complete: bool) -> Option<Format> {
    let sound = head.get(id3_length(head)?..).unwrap_or_default();
    if sound.starts_with(b"fLaC") {
        return Some(FLAC);
    }
    Some(untagged(sound, complete).unwrap_or(MP3))
}

/// MP3 or AAC, by two frames in a row, or one where the head or the file ends with it.
pub(crate) fn untagged(head: &[u8], complete: bool) -> Option<Format> {
    if repeats(head, complete, mp3_frame) {
        Some(MP3)
    } else if repeats(head, complete, adts_frame) {
        Some(AAC)
    } else {
        None
    }
}

/// Whether a frame stands at the start, and behind it another one, an ID3v1 tag (which only the end of a file has), or
/// the end. `length_of` gives a frame's length in bytes.
fn repeats(head: &[u8], complete: bool, length_of: fn(&[u8]) -> Option<usize>) -> bool {
    let Some(length) = length_of(head) else { return false };
    match head.get(length..) {
        Some([]) => true,
        Some(next) => length_of(next).is_some() || (complete && next.starts_with(b"TAG")),
        None => !complete,
    }
}

/// Kilobits per second by the index in the header (ISO/IEC 11172-3 section 2.4.2.3, 13818-3 section 2.4.2.3).
const MPEG_1_RATES: [usize; 16] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0];
const MPEG_2_RATES: [usize; 16] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0];

/// The length of a layer III frame; frames of free bit rate do not say theirs and are not taken.
fn mp3_frame(bytes: &[u8]) -> Option<usize> {
    let [sync, version, rates, _] = array::<4>(bytes, 0)?;
    if sync != 0xFF || version & 0xE6 != 0xE2 {
        return None;
    }
    // Bits of the version: 11 is MPEG-1, 10 MPEG-2, 00 MPEG-2.5, 01 reserved.
    let (table, samples_per_8, halvings) = match version & 0x18 {
        0x18 => (&MPEG_1_RATES, 144_usize, 0_u32),
        0x10 => (&MPEG_2_RATES, 72, 1),
        0x00 => (&MPEG_2_RATES, 72, 2),
        _ => return None,
    };
    let sample_rate = match rates & 0x0C {
        0x00 => 44_100_usize,
        0x04 => 48_000,
        0x08 => 32_000,
        _ => return None,
    };
    let kilobits = *table.get(usize::from(rates >> 4))?;
    let padding = usize::from((rates >> 1) & 1);
    let length =
        samples_per_8.checked_mul(kilobits)?.checked_mul(1000)?.checked_div(sample_rate.checked_shr(halvings)?)?;
    if kilobits == 0 { None } else { length.checked_add(padding) }
}

/// The length of an ADTS frame (ISO/IEC 13818-7 section 6.2).
fn adts_frame(bytes: &[u8]) -> Option<usize> {
    let [sync, flags, rate, three, four, five, _] = array::<7>(bytes, 0)?;
    // The two layer bits are always 0; sampling rates 13 to 15 are reserved.
    if sync != 0xFF || flags & 0xF6 != 0xF0 || (rate >> 2) & 0x0F > 12 {
        return None;
    }
    let length = (usize::from(three & 3) << 11) | (usize::from(four) << 3) | usize::from(five >> 5);
    let header = if flags & 1 == 1 { 7 } else { 9 };
    if length < header { None } else { Some(length) }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An MPEG-1 layer III frame of 128 kbit/s and 44.1 kHz: 417 bytes.
    pub(crate) fn mp3() -> Vec<u8> {
        let mut frame = vec![0xFF, 0xFB, 0x90, 0x64];
        frame.resize(417, 0);
        frame
    }

    /// An ADTS frame of 300 bytes, 44.1 kHz.
    pub(crate) fn adts() -> Vec<u8> {
        let mut frame = vec![0xFF, 0xF1, 0x50, 0x80, (300_u16 >> 3) as u8, ((300_u16 & 7) << 5) as u8 | 0x1F, 0xFC];
        frame.resize(300, 0x21);
        frame
    }

    pub(crate) fn id3(size: usize) -> Vec<u8> {
        let mut tag = b"ID3\x03\0\0\0\0".to_vec();
        tag.extend([u8::try_from(size >> 7).unwrap(), u8::try_from(size & 0x7F).unwrap()]);
        tag.resize(10 + size, 0);
        tag
    }

    #[test]
    fn two_frames_are_sound() {
        assert_eq!(untagged(&[mp3(), mp3()].concat(), true), Some(MP3));
        assert_eq!(untagged(&[mp3(), mp3()].concat()[..500], false), Some(MP3));
        assert_eq!(untagged(&mp3(), true), Some(MP3));
        assert_eq!(untagged(&[mp3(), b"TAGtitle".to_vec()].concat(), true), Some(MP3));
        assert_eq!(untagged(&[adts(), adts()].concat(), true), Some(AAC));
    }

    #[test]
    fn a_sync_word_alone_is_not() {
        assert_eq!(untagged(&[mp3(), vec![0; 100]].concat(), true), None);
        assert_eq!(untagged(&[adts(), vec![0; 100]].concat(), true), None);
        assert_eq!(untagged(&mp3()[..416], true), None, "cut off");
        assert_eq!(untagged(b"\xFF\xFB", true), None);
        assert_eq!(untagged(b"", true), None);
        // Reserved version, layer, bit rates and sampling rates; a UTF-16 byte order mark.
        for header in [[0xFF, 0xEB, 0x90, 0], [0xFF, 0xFD, 0x90, 0], [0xFF, 0xFB, 0xF0, 0], [0xFF, 0xFB, 0x9C, 0]] {
            assert_eq!(mp3_frame(&header), None, "{header:?}");
        }
        assert_eq!(mp3_frame(&[0xFF, 0xFB, 0x00, 0]), None);
        assert_eq!(mp3_frame(b"\xFF\xFEa\0"), None);
    }

    #[test]
    fn frame_lengths() {
        assert_eq!(mp3_frame(&[0xFF, 0xFB, 0x90, 0x64]), Some(417));
        assert_eq!(mp3_frame(&[0xFF, 0xFB, 0x92, 0x64]), Some(418));
        assert_eq!(mp3_frame(&[0xFF, 0xFB, 0xE4, 0x64]), Some(960));
        // MPEG-2 of 64 kbit/s and 22.05 kHz, MPEG-2.5 of 8 kbit/s and 11.025 kHz.
        assert_eq!(mp3_frame(&[0xFF, 0xF3, 0x80, 0]), Some(208));
        assert_eq!(mp3_frame(&[0xFF, 0xE3, 0x10, 0]), Some(52));
        assert_eq!(adts_frame(&adts()), Some(300));
    }

    #[test]
    fn tags_come_before_several_formats() {
        assert_eq!(tagged(&[id3(300), mp3(), mp3()].concat(), true), Some(MP3));
        assert_eq!(tagged(&[id3(300), adts(), adts()].concat(), true), Some(AAC));
        assert_eq!(tagged(&[id3(300), b"fLaC".to_vec()].concat(), true), Some(FLAC));
        assert_eq!(tagged(&id3(9000)[..4096], false), Some(MP3));
        assert_eq!(tagged(b"ID3 is a tag", true), None);
    }
}
