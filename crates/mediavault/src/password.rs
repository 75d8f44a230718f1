//! Takes a password from the person or script at standard input.
//! Promises: it is never shown; the terminal is put back as it was. Not here: what makes a password acceptable (`app`).

use crate::settings::Secret;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{self, BufRead, IsTerminal, Read, Stdin, Write};

/// Why there is no password.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Standard input ended, or its first line is empty.
    #[error("no password: standard input has no first line")]
    Missing,
    /// The line is longer than any password.
    #[error("the password is longer than {MOST_BYTES} bytes")]
    TooLong,
    /// The line is not UTF-8.
    #[error("the password is not valid UTF-8")]
    NotUnicode,
    /// Two different passwords were typed.
    #[error("the two passwords differ")]
    Differ,
    /// Standard input or the terminal failed.
    #[error("cannot read the password")]
    Input(#[source] io::Error),
}

/// 256 characters of four bytes each, and a line end.
const MOST_BYTES: u64 = 1026;

/// Reads a password. With `from_stdin`, or where standard input is no terminal, it is the first line there; else it is
/// asked for twice on the terminal, without echo.
pub fn read(from_stdin: bool) -> Result<Secret, PasswordError> {
    let stdin = io::stdin();
    if from_stdin || !stdin.is_terminal() {
        return first_line(&mut stdin.lock());
    }
    let first = ask(&stdin, "Password: ")?;
    let second = ask(&stdin, "Again: ")?;
    if first == second { Ok(first) } else { Err(PasswordError::Differ) }
}

fn ask(stdin: &Stdin, prompt: &str) -> Result<Secret, PasswordError> {
    let silence = Silence::on(stdin).map_err(PasswordError::Input)?;
    let mut screen = io::stderr();
    write!(screen, "{prompt}").and_then(|()| screen.flush()).map_err(PasswordError::Input)?;
    let answer = first_line(&mut stdin.lock());
    drop(silence);
    // The person's own line end was not shown either.
    writeln!(screen).map_err(PasswordError::Input)?;
    answer
}

fn first_line(input: &mut impl BufRead) -> Result<Secret, PasswordError> {
    let mut line = Vec::new();
    input.take(MOST_BYTES + 1).read_until(b'\n', &mut line).map_err(PasswordError::Input)?;
    if line.len() as u64 > MOST_BYTES {
        return Err(PasswordError::TooLong);
    }
    let line = String::from_utf8(line).map_err(|_| PasswordError::NotUnicode)?;
    let line = line.strip_suffix('\n').unwrap_or(&line);
    match line.strip_suffix('\r').unwrap_or(line) {
        "" => Err(PasswordError::Missing),
        password => Ok(Secret::new(password.to_owned())),
    }
}

/// A terminal that does not show what is typed, until this is dropped.
struct Silence<'a> {
    terminal: &'a Stdin,
    before: Termios,
}

impl<'a> Silence<'a> {
    fn on(terminal: &'a Stdin) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(terminal, OptionalActions::Flush, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        // If the terminal is gone there is nothing left to put back.
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut bytes: &[u8]) -> Result<String, PasswordError> {
        first_line(&mut bytes).map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn takes_the_first_line_only() {
        for (input, password) in [
            ("secret words\nmore\n", "secret words"),
            ("secret", "secret"),
            ("secret\r\n", "secret"),
            (" spaces stay \n", " spaces stay "),
            ("12345678\n", "12345678"),
        ] {
            assert_eq!(read(input.as_bytes()).unwrap(), password);
        }
    }

    #[test]
    fn refuses_what_is_no_password() {
        assert!(matches!(read(b""), Err(PasswordError::Missing)));
        assert!(matches!(read(b"\nsecret\n"), Err(PasswordError::Missing)));
        assert!(matches!(read(b"\xff\xfe\n"), Err(PasswordError::NotUnicode)));
        assert!(matches!(read(&[b'a'; 1027]), Err(PasswordError::TooLong)));
        assert_eq!(read("\u{1f511}".repeat(256).as_bytes()).unwrap().chars().count(), 256);
    }
}
