//! Finds the known name that somebody who wrote an unknown one most likely meant.
//! Not here: what counts as known (`schema`).

/// The candidate nearest to `name`, the first of several; none if even that one has little in common with it.
pub(super) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let measured = candidates.map(|candidate| (distance(name, candidate), candidate));
    let (distance, found) = measured.min_by_key(|(distance, _)| *distance)?;
    (distance * 2 <= name.chars().count()).then_some(found)
}

/// Edits from one to the other; a missing section (`retention_days`) counts as a single edit.
fn distance(name: &str, candidate: &str) -> usize {
    let whole = levenshtein(name, candidate);
    match candidate.rsplit_once('.') {
        Some((_, last)) if !name.contains('.') => whole.min(levenshtein(name, last) + 1),
        _ => whole,
    }
}

/// Insertions, deletions and replacements between two names (Levenshtein's distance, one row at a time).
fn levenshtein(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (line, left) in from.chars().enumerate() {
        let (mut diagonal, mut before) = (line, line + 1);
        for (cell, right) in row.iter_mut().skip(1).zip(to.chars()) {
            let above = *cell;
            before = (diagonal + usize::from(left != right)).min(above + 1).min(before + 1);
            diagonal = above;
            *cell = before;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_edits() {
        for (from, to, edits) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("flaw", "lawn", 2),
            ("same", "same", 0),
        ] {
            assert_eq!(levenshtein(from, to), edits, "{from} {to}");
        }
    }

    #[test]
    fn finds_what_was_meant() {
        let known = ["listen", "limits.max_upload_bytes", "trash.retention_days", "metrics.token"];
        for (name, meant) in [
            ("lisen", Some("listen")),
            ("limits.max_uploads_byte", Some("limits.max_upload_bytes")),
            ("retention_days", Some("trash.retention_days")),
            ("colour", None),
            ("vault", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known.into_iter()), meant, "{name}");
        }
    }
}
