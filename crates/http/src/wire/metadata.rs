//! The member `metadata` as the description shows it: the shapes of `mv_core::facts`, whose JSON is passed on as it is kept.

use utoipa::ToSchema;

/// What a file says of itself; members that it does not say are left out.
#[derive(ToSchema)]
pub struct Metadata {
    /// What took it.
    pub camera: Option<MetadataDevice>,
    /// The lens on it.
    pub lens: Option<MetadataDevice>,
    /// How it was exposed.
    pub exposure: Option<MetadataExposure>,
    /// The program or firmware that wrote the file.
    pub software: Option<String>,
    /// Who made it.
    pub creator: Option<String>,
    /// Whose rights it is under.
    pub copyright: Option<String>,
    /// Its heading.
    pub title: Option<String>,
    /// What it shows, in words.
    pub caption: Option<String>,
    /// Keywords, in the file's order, without doubles.
    pub keywords: Option<Vec<String>>,
    /// Of pictures.
    pub image: Option<MetadataImage>,
    /// Of the first moving picture.
    pub video: Option<MetadataVideo>,
    /// Of the first sound.
    pub audio: Option<MetadataAudio>,
    /// What music files are tagged with.
    pub album: Option<MetadataAlbum>,
    /// Of documents.
    pub document: Option<MetadataDocument>,
    /// Bits a second of the whole file.
    pub bitrate: Option<u64>,
    /// The colour that most of the picture has: `#rrggbb`, sRGB.
    pub dominant_color: Option<String>,
}

/// A camera or a lens.
#[derive(ToSchema)]
pub struct MetadataDevice {
    /// Its maker.
    pub make: Option<String>,
    /// Its name.
    pub model: Option<String>,
}

/// How a picture was exposed.
#[derive(ToSchema)]
pub struct MetadataExposure {
    /// Seconds that the shutter was open.
    pub seconds: Option<f64>,
    /// The aperture's f-number.
    pub f_number: Option<f64>,
    /// Sensitivity, ISO 12232.
    pub iso: Option<u32>,
    /// Steps of exposure more (or less) than metered.
    pub bias_ev: Option<f64>,
    /// Millimetres.
    pub focal_length_mm: Option<f64>,
    /// Millimetres of a lens with the same view on 24 x 36 mm film.
    pub focal_length_35mm: Option<f64>,
    /// Whether the flash fired.
    pub flash: Option<bool>,
}

/// Of a picture.
#[derive(ToSchema)]
pub struct MetadataImage {
    /// EXIF orientation, 1 to 8, that renditions have applied; of formats that turn by other means always 1.
    pub orientation: Option<u8>,
    /// Bits of one sample.
    pub bit_depth: Option<u8>,
    /// `rgb`, `gray`, `cmyk`, `lab`, `ycbcr` or `palette`.
    pub color: Option<String>,
    /// The description in the embedded ICC profile.
    pub profile: Option<String>,
    /// Whether it can be seen through in places.
    pub alpha: Option<bool>,
    /// Pictures in the file; more than one is an animation or a multi-page file.
    pub frames: Option<u32>,
    /// `ultrahdr`, `apple` or `iso`: the gain map that the file carries. Renditions show the base picture.
    pub hdr: Option<String>,
}

/// Of a moving picture.
#[derive(ToSchema)]
pub struct MetadataVideo {
    /// As ffmpeg names it: `h264`, `hevc`, `av1`, `vp9`, `prores`.
    pub codec: Option<String>,
    /// Bits a second.
    pub bitrate: Option<u64>,
    /// Frames a second.
    pub frame_rate: Option<f64>,
    /// Degrees clockwise that players turn it: 0, 90, 180 or 270.
    pub rotation: Option<u16>,
    /// Bits of one sample.
    pub bit_depth: Option<u8>,
    /// Whether it is brighter than a screen's white in places (HLG or PQ).
    pub hdr: Option<bool>,
}

/// Of a sound.
#[derive(ToSchema)]
pub struct MetadataAudio {
    /// As ffmpeg names it: `aac`, `mp3`, `opus`, `flac`, `pcm_s16le`.
    pub codec: Option<String>,
    /// Bits a second.
    pub bitrate: Option<u64>,
    /// Hertz.
    pub sample_rate: Option<u32>,
    /// Loudspeakers.
    pub channels: Option<u8>,
}

/// What a music file is tagged with; its heading is `title`.
#[derive(ToSchema)]
pub struct MetadataAlbum {
    /// Who performs.
    pub artist: Option<String>,
    /// The album.
    pub album: Option<String>,
    /// Whose album it is.
    pub album_artist: Option<String>,
    /// Its number on the disc.
    pub track: Option<u32>,
    /// The disc's number.
    pub disc: Option<u32>,
    /// The year.
    pub year: Option<i32>,
    /// The kind of music.
    pub genre: Option<String>,
    /// Whether a cover picture is in the file; thumbnails show it.
    pub cover: Option<bool>,
}

/// Of a document.
#[derive(ToSchema)]
pub struct MetadataDocument {
    /// Pages.
    pub pages: Option<u32>,
    /// Whether a password is needed to open it.
    pub encrypted: Option<bool>,
}

/// The moving part of a motion photo.
#[derive(ToSchema)]
pub struct Motion {
    /// Its type.
    #[schema(example = "video/mp4")]
    pub mime_type: String,
    /// Its bytes, which lie inside the original.
    pub size: u64,
    /// Seconds.
    pub duration: Option<f64>,
}
