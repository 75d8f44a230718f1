//! Pictures out of files: decoding, turning, scaling, encoding.
