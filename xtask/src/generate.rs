//! The reference pages that are made from code: the API description, the table of error codes, the settings.
//! Promise: `check` writes nothing and names the first line that differs.
//! Not here: the settings' text. A test of the binary compares it in every `cargo test`, and rewrites it when asked.

use std::path::PathBuf;
use std::process::Command;

use crate::findings::Findings;
use crate::project::Project;
use crate::tokens::Token;

const OPENAPI: &str = "docs/reference/openapi.json";
const ERRORS: &str = "docs/reference/errors.md";
const CODES: &str = "crates/core/src/error.rs";
const STATUSES: &str = "crates/http/src/error.rs";

/// Why a page could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GenerateError {
    /// A program could not be run or failed.
    #[error("{program} failed: {reason}")]
    Program {
        /// What was run.
        program: String,
        /// Its complaint.
        reason: String,
    },
    /// The list of codes is not where it was, or not in its form.
    #[error("{CODES} has no list `codes! {{ ... }}` of documented lines `Name = \"code\",`")]
    NoCodes,
    /// A code without a doc comment.
    #[error("{CODES} has no doc comment for the error code {0}")]
    Undocumented(String),
    /// A code without a status.
    #[error("{STATUSES} has no match arm `Code::{0} => StatusCode::...`")]
    NoStatus(String),
    /// A page could not be written.
    #[error("cannot write {}", .0.display())]
    Unwritable(PathBuf, #[source] std::io::Error),
}

/// Makes one page's text.
type Maker = fn(&Project) -> Result<String, GenerateError>;

/// Every page and what makes it, the quick ones first.
const PAGES: [(&str, Maker); 2] = [(ERRORS, errors), (OPENAPI, openapi)];

/// Compares every page with what the code says.
pub(crate) fn check(project: &Project, findings: &mut Findings) -> Result<(), GenerateError> {
    for (path, make) in PAGES {
        compare(path, project.text(path), &make(project)?, findings);
    }
    Ok(())
}

/// Writes every page that differs and says so; the pages of the settings come last.
pub(crate) fn write(project: &Project) -> Result<(), GenerateError> {
    for (path, make) in PAGES {
        let text = make(project)?;
        if project.text(path) != Some(&text) {
            let full = project.root.join(path);
            std::fs::write(&full, text).map_err(|cause| GenerateError::Unwritable(full.clone(), cause))?;
            println!("wrote {path}");
        }
    }
    write_settings(project)
}

fn compare(path: &str, committed: Option<&str>, made: &str, findings: &mut Findings) {
    let Some(committed) = committed else {
        return findings.fail(path, 1, "is missing: run `cargo xtask gen`");
    };
    if committed != made {
        let same = committed.lines().zip(made.lines()).take_while(|(have, want)| have == want).count();
        findings.fail(path, same + 1, "differs from what the code says: run `cargo xtask gen`");
    }
}

/// What `mediavault openapi` prints. The binary is built with the whole workspace's features, as the tests build it.
fn openapi(project: &Project) -> Result<String, GenerateError> {
    let build =
        ["build", "--locked", "--workspace", "--bin", "mediavault", "--message-format", "json-render-diagnostics"];
    let messages = run(project, "cargo", &build, None)?;
    let program = executable_in(&messages).ok_or_else(|| GenerateError::Program {
        program: format!("cargo {}", build.join(" ")),
        reason: "it names no program".to_owned(),
    })?;
    run(project, &program, &["openapi"], None)
}

/// The path of the program that cargo's messages, one JSON object a line, say was built.
fn executable_in(messages: &str) -> Option<String> {
    let objects = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut paths = objects.filter_map(|object| object.get("executable")?.as_str().map(str::to_owned));
    paths.next_back()
}

/// Lets the binary's own test write the pages of its settings.
fn write_settings(project: &Project) -> Result<(), GenerateError> {
    let test = ["test", "--locked", "--package", "mediavault", "--lib", "settings::reference"];
    run(project, "cargo", &test, Some(("MEDIAVAULT_TEST_UPDATE", "1"))).map(drop)
}

/// Runs a program in the root, with one more variable where given, and returns what it printed.
fn run(
    project: &Project,
    program: &str,
    arguments: &[&str],
    variable: Option<(&str, &str)>,
) -> Result<String, GenerateError> {
    let failed =
        |reason: String| GenerateError::Program { program: format!("{program} {}", arguments.join(" ")), reason };
    let output = Command::new(program).args(arguments).envs(variable).current_dir(&project.root).output();
    let output = output.map_err(|cause| failed(cause.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    String::from_utf8(output.stdout).map_err(|cause| failed(cause.to_string()))
}

/// The table of error codes: names and meanings from the list in `core`, statuses from the table in `http`.
fn errors(project: &Project) -> Result<String, GenerateError> {
    let mut page = String::from(
        "<!-- Generated by `cargo xtask gen` from crates/core/src/error.rs. Do not edit. -->\n\n# Error codes\n\n\
         The `error.code` of an answer is one of these. The list is closed: a client may match on it, and should show\n\
         `error.message` to people. Bad fields are named in `error.details`.\n\n\
         | code | status | when |\n| --- | --- | --- |\n",
    );
    let statuses =
        project.sources.iter().find(|source| source.path == STATUSES).map_or(&[][..], |source| &source.outline.tokens);
    for ErrorCode { name, code, meaning } in codes(project.text(CODES).unwrap_or_default())? {
        let status = status_of(statuses, &name).ok_or(GenerateError::NoStatus(name))?;
        page.push_str(&format!("| `{code}` | {status} | {meaning} |\n"));
    }
    Ok(page)
}

/// One line of the list of codes.
struct ErrorCode {
    name: String,
    code: String,
    meaning: String,
}

/// Reads the list `codes! { /// meaning  Name = "code", ... }`.
fn codes(source: &str) -> Result<Vec<ErrorCode>, GenerateError> {
    let mut found = Vec::new();
    let mut meaning = String::new();
    for line in source.lines().map(str::trim).skip_while(|line| *line != "codes! {").skip(1) {
        if line == "}" {
            break;
        } else if let Some(doc) = line.strip_prefix("///") {
            meaning.push_str(doc);
        } else if let Some((name, quoted)) = line.split_once(" = ") {
            let code = quoted.trim_matches(['"', ',']).to_owned();
            let told = std::mem::take(&mut meaning).trim().trim_end_matches('.').to_owned();
            if told.is_empty() {
                return Err(GenerateError::Undocumented(code));
            }
            found.push(ErrorCode { name: name.to_owned(), code, meaning: told });
        }
    }
    if found.is_empty() { Err(GenerateError::NoCodes) } else { Ok(found) }
}

/// The status that a match arm `Code::A | Code::B => StatusCode::NAME` gives to a code.
fn status_of(tokens: &[Token], code: &str) -> Option<u16> {
    let mut in_arm = false;
    for (at, token) in tokens.iter().enumerate() {
        let word = |ahead: usize| tokens.get(at + ahead).and_then(Token::word);
        if word(0) == Some("Code") && word(3).is_some() {
            in_arm = in_arm || word(3) == Some(code);
        } else if token.is('=') && in_arm && tokens.get(at + 1).is_some_and(|t| t.is('>')) {
            return (word(2) == Some("StatusCode")).then(|| number_of(word(5)?))?;
        } else if token.is(',') || token.is('{') || token.is(';') || token.is(')') {
            in_arm = false;
        }
    }
    None
}

/// The number of a status by its constant's name, which is its standard phrase in capitals.
fn number_of(name: &str) -> Option<u16> {
    let constant = |status: &http::StatusCode| Some(status.canonical_reason()?.to_uppercase().replace([' ', '-'], "_"));
    let all = (100..600).filter_map(|number| http::StatusCode::from_u16(number).ok());
    all.into_iter().find(|status| constant(status).as_deref() == Some(name)).map(|status| status.as_u16())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "fn status(code: Code) -> StatusCode {\n match code {\n  Code::Conflict | Code::PreviouslyDeleted => StatusCode::CONFLICT,\n\
                         Code::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,\n Code::Gone => StatusCode::GONE,\n }\n}\n";

    #[test]
    fn statuses_are_read_from_match_arms() {
        let tokens = crate::tokens::tokens(TABLE);
        assert_eq!(status_of(&tokens, "Conflict"), Some(409));
        assert_eq!(status_of(&tokens, "PreviouslyDeleted"), Some(409));
        assert_eq!(status_of(&tokens, "HeadersTooLarge"), Some(431));
        assert_eq!(status_of(&tokens, "NotFound"), None);
    }

    #[test]
    fn the_page_has_every_code_with_its_meaning() {
        let page = |codes: &str| errors(&Project::sample(&[(CODES, codes), (STATUSES, TABLE)]));
        let list = "macro_rules! codes { () => {} }\ncodes! {\n    /// It is\n    /// over.\n    Gone = \"gone\",\n}\n";
        assert!(page(list).unwrap().ends_with("| --- | --- | --- |\n| `gone` | 410 | It is over |\n"));
        let list = "codes! {\n    Gone = \"gone\",\n}\n";
        assert!(matches!(page(list), Err(GenerateError::Undocumented(code)) if code == "gone"));
        let list = "codes! {\n    /// Not there.\n    NotFound = \"not_found\",\n}\n";
        assert!(matches!(page(list), Err(GenerateError::NoStatus(name)) if name == "NotFound"));
        assert!(matches!(page("enum Code {}\n"), Err(GenerateError::NoCodes)));
    }

    #[test]
    fn the_program_is_found_in_cargos_messages() {
        let messages = "{\"reason\":\"compiler-artifact\",\"executable\":null}\n\
                        {\"reason\":\"compiler-artifact\",\"executable\":\"target/debug/mediavault\"}\n\
                        {\"reason\":\"build-finished\",\"success\":true}\n";
        assert_eq!(executable_in(messages).as_deref(), Some("target/debug/mediavault"));
        assert_eq!(executable_in("not json\n"), None);
    }

    #[test]
    fn a_page_that_differs_fails_at_its_line() {
        let mut findings = Findings::default();
        compare("a.md", Some("a\nb\n"), "a\nb\n", &mut findings);
        compare("b.md", Some("a\nb\n"), "a\nc\n", &mut findings);
        compare("c.md", None, "a\n", &mut findings);
        compare("d.md", Some("a\n"), "a\nb\n", &mut findings);
        assert_eq!(findings.places(), ["b.md:2", "c.md:1", "d.md:2"]);
    }
}
