//! The sandboxed child that parses what users upload.
