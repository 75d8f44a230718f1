//! Documents: pages as pictures, and text for search.
