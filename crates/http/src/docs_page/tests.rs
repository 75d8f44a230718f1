//! What the page promises, on the real description and on hostile ones.

use serde_json::json;

use super::*;
use crate::router::description_json;

fn page() -> (Value, String) {
    let text = description_json().unwrap();
    (serde_json::from_str(&text).unwrap(), render(text.as_bytes()))
}

#[test]
fn every_operation_has_its_anchor_and_is_linked() {
    let (description, page) = page();
    let mut count = 0;
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no operationId"));
            assert_eq!(page.matches(&format!("<article id=\"{id}\"")).count(), 1, "{id}");
            assert!(
                page.contains(&format!("<a href=\"#{id}\"><b class=\"method {method}\">")),
                "{id} is in the navigation"
            );
            let form =
                format!("data-id=\"{id}\" data-method=\"{}\" data-path=\"/api/v1{path}\"", method.to_uppercase());
            assert!(page.contains(&form), "{id} can be tried");
            count += 1;
        }
    }
    assert!(count > 20, "the description has the product's operations, not {count}");
    assert_eq!(
        page.matches("<article id=\"").count(),
        count + description["components"]["schemas"].as_object().unwrap().len()
    );
}

#[test]
fn links_within_the_page_lead_somewhere_and_no_id_stands_twice() {
    let (_, page) = page();
    let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    for (index, id) in ids.iter().enumerate() {
        assert!(!ids.iter().skip(index + 1).any(|other| other == id), "{id} stands twice");
    }
    let (markup, _) = page.split_once("<script>").unwrap();
    for target in markup.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(ids.contains(&target), "#{target} leads nowhere");
    }
}

#[test]
fn no_text_of_the_description_becomes_markup() {
    let hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> `<b>` </style></textarea></pre>";
    let reference = format!("#/components/schemas/{hostile}");
    let object = json!({ "type": "object", "description": hostile, "required": [hostile], "properties": {
        hostile: { "type": "string", "description": hostile, "example": hostile, "format": hostile, "default": hostile, "enum": [hostile] }
    } });
    let operation = json!({
        "operationId": hostile, "tags": [hostile], "summary": hostile, "description": hostile, "security": [{ hostile: [] }],
        "parameters": [
            { "name": hostile, "in": "query", "required": true, "description": hostile, "schema": { "type": hostile, "default": hostile } },
            { "name": hostile, "in": "header", "schema": { "type": "string", "enum": [hostile] } }
        ],
        "requestBody": { "description": hostile, "content": { hostile: { "schema": { "$ref": reference } } } },
        "responses": { hostile: { "description": hostile, "content": { "application/json": { "schema": { "$ref": reference } } } } }
    });
    let description = json!({
        "openapi": hostile, "info": { "title": hostile, "version": hostile, "description": hostile },
        "servers": [{ "url": hostile }, { "url": hostile }], "paths": { hostile: { "post": operation } },
        "components": { "schemas": { hostile: object }, "securitySchemes": { hostile: { "type": "apiKey", "in": hostile, "name": hostile } } }
    });
    let page = render(description.to_string().as_bytes());
    assert!(page.contains("&lt;script&gt;alert(1)"), "the text is there, as text");
    assert_eq!(page.matches("<script").count(), 1);
    assert_eq!(page.matches("</style").count(), 1);
    assert!(!page.contains("<img"));
    // Within a tag a quote would end an attribute; there each of them has its partner.
    for tag in
        page.split('<').filter_map(|rest| rest.split_once('>').map(|(tag, _)| tag)).filter(|tag| tag.contains("&lt;"))
    {
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        assert!(!tag.contains('\''), "{tag}");
    }
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    let (_, page) = page();
    let own = page.replace(curl::ORIGIN, "");
    // Examples may show addresses; what loads something is a tag, a rule or a call.
    for sign in ["//cdn", "@import", "url(", " src=", " style=", " onclick=", " action=", "import(", "fetch(\"http"] {
        assert!(!own.contains(sign), "{sign}");
    }
    for target in own.split("href=\"").skip(1) {
        assert!(
            ["#", "/api/v1/", "data:,"].iter().any(|start| target.starts_with(start)),
            "{}",
            target.split('"').next().unwrap()
        );
    }
}

#[test]
fn the_policy_knows_the_blocks_that_are_sent() {
    let (_, page) = page();
    let policy = policy();
    for (name, directive) in [("style", "style-src"), ("script", "script-src")] {
        let (_, rest) = page.split_once(&format!("<{name}>")).unwrap();
        let (block, _) = rest.split_once(&format!("</{name}>")).unwrap();
        let expected = format!("{directive} 'sha256-{}';", BASE64_STANDARD.encode(Sha256::digest(block)));
        assert!(policy.contains(&expected), "{directive}");
        // Parsers turn CR LF into LF before they hash (HTML, "Preprocessing the input stream").
        assert!(!block.contains('\r'));
    }
    assert!(!policy.contains("unsafe"));
}

#[test]
fn style_and_script_are_small() {
    assert!(STYLE.len() + SCRIPT.len() < 12 * 1024, "{} bytes", STYLE.len() + SCRIPT.len());
}

#[test]
fn a_description_that_is_none_gives_a_page_all_the_same() {
    assert!(render(b"not json").contains("<h1>API"));
}
