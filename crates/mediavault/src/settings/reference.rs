//! The settings reference and the sample file, written from the table of `schema`.
//! Promise: `docs/reference/settings.md` and `docs/reference/mediavault.toml` are exactly what is rendered here; a
//! test compares them, and rewrites them when `MEDIAVAULT_TEST_UPDATE=1` is set.
//! Not here: the table itself.

use super::schema::{Default, Kind, MOST, Part, Setting, TABLE};

/// `docs/reference/settings.md`: how settings are given, then one table row for each.
pub fn markdown() -> String {
    let mut page = String::from(
        "<!-- Generated from crates/mediavault/src/settings/schema.rs; change it there. -->\n\
         # Settings\n\n\
         Settings come from flags (`--listen`, `--data-dir`, and `--set KEY=VALUE` for every key), then from environment\n\
         variables, then from a TOML file, then from the defaults below; the first that says something holds. The file is\n\
         `mediavault.toml` in the working directory, or the one named by `--config` or `MEDIAVAULT_CONFIG`. In variables and\n\
         flags a list is written as JSON. Sizes may carry a unit: `50 GiB`, `500 MB`. An empty text takes a setting that has\n\
         no default back to having no value.\n\n\
         A wrong or unknown setting stops the start with one line that says where it stands. So does setting what this\n\
         version does not have yet (marked *later*) to anything but its default. Variables that Kubernetes makes for\n\
         services (`MEDIAVAULT_SERVICE_HOST`, `MEDIAVAULT_PORT=tcp://...`) are not settings and are left alone.\n\n\
         | key | variable | takes | default | meaning |\n\
         | --- | --- | --- | --- | --- |\n",
    );
    for setting in TABLE {
        let later = match setting.part {
            Part::Here => String::new(),
            Part::Later(part) => format!(" *Later: this version does not have {part} yet.*"),
        };
        page.push_str(&format!(
            "| `{}` | `{}` | {} | {} | {}{later} |\n",
            setting.name,
            setting.variable(),
            takes(setting.kind),
            default(setting),
            setting.doc,
        ));
    }
    page
}

/// `docs/reference/mediavault.toml`: every setting that this version has, commented out, with its default or, where it
/// has none, an empty text.
pub fn sample() -> String {
    let mut file = String::from(
        "# Generated from crates/mediavault/src/settings/schema.rs; change it there.\n\
         # A sample mediavault.toml: every line shows a default. Remove the # of what you change.\n",
    );
    let here = || TABLE.iter().filter(|setting| setting.part == Part::Here);
    let mut sections: Vec<&str> = Vec::new();
    for section in here().map(section_of) {
        if !sections.contains(&section) {
            sections.push(section);
        }
    }
    // Keys without a section must come before the first section header.
    sections.sort_by_key(|section| !section.is_empty());
    for section in sections {
        if !section.is_empty() {
            file.push_str(&format!("\n[{section}]\n"));
        }
        for setting in here().filter(|setting| section_of(setting) == section) {
            let gap = if section.is_empty() { "\n" } else { "" };
            let key = setting.name.rsplit('.').next().unwrap_or(setting.name);
            let default = match setting.default {
                Default::From(how) => format!(" By default {how}."),
                Default::Is(_) | Default::Nothing => String::new(),
            };
            let comment = format!("{}{default}", setting.doc).replace('`', "");
            file.push_str(&format!("{gap}# {comment}\n#{key} = {}\n", toml_default(setting)));
        }
    }
    file
}

fn section_of(setting: &Setting) -> &'static str {
    setting.name.split_once('.').map_or("", |(section, _)| section)
}

fn takes(kind: Kind) -> String {
    match kind {
        Kind::Address => "address and port".into(),
        Kind::Path => "path".into(),
        Kind::Text => "text".into(),
        Kind::Secret => "text, never printed".into(),
        Kind::Switch => "`true`, `false`".into(),
        Kind::Number { least, most: MOST } => format!("number from {least}"),
        Kind::Number { least, most } => format!("number from {least} to {most}"),
        Kind::Bytes { .. } => "bytes".into(),
        Kind::Choice(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Kind::List => "list of texts".into(),
    }
}

fn default(setting: &Setting) -> String {
    match setting.default {
        Default::Is(text) => format!("`{text}`"),
        Default::Nothing => "none".into(),
        Default::From(how) => how.into(),
    }
}

fn toml_default(setting: &Setting) -> String {
    match (setting.default, setting.kind) {
        (Default::Is(text), Kind::Number { .. } | Kind::Switch | Kind::List) => text.into(),
        (Default::Is(text), _) => format!("\"{text}\""),
        (Default::Nothing | Default::From(_), _) => "\"\"".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Settings, load::Sources};
    use super::*;
    use std::path::Path;

    #[test]
    fn committed_pages_are_up_to_date() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
        #[expect(clippy::disallowed_methods, reason = "a switch of this test, no setting")]
        let update = std::env::var("MEDIAVAULT_TEST_UPDATE").is_ok_and(|value| value == "1");
        for (name, rendered) in [("settings.md", markdown()), ("mediavault.toml", sample())] {
            let file = folder.join(name);
            if update {
                std::fs::write(&file, &rendered).unwrap();
            }
            let committed = std::fs::read_to_string(&file).unwrap_or_default();
            assert!(
                committed == rendered,
                "docs/reference/{name} is stale: run this test with MEDIAVAULT_TEST_UPDATE=1"
            );
        }
    }

    #[test]
    fn the_sample_says_what_holds_anyway() {
        let mut uncommented = String::new();
        for line in sample().lines() {
            let bare = line.strip_prefix('#').filter(|rest| !rest.starts_with(' '));
            uncommented.push_str(bare.unwrap_or(line));
            uncommented.push('\n');
        }
        let defaults = Settings::read(&Sources::default()).unwrap();
        for text in [sample(), uncommented] {
            let sources = Sources { file: Some(("mediavault.toml".into(), text)), ..Sources::default() };
            let read = Settings::read(&sources).unwrap();
            assert_eq!(format!("{read:?}"), format!("{defaults:?}"));
        }
    }

    #[test]
    fn later_parts_are_marked_and_kept_out_of_the_sample() {
        assert!(markdown().contains("does not have several nodes yet"));
        assert!(!sample().contains("redis_url"));
        assert_eq!(markdown().lines().filter(|line| line.starts_with("| `")).count(), TABLE.len());
    }
}
