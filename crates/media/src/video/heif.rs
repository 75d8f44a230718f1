//! HEIC and AVIF by `heif-thumbnailer` (Debian's package of that name): the one program of libheif's that writes wherever it
//! is told to; `heif-convert` insists on a name with an ending, and nothing in here has a name.

/// The longer side up to which it gives the picture as it is; beyond it takes every so many-th pixel.
const SIDE: u32 = 4096;

/// Reads the file in memory, writes PNG into memory: upright, in the file's own colours.
pub fn heif_arguments() -> Vec<String> {
    ["-p", "-s", &SIDE.to_string(), "/proc/self/fd/0", "/proc/self/fd/1"].map(str::to_owned).to_vec()
}
