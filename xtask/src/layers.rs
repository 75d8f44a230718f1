//! The floors of the house, kept by `layers.toml`: which crate may depend on which, and which file may name what.
//! Promise: a crate that the page does not know fails, so nothing escapes by being new.
//! Not here: the rules' content, which is data.

mod manifests;
mod sources;

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use crate::findings::Findings;
use crate::project::Project;

/// `layers.toml` as a whole.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Layers {
    #[serde(default)]
    crates: BTreeMap<String, CrateRule>,
    #[serde(default)]
    outside: Vec<OutsideRule>,
    #[serde(default)]
    paths: Vec<PathRule>,
    #[serde(default)]
    calls: Vec<CallRule>,
    #[serde(default)]
    texts: Vec<TextRule>,
    #[serde(default)]
    siblings: Vec<SiblingRule>,
}

/// One crate's floor.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CrateRule {
    folder: String,
    may_use: Vec<String>,
    #[serde(default)]
    tests_may_use: Vec<String>,
    outside: Option<Vec<String>>,
}

/// Third-party crates that only some crates may depend on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutsideRule {
    crates: Vec<String>,
    only: Vec<String>,
    why: String,
}

/// A path that only files under `only` may name, or that files under `never` may not.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PathRule {
    path: String,
    #[serde(default)]
    only: Vec<String>,
    #[serde(default)]
    never: Vec<String>,
    why: String,
}

/// A function that, within a folder, only files under `only` may call.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CallRule {
    name: String,
    within: String,
    only: Vec<String>,
    why: String,
}

/// String beginnings that only files under `only` may hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TextRule {
    begins: Vec<String>,
    only: Vec<String>,
    why: String,
}

/// Parts of a folder that must not import each other.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SiblingRule {
    folder: String,
    parts: Parts,
    doors: Vec<String>,
    open: Vec<String>,
    why: String,
}

/// What counts as a part of a folder.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Parts {
    Folders,
    All,
}

/// Why the layers could not be checked at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LayersError {
    /// The page of rules is not what it must be.
    #[error("layers.toml is not readable as rules")]
    Rules(#[source] toml::de::Error),
    /// Cargo did not tell what the workspace is made of.
    #[error("cargo metadata failed in {}: {}", .0.display(), .1)]
    Metadata(PathBuf, String),
    /// Cargo told it in another form than is known here.
    #[error("cargo metadata is not readable")]
    Form(#[source] serde_json::Error),
}

/// Checks manifests and sources against `layers.toml`.
pub(crate) fn check(project: &Project, findings: &mut Findings) -> Result<(), LayersError> {
    let layers: Layers = toml::from_str(project.text("layers.toml").unwrap_or_default()).map_err(LayersError::Rules)?;
    let failed = |reason: String| LayersError::Metadata(project.root.clone(), reason);
    let output = Command::new("cargo")
        .args(["metadata", "--no-deps", "--locked", "--format-version", "1"])
        .current_dir(&project.root)
        .output()
        .map_err(|cause| failed(cause.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    let workspace = serde_json::from_slice(&output.stdout).map_err(LayersError::Form)?;
    manifests::check(&layers, &workspace, project, findings);
    sources::check(&layers, project, findings);
    Ok(())
}
