//! What a file is, told from its bytes alone: the table of formats and the search in it.
//! Promise: nothing here trusts a file name or a client's word, or panics on any input.
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::arithmetic_side_effects))]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::allow_attributes,
        reason = "tests may stop at once"
    )
)]

mod archive;
mod audio_frame;
mod bytes;
mod container;
pub mod document;
pub mod formats;
pub mod found;
pub mod image;
pub mod metadata;
pub mod sniff;
pub mod source;
mod text;
mod tiff;
pub mod video;
pub mod worker;

pub use formats::Format;
pub use sniff::{HEAD_BYTES, sniff};
