//! What no file of the project may say: paths of somebody's machine, hosts of package registries, notes of unfinished work.
//! Promise: every file is looked at, this one too, so the words below are put together from parts.
//! Not here: spelling and style.

use crate::findings::Findings;
use crate::project::Project;

/// A word that is not to be found.
struct Banned {
    word: String,
    /// Whether letters or digits right before or after make it another word.
    whole: bool,
    sentence: &'static str,
    /// Files that may have it.
    except: &'static [&'static str],
}

/// Looks at every line of every text file.
pub(crate) fn check(project: &Project, findings: &mut Findings) {
    let banned = banned();
    for (path, text) in project.texts() {
        for (number, line) in text.lines().enumerate() {
            for word in banned.iter().filter(|word| !word.except.contains(&path) && word.is_in(line)) {
                findings.fail(path, number + 1, format!("{:?} {}", word.word, word.sentence));
            }
        }
    }
}

impl Banned {
    fn is_in(&self, line: &str) -> bool {
        let joins = |c: char| c.is_alphanumeric() || c == '_';
        line.match_indices(&self.word).any(|(at, word)| {
            let before = line[..at].chars().next_back().is_some_and(joins);
            let after = line[at + word.len()..].chars().next().is_some_and(joins);
            // A path may go on after its last slash; a whole word may not.
            !(before || self.whole && after)
        })
    }
}

fn banned() -> Vec<Banned> {
    let mut list = Vec::new();
    for folder in ["work", "root", "home", "Users"] {
        let sentence = "is a path of one machine: write it relative, or as a setting";
        list.push(Banned { word: format!("/{folder}/"), whole: false, sentence, except: &[] });
    }
    for (name, domain) in [
        ("index.crates", "io"),
        ("static.crates", "io"),
        ("github.com/rust-lang/crates.io", "-index"),
        ("pypi", "org"),
        ("files.pythonhosted", "org"),
        ("registry.npmjs", "org"),
        ("proxy.golang", "org"),
    ] {
        let joint = if domain.starts_with('-') { "" } else { "." };
        let sentence = "is a package registry's host: tools know it by themselves";
        list.push(Banned { word: format!("{name}{joint}{domain}"), whole: true, sentence, except: &["Cargo.lock"] });
    }
    for (start, end) in [("TO", "DO"), ("FIX", "ME"), ("XX", "X"), ("to", "do!"), ("unimplemen", "ted!")] {
        let sentence = "marks unfinished work: finish it, or open an issue";
        list.push(Banned { word: format!("{start}{end}"), whole: true, sentence, except: &[] });
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(path: &str, text: &str) -> Vec<String> {
        let mut findings = Findings::default();
        check(&Project::sample(&[(path, text)]), &mut findings);
        findings.places()
    }

    #[test]
    fn machine_paths_are_found() {
        let text = ["see /ho", "me/me/x\nhost/ro", "ot/x\n\"/wo", "rk/y\""].concat();
        assert_eq!(places("docs/a.md", &text), ["docs/a.md:1", "docs/a.md:3"]);
    }

    #[test]
    fn registry_hosts_are_found_but_in_the_lock_file() {
        let text = ["source = \"registry+https://github.com/rust-lang/crates.io", "-index\""].concat();
        assert_eq!(places("deny.toml", &text), ["deny.toml:1"]);
        assert!(places("Cargo.lock", &text).is_empty());
        let text = ["get it from py", "pi.org"].concat();
        assert_eq!(places("README.md", &text), ["README.md:1"]);
    }

    #[test]
    fn notes_of_unfinished_work_are_found_as_whole_words() {
        let text = ["// TO", "DO: later\n// the TO", "DOs\nmktemp XXXX", "XX\nto", "do!()\n// XX", "X"].concat();
        assert_eq!(places("src/a.rs", &text), ["src/a.rs:1", "src/a.rs:4", "src/a.rs:5"]);
    }
}
