//! An operation as a `curl` command for a POSIX shell. `$TOKEN` and the names of path parameters are left to the reader
//! as shell variables. Promise: no text of the description can end a quotation.

use super::example;
use super::operation::{Operation, Place};
use super::schema::{self, Models};
use super::text::escape;

/// Where the server is, as far as a page without script can know: the default of the setting `listen`.
pub(super) const ORIGIN: &str = "http://127.0.0.1:8080";

/// The command as HTML, with the origin marked for the script.
pub(super) fn html(models: Models<'_>, operation: &Operation<'_>, base: &str) -> String {
    let marked = format!("<span class=\"origin\">{ORIGIN}</span>");
    // The address comes before all that could hold the same text.
    escape(&command(models, operation, base)).replacen(ORIGIN, &marked, 1)
}

fn command(models: Models<'_>, operation: &Operation<'_>, base: &str) -> String {
    let mut first = "curl".to_owned();
    match operation.method {
        "HEAD" => first.push_str(" --head"),
        "GET" => {}
        // With a body curl makes it POST by itself.
        "POST" if operation.body.is_some() => {}
        method => first = format!("{first} -X {method}"),
    }
    let mut lines = vec![format!("{first} \"{}\"", address(operation, base))];
    if operation.security.first().is_some_and(|ways| ways.contains(&"bearer")) {
        lines.push("-H \"Authorization: Bearer $TOKEN\"".to_owned());
    }
    if let Some(body) = &operation.body {
        if body.is_form() {
            let files = models.members(body.schema).into_iter().filter(|member| schema::is_file(member.schema));
            lines.extend(files.map(|member| format!("-F {}", single(&format!("{}=@photo.jpg", member.name)))));
        } else {
            lines.push(format!("-H {}", single(&format!("Content-Type: {}", body.kind))));
            lines.push(format!("-d {}", single(&example::of(models, body.schema).to_string())));
        }
    }
    if operation.method == "GET" && operation.answers_with_bytes() {
        lines.push("-o original".to_owned());
    }
    lines.join(" \\\n  ")
}

/// The address within double quotes.
fn address(operation: &Operation<'_>, base: &str) -> String {
    let mut out = format!("{ORIGIN}{}", double(base));
    for (index, part) in operation.path.split('{').enumerate() {
        match part.split_once('}').filter(|_| index > 0) {
            Some((name, rest)) => out = format!("{out}${}{}", variable(name), double(rest)),
            None => out.push_str(&double(part)),
        }
    }
    let required =
        operation.parameters.iter().filter(|parameter| parameter.required && parameter.place == Place::Query);
    for (index, parameter) in required.enumerate() {
        let sign = if index == 0 { '?' } else { '&' };
        out = format!("{out}{sign}{}=${}", double(parameter.name), variable(parameter.name));
    }
    out
}

fn variable(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// In double quotes a shell reads four characters (POSIX.1-2017, XCU 2.2.3).
fn double(text: &str) -> String {
    text.chars().flat_map(|c| matches!(c, '\\' | '"' | '$' | '`').then_some('\\').into_iter().chain([c])).collect()
}

/// In single quotes it reads only the quote itself (XCU 2.2.2).
fn single(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn made(method: &str, path: &str, operation: serde_json::Value) -> String {
        let document = json!({ "security": [{ "bearer": [] }], "paths": { path: { method: operation } } });
        let operations = super::super::operation::all(&document);
        command(Models::of(&document), operations.first().unwrap(), "/api/v1")
    }

    #[test]
    fn a_change_carries_its_token_and_body() {
        let body = json!({ "content": { "application/json": { "schema": { "type": "object", "example": { "title": "It's" } } } } });
        assert_eq!(
            made("patch", "/media/{media_id}/x", json!({ "requestBody": body })),
            "curl -X PATCH \"http://127.0.0.1:8080/api/v1/media/$MEDIA_ID/x\" \\\n  -H \"Authorization: Bearer $TOKEN\" \\\n  \
             -H 'Content-Type: application/json' \\\n  -d '{\"title\":\"It'\\''s\"}'"
        );
    }

    #[test]
    fn a_file_is_sent_as_a_form() {
        let form = json!({ "schema": { "type": "object", "properties": { "file": { "type": "string", "format": "binary" } } } });
        let body = json!({ "content": { "application/octet-stream": {}, "multipart/form-data": form } });
        let command = made("post", "/up", json!({ "security": [{}], "requestBody": body }));
        assert_eq!(command, "curl \"http://127.0.0.1:8080/api/v1/up\" \\\n  -F 'file=@photo.jpg'");
    }

    #[test]
    fn a_path_cannot_leave_its_quotation() {
        assert!(made("get", "/a\"; rm `x` $HOME", json!({})).contains("/a\\\"; rm \\`x\\` \\$HOME\""));
    }
}
