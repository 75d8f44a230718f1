//! The crate graph: what every manifest depends on, against the floors.
//! Promise: each violation names the manifest's line where the dependency stands.
//! Not here: what the sources name (`sources`).

use serde::Deserialize;

use super::{CrateRule, Layers};
use crate::findings::Findings;
use crate::project::Project;

/// What `cargo metadata --no-deps` tells of the workspace, as far as it matters here.
#[derive(Debug, Deserialize)]
pub(super) struct Workspace {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// `dev` or `build`; nothing for an ordinary dependency.
    kind: Option<String>,
    /// Set for crates of this workspace.
    path: Option<String>,
}

/// Checks every package of the workspace.
pub(super) fn check(layers: &Layers, workspace: &Workspace, project: &Project, findings: &mut Findings) {
    for package in &workspace.packages {
        let Some(rule) = layers.crates.get(&package.name) else {
            findings.fail("layers.toml", 1, format!("the crate {} has no floor: add [crates.{0}]", package.name));
            continue;
        };
        let manifest = format!("{}/Cargo.toml", rule.folder);
        for dependency in &package.dependencies {
            if let Some(sentence) = objection(layers, package, rule, dependency) {
                let text = project.text(&manifest).unwrap_or_default();
                findings.fail(&manifest, line_of(text, &dependency.name), sentence);
            }
        }
    }
    for name in layers.crates.keys().filter(|name| !workspace.packages.iter().any(|package| package.name == **name)) {
        findings.fail("layers.toml", 1, format!("[crates.{name}] names no crate of the workspace"));
    }
}

/// Why this dependency must not be, or nothing.
fn objection(layers: &Layers, package: &Package, rule: &CrateRule, dependency: &Dependency) -> Option<String> {
    let (name, user) = (&dependency.name, &package.name);
    let for_tests = dependency.kind.as_deref() == Some("dev");
    if dependency.path.is_some() {
        let allowed = rule.may_use.contains(name) || (for_tests && rule.tests_may_use.contains(name));
        return (!allowed).then(|| format!("{user} stands below {name} or beside it and must not use it"));
    }
    if for_tests {
        return None;
    }
    if let Some(closed) = &rule.outside
        && !closed.contains(name)
    {
        return Some(format!("{user} may use only {} from outside, not {name}", closed.join(", ")));
    }
    let broken = layers.outside.iter().find(|rule| rule.crates.contains(name) && !rule.only.contains(user))?;
    Some(format!("{user} must not use {name}: {}", broken.why))
}

/// The line on which a manifest names the dependency; 1 where it does not.
fn line_of(manifest: &str, dependency: &str) -> usize {
    let names = |line: &str| line.strip_prefix(dependency).is_some_and(|rest| rest.starts_with(['.', ' ', '=']));
    manifest.lines().position(names).map_or(1, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"
        [crates.low]
        folder = "low"
        may_use = []
        outside = ["serde", "rusqlite"]
        [crates.high]
        folder = "high"
        may_use = ["low"]
        tests_may_use = ["kit"]
        [[outside]]
        crates = ["rusqlite"]
        only = ["low"]
        why = "drivers live below"
    "#;

    fn found(packages: &str) -> Vec<String> {
        let layers: Layers = toml::from_str(RULES).unwrap();
        let workspace: Workspace = serde_json::from_str(&format!("{{\"packages\":[{packages}]}}")).unwrap();
        let project = Project::sample(&[
            ("high/Cargo.toml", "[package]\n[dependencies]\nlow.workspace = true\nrusqlite = \"1\"\n"),
            ("low/Cargo.toml", "[package]\n[dependencies]\nhigh.workspace = true\n"),
        ]);
        let mut findings = Findings::default();
        check(&layers, &workspace, &project, &mut findings);
        findings.places()
    }

    fn package(name: &str, dependency: &str, kind: &str, own: bool) -> String {
        let path = if own { "\"x\"" } else { "null" };
        format!(r#"{{"name":"{name}","dependencies":[{{"name":"{dependency}","kind":{kind},"path":{path}}}]}}"#)
    }

    #[test]
    fn arrows_point_down_only() {
        let fine = package("high", "low", "null", true);
        assert!(found(&format!("{},{fine}", package("low", "serde", "null", false))).is_empty());
        assert_eq!(found(&format!("{},{fine}", package("low", "high", "null", true))), ["low/Cargo.toml:3"]);
    }

    #[test]
    fn the_test_kit_is_for_tests() {
        let low = package("low", "serde", "null", false);
        assert!(found(&format!("{low},{}", package("high", "kit", "\"dev\"", true))).is_empty());
        assert_eq!(found(&format!("{low},{}", package("high", "kit", "null", true))), ["high/Cargo.toml:1"]);
    }

    #[test]
    fn outside_crates_stay_on_their_floor() {
        let low = package("low", "serde", "null", false);
        assert_eq!(found(&format!("{low},{}", package("high", "rusqlite", "null", false))), ["high/Cargo.toml:4"]);
        assert!(found(&format!("{low},{}", package("high", "rusqlite", "\"dev\"", false))).is_empty());
        let high = package("high", "low", "null", true);
        assert!(found(&format!("{},{high}", package("low", "rusqlite", "null", false))).is_empty());
        assert_eq!(found(&format!("{},{high}", package("low", "tokio", "null", false))), ["low/Cargo.toml:1"]);
    }

    #[test]
    fn every_crate_has_a_floor_and_every_floor_a_crate() {
        let low = package("low", "serde", "null", false);
        let places = found(&format!("{low},{}", package("new", "serde", "null", false)));
        assert_eq!(places, ["layers.toml:1", "layers.toml:1"]);
    }
}
