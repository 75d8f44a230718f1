//! From the lines of `strace -f -y -o` to system calls with their beginning and end.
//! Promise: a line that is not understood stops the test. Not here: what the calls mean (`order`).

use std::collections::HashMap;

/// A call that has ended. `began` and `ended` are numbers of lines: what ended on an earlier line than another began is
/// before it, since strace holds each thread until it has written the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) result: String,
    pub(crate) began: usize,
    pub(crate) ended: usize,
}

impl Call {
    /// What stands between `<` and `>` behind a descriptor: a path, or a socket.
    pub(crate) fn label(text: &str) -> Option<&str> {
        text.split_once('<')?.1.strip_suffix('>')
    }

    /// The path of a descriptor argument.
    pub(crate) fn descriptor(&self, place: usize) -> Option<&str> {
        Self::label(self.arguments.get(place)?)
    }

    /// The path that a folder's descriptor and a name under it make.
    pub(crate) fn path(&self, place: usize) -> String {
        let name = self.arguments[place + 1].trim_matches('"');
        if name.starts_with('/') { name.to_owned() } else { format!("{}/{name}", self.descriptor(place).unwrap()) }
    }

    /// Whether it worked.
    pub(crate) fn worked(&self) -> bool {
        !self.result.starts_with('-')
    }
}

/// All calls that ended, in the order of their ends.
pub(crate) fn calls(trace: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut open: HashMap<&str, (usize, &str)> = HashMap::new();
    for (number, line) in trace.lines().enumerate() {
        let (thread, rest) = line.split_once(' ').unwrap_or_else(|| panic!("no thread: {line}"));
        let rest = rest.trim_start();
        if rest.starts_with("+++") || rest.starts_with("---") {
            continue;
        }
        if let Some(begin) = rest.strip_suffix("<unfinished ...>") {
            open.insert(thread, (number, begin));
        } else if let Some(resumed) = rest.strip_prefix("<... ") {
            let (_, tail) = resumed.split_once(" resumed>").unwrap_or_else(|| panic!("not resumed: {line}"));
            let (began, begin) = open.remove(thread).unwrap_or_else(|| panic!("never began: {line}"));
            calls.push(call(&format!("{begin}{tail}"), began, number));
        } else {
            calls.push(call(rest, number, number));
        }
    }
    calls
}

fn call(text: &str, began: usize, ended: usize) -> Call {
    let broken = || panic!("line {ended} is no call: {text}");
    let (front, result) = text.rsplit_once(" = ").unwrap_or_else(broken);
    let (name, arguments) =
        front.trim_end().strip_suffix(')').and_then(|front| front.split_once('(')).unwrap_or_else(broken);
    Call { name: name.to_owned(), arguments: split(arguments), result: result.to_owned(), began, ended }
}

/// Cuts at commas that are in no string, no label and no bracket.
fn split(text: &str) -> Vec<String> {
    let (mut parts, mut part) = (Vec::new(), String::new());
    let (mut quoted, mut escaped, mut depth) = (false, false, 0);
    for letter in text.chars() {
        if quoted {
            quoted = escaped || letter != '"';
            escaped = !escaped && letter == '\\';
        } else {
            match letter {
                '"' => quoted = true,
                '<' | '[' | '{' => depth += 1,
                '>' | ']' | '}' => depth -= 1,
                _ => {}
            }
        }
        if letter == ',' && !quoted && depth == 0 {
            parts.push(std::mem::take(&mut part).trim().to_owned());
        } else {
            part.push(letter);
        }
    }
    parts.push(part.trim().to_owned());
    parts
}

#[test]
fn lines_become_calls() {
    let trace = "11 openat(5</d/tmp>, \"a, \\\"b\", O_WRONLY|O_CREAT, 0600) = 9</d/tmp/a>\n\
                 12 fdatasync(9</d/tmp/a> <unfinished ...>\n\
                 11 --- SIGTERM {si_signo=SIGTERM} ---\n\
                 11 writev(7<socket:[4]>, [{iov_base=\"x) = 1, y\", iov_len=9}], 1) = 9\n\
                 12 <... fdatasync resumed>)              = 0\n\
                 11 mkdir(\"/d/x\", 0700)      = -1 EEXIST (File exists)\n\
                 11 +++ exited with 0 +++\n";
    let calls = calls(trace);
    assert_eq!(
        calls.iter().map(|call| call.name.as_str()).collect::<Vec<_>>(),
        ["openat", "writev", "fdatasync", "mkdir"]
    );
    assert_eq!(calls[0].arguments, ["5</d/tmp>", "\"a, \\\"b\"", "O_WRONLY|O_CREAT", "0600"]);
    assert_eq!((Call::label(&calls[0].result), calls[0].path(0).as_str()), (Some("/d/tmp/a"), "/d/tmp/a, \\\"b"));
    assert_eq!((calls[1].descriptor(0), calls[1].arguments.len()), (Some("socket:[4]"), 3));
    assert_eq!((calls[2].began, calls[2].ended, calls[2].worked()), (1, 4, true));
    assert!(!calls[3].worked());
}
