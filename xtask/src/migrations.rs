//! Migrations as files: they come in pairs, one for each database, numbered without gaps; and the making of a new pair.
//! Promise: a new pair has the next number and replaces nothing.
//! Not here: what is in them (the store's own tests compare the tables that both make).

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

use crate::findings::Findings;
use crate::project::Project;

const FOLDER: &str = "crates/store/src/migrations/";
const DIALECTS: [&str; 2] = ["sqlite", "postgres"];

/// Why no pair was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NewError {
    /// The name is not lower-case words joined by underscores.
    #[error("a migration's name is lower-case words joined by underscores, such as media_rating")]
    BadName,
    /// A file could not be written.
    #[error("cannot write {}", .0.display())]
    Unwritable(PathBuf, #[source] std::io::Error),
}

/// A migration file's name, `0007_media_rating.sqlite.sql`, in its parts.
fn parts(file: &str) -> Option<(u32, &str, &str)> {
    let (numbered, dialect) = file.strip_suffix(".sql")?.split_once('.')?;
    let (number, name) = numbered.split_once('_')?;
    let four_digits = number.len() == 4 && number.bytes().all(|b| b.is_ascii_digit());
    let known = four_digits && DIALECTS.contains(&dialect) && is_name(name);
    known.then(|| number.parse().ok().map(|number| (number, name, dialect)))?
}

fn is_name(name: &str) -> bool {
    let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    name.split('_').all(word)
}

/// Checks that every number has one name and both dialects, and that no number is left out.
pub(crate) fn check(project: &Project, findings: &mut Findings) {
    let mut numbers: BTreeMap<u32, Vec<(&str, &str, &str)>> = BTreeMap::new();
    for (path, _) in &project.others {
        let Some(file) = path.strip_prefix(FOLDER) else { continue };
        match parts(file) {
            Some((number, name, dialect)) => numbers.entry(number).or_default().push((path, name, dialect)),
            None => findings.fail(path, 1, "a migration is called NNNN_name.sqlite.sql or NNNN_name.postgres.sql"),
        }
    }
    for (expected, (number, files)) in (1..).zip(&numbers) {
        let Some((path, name, _)) = files.first() else { continue };
        if *number != expected {
            let sentence = format!("migration {number:04} follows {:04}: numbers have no gaps", expected - 1);
            return findings.fail(*path, 1, sentence);
        }
        for (other, other_name, _) in files.iter().filter(|(_, other, _)| other != name) {
            findings.fail(*other, 1, format!("{number:04} is called {other_name} here and {name} elsewhere"));
        }
        for dialect in DIALECTS.iter().filter(|dialect| !files.iter().any(|(_, _, has)| has == *dialect)) {
            findings.fail(*path, 1, format!("{number:04} has no {dialect} file beside it"));
        }
    }
}

/// Makes both files of the next migration; returns their paths below the root.
pub(crate) fn create(project: &Project, name: &str) -> Result<Vec<String>, NewError> {
    if !is_name(name) {
        return Err(NewError::BadName);
    }
    let taken = project.others.iter().filter_map(|(path, _)| parts(path.strip_prefix(FOLDER)?));
    let number = taken.map(|(number, ..)| number).max().unwrap_or(0) + 1;
    let mut made = Vec::new();
    for dialect in DIALECTS {
        let path = format!("{FOLDER}{number:04}_{name}.{dialect}.sql");
        let full = project.root.join(&path);
        let write = || {
            std::fs::create_dir_all(project.root.join(FOLDER))?;
            let mut file = std::fs::File::create_new(&full)?;
            writeln!(file, "-- {}: say here why it is needed.", name.replace('_', " "))
        };
        write().map_err(|cause| NewError::Unwritable(full.clone(), cause))?;
        made.push(path);
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences(files: &[&str]) -> Vec<String> {
        let paths: Vec<String> = files.iter().map(|file| format!("{FOLDER}{file}")).collect();
        let sample: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), "")).collect();
        let mut findings = Findings::default();
        check(&Project::sample(&sample), &mut findings);
        findings.violations.into_iter().map(|found| found.sentence).collect()
    }

    #[test]
    fn pairs_without_gaps_pass() {
        let files = ["0001_a.sqlite.sql", "0001_a.postgres.sql", "0002_b_c.sqlite.sql", "0002_b_c.postgres.sql"];
        assert!(sentences(&files).is_empty());
    }

    #[test]
    fn gaps_singles_and_strange_names_fail() {
        assert_eq!(sentences(&["0001_a.sqlite.sql"]), ["0001 has no postgres file beside it"]);
        assert_eq!(
            sentences(&["0002_a.sqlite.sql", "0002_a.postgres.sql"]),
            ["migration 0002 follows 0000: numbers have no gaps"]
        );
        assert_eq!(sentences(&["0001_a.sqlite.sql", "0001_b.postgres.sql"]), ["0001 is called b here and a elsewhere"]);
        for file in ["1_a.sqlite.sql", "0001-a.sqlite.sql", "0001_A.sqlite.sql", "0001_a.mysql.sql", "0001_a.sql"] {
            assert_eq!(sentences(&[file]).len(), 1, "{file}");
        }
    }

    #[test]
    fn a_new_pair_has_the_next_number() {
        let folder = tempfile::tempdir().unwrap();
        let mut project = Project::sample(&[]);
        project.root = folder.path().to_owned();
        let first = create(&project, "accounts").unwrap();
        assert_eq!(first, [0, 1].map(|at| format!("{FOLDER}0001_accounts.{}.sql", DIALECTS[at])));
        assert!(matches!(create(&project, "accounts"), Err(NewError::Unwritable(..))), "nothing is replaced");
        project.others.extend(first.into_iter().map(|path| (path, String::new())));
        assert!(create(&project, "media_rating").unwrap()[1].ends_with("0002_media_rating.postgres.sql"));
        assert!(matches!(create(&project, "Bad name"), Err(NewError::BadName)));
    }
}
