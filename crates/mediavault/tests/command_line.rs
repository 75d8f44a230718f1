//! The program as a process: exit codes, one-line errors, and where it finds its settings.
#![allow(clippy::unwrap_used, clippy::allow_attributes, reason = "tests may stop at once")]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Output};

/// The program in this folder, with none of the environment of whoever runs the tests.
fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mediavault"));
    command.current_dir(folder).env_clear();
    command
}

/// Exit code, and what stands on stderr.
fn outcome(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn says_its_version() {
    let folder = tempfile::tempdir().unwrap();
    let output = program(folder.path()).arg("--version").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("mediavault {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_wrong_command_line_is_2() {
    let folder = tempfile::tempdir().unwrap();
    let output = program(folder.path()).arg("fly").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn an_unreachable_server_is_1() {
    let folder = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = program(folder.path()).args(["health", "--listen", &free.to_string()]).output().unwrap();
    let (code, said) = outcome(&output);
    assert_eq!(code, Some(1));
    assert!(said.starts_with(&format!("mediavault: not ready: no answer from {free}: ")), "{said}");
    assert_eq!(said.matches('\n').count(), 1, "{said}");
}

#[test]
fn settings_are_found_where_they_may_stand() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, key: &str| std::fs::write(folder.path().join(name), format!("{key} = 1\n")).unwrap();
    write("mediavault.toml", "in_default_file");
    write("named.toml", "in_variable_file");
    write("flagged.toml", "in_flag_file");
    type Sources<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str], &'a str);
    let cases: [Sources<'_>; 6] = [
        (&[], &[], "mediavault: mediavault.toml line 1: there is no setting \"in_default_file\""),
        (&[("MEDIAVAULT_CONFIG", "named.toml")], &[], "mediavault: named.toml line 1: "),
        (&[("MEDIAVAULT_CONFIG", "named.toml")], &["--config", "flagged.toml"], "mediavault: flagged.toml line 1: "),
        (&[("MEDIAVAULT_CONFIG", "gone.toml")], &[], "mediavault: cannot read the settings file gone.toml: No such"),
        (
            &[("MEDIAVAULT_CONFIG", "/dev/null"), ("MEDIAVAULT_LISEN", "x")],
            &[],
            "mediavault: variable MEDIAVAULT_LISEN ",
        ),
        (
            &[("MEDIAVAULT_CONFIG", "/dev/null")],
            &["--listen", "x"],
            "mediavault: flag --listen: setting \"listen\" must",
        ),
    ];
    for (variables, flags, expected) in cases {
        let output = program(folder.path()).arg("health").envs(variables.iter().copied()).args(flags).output().unwrap();
        let (code, said) = outcome(&output);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.starts_with(expected), "{said}");
        assert_eq!(said.matches('\n').count(), 1, "{said}");
    }
}

#[test]
fn a_variable_must_be_unicode() {
    let folder = tempfile::tempdir().unwrap();
    let value = OsStr::from_bytes(b"hidden\xff");
    let output = program(folder.path()).arg("health").env("MEDIAVAULT_METRICS__TOKEN", value).output().unwrap();
    let (code, said) = outcome(&output);
    assert_eq!(code, Some(1));
    assert_eq!(said, "mediavault: variable MEDIAVAULT_METRICS__TOKEN: the value is not valid UTF-8\n");
}
