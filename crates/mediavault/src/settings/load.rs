//! Where settings come from: flags, then environment variables, then a TOML file, then the table's defaults.
//! Promises: an unknown setting, or a value of the wrong type, is an error that names its place, even if another source
//! would have won; no error prints a secret. Pure but for `Sources::of_process`, the only reader of the environment.
//! Not here: what a value means and whether values go together (`check`).

use super::error::{Origin, SettingsError};
use super::nearest::nearest;
use super::schema::{Default as Standard, Key, Kind, Part, Setting, TABLE, VARIABLE_PREFIX};
use super::value::{self, Unfit, Value};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// A setting given on the command line.
#[derive(Clone, Debug)]
pub struct Flag {
    /// How it was written, for messages: `--listen`, `--set limits.max_upload_bytes`.
    pub shown: String,
    /// The setting's name.
    pub name: String,
    /// Its value in text form.
    pub value: String,
}

/// Everything that settings may come from, as read; tests make their own.
#[derive(Clone, Default)]
pub struct Sources {
    /// Settings on the command line; a later one wins over an earlier one of the same name.
    pub flags: Vec<Flag>,
    /// Whether `--dev` was given.
    pub dev: bool,
    /// Environment variables; those without the prefix `MEDIAVAULT_` are left alone.
    pub environment: Vec<(String, String)>,
    /// Path and text of the settings file, if there is one.
    pub file: Option<(PathBuf, String)>,
}

impl Sources {
    /// The sources of this process: these flags, its environment, and the settings file. The file is `config`, else the
    /// one `MEDIAVAULT_CONFIG` names, else `mediavault.toml` in the working directory if that exists.
    pub fn of_process(flags: Vec<Flag>, dev: bool, config: Option<PathBuf>) -> Result<Self, SettingsError> {
        let mut environment = Vec::new();
        for (name, value) in std::env::vars_os() {
            let Some(name) = name.to_str().filter(|name| name.starts_with(VARIABLE_PREFIX)) else { continue };
            match value.into_string() {
                Ok(value) => environment.push((name.to_owned(), value)),
                Err(_) => return Err(SettingsError::NotUnicode { origin: Origin::Variable(name.to_owned()) }),
            }
        }
        let named = environment.iter().find(|(name, value)| name == CONFIG && !value.is_empty());
        let config = config.or_else(|| named.map(|(_, path)| PathBuf::from(path)));
        let file = read_file(config.as_deref())?;
        Ok(Self { flags, dev, environment, file })
    }
}

/// Names the settings file; the one variable besides the settings' own.
const CONFIG: &str = "MEDIAVAULT_CONFIG";

fn read_file(config: Option<&Path>) -> Result<Option<(PathBuf, String)>, SettingsError> {
    let path = config.unwrap_or(Path::new("mediavault.toml"));
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some((path.to_owned(), text))),
        Err(error) if config.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(SettingsError::Unreadable { path: path.to_owned(), source }),
    }
}

/// A setting that some source gave; no value where the source took it back to none.
#[derive(Clone)]
struct Given {
    value: Option<Value>,
    origin: Origin,
}

/// The settings that were given, by the source that wins; defaults for the rest.
pub(super) struct Loaded {
    given: BTreeMap<Key, Given>,
}

/// Reads all sources. What a later version brings is refused here.
pub(super) fn load(sources: &Sources) -> Result<Loaded, SettingsError> {
    let mut loaded = Loaded { given: BTreeMap::new() };
    if let Some((path, text)) = &sources.file {
        loaded.add_file(path, text)?;
    }
    for (name, value) in &sources.environment {
        loaded.add_variable(name, value)?;
    }
    for flag in &sources.flags {
        let origin = Origin::Flag(flag.shown.clone());
        let setting = TABLE.iter().find(|setting| setting.name == flag.name);
        let Some(setting) = setting else { return Err(unknown(origin, &flag.name)) };
        loaded.add_text(setting, &flag.value, origin)?;
    }
    loaded.refuse_later()?;
    Ok(loaded)
}

impl Loaded {
    /// The text of a setting, if it has a value.
    pub(super) fn text(&self, key: Key) -> Option<String> {
        match self.value(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The number of a setting, if it has a value.
    pub(super) fn number(&self, key: Key) -> Option<u64> {
        match self.value(key) {
            Some(Value::Number(number)) => Some(number),
            _ => None,
        }
    }

    /// Whether a switch is on.
    pub(super) fn switch(&self, key: Key) -> bool {
        matches!(self.value(key), Some(Value::Switch(true)))
    }

    /// The texts of a list; empty if it has no value.
    pub(super) fn list(&self, key: Key) -> Vec<String> {
        match self.value(key) {
            Some(Value::List(texts)) => texts,
            _ => Vec::new(),
        }
    }

    /// Where the setting was given.
    pub(super) fn origin(&self, key: Key) -> Origin {
        self.given.get(&key).map_or(Origin::Default, |given| given.origin.clone())
    }

    fn value(&self, key: Key) -> Option<Value> {
        match self.given.get(&key) {
            Some(given) => given.value.clone(),
            None => standard(key.row()),
        }
    }

    fn refuse_later(&self) -> Result<(), SettingsError> {
        for (key, given) in &self.given {
            let setting = key.row();
            if let Part::Later(part) = setting.part
                && given.value != standard(setting)
            {
                return Err(SettingsError::Later { origin: given.origin.clone(), key: setting.name, part });
            }
        }
        Ok(())
    }

    fn add_text(&mut self, setting: &Setting, text: &str, origin: Origin) -> Result<(), SettingsError> {
        let value = value::from_text(setting, text).map_err(|Unfit| wrong(setting, origin.clone(), Some(text)))?;
        self.given.insert(setting.key, Given { value, origin });
        Ok(())
    }

    fn add_variable(&mut self, name: &str, text: &str) -> Result<(), SettingsError> {
        if !name.starts_with(VARIABLE_PREFIX) || name == CONFIG || is_foreign(name, text) {
            return Ok(());
        }
        let origin = Origin::Variable(name.to_owned());
        match TABLE.iter().find(|setting| setting.variable() == name) {
            Some(setting) => self.add_text(setting, text, origin),
            None => {
                // Without the prefix, which all have in common and which would make everything look near.
                let bare = |name: &str| name.strip_prefix(VARIABLE_PREFIX).unwrap_or(name).to_owned();
                let known: Vec<String> = TABLE.iter().map(|setting| bare(&setting.variable())).collect();
                let nearest = nearest(&bare(name), known.iter().map(String::as_str));
                let nearest = nearest.map(|found| format!("{VARIABLE_PREFIX}{found}"));
                Err(SettingsError::UnknownVariable { name: name.to_owned(), nearest })
            }
        }
    }

    fn add_file(&mut self, path: &Path, text: &str) -> Result<(), SettingsError> {
        let at = |offset: usize| Origin::File { path: path.to_owned(), line: line_of(text, offset) };
        let table = DeTable::parse(text).map_err(|error| SettingsError::NotToml {
            origin: at(error.span().map_or(0, |span| span.start)),
            reason: error.message().replace('\n', ", "),
        })?;
        self.add_table("", table.get_ref(), &at)
    }

    fn add_table(
        &mut self,
        section: &str,
        table: &DeTable<'_>,
        at: &dyn Fn(usize) -> Origin,
    ) -> Result<(), SettingsError> {
        for (key, item) in table {
            let name =
                if section.is_empty() { key.get_ref().to_string() } else { format!("{section}.{}", key.get_ref()) };
            let origin = at(key.span().start);
            let setting = TABLE.iter().find(|setting| setting.name == name);
            match (setting, item.get_ref()) {
                (Some(setting), item) => {
                    let value = value::from_toml(setting, item)
                        .map_err(|Unfit| wrong(setting, origin.clone(), written(item).as_deref()))?;
                    self.given.insert(setting.key, Given { value, origin });
                }
                (None, DeValue::Table(inner)) if is_section(&name) => self.add_table(&name, inner, at)?,
                (None, _) => return Err(unknown(origin, &name)),
            }
        }
        Ok(())
    }
}

/// The value of a setting that nobody gave.
fn standard(setting: &Setting) -> Option<Value> {
    match setting.default {
        // A default that cannot be read would be a mistake in the table, which its tests find.
        Standard::Is(text) => value::from_text(setting, text).unwrap_or(None),
        Standard::Nothing | Standard::From(_) => None,
    }
}

fn is_section(name: &str) -> bool {
    TABLE.iter().any(|setting| setting.name.split_once('.').is_some_and(|(section, _)| section == name))
}

/// Variables with our prefix that are no settings: the tests' own, and those that Kubernetes puts into every container
/// for a service called `mediavault` or `mediavault-something` (Kubernetes, "Service: environment variables").
fn is_foreign(name: &str, text: &str) -> bool {
    let Some(rest) = name.strip_prefix(VARIABLE_PREFIX) else { return true };
    let within = |word: &str| rest.starts_with(word) || rest.contains(&format!("_{word}"));
    rest.starts_with("TEST_")
        || rest == "FAILPOINT"
        || within("SERVICE_HOST")
        || within("SERVICE_PORT")
        || (text.contains("://") && (rest == "PORT" || rest.ends_with("_PORT")))
        || ["_TCP", "_UDP", "_SCTP"].iter().any(|protocol| within("PORT_") && rest.contains(protocol))
}

/// A scalar of the file as text, for the message that refuses it.
fn written(item: &DeValue<'_>) -> Option<String> {
    match item {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::Boolean(on) => Some(on.to_string()),
        DeValue::Datetime(time) => Some(time.to_string()),
        DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

/// The value does not fit. For a setting of a later version that would be a detour: it is refused as such.
fn wrong(setting: &Setting, origin: Origin, text: Option<&str>) -> SettingsError {
    if let Part::Later(part) = setting.part {
        return SettingsError::Later { origin, key: setting.name, part };
    }
    let shown = text.filter(|_| setting.kind != Kind::Secret).map(str::to_owned);
    SettingsError::wrong(origin, setting.name, value::expected(setting.kind), shown)
}

fn unknown(origin: Origin, name: &str) -> SettingsError {
    let nearest = nearest(name, TABLE.iter().map(|setting| setting.name)).map(str::to_owned);
    SettingsError::Unknown { origin, name: name.to_owned(), nearest }
}
