//! Rust source as a flat list of words, punctuation and string texts, each with its line.
//! Promise: comments, lifetimes and the insides of strings never look like code.
//! Not here: grammar. `outline` finds functions and paths in this list.

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier, keyword or number.
    Word(String),
    /// The text between a string's quotes, escapes left as they are. A character literal is an empty text.
    Text(String),
    /// Any other single character.
    Punct(char),
}

/// A token and the line (from 1) on which it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// Line counted from 1.
    pub(crate) line: usize,
    /// What it is.
    pub(crate) kind: Kind,
}

impl Token {
    /// Whether this is the word `word`.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        matches!(&self.kind, Kind::Word(text) if text == word)
    }

    /// Whether this is the character `sign`.
    pub(crate) fn is(&self, sign: char) -> bool {
        self.kind == Kind::Punct(sign)
    }

    /// The word, where it is one.
    pub(crate) fn word(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(text) => Some(text),
            _ => None,
        }
    }
}

/// Splits a source text. Never fails: an unclosed string or comment runs to the end of the file.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut reader = Reader { chars: text.chars().collect(), at: 0, line: 1, found: Vec::new() };
    while reader.step() {}
    reader.found
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    line: usize,
    found: Vec<Token>,
}

impl Reader {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn take(&mut self) -> Option<char> {
        let next = self.peek(0)?;
        self.at += 1;
        if next == '\n' {
            self.line += 1;
        }
        Some(next)
    }

    fn push(&mut self, line: usize, kind: Kind) {
        self.found.push(Token { line, kind });
    }

    /// Reads one token or one stretch of blank or comment; false at the end of the text.
    fn step(&mut self) -> bool {
        let Some(next) = self.peek(0) else { return false };
        match (next, self.peek(1)) {
            ('/', Some('/')) => {
                while self.peek(0).is_some_and(|c| c != '\n') {
                    self.take();
                }
            }
            ('/', Some('*')) => self.block_comment(),
            ('"', _) => self.string(),
            ('\'', _) => self.quote(),
            _ if next.is_alphanumeric() || next == '_' => self.word(),
            _ => {
                let line = self.line;
                self.take();
                if !next.is_whitespace() {
                    self.push(line, Kind::Punct(next));
                }
            }
        }
        true
    }

    fn block_comment(&mut self) {
        let mut depth = 0usize;
        while let Some(next) = self.take() {
            match (next, self.peek(0)) {
                ('/', Some('*')) => {
                    self.take();
                    depth += 1;
                }
                ('*', Some('/')) => {
                    self.take();
                    depth -= 1;
                    if depth == 0 {
                        return;
                    }
                }
                _ => {}
            }
        }
    }

    fn string(&mut self) {
        let line = self.line;
        self.take();
        let mut text = String::new();
        while let Some(next) = self.take() {
            match next {
                '"' => break,
                '\\' => {
                    text.push(next);
                    text.extend(self.take());
                }
                _ => text.push(next),
            }
        }
        self.push(line, Kind::Text(text));
    }

    /// A raw string after its `r` and with `hashes` of `#` before the quote.
    fn raw_string(&mut self, hashes: usize) {
        let line = self.line;
        for _ in 0..=hashes {
            self.take();
        }
        let mut text = String::new();
        while let Some(next) = self.take() {
            if next == '"' && (0..hashes).all(|ahead| self.peek(ahead) == Some('#')) {
                for _ in 0..hashes {
                    self.take();
                }
                break;
            }
            text.push(next);
        }
        self.push(line, Kind::Text(text));
    }

    /// A character literal or a lifetime: only the former has a closing quote.
    fn quote(&mut self) {
        let line = self.line;
        let literal = self.peek(1) == Some('\\') || self.peek(2) == Some('\'');
        self.take();
        if !literal {
            while self.peek(0).is_some_and(|c| c.is_alphanumeric() || c == '_') {
                self.take();
            }
            return;
        }
        if self.take() == Some('\\') {
            self.take();
        }
        while self.take().is_some_and(|c| c != '\'') {}
        self.push(line, Kind::Text(String::new()));
    }

    fn word(&mut self) {
        let line = self.line;
        let mut text = String::new();
        while let Some(next) = self.peek(0).filter(|c| c.is_alphanumeric() || *c == '_') {
            text.push(next);
            self.take();
        }
        if matches!(text.as_str(), "r" | "br" | "cr") {
            let hashes = (0..).take_while(|ahead| self.peek(*ahead) == Some('#')).count();
            if self.peek(hashes) == Some('"') {
                return self.raw_string(hashes);
            }
        }
        // `b"..."`, `c"..."` and `b'x'`: the prefix is part of the literal that the next step reads.
        let prefix = matches!(text.as_str(), "b" | "c") && matches!(self.peek(0), Some('"' | '\''));
        if !prefix {
            self.push(line, Kind::Word(text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokens(text).iter().filter_map(|t| t.word().map(str::to_owned)).collect()
    }

    fn texts(text: &str) -> Vec<String> {
        let text_of = |t: Token| match t.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        };
        tokens(text).into_iter().filter_map(text_of).collect()
    }

    #[test]
    fn comments_are_no_code() {
        assert_eq!(words("a // b\n/* c /* d */ e */ f"), ["a", "f"]);
        assert_eq!(words("//! std::env\nx"), ["x"]);
    }

    #[test]
    fn strings_are_no_code_but_kept_as_texts() {
        assert_eq!(words(r##"a("b \" c", r#"d " e"#, b"f", '"', b'g') h"##), ["a", "h"]);
        assert_eq!(texts(r##"("b \" c", r#"d " e"#, b"f")"##), ["b \\\" c", "d \" e", "f"]);
        assert_eq!(texts("\"http://x\" // \"not\""), ["http://x"]);
    }

    #[test]
    fn lifetimes_do_not_open_a_character() {
        assert_eq!(words("fn a<'x>(b: &'x str) -> char { '\\'' }"), ["fn", "a", "b", "str", "char"]);
        assert_eq!(words("'label: loop { break 'label; } z"), ["loop", "break", "z"]);
    }

    #[test]
    fn lines_are_counted_inside_literals_too() {
        let found = tokens("a\n\"x\ny\"\nb /*\n*/ c");
        let lines: Vec<_> = found.iter().map(|t| t.line).collect();
        assert_eq!(lines, [1, 2, 4, 5]);
    }

    #[test]
    fn unclosed_literals_end_with_the_file() {
        for text in ["\"abc", "r#\"abc", "/* abc", "'\\", "'", "r#"] {
            tokens(text);
        }
    }
}
