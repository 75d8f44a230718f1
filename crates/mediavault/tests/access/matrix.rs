//! The table in the repository, and whether it has exactly the rows that the API has operations.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// What one operation answers to each kind of caller; the file's head says who they are.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    /// The part of the product, as the description's `x-area` names it.
    pub(crate) area: String,
    /// What stands behind `?`.
    #[serde(default)]
    pub(crate) query: String,
    /// The least body that is taken; `$` begins a placeholder.
    pub(crate) body: Option<String>,
    /// A caller that gets in is used up by it (a logout, another password): each gets an account of its own.
    #[serde(default)]
    pub(crate) alone: bool,
    pub(crate) anonymous: u16,
    pub(crate) owner: u16,
    pub(crate) other: u16,
    pub(crate) admin: u16,
    pub(crate) disabled: u16,
    pub(crate) logged_out: u16,
    pub(crate) upload_token: u16,
    pub(crate) expired_key: u16,
    /// By keys with one scope each: those that get in; `*` is all the others, which else are forbidden.
    #[serde(default)]
    pub(crate) key: BTreeMap<String, u16>,
    /// By a key with all scopes.
    pub(crate) every_scope: u16,
}

/// The table: a row for each `METHOD /path`.
pub(crate) type Matrix = BTreeMap<String, Row>;

/// Reads the table.
pub(crate) fn read() -> Matrix {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/security/matrix.toml");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The description of the API.
pub(crate) fn description() -> Value {
    serde_json::from_str(&mv_http::router::description_json().unwrap()).unwrap()
}

/// Every operation, by `METHOD /path`.
pub(crate) fn operations(description: &Value) -> BTreeMap<String, Value> {
    let paths = description["paths"].as_object().unwrap();
    let each = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter().filter(|(_, operation)| operation["responses"].is_object());
        methods.map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation.clone()))
    });
    each.collect()
}

/// A row for a route that has none, as its part of the product suggests: to be read, corrected and put into the table.
fn suggestion(route: &str, operation: &Value) -> String {
    let area = operation["x-area"].as_str().unwrap_or("?");
    let success = operation["responses"].as_object().unwrap().keys().find_map(|status| status.parse::<u16>().ok());
    let success = success.unwrap_or(200);
    let elsewhere = if route.contains('{') { 404 } else { success };
    let scopes: Vec<&str> = area.strip_prefix("scope:").map(|it| it.split(',').collect()).unwrap_or_default();
    let (anonymous, owner, other, admin, token, every) = match area {
        "anonymous" => (success, success, success, success, success, success),
        "any" => (401, success, elsewhere, elsewhere, success, success),
        "account" => (401, success, elsewhere, elsewhere, 403, 403),
        "admin" => (401, 403, 403, success, 403, 403),
        "upload" => (401, success, elsewhere, elsewhere, success, success),
        _ => (401, success, elsewhere, elsewhere, 403, success),
    };
    let (out, expired) = if area == "anonymous" { (success, success) } else { (401, 401) };
    let keys = match (area, &scopes[..]) {
        ("anonymous" | "any", _) => format!("{{ \"*\" = {success} }}"),
        ("upload", _) => format!("{{ \"media:write\" = {success} }}"),
        ("events", _) => format!("{{ \"media:read\" = {success}, \"collections:read\" = {success} }}"),
        (_, [one]) => format!("{{ \"{one}\" = {success} }}"),
        _ => "{}".to_owned(),
    };
    let mut row = format!("[\"{route}\"]\narea = \"{area}\"\n");
    if !operation["requestBody"]["content"]["application/json"].is_null() {
        row.push_str("body = '{}'\n");
    }
    let _ = writeln!(row, "anonymous = {anonymous}\nowner = {owner}\nother = {other}\nadmin = {admin}");
    let _ = writeln!(row, "disabled = {out}\nlogged_out = {out}\nupload_token = {token}\nexpired_key = {expired}");
    let _ = writeln!(row, "key = {keys}\nevery_scope = {every}");
    row
}

#[test]
fn every_route_has_its_row() {
    let (matrix, operations) = (read(), operations(&description()));
    let missing: Vec<String> = operations
        .iter()
        .filter(|(route, _)| !matrix.contains_key(*route))
        .map(|(route, operation)| suggestion(route, operation))
        .collect();
    let superfluous: BTreeSet<&String> = matrix.keys().filter(|route| !operations.contains_key(*route)).collect();
    assert!(missing.is_empty(), "routes without a row:\n\n{}", missing.join("\n"));
    assert!(superfluous.is_empty(), "rows without a route: {superfluous:?}");
    // Once any operation names its part, all do.
    if operations.values().all(|operation| operation["x-area"].is_null()) {
        return;
    }
    for (route, row) in &matrix {
        let area = operations[route]["x-area"].as_str().unwrap_or_else(|| panic!("{route} has no x-area"));
        assert_eq!(row.area, area, "{route}");
    }
}
