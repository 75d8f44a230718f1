//! The house's rules as a program: `cargo xtask check`, `cargo xtask gen`, `cargo xtask new migration NAME`.
//! Promise: every violation is printed as `file:line: one sentence`, and then the exit code is 1; wrong usage is 2.
//! Not here: the rules, each in its own file.

mod findings;
mod generate;
mod layers;
mod migrations;
mod outline;
mod project;
mod shape;
mod tokens;
mod words;

use std::error::Error;
use std::process::ExitCode;

use findings::Findings;
use project::Project;

const USAGE: &str = "usage: cargo xtask check [layers|shape|words|gen]...
       cargo xtask gen [--check]
       cargo xtask new migration NAME";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
enum Task<'a> {
    Check(Vec<Check>),
    Generate,
    NewMigration(&'a str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    Layers,
    Shape,
    Words,
    Generated,
}

impl Check {
    const ALL: [(Check, &'static str); 4] =
        [(Check::Layers, "layers"), (Check::Shape, "shape"), (Check::Words, "words"), (Check::Generated, "gen")];

    fn of(name: &str) -> Option<Check> {
        Check::ALL.iter().find(|(_, known)| *known == name).map(|(check, _)| *check)
    }
}

fn task<'a>(arguments: &[&'a str]) -> Option<Task<'a>> {
    match arguments {
        ["check"] => Some(Task::Check(Check::ALL.map(|(check, _)| check).to_vec())),
        ["check", names @ ..] => names.iter().map(|name| Check::of(name)).collect::<Option<_>>().map(Task::Check),
        ["gen"] => Some(Task::Generate),
        ["gen", "--check"] => Some(Task::Check(vec![Check::Generated])),
        ["new", "migration", name] => Some(Task::NewMigration(name)),
        _ => None,
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(task) = task(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(&task) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            tell(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

/// Prints an error and what is behind it.
fn tell(error: &dyn Error) {
    eprintln!("xtask: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  because: {error}");
        cause = error.source();
    }
}

/// Does the task; false where a check found a violation.
fn run(task: &Task<'_>) -> Result<bool, Box<dyn Error>> {
    let project = Project::read(&std::env::current_dir()?)?;
    match task {
        Task::Check(checks) => return Ok(check(&project, checks)),
        Task::Generate => generate::write(&project)?,
        Task::NewMigration(name) => {
            migrations::create(&project, name)?.iter().for_each(|path| println!("wrote {path}"));
            println!("next: fill in both and add the pair to the table in crates/store/src/migrations");
        }
    }
    Ok(true)
}

/// Runs the checks and prints what they found; a check that cannot be done counts as failed and hides no other.
fn check(project: &Project, checks: &[Check]) -> bool {
    let mut findings = Findings::default();
    let mut undone = 0;
    for check in checks {
        if let Err(error) = one_check(project, *check, &mut findings) {
            tell(error.as_ref());
            undone += 1;
        }
    }
    for warning in &findings.warnings {
        println!("{warning} (warning)");
    }
    for violation in &findings.violations {
        println!("{violation}");
    }
    let (failed, warned) = (findings.violations.len(), findings.warnings.len());
    println!("xtask check: {failed} violations, {warned} warnings");
    failed == 0 && undone == 0
}

fn one_check(project: &Project, check: Check, findings: &mut Findings) -> Result<(), Box<dyn Error>> {
    match check {
        Check::Layers => layers::check(project, findings)?,
        Check::Shape => {
            shape::check(project, findings);
            migrations::check(project, findings);
        }
        Check::Words => words::check(project, findings),
        Check::Generated => generate::check(project, findings)?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_read_strictly() {
        assert_eq!(task(&["check", "words", "gen"]), Some(Task::Check(vec![Check::Words, Check::Generated])));
        assert_eq!(task(&["gen", "--check"]), Some(Task::Check(vec![Check::Generated])));
        assert_eq!(task(&["new", "migration", "a"]), Some(Task::NewMigration("a")));
        for wrong in [&[][..], &["check", "wrods"], &["gen", "--chek"], &["new", "migration"]] {
            assert_eq!(task(wrong), None);
        }
    }
}
