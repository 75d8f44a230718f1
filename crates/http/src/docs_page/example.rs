//! Values made from schemas: what a form is filled with and what a command sends.
//! Promise: an example that the description gives is taken as it is; what is made up is only a first draft for the reader.

use serde_json::{Map, Value, json};

use super::schema::{Member, Models, is, list};
use super::text::capitalized;

/// Objects within objects are filled so far.
const DEEPEST: usize = 8;

/// A value that this schema allows.
pub(super) fn of(models: Models<'_>, schema: &Value) -> Value {
    value(models, "", schema, DEEPEST)
}

fn value(models: Models<'_>, name: &str, schema: &Value, depth: usize) -> Value {
    let given = |schema: &Value| {
        let first = schema["examples"].as_array().and_then(|all| all.first());
        [&schema["example"], first.unwrap_or(&Value::Null), &schema["const"], &schema["default"]]
            .into_iter()
            .find(|one| !one.is_null())
            .cloned()
    };
    let resolved = models.resolve(schema);
    if let Some(given) = given(schema).or_else(|| given(resolved)) {
        return given;
    }
    if let Some(first) = list(&resolved["enum"]).next() {
        return first.clone();
    }
    let Some(depth) = depth.checked_sub(1) else { return Value::Null };
    if is(resolved, "array") {
        return json!([value(models, name.strip_suffix('s').unwrap_or(name), &resolved["items"], depth)]);
    }
    if is(resolved, "object") || resolved["allOf"].is_array() {
        let chosen = chosen(models.members(resolved));
        return chosen
            .into_iter()
            .map(|it| (it.name.to_owned(), value(models, it.name, it.schema, depth)))
            .collect::<Map<_, _>>()
            .into();
    }
    if is(resolved, "integer") || is(resolved, "number") {
        let least = &resolved["minimum"];
        return if least.as_i64().is_some_and(|least| least > 1) { least.clone() } else { json!(1) };
    }
    if is(resolved, "boolean") {
        return json!(true);
    }
    text(models, name, resolved)
}

/// The required members. Where none is, the object says what to change, and one change is example enough: the last plain text.
fn chosen(members: Vec<Member<'_>>) -> Vec<Member<'_>> {
    let (required, optional): (Vec<_>, Vec<_>) = members.into_iter().partition(|member| member.required);
    if !required.is_empty() {
        return required;
    }
    optional.into_iter().rev().find(|member| is(member.schema, "string")).into_iter().collect()
}

fn text(models: Models<'_>, name: &str, schema: &Value) -> Value {
    if let Some(id) = id_of_model(models, name) {
        return id;
    }
    let said =
        schema["description"].as_str().and_then(|text| text.strip_prefix('`')).and_then(|text| text.split('`').next());
    match (schema["format"].as_str(), name) {
        (Some("date-time"), _) => json!("2024-05-01T12:00:00Z"),
        (_, "email") => json!("user@example.com"),
        (_, "password") => json!("a long password"),
        // SHA-256 of no bytes (FIPS 180-4).
        (_, "checksum") => json!("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        // A description that begins with a value names it first.
        _ => said
            .filter(|word| word.bytes().all(|b| b.is_ascii_alphanumeric()))
            .map_or_else(|| json!(name.to_uppercase()), |word| json!(word)),
    }
}

/// `cover_media_id` holds an id as the model `Media` has it.
fn id_of_model(models: Models<'_>, name: &str) -> Option<Value> {
    let kind = name.strip_suffix("_id")?.rsplit('_').next()?;
    let id = &models.named(&capitalized(kind))?["properties"]["id"]["example"];
    id.is_string().then(|| id.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(schema: &Value) -> Value {
        let document = json!({ "components": { "schemas": {
            "Media": { "type": "object", "properties": { "id": { "type": "string", "example": "media_1" } } },
            "Node": { "type": "object", "required": ["next"], "properties": { "next": { "$ref": "#/components/schemas/Node" } } }
        } } });
        of(Models::of(&document), schema)
    }

    #[test]
    fn what_is_required_is_filled_and_given_examples_are_kept() {
        let schema = json!({ "type": "object", "required": ["media_ids", "size", "how"], "properties": {
            "media_ids": { "type": "array", "items": { "type": "string" } },
            "size": { "type": "integer", "minimum": 60 },
            "how": { "oneOf": [{ "type": "null" }, { "type": "string", "example": "so" }] },
            "left_out": { "type": "string" }
        } });
        assert_eq!(example(&schema), json!({ "media_ids": ["media_1"], "size": 60, "how": "so" }));
    }

    #[test]
    fn a_change_is_shown_with_one_member() {
        let schema = json!({ "type": "object", "properties": { "a": { "type": "boolean" }, "title": { "type": ["string", "null"] } } });
        assert_eq!(example(&schema), json!({ "title": "TITLE" }));
    }

    #[test]
    fn a_model_within_itself_ends() {
        assert!(example(&json!({ "$ref": "#/components/schemas/Node" })).is_object());
    }
}
