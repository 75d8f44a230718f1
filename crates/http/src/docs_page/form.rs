//! The form that tries an operation. It is hidden until the script shows it; fields say by `data-in` where their value goes.

use super::example;
use super::operation::{Operation, Parameter, Place};
use super::schema::{Models, is, is_file, list};
use super::text::escape;

/// The form of an operation.
pub(super) fn html(models: Models<'_>, operation: &Operation<'_>, base: &str) -> String {
    let guarded = if operation.security.iter().any(|way| way.contains(&"bearer")) { " data-guarded" } else { "" };
    let mut out = format!(
        "<details class=\"try\" hidden data-script>\n<summary>Try it<span class=\"unseen\">: {id}</span></summary>\n\
         <form autocomplete=\"off\" data-id=\"{id}\" data-method=\"{method}\" data-path=\"{base}{path}\"{guarded}>\n<div class=\"fields\">\n",
        id = operation.id,
        method = operation.method,
        base = escape(base),
        path = escape(operation.path),
    );
    let form_members = operation
        .body
        .as_ref()
        .filter(|body| body.is_form())
        .map(|body| models.members(body.schema))
        .unwrap_or_default();
    for member in &form_members {
        out.push_str(
            &Field { name: member.name, place: "form", schema: member.schema, required: member.required }.html(models),
        );
    }
    let twice = |parameter: &Parameter<'_>| form_members.iter().any(|member| member.name == parameter.name);
    // A name in brackets is a pattern of names, not one to send as it is.
    let sent = |parameter: &&Parameter<'_>| {
        parameter.place != Place::Query || !(parameter.name.contains('[') || twice(parameter))
    };
    for parameter in operation.parameters.iter().filter(sent) {
        let Parameter { name, place, schema, required, .. } = *parameter;
        out.push_str(&Field { name, place: place.name(), schema, required }.html(models));
    }
    out.push_str("</div>\n");
    if let Some(body) = operation.body.as_ref().filter(|body| !body.is_form()) {
        let text = serde_json::to_string_pretty(&example::of(models, body.schema)).unwrap_or_default();
        out.push_str(&format!(
            "<label>Body <small>{kind}</small>\n<textarea data-in=\"body\" data-kind=\"{kind}\" rows=\"{rows}\" spellcheck=\"false\">{text}</textarea></label>\n",
            kind = escape(body.kind),
            rows = text.lines().count().clamp(3, 16),
            text = escape(&text),
        ));
    }
    out.push_str("<p class=\"line\"><button>Send</button> <span role=\"status\"></span></p>\n");
    out.push_str("<pre class=\"answer\" tabindex=\"0\" aria-label=\"Answer\" hidden></pre>\n</form>\n</details>\n");
    out
}

/// One input with its label.
struct Field<'a> {
    name: &'a str,
    place: &'static str,
    schema: &'a serde_json::Value,
    required: bool,
}

impl Field<'_> {
    fn html(&self, models: Models<'_>) -> String {
        let schema = models.resolve(self.schema);
        let name = escape(self.name);
        let required = if self.required { " required" } else { "" };
        let attributes = format!("name=\"{name}\" data-in=\"{}\"{required}", self.place);
        let hint = schema["default"].as_str().map_or_else(|| schema["default"].to_string(), str::to_owned);
        let hint =
            if schema["default"].is_null() { String::new() } else { format!(" placeholder=\"{}\"", escape(&hint)) };
        let input = if is_file(schema) {
            format!("<input type=\"file\" {attributes}>")
        } else if let Some(options) = options(schema) {
            format!("<select {attributes}><option value=\"\">not sent</option>{options}</select>")
        } else if is(schema, "array") {
            format!(
                "<textarea {attributes} data-many rows=\"2\" placeholder=\"one a line\" spellcheck=\"false\"></textarea>"
            )
        } else if is(schema, "integer") {
            format!("<input type=\"number\" step=\"1\" {attributes}{hint}>")
        } else {
            format!("<input {attributes}{hint} spellcheck=\"false\" autocapitalize=\"none\">")
        };
        let mark = if self.required { " <em>required</em>" } else { "" };
        format!("<label><span>{name}{mark} <small>{}</small></span>\n{input}</label>\n", self.place)
    }
}

/// The choices, where there are only a few.
fn options(schema: &serde_json::Value) -> Option<String> {
    let option = |text: &str| format!("<option>{}</option>", escape(text));
    if is(schema, "boolean") {
        return Some(option("true") + &option("false"));
    }
    let options: String = list(&schema["enum"]).filter_map(serde_json::Value::as_str).map(option).collect();
    (!options.is_empty()).then_some(options)
}
