//! What sources name: paths, calls and texts that belong to one floor, and siblings that must not meet.
//! Promise: comments and strings are no paths; test code is exempt.
//! Not here: names brought in by globs or hidden behind macros. The compiler and reviewers remain.

use super::{CallRule, Layers, Parts, PathRule, SiblingRule, TextRule};
use crate::findings::Findings;
use crate::outline::Path;
use crate::project::{Project, Source};
use crate::tokens::Kind;

/// Checks every Rust file below `crates/` that is not test code.
pub(super) fn check(layers: &Layers, project: &Project, findings: &mut Findings) {
    for source in project.sources.iter().filter(|source| source.path.starts_with("crates/") && !source.is_test_file()) {
        let mut paths = source.outline.paths();
        paths.retain(|path| !source.is_test(path.line));
        for rule in &layers.paths {
            path_rule(rule, source, &paths, findings);
        }
        for rule in &layers.calls {
            call_rule(rule, source, findings);
        }
        for rule in &layers.texts {
            text_rule(rule, source, findings);
        }
        for rule in &layers.siblings {
            sibling_rule(rule, project, source, &paths, findings);
        }
    }
}

fn is_under(path: &str, places: &[String]) -> bool {
    places.iter().any(|place| path.starts_with(place.as_str()))
}

fn path_rule(rule: &PathRule, source: &Source, paths: &[Path], findings: &mut Findings) {
    let refused = is_under(&source.path, &rule.never) || (!rule.only.is_empty() && !is_under(&source.path, &rule.only));
    if !refused {
        return;
    }
    let wanted: Vec<&str> = rule.path.split("::").collect();
    for path in paths.iter().filter(|path| names(path, &wanted)) {
        findings.fail(&source.path, path.line, format!("{} does not belong here: {}", rule.path, rule.why));
    }
}

/// A single word is looked for anywhere in a path, a longer one at its beginning.
fn names(path: &Path, wanted: &[&str]) -> bool {
    match wanted {
        [word] => path.segments.iter().any(|segment| segment == word),
        _ => path.segments.len() >= wanted.len() && path.segments.iter().zip(wanted).all(|(have, want)| have == want),
    }
}

fn call_rule(rule: &CallRule, source: &Source, findings: &mut Findings) {
    if !source.path.starts_with(&rule.within) || is_under(&source.path, &rule.only) {
        return;
    }
    let fits = |name: &str| match rule.name.strip_prefix('*') {
        Some(end) => name.ends_with(end),
        None => name == rule.name,
    };
    for call in source.outline.calls() {
        if fits(&call.name) && !source.is_test(call.line) {
            findings.fail(&source.path, call.line, format!("{} is not to be called here: {}", call.name, rule.why));
        }
    }
}

fn text_rule(rule: &TextRule, source: &Source, findings: &mut Findings) {
    if is_under(&source.path, &rule.only) {
        return;
    }
    for token in source.outline.tokens.iter().filter(|token| !source.is_test(token.line)) {
        let Kind::Text(text) = &token.kind else { continue };
        if let Some(begin) = rule.begins.iter().find(|begin| text.trim_start().starts_with(begin.as_str())) {
            findings.fail(&source.path, token.line, format!("a text that begins {begin:?}: {}", rule.why));
        }
    }
}

fn sibling_rule(rule: &SiblingRule, project: &Project, source: &Source, paths: &[Path], findings: &mut Findings) {
    let Some(own) = part_of(rule, &source.path).filter(|own| !rule.open.iter().any(|open| open == own)) else {
        return;
    };
    let base = module(&format!("{}/mod.rs", rule.folder));
    for path in paths {
        let full = absolute(&module(&source.path), &path.segments);
        let Some(below) = full.strip_prefix(base.as_slice()).filter(|below| !below.is_empty()) else { continue };
        let other = below.first().map_or("", String::as_str);
        let is_sibling = project.sources.iter().any(|source| part_of(rule, &source.path) == Some(other));
        let joined = below.join("::");
        let by_door = rule
            .doors
            .iter()
            .any(|door| joined.strip_prefix(door.as_str()).is_some_and(|r| r.is_empty() || r.starts_with("::")));
        if is_sibling && other != own && !by_door {
            findings.fail(&source.path, path.line, format!("{own} must not import {other}: {}", rule.why));
        }
    }
}

/// The part of the rule's folder to which a file belongs, by name.
fn part_of<'a>(rule: &SiblingRule, path: &'a str) -> Option<&'a str> {
    let below = path.strip_prefix(rule.folder.as_str())?.strip_prefix('/')?;
    match below.split_once('/') {
        Some((folder, _)) => Some(folder),
        // A file beside a folder of the same name is the folder's door and belongs to it.
        None if rule.parts == Parts::All => below.strip_suffix(".rs").filter(|name| *name != "mod"),
        None => None,
    }
}

/// The module path of a source file: `crate`, then its folders and its name.
fn module(path: &str) -> Vec<String> {
    let below = path.split_once("/src/").map_or("", |(_, below)| below).trim_end_matches(".rs");
    let names = below.split('/').filter(|name| !matches!(*name, "" | "mod" | "lib" | "main"));
    std::iter::once("crate").chain(names).map(str::to_owned).collect()
}

/// A path with `self` and `super` at its head worked out; other paths stay as they are.
fn absolute(own: &[String], segments: &[String]) -> Vec<String> {
    let mut base = own.to_vec();
    let mut rest = segments;
    while let Some((head, tail)) = rest.split_first() {
        match head.as_str() {
            "self" => {}
            "super" => drop(base.pop()),
            _ => break,
        }
        rest = tail;
    }
    if rest.len() == segments.len() {
        return segments.to_vec();
    }
    base.extend_from_slice(rest);
    base
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rules: &str, files: &[(&str, &str)]) -> Vec<String> {
        let layers: Layers = toml::from_str(rules).unwrap();
        let mut findings = Findings::default();
        check(&layers, &Project::sample(files), &mut findings);
        findings.places()
    }

    #[test]
    fn paths_stay_where_they_belong() {
        let rules = "[[paths]]\npath = \"std::env\"\nonly = [\"crates/bin/\"]\nwhy = \"w\"\n\
                     [[paths]]\npath = \"StatusCode\"\nnever = [\"crates/app/\"]\nwhy = \"w\"\n";
        let text = "// std::env\nuse std::{\n    env,\n    io,\n};\nfn a() { let s = \"std::env\"; std::env::args(); }\n#[cfg(test)]\nmod tests { use std::env; }\n";
        assert_eq!(found(rules, &[("crates/app/src/a.rs", text)]), ["crates/app/src/a.rs:3", "crates/app/src/a.rs:6"]);
        assert!(found(rules, &[("crates/bin/src/a.rs", text), ("crates/app/tests/a.rs", text)]).is_empty());
        let text = "fn a() -> http::StatusCode { axum::http::StatusCode::OK }\n";
        assert_eq!(found(rules, &[("crates/app/src/a.rs", text)]).len(), 2);
        assert!(found(rules, &[("crates/http/src/a.rs", text)]).is_empty());
    }

    #[test]
    fn calls_stay_where_they_belong() {
        let rules = "[[calls]]\nname = \"per\"\nwithin = \"crates/store/\"\nonly = [\"crates/store/src/db/\"]\nwhy = \"w\"\n\
                     [[calls]]\nname = \"*_any\"\nwithin = \"crates/\"\nonly = [\"crates/store/\"]\nwhy = \"w\"\n";
        let text = "fn a() { per(db, x, y); }\nfn find_any(a: A) {}\nfn b() { store::find_any(a); x.is_any(); }\n\
                    #[cfg(test)]\nmod tests { fn c() { store::find_any(a); } }\n";
        assert_eq!(found(rules, &[("crates/store/src/a.rs", text)]), ["crates/store/src/a.rs:1"]);
        assert_eq!(found(rules, &[("crates/app/src/a.rs", text)]), ["crates/app/src/a.rs:3"]);
        assert!(found(rules, &[("crates/store/src/db/mod.rs", text)]).is_empty());
    }

    #[test]
    fn texts_stay_where_they_belong() {
        let rules = "[[texts]]\nbegins = [\"SELECT \"]\nonly = [\"crates/store/\"]\nwhy = \"w\"\n";
        let text = "fn a() {\n    x(\"\n      SELECT 1\");\n    y(\"please SELECT one\");\n}\n";
        assert_eq!(found(rules, &[("crates/app/src/a.rs", text)]), ["crates/app/src/a.rs:2"]);
        assert!(found(rules, &[("crates/store/src/a.rs", text)]).is_empty());
    }

    const APP: &str = "[[siblings]]\nfolder = \"crates/app/src\"\nparts = \"folders\"\ndoors = [\"events\", \"auth::access\"]\nopen = [\"jobs\"]\nwhy = \"w\"\n";

    #[test]
    fn folders_meet_through_doors_only() {
        let media = "use crate::auth::access;\nuse crate::{Error, events};\nuse crate::auth::tokens::Token;\nuse super::list;\nuse super::super::auth::throttle;\n";
        let places = found(
            APP,
            &[
                ("crates/app/src/media/read.rs", media),
                ("crates/app/src/auth/access.rs", "use crate::events::record;\n"),
                ("crates/app/src/events/mod.rs", ""),
                ("crates/app/src/jobs/mod.rs", "use crate::media::read;\n"),
                ("crates/app/src/ingest.rs", "use crate::{auth::tokens, media::read};\n"),
            ],
        );
        assert_eq!(places, ["crates/app/src/media/read.rs:3", "crates/app/src/media/read.rs:5"]);
    }

    #[test]
    fn handlers_never_import_each_other() {
        let rules =
            "[[siblings]]\nfolder = \"crates/http/src/api\"\nparts = \"all\"\ndoors = []\nopen = []\nwhy = \"w\"\n";
        let places = found(
            rules,
            &[
                ("crates/http/src/api/mod.rs", "pub mod auth;\nuse self::auth::x;\n"),
                ("crates/http/src/api/auth.rs", "use crate::wire::user;\nuse super::media::list;\n"),
                ("crates/http/src/api/media/list.rs", "use super::item;\nuse crate::api::auth::login;\n"),
                ("crates/http/src/api/media/item.rs", ""),
            ],
        );
        assert_eq!(places, ["crates/http/src/api/auth.rs:2", "crates/http/src/api/media/list.rs:2"]);
    }
}
