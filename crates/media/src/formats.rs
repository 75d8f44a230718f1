//! The table of formats: name, kind, MIME type, usual extension, and the signatures that tell them.
//! Promise: one constant per format and no second place that spells its type. `mv_core::mime` alone says what is inline.
//! Not here: formats told by structure rather than by fixed bytes (`container`, `archive`, `tiff`, `audio_frame`,
//! `text`), and readers or decoders.
//!
//! Types are those of the IANA registry where they are in common use, else what browsers and `file` say
//! (`video/x-matroska`, `image/x-canon-cr2`). Signatures are from the formats' own specifications.

use mv_core::mime::MediaType;

/// One format of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Format {
    /// What clients see as `mime_type`: lower case, no parameters.
    pub mime: &'static str,
    /// What clients see as `type`.
    pub kind: MediaType,
    /// The usual ending of such a file's name, without the dot.
    pub extension: &'static str,
}

macro_rules! formats {
    ($($(#[$doc:meta])* $name:ident = $kind:ident $mime:literal $extension:literal;)*) => {
        $(
            #[doc = concat!("`", $mime, "`, usually `.", $extension, "`.")]
            $(#[$doc])*
            pub const $name: Format = Format { mime: $mime, kind: MediaType::$kind, extension: $extension };
        )*
        /// Every format with the name of its constant.
        pub(crate) const ALL: &[(&str, Format)] = &[$((stringify!($name), $name),)*];
    };
}

formats! {
    JPEG = Image "image/jpeg" "jpg";
    PNG = Image "image/png" "png";
    GIF = Image "image/gif" "gif";
    WEBP = Image "image/webp" "webp";
    AVIF = Image "image/avif" "avif";
    HEIC = Image "image/heic" "heic";
    /// HEIF with another codec than HEVC or AV1, or none named.
    HEIF = Image "image/heif" "heif";
    JXL = Image "image/jxl" "jxl";
    BMP = Image "image/bmp" "bmp";
    TIFF = Image "image/tiff" "tif";
    ICO = Image "image/vnd.microsoft.icon" "ico";
    PSD = Image "image/vnd.adobe.photoshop" "psd";
    SVG = Image "image/svg+xml" "svg";
    EXR = Image "image/x-exr" "exr";
    JP2 = Image "image/jp2" "jp2";
    JXR = Image "image/jxr" "jxr";
    DJVU = Image "image/vnd.djvu" "djvu";
    DWG = Image "image/vnd.dwg" "dwg";

    CR2 = Image "image/x-canon-cr2" "cr2";
    CR3 = Image "image/x-canon-cr3" "cr3";
    NEF = Image "image/x-nikon-nef" "nef";
    ARW = Image "image/x-sony-arw" "arw";
    PEF = Image "image/x-pentax-pef" "pef";
    DNG = Image "image/x-adobe-dng" "dng";
    RAF = Image "image/x-fuji-raf" "raf";
    RW2 = Image "image/x-panasonic-rw2" "rw2";
    ORF = Image "image/x-olympus-orf" "orf";

    MP4 = Video "video/mp4" "mp4";
    /// Apple's name for MP4; browsers play it as such.
    M4V = Video "video/mp4" "m4v";
    MOV = Video "video/quicktime" "mov";
    THREE_GP = Video "video/3gpp" "3gp";
    THREE_G2 = Video "video/3gpp2" "3g2";
    WEBM = Video "video/webm" "webm";
    MKV = Video "video/x-matroska" "mkv";
    AVI = Video "video/x-msvideo" "avi";
    WMV = Video "video/x-ms-wmv" "wmv";
    /// ASF whose head does not say what streams it has.
    ASF = Video "video/x-ms-asf" "asf";
    FLV = Video "video/x-flv" "flv";
    OGV = Video "video/ogg" "ogv";
    MPEG_TS = Video "video/mp2t" "ts";
    MPEG_PS = Video "video/mpeg" "mpg";
    MXF = Video "application/mxf" "mxf";

    M4A = Audio "audio/mp4" "m4a";
    MP3 = Audio "audio/mpeg" "mp3";
    AAC = Audio "audio/aac" "aac";
    WAV = Audio "audio/wav" "wav";
    FLAC = Audio "audio/flac" "flac";
    OGG = Audio "audio/ogg" "ogg";
    /// RFC 7845 section 9: the same type as other Ogg audio.
    OPUS = Audio "audio/ogg" "opus";
    AIFF = Audio "audio/aiff" "aiff";
    MIDI = Audio "audio/midi" "mid";
    WMA = Audio "audio/x-ms-wma" "wma";
    CAF = Audio "audio/x-caf" "caf";
    AMR = Audio "audio/amr" "amr";
    DSF = Audio "audio/x-dsf" "dsf";
    APE = Audio "audio/x-ape" "ape";

    PDF = Document "application/pdf" "pdf";
    POSTSCRIPT = Document "application/postscript" "ps";
    RTF = Document "application/rtf" "rtf";
    HTML = Document "text/html" "html";
    XHTML = Document "application/xhtml+xml" "xhtml";
    XML = Document "application/xml" "xml";
    /// UTF-8 without control characters, or UTF-16 with a byte order mark; no markup in the head.
    TEXT = Document "text/plain" "txt";
    DOCX = Document "application/vnd.openxmlformats-officedocument.wordprocessingml.document" "docx";
    XLSX = Document "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" "xlsx";
    PPTX = Document "application/vnd.openxmlformats-officedocument.presentationml.presentation" "pptx";
    ODT = Document "application/vnd.oasis.opendocument.text" "odt";
    ODS = Document "application/vnd.oasis.opendocument.spreadsheet" "ods";
    ODP = Document "application/vnd.oasis.opendocument.presentation" "odp";
    ODG = Document "application/vnd.oasis.opendocument.graphics" "odg";
    EPUB = Document "application/epub+zip" "epub";
    MOBI = Document "application/x-mobipocket-ebook" "mobi";
    /// Office 97 to 2003 and others in the same container; its directory lies too deep for the head.
    OLE = Document "application/x-ole-storage" "ole";

    ZIP = Other "application/zip" "zip";
    RAR = Other "application/vnd.rar" "rar";
    SEVEN_ZIP = Other "application/x-7z-compressed" "7z";
    GZIP = Other "application/gzip" "gz";
    BZIP2 = Other "application/x-bzip2" "bz2";
    XZ = Other "application/x-xz" "xz";
    ZSTD = Other "application/zstd" "zst";
    TAR = Other "application/x-tar" "tar";
    LZ4 = Other "application/x-lz4" "lz4";
    LZIP = Other "application/x-lzip" "lz";
    CAB = Other "application/vnd.ms-cab-compressed" "cab";
    DEB = Other "application/vnd.debian.binary-package" "deb";
    SQLITE = Other "application/vnd.sqlite3" "sqlite";
    DICOM = Other "application/dicom" "dcm";
    WOFF = Other "font/woff" "woff";
    WOFF2 = Other "font/woff2" "woff2";
    TTF = Other "font/ttf" "ttf";
    OTF = Other "font/otf" "otf";
    WASM = Other "application/wasm" "wasm";
    ELF = Other "application/x-elf" "elf";
    MACH_O = Other "application/x-mach-binary" "macho";
    EXE = Other "application/vnd.microsoft.portable-executable" "exe";
    JAVA_CLASS = Other "application/java-vm" "class";
    DEX = Other "application/vnd.android.dex" "dex";
    SWF = Other "application/vnd.adobe.flash.movie" "swf";
    QCOW2 = Other "application/x-qemu-disk" "qcow2";
    /// What no rule knows, and the empty file.
    UNKNOWN = Other "application/octet-stream" "bin";
}

/// The first format with this type; those that share one share a container too.
pub fn of_mime(mime: &str) -> Option<Format> {
    ALL.iter().find(|(_, format)| format.mime == mime).map(|(_, format)| *format)
}

/// Whether a file of this type has anything that a worker could read or show.
pub fn is_examined(mime: &str) -> bool {
    let whole = ["application/pdf", "application/xml", "application/xhtml+xml"];
    let (family, _) = mime.split_once('/').unwrap_or((mime, ""));
    matches!(family, "image" | "video" | "audio" | "text") || mime == MXF.mime || whole.contains(&mime)
}

/// Bytes that must stand at an offset.
pub(crate) type Part = (usize, &'static [u8]);

/// What a signature tells.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Meaning {
    /// The format itself.
    Is(Format),
    /// A container of several formats: the search goes on inside.
    In(Family),
}

/// Containers that need a look inside.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Family {
    /// MP4, MOV, HEIF, CR3: boxes with brands.
    IsoMedia,
    /// Matroska and WebM.
    Ebml,
    /// Ogg pages.
    Ogg,
    /// Windows Media.
    Asf,
    /// TIFF and the camera raws built on it.
    Tiff,
    /// Zip and the documents built on it.
    Zip,
    /// A tag before MP3, AAC or FLAC.
    Id3,
}

use Meaning::{In, Is};

/// Signatures in the order in which they are tried: all parts of a row must match, the first row that matches and whose
/// family agrees wins. Short or wordlike signatures carry further parts, so that plain text does not match.
pub(crate) const SIGNATURES: &[(&[Part], Meaning)] = &[
    (&[(0, b"\xFF\xD8\xFF")], Is(JPEG)),
    (&[(0, b"\x89PNG\r\n\x1A\n")], Is(PNG)),
    (&[(0, b"GIF87a")], Is(GIF)),
    (&[(0, b"GIF89a")], Is(GIF)),
    (&[(0, b"RIFF"), (8, b"WEBP")], Is(WEBP)),
    (&[(0, b"RIFF"), (8, b"AVI ")], Is(AVI)),
    (&[(0, b"RIFF"), (8, b"WAVE")], Is(WAV)),
    (&[(0, b"RF64"), (8, b"WAVE")], Is(WAV)),
    (&[(0, b"BW64"), (8, b"WAVE")], Is(WAV)),
    (&[(0, b"RIFF"), (8, b"RMID")], Is(MIDI)),
    (&[(0, b"\0\0\0\x0CJXL \r\n\x87\n")], Is(JXL)),
    (&[(0, b"\xFF\x0A")], Is(JXL)),
    (&[(4, b"ftyp")], In(Family::IsoMedia)),
    // QuickTime before 2004, and what some phones hand over, has no `ftyp`.
    (&[(0, b"\0"), (4, b"moov")], Is(MOV)),
    (&[(0, b"\0"), (4, b"mdat")], Is(MOV)),
    (&[(0, b"\0"), (4, b"wide")], Is(MOV)),
    (&[(0, b"\0"), (4, b"pnot")], Is(MOV)),
    (&[(0, b"\x1A\x45\xDF\xA3")], In(Family::Ebml)),
    (&[(0, b"OggS\0")], In(Family::Ogg)),
    (&[(0, b"fLaC")], Is(FLAC)),
    (&[(0, b"ID3")], In(Family::Id3)),
    (&[(0, b"MThd\0\0\0\x06")], Is(MIDI)),
    (&[(0, b"FORM"), (8, b"AIFF")], Is(AIFF)),
    (&[(0, b"FORM"), (8, b"AIFC")], Is(AIFF)),
    (&[(0, b"caff\0\x01")], Is(CAF)),
    (&[(0, b"FLV\x01")], Is(FLV)),
    (&[(0, b"\x30\x26\xB2\x75\x8E\x66\xCF\x11\xA6\xD9\x00\xAA\x00\x62\xCE\x6C")], In(Family::Asf)),
    (&[(0, b"\0\0\x01\xBA")], Is(MPEG_PS)),
    (&[(0, b"\0\0\x01\xB3")], Is(MPEG_PS)),
    // Packets of 188 bytes; with a time stamp before each, of 192 (Blu-ray, AVCHD).
    (&[(0, b"G"), (188, b"G"), (376, b"G"), (564, b"G")], Is(MPEG_TS)),
    (&[(4, b"G"), (196, b"G"), (388, b"G"), (580, b"G")], Is(MPEG_TS)),
    (&[(0, b"\x06\x0E\x2B\x34\x02\x05\x01\x01\x0D\x01\x02")], Is(MXF)),
    (&[(0, b"II*\0"), (8, b"CR\x02")], Is(CR2)),
    (&[(0, b"II*\0")], In(Family::Tiff)),
    (&[(0, b"MM\0*")], In(Family::Tiff)),
    (&[(0, b"II+\0\x08\0")], Is(TIFF)),
    (&[(0, b"MM\0+\0\x08")], Is(TIFF)),
    (&[(0, b"IIRO")], Is(ORF)),
    (&[(0, b"IIRS")], Is(ORF)),
    (&[(0, b"MMOR")], Is(ORF)),
    (&[(0, b"IIU\0")], Is(RW2)),
    (&[(0, b"FUJIFILMCCD-RAW")], Is(RAF)),
    (&[(0, b"8BPS\0\x01")], Is(PSD)),
    (&[(0, b"8BPS\0\x02")], Is(PSD)),
    (&[(0, b"\x76\x2F\x31\x01")], Is(EXR)),
    // The reserved bytes of the header and of the first entry.
    (&[(0, b"\0\0\x01\0"), (5, b"\0"), (9, b"\0")], Is(ICO)),
    // The reserved bytes, and the size of the one header that is still written or one of its old kin.
    (&[(0, b"BM"), (6, b"\0\0\0\0"), (14, b"\x28\0\0\0")], Is(BMP)),
    (&[(0, b"BM"), (6, b"\0\0\0\0"), (14, b"\x0C\0\0\0")], Is(BMP)),
    (&[(0, b"BM"), (6, b"\0\0\0\0"), (14, b"\x34\0\0\0")], Is(BMP)),
    (&[(0, b"BM"), (6, b"\0\0\0\0"), (14, b"\x38\0\0\0")], Is(BMP)),
    (&[(0, b"BM"), (6, b"\0\0\0\0"), (14, b"\x40\0\0\0")], Is(BMP)),
    (&[(0, b"BM"), (6, b"\0\0\0\0"), (14, b"\x6C\0\0\0")], Is(BMP)),
    (&[(0, b"BM"), (6, b"\0\0\0\0"), (14, b"\x7C\0\0\0")], Is(BMP)),
    (&[(0, b"\xC5\xD0\xD3\xC6")], Is(POSTSCRIPT)),
    (&[(0, b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")], Is(OLE)),
    (&[(0, b"PK\x03\x04")], In(Family::Zip)),
    (&[(0, b"PK\x05\x06")], Is(ZIP)),
    (&[(0, b"PK\x07\x08")], Is(ZIP)),
    (&[(0, b"Rar!\x1A\x07")], Is(RAR)),
    (&[(0, b"7z\xBC\xAF\x27\x1C")], Is(SEVEN_ZIP)),
    (&[(0, b"\x1F\x8B\x08")], Is(GZIP)),
    (&[(0, b"BZh"), (4, b"1AY&SY")], Is(BZIP2)),
    (&[(0, b"\xFD7zXZ\0")], Is(XZ)),
    (&[(0, b"\x28\xB5\x2F\xFD")], Is(ZSTD)),
    (&[(257, b"ustar\0")], Is(TAR)),
    (&[(257, b"ustar  \0")], Is(TAR)),
];

/// Rarer formats, found by the `infer` crate, keyed by the extension it answers with. What is not listed here counts as
/// unknown: some of its signatures are two bytes long, and some formats it knows are told better above.
pub(crate) const BEHIND: &[(&str, Format)] = &[
    ("jp2", JP2),
    ("jxr", JXR),
    ("djvu", DJVU),
    ("dwg", DWG),
    ("mov", MOV),
    ("amr", AMR),
    ("dsf", DSF),
    ("ape", APE),
    ("mobi", MOBI),
    ("lz4", LZ4),
    ("lz", LZIP),
    ("cab", CAB),
    ("deb", DEB),
    ("sqlite", SQLITE),
    ("dcm", DICOM),
    ("woff", WOFF),
    ("woff2", WOFF2),
    ("ttf", TTF),
    ("otf", OTF),
    ("wasm", WASM),
    ("elf", ELF),
    ("mach", MACH_O),
    ("exe", EXE),
    ("class", JAVA_CLASS),
    ("dex", DEX),
    ("swf", SWF),
    ("qcow2", QCOW2),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use mv_core::mime::{MimeFilter, served_as};

    use super::*;

    #[test]
    fn every_format_is_well_formed() {
        let mut names = HashSet::new();
        for (name, format) in ALL {
            assert_eq!(
                MimeFilter::parse("mime", format.mime).unwrap(),
                MimeFilter::Exact(format.mime.into()),
                "{name}"
            );
            assert!(!format.extension.is_empty() && format.extension.len() <= 6, "{name}");
            assert!(format.extension.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{name}");
            assert!(names.insert((format.mime, format.extension)), "{name} is there twice");
        }
    }

    /// `type=image` and `mime_type=image/*` must find the same items.
    #[test]
    fn kinds_agree_with_types() {
        for (name, format) in ALL {
            let family = format.mime.split_once('/').unwrap().0;
            if let Some(kind @ (MediaType::Image | MediaType::Video | MediaType::Audio)) = MediaType::parse(family) {
                assert_eq!(format.kind, kind, "{name}");
            }
        }
    }

    #[test]
    fn inline_formats_are_these_and_no_others() {
        let inline: Vec<&str> =
            ALL.iter().filter(|(_, format)| served_as(format.mime).inline).map(|(name, _)| *name).collect();
        let expected = [
            "JPEG", "PNG", "GIF", "WEBP", "AVIF", "MP4", "M4V", "WEBM", "OGV", "M4A", "MP3", "WAV", "FLAC", "OGG",
            "OPUS", "TEXT",
        ];
        assert_eq!(inline, expected);
    }

    #[test]
    fn every_format_from_infer_is_one_it_knows() {
        for (extension, _) in BEHIND {
            assert!(infer::is_supported(extension), "{extension}");
        }
    }
}
