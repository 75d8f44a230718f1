//! The shape of files: headers, sizes, names, parameters, and the mark of generated files.
//! Promise: only this page holds the numbers. Test code may be as long as it must; it needs its header all the same.
//! Not here: migrations (`migrations`), layers (`layers`).

use crate::findings::Findings;
use crate::project::{Project, Source};

/// A file longer than this, test items not counted, fails.
const FILE_LINES: usize = 600;
/// A function longer than this is mentioned.
const FUNCTION_LINES_WARN: usize = 60;
/// A function longer than this fails.
const FUNCTION_LINES: usize = 90;
/// More parameters than this, `self` not counted, fail: make a struct.
const PARAMETERS: usize = 5;
/// Handlers may have one more: each of theirs is an extractor, and a struct around them would only hide the request.
const HANDLER_PARAMETERS: usize = 6;
/// Where handlers are.
const HANDLERS: &str = "crates/http/src/api/";
/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 8] = ["utils", "util", "helpers", "helper", "common", "manager", "service", "misc"];
/// What a generated text says in its first lines.
const GENERATED: &str = "Generated";

/// Checks every file's shape.
pub(crate) fn check(project: &Project, findings: &mut Findings) {
    for source in &project.sources {
        name(source, findings);
        header(source, findings);
        length(source, findings);
        functions(source, findings);
    }
    for (path, text) in &project.others {
        let generated = path.starts_with("docs/reference/") && (path.ends_with(".md") || path.ends_with(".toml"));
        if generated && !text.lines().take(5).any(|line| line.contains(GENERATED)) {
            findings.fail(
                path,
                1,
                format!("files in docs/reference are generated and say so ({GENERATED:?}) at their head"),
            );
        }
    }
}

fn name(source: &Source, findings: &mut Findings) {
    let bare = source.path.trim_end_matches(".rs");
    if let Some(empty) = bare.split('/').find(|part| EMPTY_NAMES.contains(part)) {
        findings.fail(&source.path, 1, format!("the name {empty:?} says nothing: name what is inside"));
    }
}

fn header(source: &Source, findings: &mut Findings) {
    let first = source.text.lines().next().unwrap_or_default();
    if first.strip_prefix("//!").is_none_or(|said| said.trim().is_empty()) {
        findings.fail(&source.path, 1, "a file begins with `//!` and what it holds");
    }
}

fn length(source: &Source, findings: &mut Findings) {
    let lines = source.text.lines().count().saturating_sub(source.outline.test_lines());
    if lines > FILE_LINES && !source.is_test_file() {
        findings.fail(&source.path, 1, format!("{lines} lines without tests, at most {FILE_LINES}: split it"));
    }
}

fn functions(source: &Source, findings: &mut Findings) {
    for function in source.outline.functions().iter().filter(|function| !source.is_test(function.line)) {
        let (name, lines) = (&function.name, function.lines);
        if lines > FUNCTION_LINES {
            findings.fail(&source.path, function.line, format!("{name} has {lines} lines, at most {FUNCTION_LINES}"));
        } else if lines > FUNCTION_LINES_WARN {
            findings.warn(
                &source.path,
                function.line,
                format!("{name} has {lines} lines; {FUNCTION_LINES_WARN} read better"),
            );
        }
        let most = if source.path.starts_with(HANDLERS) { HANDLER_PARAMETERS } else { PARAMETERS };
        if function.parameters > most {
            let count = function.parameters;
            findings.fail(
                &source.path,
                function.line,
                format!("{name} takes {count} parameters, at most {most}: make a struct"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> (Vec<String>, usize) {
        let mut findings = Findings::default();
        check(&Project::sample(&[(path, text)]), &mut findings);
        (findings.places(), findings.warnings.len())
    }

    fn function_of(lines: usize) -> String {
        format!("//! x\nfn long() {{\n{}}}\n", "    1;\n".repeat(lines - 2))
    }

    #[test]
    fn a_header_is_needed_in_tests_too() {
        assert_eq!(found("crates/a/src/b.rs", "fn a() {}\n").0, ["crates/a/src/b.rs:1"]);
        assert_eq!(found("crates/a/tests/it/main.rs", "//!\nfn a() {}\n").0, ["crates/a/tests/it/main.rs:1"]);
        assert!(found("crates/a/src/b.rs", "//! What it holds.\n").0.is_empty());
    }

    #[test]
    fn long_files_fail_but_for_their_tests() {
        let long = format!("//! x\n{}", "const A: u8 = 1;\n".repeat(FILE_LINES));
        assert_eq!(found("a.rs", &long).0, ["a.rs:1"]);
        assert!(found("crates/a/tests/it/b.rs", &long).0.is_empty());
        let tests = format!("//! x\n#[cfg(test)]\nmod tests {{\n{}}}\n", "const A: u8 = 1;\n".repeat(FILE_LINES));
        assert!(found("a.rs", &tests).0.is_empty());
    }

    #[test]
    fn long_functions_warn_then_fail() {
        assert_eq!(found("a.rs", &function_of(60)), (vec![], 0));
        assert_eq!(found("a.rs", &function_of(61)), (vec![], 1));
        assert_eq!(found("a.rs", &function_of(90)), (vec![], 1));
        assert_eq!(found("a.rs", &function_of(91)), (vec!["a.rs:2".to_owned()], 0));
        let test = function_of(91).replace("fn long", "#[cfg(test)]\nfn long");
        assert_eq!(found("a.rs", &test), (vec![], 0));
    }

    #[test]
    fn more_than_five_parameters_fail() {
        assert!(found("a.rs", "//! x\nfn a(&self, b: u8, c: u8, d: u8, e: u8, f: u8) {}\n").0.is_empty());
        assert_eq!(found("a.rs", "//! x\nfn a(b: u8, c: u8, d: u8, e: u8, f: u8, g: u8) {}\n").0, ["a.rs:2"]);
    }

    #[test]
    fn empty_names_fail_for_files_and_folders() {
        assert_eq!(found("crates/a/src/utils.rs", "//! x\n").0, ["crates/a/src/utils.rs:1"]);
        assert_eq!(found("crates/a/src/common/b.rs", "//! x\n").0, ["crates/a/src/common/b.rs:1"]);
        assert!(found("crates/a/src/service_worker.rs", "//! x\n").0.is_empty());
    }

    #[test]
    fn reference_pages_say_that_they_are_generated() {
        assert_eq!(found("docs/reference/a.md", "# A\n").0, ["docs/reference/a.md:1"]);
        assert!(found("docs/reference/a.md", "<!-- Generated by x. -->\n# A\n").0.is_empty());
        assert!(found("docs/reference/openapi.json", "{}").0.is_empty());
    }
}
