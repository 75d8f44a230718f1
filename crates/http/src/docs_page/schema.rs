//! Schemas of the description (JSON Schema 2020-12, as OpenAPI 3.1 uses it): references, kinds in words, members.
//! Not here: examples made from them (`example`).

use serde_json::{Map, Value};

use super::text::{anchor, escape, prose};

/// References to references are followed so far.
const DEEPEST: usize = 16;

/// The models of the description.
#[derive(Debug, Clone, Copy)]
pub(super) struct Models<'a>(Option<&'a Map<String, Value>>);

/// A member of an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member<'a> {
    pub(super) name: &'a str,
    pub(super) schema: &'a Value,
    pub(super) required: bool,
}

impl<'a> Models<'a> {
    /// Of a description.
    pub(super) fn of(description: &'a Value) -> Self {
        Self(description["components"]["schemas"].as_object())
    }

    /// Name and schema of each.
    pub(super) fn all(self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.0.into_iter().flatten().map(|(name, schema)| (name.as_str(), schema))
    }

    /// The model of this name.
    pub(super) fn named(self, name: &str) -> Option<&'a Value> {
        self.0?.get(name)
    }

    /// The schema itself where this refers to one; of alternatives the first that is not null.
    pub(super) fn resolve(self, schema: &'a Value) -> &'a Value {
        let mut found = schema;
        for _ in 0..DEEPEST {
            let next = match found["$ref"].as_str().and_then(referred) {
                Some(name) => self.named(name),
                None => alternatives(found).find(|one| one["type"] != "null"),
            };
            match next {
                Some(next) => found = next,
                None => break,
            }
        }
        found
    }

    /// The model that this is: by reference, or because the very same object stands here in full (generic answers do so).
    fn name_of(self, schema: &'a Value) -> Option<&'a str> {
        if let Some(reference) = schema["$ref"].as_str() {
            return referred(reference);
        }
        schema["properties"].as_object()?;
        self.all().find(|(_, model)| same_object(model, schema)).map(|(name, _)| name)
    }

    /// The members, those of `allOf` together; required ones first.
    pub(super) fn members(self, schema: &'a Value) -> Vec<Member<'a>> {
        let mut members = Vec::new();
        self.gather(schema, DEEPEST, &mut members);
        members.sort_by_key(|member| !member.required);
        members
    }

    fn gather(self, schema: &'a Value, depth: usize, into: &mut Vec<Member<'a>>) {
        let Some(depth) = depth.checked_sub(1) else { return };
        let schema = self.resolve(schema);
        for part in list(&schema["allOf"]) {
            self.gather(part, depth, into);
        }
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            let required = list(&schema["required"]).any(|one| one == name);
            into.push(Member { name, schema: member, required });
        }
    }

    /// The kind in words, models as links.
    pub(super) fn kind(self, schema: &'a Value) -> String {
        self.kind_within(schema, DEEPEST)
    }

    fn kind_within(self, schema: &'a Value, depth: usize) -> String {
        let Some(depth) = depth.checked_sub(1) else { return "any".to_owned() };
        if let Some(name) = self.name_of(schema) {
            return format!("<a href=\"#model-{}\">{}</a>", anchor(name), escape(name));
        }
        let inner: Vec<String> = alternatives(schema).map(|one| self.kind_within(one, depth)).collect();
        if !inner.is_empty() {
            return inner.join(" or ");
        }
        let names: Vec<String> = match &schema["type"] {
            Value::String(one) => vec![self.simple(one, schema, depth)],
            Value::Array(several) => {
                several.iter().filter_map(Value::as_str).map(|one| self.simple(one, schema, depth)).collect()
            }
            _ if schema["allOf"].is_array() => vec!["object".to_owned()],
            _ => vec!["any".to_owned()],
        };
        names.join(" or ")
    }

    fn simple(self, kind: &str, schema: &'a Value, depth: usize) -> String {
        match (kind, schema["format"].as_str()) {
            ("array", _) => format!("list of {}", self.kind_within(&schema["items"], depth)),
            ("string", Some("binary")) => "file".to_owned(),
            ("string", Some(format)) => format!("string ({})", escape(format)),
            _ => escape(kind),
        }
    }
}

/// What is said of a value besides its kind: its text, then its limits and default. Empty where nothing is said.
pub(super) fn meaning(text: &str, schema: &Value) -> String {
    let mut parts = Vec::new();
    if !text.is_empty() {
        parts.push(prose(text));
    }
    let values: Vec<String> = list(&schema["enum"]).map(code).collect();
    if !values.is_empty() {
        parts.push(format!("One of {}.", values.join(", ")));
    }
    match (&schema["minimum"], &schema["maximum"]) {
        (Value::Number(least), Value::Number(most)) => parts.push(format!("From {least} to {most}.")),
        (Value::Null, Value::Number(most)) => parts.push(format!("At most {most}.")),
        // That sizes and counts are not negative goes without saying.
        (Value::Number(least), Value::Null) if least.as_u64() != Some(0) => parts.push(format!("At least {least}.")),
        _ => {}
    }
    if !schema["default"].is_null() {
        parts.push(format!("Default {}.", code(&schema["default"])));
    }
    parts.join(" ")
}

/// The text that describes this place: its own, else that of the alternative that stands here.
pub(super) fn description(schema: &Value) -> &str {
    let own = schema["description"].as_str();
    own.or_else(|| alternatives(schema).find_map(|one| one["description"].as_str())).unwrap_or_default()
}

/// The elements where this is a list, else none.
pub(super) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Whether the value is bytes of a file.
pub(super) fn is_file(schema: &Value) -> bool {
    schema["format"] == "binary"
}

/// Whether a value of this schema may be of this kind.
pub(super) fn is(schema: &Value, kind: &str) -> bool {
    schema["type"] == kind || list(&schema["type"]).any(|one| one == kind)
}

fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    list(&schema["oneOf"]).chain(list(&schema["anyOf"]))
}

fn referred(reference: &str) -> Option<&str> {
    reference.strip_prefix("#/components/schemas/")
}

/// A value as code, text without its quotes.
fn code(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    format!("<code>{}</code>", escape(&text))
}

/// Equal in all but the text that describes the place.
fn same_object(one: &Value, other: &Value) -> bool {
    let (Some(one), Some(other)) = (one.as_object(), other.as_object()) else { return false };
    let said = |key: &&String| key.as_str() != "description";
    one.keys().filter(said).count() == other.keys().filter(said).count()
        && one.iter().filter(|(key, _)| said(key)).all(|(key, value)| other.get(key) == Some(value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document() -> Value {
        json!({ "components": { "schemas": {
            "Loop": { "$ref": "#/components/schemas/Loop" },
            "Item": { "type": "object", "description": "An item.", "required": ["id"], "properties": { "a": { "type": "boolean" }, "id": { "type": "string" } } },
            "Both": { "allOf": [ { "$ref": "#/components/schemas/Item" }, { "type": "object", "properties": { "b": { "type": "null" } } } ] }
        } } })
    }

    #[test]
    fn kinds_are_named_in_words() {
        let (document, list, maybe) = (
            document(),
            json!({ "type": "array", "items": { "$ref": "#/components/schemas/Item" } }),
            json!({ "type": ["string", "null"], "format": "date-time" }),
        );
        let models = Models::of(&document);
        assert_eq!(models.kind(&list), "list of <a href=\"#model-Item\">Item</a>");
        assert_eq!(models.kind(&maybe), "string (date-time) or null");
    }

    #[test]
    fn an_object_written_out_in_full_is_known_as_its_model() {
        let document = document();
        let mut inline = document["components"]["schemas"]["Item"].clone();
        inline["description"] = json!("Another text.");
        assert_eq!(Models::of(&document).kind(&inline), "<a href=\"#model-Item\">Item</a>");
        inline["required"] = json!([]);
        assert_eq!(Models::of(&document).kind(&inline), "object");
    }

    #[test]
    fn members_of_all_parts_are_gathered_required_first() {
        let document = document();
        let models = Models::of(&document);
        let both = models.named("Both").unwrap();
        let names: Vec<_> = models.members(both).iter().map(|member| (member.name, member.required)).collect();
        assert_eq!(names, [("id", true), ("a", false), ("b", false)]);
    }

    #[test]
    fn a_reference_to_itself_ends() {
        let document = document();
        let models = Models::of(&document);
        assert!(models.members(models.named("Loop").unwrap()).is_empty());
    }

    #[test]
    fn limits_are_said() {
        let schema = json!({ "minimum": 1, "maximum": 100, "default": 20 });
        assert_eq!(meaning("Items.", &schema), "Items. From 1 to 100. Default <code>20</code>.");
    }
}
