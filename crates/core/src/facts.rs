//! What a file says of itself, read from its bytes: the typed members of `metadata` (contract section 4).
//! Promise: every member means the same whatever format it was read from; units are in the names or the comments.
//! Not here: reading (`mv_media::metadata`), the raw tags, what people say of an item (`media.rs`).

use serde::{Deserialize, Serialize};

/// Everything that was read; what the file does not say is `None` or empty and is left out of the JSON kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// What took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub camera: Option<Device>,
    /// The lens on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lens: Option<Device>,
    /// How it was exposed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exposure: Option<Exposure>,
    /// The program or firmware that wrote the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software: Option<String>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creator: Option<String>,
    /// Whose rights it is under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copyright: Option<String>,
    /// Its heading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it shows, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    /// Keywords, in the file's order, without doubles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// Of pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageFacts>,
    /// Of the first moving picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video: Option<VideoFacts>,
    /// Of the first sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio: Option<AudioFacts>,
    /// What music files are tagged with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub album: Option<AlbumFacts>,
    /// Of documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<DocumentFacts>,
    /// Bits a second of the whole file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bitrate: Option<u64>,
    /// The colour that most of the picture has: `#rrggbb`, sRGB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dominant_color: Option<String>,
}

/// A camera or a lens.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Device {
    /// Its maker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub make: Option<String>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// How a picture was exposed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Exposure {
    /// Seconds that the shutter was open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// The aperture's f-number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub f_number: Option<f64>,
    /// Sensitivity, ISO 12232.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iso: Option<u32>,
    /// Steps of exposure more (or less) than metered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bias_ev: Option<f64>,
    /// Millimetres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub focal_length_mm: Option<f64>,
    /// Millimetres of a lens with the same view on 24 x 36 mm film.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub focal_length_35mm: Option<f64>,
    /// Whether the flash fired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flash: Option<bool>,
}

/// Of a picture.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageFacts {
    /// EXIF orientation, 1 to 8, that renditions have applied; of formats that turn by other means always 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orientation: Option<u8>,
    /// Bits of one sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bit_depth: Option<u8>,
    /// `rgb`, `gray`, `cmyk`, `lab`, `ycbcr` or `palette`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// The description in the embedded ICC profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Whether it can be seen through in places.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpha: Option<bool>,
    /// Pictures in the file; more than one is an animation or a multi-page file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames: Option<u32>,
    /// `ultrahdr`, `apple` or `iso`: the gain map that the file carries. Renditions show the base picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hdr: Option<String>,
}

/// Of a moving picture.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VideoFacts {
    /// As ffmpeg names it: `h264`, `hevc`, `av1`, `vp9`, `prores`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec: Option<String>,
    /// Bits a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bitrate: Option<u64>,
    /// Frames a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_rate: Option<f64>,
    /// Degrees clockwise that players turn it: 0, 90, 180 or 270.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation: Option<u16>,
    /// Bits of one sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bit_depth: Option<u8>,
    /// Whether it is brighter than a screen's white in places (HLG or PQ, ITU-R BT.2100).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hdr: Option<bool>,
}

/// Of a sound.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AudioFacts {
    /// As ffmpeg names it: `aac`, `mp3`, `opus`, `flac`, `pcm_s16le`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec: Option<String>,
    /// Bits a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bitrate: Option<u64>,
    /// Hertz.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_rate: Option<u32>,
    /// Loudspeakers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<u8>,
}

/// What a music file is tagged with; its heading is `Facts::title`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AlbumFacts {
    /// Who performs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artist: Option<String>,
    /// The album.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub album: Option<String>,
    /// Whose album it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub album_artist: Option<String>,
    /// Its number on the disc.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub track: Option<u32>,
    /// The disc's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disc: Option<u32>,
    /// The year.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub year: Option<i32>,
    /// The kind of music.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub genre: Option<String>,
    /// Whether a cover picture is in the file; thumbnails show it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cover: Option<bool>,
}

/// Of a document.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DocumentFacts {
    /// Pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pages: Option<u32>,
    /// Whether a password is needed to open it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encrypted: Option<bool>,
}
