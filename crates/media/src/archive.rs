//! Zip files: plain ones, and the documents that are zip files inside (office, OpenDocument, EPUB).
//! Promise: only names and one stored text in the head are read; nothing is ever expanded or looked up elsewhere.
//! Not here: listing archives. A document whose telling entries lie behind the head counts as a plain zip.

use crate::bytes::{find, has, le16, le32, slice};
use crate::formats::{DOCX, EPUB, Format, ODG, ODP, ODS, ODT, PPTX, XLSX, ZIP};

const ENTRY: &[u8] = b"PK\x03\x04";

/// The format of a head that starts with a zip entry (APPNOTE 6.3 section 4.3.7 has the layout).
pub(crate) fn zip(head: &[u8]) -> Format {
    declared(head).or_else(|| office(head)).unwrap_or(ZIP)
}

/// OpenDocument 1.3 part 2 section 3.3 and EPUB OCF 3.3 section 4.3: the first entry is called `mimetype`, is not
/// compressed, and its content is the type.
fn declared(head: &[u8]) -> Option<Format> {
    if entry_name(head)? != b"mimetype" || le16(head, 8)? != 0 {
        return None;
    }
    let start = 30_usize.checked_add(b"mimetype".len())?.checked_add(le16(head, 28)?)?;
    let content = match le32(head, 18)? {
        // Written as a stream: the size stands behind the content, where a header starts with "PK" too.
        0 => {
            let rest = head.get(start..)?;
            rest.get(..find(rest, b"PK")?)?
        }
        size => slice(head, start, size)?,
    };
    let content = content.trim_ascii();
    [ODT, ODS, ODP, ODG, EPUB].into_iter().find(|format| format.mime.as_bytes() == content)
}

/// Office Open XML (ECMA-376 part 2): a package has `[Content_Types].xml` and `_rels/`; the folder of the main part
/// tells which program it is for. The entries may come in any order.
fn office(head: &[u8]) -> Option<Format> {
    let mut is_package = false;
    let mut program = None;
    let mut rest = head;
    while let Some(at) = find(rest, ENTRY) {
        let entry = rest.get(at..)?;
        let name = entry_name(entry)?;
        is_package |= name == b"[Content_Types].xml" || name == b"_rels/.rels";
        let folders: &[(&[u8], Format)] = &[(b"word/", DOCX), (b"xl/", XLSX), (b"ppt/", PPTX)];
        program = program.or(folders.iter().find(|(folder, _)| name.starts_with(folder)).map(|(_, format)| *format));
        if is_package && program.is_some() {
            return program;
        }
        rest = entry.get(ENTRY.len()..)?;
    }
    None
}

/// The name in a local file header; of a name that is cut off by the end of the head, what is there.
fn entry_name(entry: &[u8]) -> Option<&[u8]> {
    if !has(entry, 0, ENTRY) {
        return None;
    }
    let name = entry.get(30..)?;
    Some(name.get(..le16(entry, 26)?).unwrap_or(name))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A stored entry; `streamed` leaves its size out of the header.
    pub(crate) fn entry(name: &str, content: &[u8], streamed: bool) -> Vec<u8> {
        let size = if streamed { 0 } else { u32::try_from(content.len()).unwrap() };
        let mut bytes = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
        bytes.extend(size.to_le_bytes());
        bytes.extend(size.to_le_bytes());
        bytes.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        bytes.extend([0, 0]);
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(content);
        if streamed {
            bytes.extend_from_slice(b"PK\x07\x08");
        }
        bytes
    }

    #[test]
    fn documents_that_say_their_type() {
        for format in [ODT, ODS, ODP, ODG, EPUB] {
            for streamed in [false, true] {
                let bytes = [entry("mimetype", format.mime.as_bytes(), streamed), entry("x", b"", false)].concat();
                assert_eq!(zip(&bytes), format, "{}", format.mime);
            }
        }
        assert_eq!(zip(&entry("mimetype", b"application/epub+zip\n", false)), EPUB);
        assert_eq!(zip(&entry("mimetype", b"application/epub+zipper", false)), ZIP);
        assert_eq!(zip(&entry("mimetype", b"text/html", false)), ZIP);
        assert_eq!(zip(&entry("other", b"application/epub+zip", false)), ZIP);
    }

    #[test]
    fn office_packages() {
        let types = entry("[Content_Types].xml", b"<Types/>", false);
        let rels = entry("_rels/.rels", b"<Relationships/>", true);
        for (part, format) in [("word/document.xml", DOCX), ("xl/workbook.xml", XLSX), ("ppt/presentation.xml", PPTX)] {
            let main = entry(part, b"<x/>", false);
            assert_eq!(zip(&[types.clone(), rels.clone(), main.clone()].concat()), format);
            assert_eq!(zip(&[main.clone(), rels.clone()].concat()), format);
            assert_eq!(zip(&main), ZIP, "a folder of that name alone is no package");
        }
        assert_eq!(zip(&[types, rels].concat()), ZIP);
    }

    #[test]
    fn plain_and_cut_zips() {
        assert_eq!(zip(&entry("../../etc/passwd", b"x", false)), ZIP);
        let whole = [entry("[Content_Types].xml", b"<Types/>", false), entry("word/document.xml", b"", false)].concat();
        for end in 4..whole.len() {
            assert!([ZIP, DOCX].contains(&zip(&whole[..end])), "{end}");
        }
    }
}
