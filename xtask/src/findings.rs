//! What a check found: violations, which fail it, and warnings, which do not.
//! Not here: the rules themselves, and printing (`main`).

use std::fmt;

/// One thing at one place, said in one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Path below the project's root, with forward slashes.
    pub(crate) file: String,
    /// Line counted from 1; 1 where the whole file is meant.
    pub(crate) line: usize,
    /// The sentence.
    pub(crate) sentence: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.sentence)
    }
}

/// Everything that one or more checks found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Each of these fails the check.
    pub(crate) violations: Vec<Finding>,
    /// Printed only.
    pub(crate) warnings: Vec<Finding>,
}

impl Findings {
    /// Notes a violation.
    pub(crate) fn fail(&mut self, file: impl Into<String>, line: usize, sentence: impl Into<String>) {
        self.violations.push(Finding { file: file.into(), line, sentence: sentence.into() });
    }

    /// Notes a warning.
    pub(crate) fn warn(&mut self, file: impl Into<String>, line: usize, sentence: impl Into<String>) {
        self.warnings.push(Finding { file: file.into(), line, sentence: sentence.into() });
    }

    /// The violations as `file:line` texts, which is what tests compare.
    #[cfg(test)]
    pub(crate) fn places(&self) -> Vec<String> {
        self.violations.iter().map(|found| format!("{}:{}", found.file, found.line)).collect()
    }
}
