//! Numbers and slices out of untrusted bytes: every reader answers `None` past the end.
//! Not here: what the numbers mean.

/// `length` bytes from `at` on.
pub(crate) fn slice(bytes: &[u8], at: usize, length: usize) -> Option<&[u8]> {
    bytes.get(at..at.checked_add(length)?)
}

/// Whether `part` stands at `at`.
pub(crate) fn has(bytes: &[u8], at: usize, part: &[u8]) -> bool {
    slice(bytes, at, part.len()) == Some(part)
}

/// Where `part` first stands.
pub(crate) fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len().max(1)).position(|window| window == part)
}

/// `N` bytes from `at` on, as an array for `from_le_bytes` and its kin.
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    slice(bytes, at, N)?.try_into().ok()
}

/// A little-endian 16-bit number, as a size.
pub(crate) fn le16(bytes: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_le_bytes(array(bytes, at)?)))
}

/// A little-endian 32-bit number, as a size.
pub(crate) fn le32(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(array(bytes, at)?)).ok()
}

/// A big-endian 32-bit number, as a size.
pub(crate) fn be32(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32::from_be_bytes(array(bytes, at)?)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_past_the_end() {
        let bytes = [1, 2, 3, 4, 5];
        assert_eq!(slice(&bytes, 3, 2), Some(&[4, 5][..]));
        assert_eq!(slice(&bytes, 3, 3), None);
        assert_eq!(slice(&bytes, usize::MAX, 2), None);
        assert_eq!((le16(&bytes, 3), le16(&bytes, 4)), (Some(0x0504), None));
        assert_eq!((le32(&bytes, 1), be32(&bytes, 1), be32(&bytes, 2)), (Some(0x0504_0302), Some(0x0203_0405), None));
        assert!(has(&bytes, 4, &[5]) && !has(&bytes, 4, &[5, 6]) && has(&bytes, 5, &[]));
        assert_eq!((find(&bytes, &[3, 4]), find(&bytes, &[4, 3]), find(&[], &[1])), (Some(2), None, None));
    }
}
