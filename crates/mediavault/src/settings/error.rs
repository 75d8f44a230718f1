//! What can be wrong with settings, in one line that says where it stands, what was expected, and no secret.
//! Not here: finding it (`load`, `check`).

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Where a setting was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: it is the default.
    Default,
    /// On the command line, written like this.
    Flag(String),
    /// In this environment variable.
    Variable(String),
    /// In this file, on this line (from 1).
    File {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Flag(shown) => write!(f, "flag {}", shown.escape_debug()),
            Self::Variable(name) => write!(f, "variable {}", name.escape_debug()),
            Self::File { path, line } => write!(f, "{} line {line}", path.display()),
        }
    }
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A value does not fit its setting.
    #[error("{origin}: setting \"{key}\" must be {expected}{}", Got(shown))]
    Wrong {
        /// Where it stands.
        origin: Origin,
        /// The setting.
        key: &'static str,
        /// What it takes.
        expected: String,
        /// What was given, unless it is secret.
        shown: Option<String>,
    },
    /// No setting has this name.
    #[error("{origin}: there is no setting \"{}\"{}", name.escape_debug(), Nearest(nearest))]
    Unknown {
        /// Where it stands.
        origin: Origin,
        /// The name.
        name: String,
        /// The known name most like it.
        nearest: Option<String>,
    },
    /// No setting has this environment variable.
    #[error("variable {} belongs to no setting{}", name.escape_debug(), Nearest(nearest))]
    UnknownVariable {
        /// The variable.
        name: String,
        /// The known variable most like it.
        nearest: Option<String>,
    },
    /// The setting is known, its part comes in a later version.
    #[error("{origin}: setting \"{key}\": this version does not have {part} yet")]
    Later {
        /// Where it stands.
        origin: Origin,
        /// The setting.
        key: &'static str,
        /// What is missing.
        part: &'static str,
    },
    /// Settings that are fine by themselves do not go together.
    #[error("{origin}: setting \"{key}\" {reason}")]
    Rule {
        /// Where the first of them stands.
        origin: Origin,
        /// The setting.
        key: &'static str,
        /// What is against it, and the cure.
        reason: String,
    },
    /// The environment has a value that is not UTF-8.
    #[error("{origin}: the value is not valid UTF-8")]
    NotUnicode {
        /// The variable.
        origin: Origin,
    },
    /// The settings file is not TOML.
    #[error("{origin}: {reason}")]
    NotToml {
        /// Where.
        origin: Origin,
        /// What the parser says.
        reason: String,
    },
    /// The settings file cannot be read.
    #[error("cannot read the settings file {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl SettingsError {
    /// A value does not fit; `shown` is what was given and must be `None` for secrets.
    pub(super) fn wrong(origin: Origin, key: &'static str, expected: impl Into<String>, shown: Option<String>) -> Self {
        Self::Wrong { origin, key, expected: expected.into(), shown }
    }
}

/// `, not "this"`: quoted, escaped, and not without end.
struct Got<'a>(&'a Option<String>);

impl fmt::Display for Got<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 80;
        match self.0 {
            None => Ok(()),
            Some(text) if text.chars().count() > MOST => {
                write!(f, ", not {:?}...", text.chars().take(MOST).collect::<String>())
            }
            Some(text) => write!(f, ", not {text:?}"),
        }
    }
}

struct Nearest<'a>(&'a Option<String>);

impl fmt::Display for Nearest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, "; the nearest is \"{name}\""),
            None => f.write_str("; docs/reference/settings.md lists them all"),
        }
    }
}
