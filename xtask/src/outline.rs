//! The parts of a Rust file that the rules speak about: functions, test code, paths and calls.
//! Promise: works on tokens, so comments and strings cannot mislead it.
//! Not here: name resolution. A path is what stands in the source, with `use` groups written out.

use crate::tokens::{Token, tokens};

/// A function with a body or a declaration in a trait.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    /// Its name.
    pub(crate) name: String,
    /// Line of `fn`.
    pub(crate) line: usize,
    /// Lines from `fn` to the closing brace.
    pub(crate) lines: usize,
    /// Parameters without `self`.
    pub(crate) parameters: usize,
}

/// A path as written, `use` groups written out: `std::env::var`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Path {
    /// Line of its last segment.
    pub(crate) line: usize,
    /// Its segments.
    pub(crate) segments: Vec<String>,
}

/// A call of a free function, by the name before the parenthesis.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// Line of the name.
    pub(crate) line: usize,
    /// The last segment of what is called.
    pub(crate) name: String,
}

/// A Rust file taken apart.
#[derive(Debug)]
pub(crate) struct Outline {
    /// The tokens it was made from.
    pub(crate) tokens: Vec<Token>,
    /// First and last line of every item under `#[cfg(test)]`.
    tests: Vec<(usize, usize)>,
}

impl Outline {
    /// Takes a source text apart.
    pub(crate) fn of(text: &str) -> Self {
        let tokens = tokens(text);
        let tests = test_items(&tokens);
        Self { tokens, tests }
    }

    /// Whether the line belongs to an item under `#[cfg(test)]`.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.tests.iter().any(|(first, last)| (*first..=*last).contains(&line))
    }

    /// How many of the file's lines belong to test items.
    pub(crate) fn test_lines(&self) -> usize {
        self.tests.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// Every function, nested ones included.
    pub(crate) fn functions(&self) -> Vec<Function> {
        (0..self.tokens.len()).filter_map(|at| function_at(&self.tokens, at)).collect()
    }

    /// Every path, single words included, in the order of the file.
    pub(crate) fn paths(&self) -> Vec<Path> {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(token) = self.tokens.get(at) {
            let next = self.tokens.get(at + 1);
            if token.is_word("use") && next.is_some_and(|t| t.word().is_some() || t.is(':') || t.is('{')) {
                at = use_tree(&self.tokens, at + 1, &[], &mut found);
            } else if token.word().is_some() {
                let (path, after) = plain_path(&self.tokens, at);
                found.push(path);
                at = after;
            } else {
                at += 1;
            }
        }
        found
    }

    /// Every call of a free function; method calls, macros and definitions are not among them.
    pub(crate) fn calls(&self) -> Vec<Call> {
        let name_at = |at: usize| self.tokens.get(at).and_then(Token::word);
        (0..self.tokens.len())
            .filter(|at| self.tokens.get(at + 1).is_some_and(|t| t.is('(')))
            .filter(|at| match at.checked_sub(1).and_then(|before| self.tokens.get(before)) {
                Some(before) => !before.is('.') && !before.is_word("fn"),
                None => true,
            })
            .filter_map(|at| name_at(at).map(|name| Call { line: self.tokens[at].line, name: name.to_owned() }))
            .collect()
    }
}

fn is_path_mark(tokens: &[Token], at: usize) -> bool {
    tokens.get(at).is_some_and(|t| t.is(':')) && tokens.get(at + 1).is_some_and(|t| t.is(':'))
}

/// The path that begins at `at` and the place after it.
fn plain_path(tokens: &[Token], at: usize) -> (Path, usize) {
    let mut segments: Vec<String> = Vec::new();
    let (mut line, mut next) = (0, at);
    while let Some(token) = tokens.get(next) {
        let Some(word) = token.word() else { break };
        segments.push(word.to_owned());
        line = token.line;
        next += 1;
        if !is_path_mark(tokens, next) || tokens.get(next + 2).is_none_or(|t| t.word().is_none()) {
            break;
        }
        next += 2;
    }
    (Path { line, segments }, next)
}

/// Writes out one `use` tree below `prefix`; returns the place after it.
fn use_tree(tokens: &[Token], at: usize, prefix: &[String], found: &mut Vec<Path>) -> usize {
    let mut segments = prefix.to_vec();
    let mut next = at;
    let mut line = tokens.get(at).map_or(1, |t| t.line);
    while let Some(token) = tokens.get(next) {
        if let Some(word) = token.word() {
            if word == "as" {
                next += 2;
                break;
            }
            segments.push(word.to_owned());
            line = token.line;
            next += 1;
        } else if is_path_mark(tokens, next) {
            next += 2;
        } else if token.is('{') {
            next += 1;
            while tokens.get(next).is_some_and(|t| !t.is('}')) {
                let after = use_tree(tokens, next, &segments, found);
                // A comma, or something this reader does not know: go on rather than stand still.
                next = if tokens.get(after).is_some_and(|t| t.is(',')) || after == next { after + 1 } else { after };
            }
            return next + 1;
        } else if token.is('*') {
            segments.push("*".to_owned());
            next += 1;
        } else {
            break;
        }
    }
    if segments.len() > prefix.len() {
        found.push(Path { line, segments });
    }
    next
}

/// The place of the bracket that closes the one at `at`, or the last token.
fn closing(tokens: &[Token], at: usize) -> usize {
    let mut depth = 0usize;
    for (place, token) in tokens.iter().enumerate().skip(at) {
        if token.is('(') || token.is('[') || token.is('{') {
            depth += 1;
        } else if token.is(')') || token.is(']') || token.is('}') {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return place;
            }
        }
    }
    tokens.len().saturating_sub(1)
}

/// The place of the `{` or `;` that ends a head (signature, attribute target) beginning at `at`.
fn end_of_head(tokens: &[Token], at: usize) -> Option<usize> {
    let mut place = at;
    while let Some(token) = tokens.get(place) {
        if token.is('{') || token.is(';') {
            return Some(place);
        }
        place = if token.is('(') || token.is('[') { closing(tokens, place) + 1 } else { place + 1 };
    }
    None
}

fn test_items(tokens: &[Token]) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for at in 0..tokens.len() {
        let first = tokens[at].line;
        let inside = found.last().is_some_and(|(_, last)| first <= *last);
        let is_attribute = tokens[at].is('#') && tokens.get(at + 1).is_some_and(|t| t.is('['));
        if inside || !is_attribute {
            continue;
        }
        let end = closing(tokens, at + 1);
        let words: Vec<&str> = tokens[at..end].iter().filter_map(Token::word).collect();
        if words != ["cfg", "test"] {
            continue;
        }
        if let Some(head) = end_of_head(tokens, end + 1) {
            let last = if tokens[head].is('{') { closing(tokens, head) } else { head };
            found.push((first, tokens[last].line));
        }
    }
    found
}

/// Steps over `<...>` at `at`, minding that the `>` of `->` closes nothing.
fn after_generics(tokens: &[Token], at: usize) -> usize {
    let mut depth = 0usize;
    for place in at..tokens.len() {
        if tokens[place].is('<') {
            depth += 1;
        } else if tokens[place].is('>') && !tokens[place - 1].is('-') {
            depth = depth.saturating_sub(1);
        }
        if depth == 0 {
            return if place == at { at } else { place + 1 };
        }
    }
    tokens.len()
}

fn function_at(tokens: &[Token], at: usize) -> Option<Function> {
    let name = tokens.get(at + 1).filter(|_| tokens[at].is_word("fn"))?.word()?;
    let open = after_generics(tokens, at + 2);
    tokens.get(open).filter(|t| t.is('('))?;
    let close = closing(tokens, open);
    let head = end_of_head(tokens, close + 1)?;
    let last = if tokens[head].is('{') { closing(tokens, head) } else { head };
    Some(Function {
        name: name.to_owned(),
        line: tokens[at].line,
        lines: tokens[last].line - tokens[at].line + 1,
        parameters: count_parameters(&tokens[open + 1..close]),
    })
}

/// How many parameters stand between the parentheses, `self` not counted.
fn count_parameters(tokens: &[Token]) -> usize {
    let (mut depth, mut count, mut fresh) = (0usize, 0usize, true);
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let arrow = token.is('>') && at > 0 && tokens[at - 1].is('-');
        if token.is(',') && depth == 0 {
            fresh = true;
        } else if fresh && (token.is('&') || token.is_word("mut")) {
            // `&mut self` and `mut x: T`: the name decides.
        } else {
            if fresh && !token.is_word("self") {
                count += 1;
            }
            fresh = false;
            if "([{<".chars().any(|c| token.is(c)) {
                depth += 1;
            } else if ")]}>".chars().any(|c| token.is(c)) && !arrow {
                depth = depth.saturating_sub(1);
            }
        }
        at += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        Outline::of(text).paths().iter().map(|p| p.segments.join("::")).collect()
    }

    #[test]
    fn use_groups_are_written_out() {
        assert_eq!(
            paths("use std::{env, fs::{self, File as F}, io::*};"),
            ["std::env", "std::fs::self", "std::fs::File", "std::io::*"]
        );
        assert_eq!(paths("use ::tokio::fs;\nstd::env::var(x)"), ["tokio::fs", "std::env::var", "x"]);
        assert_eq!(paths("pub use a::b as c; d"), ["pub", "a::b", "d"]);
    }

    #[test]
    fn a_path_ends_before_a_turbofish() {
        assert_eq!(paths("a::b::<c::D>()"), ["a::b", "c::D"]);
    }

    #[test]
    fn functions_with_their_sizes() {
        let text = "impl A {\n fn a<F: Fn(u8) -> u8>(&mut self, f: F, (x, y): (u8, u8), z: [u8; 2]) -> [u8; 3]\n where F: Send {\n  1\n }\n}\nfn b();\ntype C = fn(u8);";
        assert_eq!(
            Outline::of(text).functions(),
            [
                Function { name: "a".into(), line: 2, lines: 4, parameters: 3 },
                Function { name: "b".into(), line: 7, lines: 1, parameters: 0 },
            ]
        );
    }

    #[test]
    fn parameters_are_counted_without_self() {
        let count = |text: &str| Outline::of(text).functions()[0].parameters;
        assert_eq!(count("fn a(mut self: Box<Self>, a: A, b: B<C, D>,) {}"), 2);
        assert_eq!(count("fn a(f: impl Fn(A, B) -> C, g: G) {}"), 2);
        assert_eq!(count("fn a(&'a self) {}"), 0);
    }

    #[test]
    fn test_items_are_known_by_their_lines() {
        let outline =
            Outline::of("fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() {}\n}\nfn c() {}\n#[cfg(test)]\nuse x;\n");
        let test: Vec<_> = (1..=8).filter(|line| outline.is_test(*line)).collect();
        assert_eq!(test, [2, 3, 4, 5, 7, 8]);
        assert_eq!(outline.test_lines(), 6);
        assert!(!Outline::of("#[cfg(not(test))]\nmod a {}").is_test(2));
    }

    #[test]
    fn calls_are_free_functions_only() {
        let calls = Outline::of("fn per(a: A) { per(x); db::per(y); z.per(1); per!(2); }").calls();
        assert_eq!(calls.len(), 2);
    }
}
