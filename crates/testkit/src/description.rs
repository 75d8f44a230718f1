//! Answers against the description of the API: the route is there, the status is described, the body fits its schema.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::answer::Answer;

static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(&mv_http::router::description_json().unwrap()).expect("the description is JSON")
});
static VALIDATORS: LazyLock<Mutex<HashMap<String, std::sync::Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// Stops the test where an answer is not as described. Paths outside the bases are not described.
pub fn check(method: &str, path: &str, answer: &Answer) {
    let Some(relative) = path.strip_prefix("/api/v1").or_else(|| path.strip_prefix("/v1")) else { return };
    let asked = &answer.asked;
    if answer.status >= 400 && method != "HEAD" {
        validate("#/components/schemas/ErrorEnvelope", answer);
        let code = answer.json()["error"]["code"].as_str().unwrap().to_owned();
        assert!(mv_core::Code::ALL.iter().any(|known| known.as_str() == code), "{asked}: unknown code {code}");
    }
    let Some(template) = template(relative) else {
        // Only unknown routes and the description itself are not described.
        assert!(
            answer.status == 404 || ["/openapi.json", "/realtime"].contains(&relative),
            "{asked}: no such path in the description"
        );
        return;
    };
    let operation = &DESCRIPTION["paths"][&template][method.to_lowercase()];
    if operation.is_null() {
        let undescribed = [405, 204, 429].contains(&answer.status) || (method == "HEAD" && answer.status < 500);
        assert!(undescribed, "{asked}: {template} has no such method in the description, got {}", answer.status);
        return;
    }
    let status = answer.status.to_string();
    let response = &operation["responses"][&status];
    if answer.status < 400 {
        assert!(!response.is_null(), "{asked}: status {status} is not described for {template}");
        if !response["content"]["application/json"].is_null() {
            let pointer = format!(
                "#/paths/{}/{}/responses/{status}/content/application~1json/schema",
                template.replace('~', "~0").replace('/', "~1").replace('{', "%7B").replace('}', "%7D"),
                method.to_lowercase()
            );
            validate(&pointer, answer);
        } else if response["content"].is_null() {
            assert!(answer.body.is_empty(), "{asked}: a body where none is described");
        }
    }
}

/// The described path that fits; literal parts win over parameters.
fn template(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |template: &&String| {
        let expected: Vec<&str> = template.split('/').collect();
        expected.len() == parts.len()
            && expected.iter().zip(&parts).all(|(known, part)| known.starts_with('{') || known == part)
    };
    let paths = DESCRIPTION["paths"].as_object().unwrap();
    paths.keys().filter(fits).min_by_key(|template| template.matches('{').count()).cloned()
}

fn validate(pointer: &str, answer: &Answer) {
    let validator = VALIDATORS.lock().unwrap().get(pointer).cloned();
    let validator = validator.unwrap_or_else(|| {
        let mut schema = DESCRIPTION.clone();
        schema["$ref"] = json!(pointer);
        let built = std::sync::Arc::new(
            jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{pointer}: {error}")),
        );
        VALIDATORS.lock().unwrap().insert(pointer.to_owned(), built.clone());
        built
    });
    let body = answer.json();
    let problems: Vec<String> =
        validator.iter_errors(&body).map(|error| format!("{} at {}", error, error.instance_path())).collect();
    assert!(problems.is_empty(), "{}: not as described: {problems:?}\n{body}", answer.asked);
}
