//! The readable page at `/api/docs`, written once at start from the description: every operation with its parameters,
//! body, answers, a command, and a form to try it.
//! Promise: readable without script, nothing loaded from elsewhere, and no text of the description becomes markup or script.
//! Not here: the description itself (`openapi`), how it is served (`router`).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};

mod curl;
mod example;
mod form;
mod operation;
mod schema;
mod text;

use operation::Operation;
use schema::Models;
use text::{anchor, capitalized, escape, prose};

const STYLE: &str = include_str!("docs_page/style.css");
const SCRIPT: &str = include_str!("docs_page/script.js");

/// The `Content-Security-Policy` of what is no page, as the JSON of the description.
pub const NO_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// The `Content-Security-Policy` of the page (CSP Level 3): only its own style and script, known by their SHA-256, and
/// requests only to the server it came from. The script makes no markup from text, so Trusted Types are demanded as well.
pub fn policy() -> String {
    let hash = |block: &str| format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(block)));
    format!(
        "default-src 'none'; style-src {}; script-src {}; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

/// The page from the description's JSON text. What the text lacks, the page lacks.
pub fn render(description: &[u8]) -> String {
    let description: Value = serde_json::from_slice(description).unwrap_or_default();
    let models = Models::of(&description);
    let operations = operation::all(&description);
    let base = description["servers"][0]["url"].as_str().unwrap_or_default();
    let title = escape(description["info"]["title"].as_str().unwrap_or("API"));
    let version = escape(description["info"]["version"].as_str().unwrap_or_default());
    let mut navigation = String::new();
    let mut sections = String::new();
    for tag in tags(&operations) {
        let name = anchor(tag);
        let heading = escape(&capitalized(tag));
        let of_tag = || operations.iter().filter(|operation| operation.tag == tag);
        let links: String = of_tag().map(Operation::link).collect();
        navigation.push_str(&format!("<li><a href=\"#tag-{name}\">{heading}</a>\n<ul>\n{links}</ul></li>\n"));
        let articles: String = of_tag().map(|operation| operation.article(models, &description, base)).collect();
        sections.push_str(&format!(
            "<section id=\"tag-{name}\" aria-labelledby=\"tag-{name}-title\">\n<h2 id=\"tag-{name}-title\">{heading}</h2>\n{articles}</section>\n"
        ));
    }
    navigation.push_str(&format!("<li><a href=\"#models\">Models</a>\n<ul>\n{}</ul></li>\n", model_links(models)));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title} API</title>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<style>{STYLE}</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#content\">Skip to the content</a>\n\
         <header class=\"top\">\n<h1>{title} API <small>{version}</small></h1>\n{TOKEN}</header>\n\
         <nav aria-label=\"Operations\">\n{FILTER}<ul>\n{navigation}</ul>\n</nav>\n<main id=\"content\" tabindex=\"-1\">\n{}{sections}{}</main>\n\
         <script>{SCRIPT}</script>\n</body>\n</html>\n",
        introduction(&description, base),
        models_section(models),
    )
}

/// Where the reader's token goes; of use only with the script.
const TOKEN: &str = "<label class=\"token\" hidden data-script><span>Access token</span>\n<input type=\"password\" id=\"token\" \
    autocomplete=\"off\" spellcheck=\"false\" placeholder=\"Paste one, or try auth.login\" \
    title=\"Kept in the memory of this page only\"></label>\n";

/// The search within the page; of use only with the script.
const FILTER: &str = "<label class=\"filter\" hidden data-script><span class=\"unseen\">Filter</span>\n\
    <input type=\"search\" id=\"filter\" placeholder=\"Filter\"></label>\n<p class=\"none\" id=\"none\" role=\"status\"></p>\n";

/// What holds for all operations.
fn introduction(description: &Value, base: &str) -> String {
    let text = description["info"]["description"].as_str().unwrap_or_default();
    let others = schema::list(&description["servers"]).skip(1).filter_map(|server| server["url"].as_str());
    let others: Vec<String> = others.map(|url| format!("<code>{}</code>", escape(url))).collect();
    let same =
        if others.is_empty() { String::new() } else { format!(" The same routes stand under {}.", others.join(", ")) };
    let base = escape(base);
    format!(
        "<section aria-label=\"Introduction\">\n<p>{}</p>\n<p>All paths begin with <code>{base}</code>.{same} A request shows who it is from by \
         <code>Authorization: Bearer</code> and the token that <a href=\"#auth.login\">auth.login</a> gives. The description for programs: \
         <a href=\"{base}/openapi.json\">openapi.json</a> (OpenAPI {}).</p>\n</section>\n",
        prose(text),
        escape(description["openapi"].as_str().unwrap_or_default()),
    )
}

/// Each tag once, in the order of the operations.
fn tags<'a>(operations: &[Operation<'a>]) -> Vec<&'a str> {
    let mut tags = Vec::new();
    for operation in operations {
        if !tags.contains(&operation.tag) {
            tags.push(operation.tag);
        }
    }
    tags
}

fn model_links(models: Models<'_>) -> String {
    models
        .all()
        .map(|(name, _)| format!("<li><a href=\"#model-{}\">{}</a></li>\n", anchor(name), escape(name)))
        .collect()
}

fn models_section(models: Models<'_>) -> String {
    let mut out =
        "<section id=\"models\" aria-labelledby=\"models-title\">\n<h2 id=\"models-title\">Models</h2>\n".to_owned();
    for (name, model) in models.all() {
        let (id, name) = (anchor(name), escape(name));
        out.push_str(&format!(
            "<article id=\"model-{id}\" aria-labelledby=\"model-{id}-title\">\n<header>\n<h3 id=\"model-{id}-title\"><a href=\"#model-{id}\">{name}</a></h3>\n\
             <p>{}</p>\n</header>\n{}</article>\n",
            schema::meaning(schema::description(model), model),
            operation::members_table(models, model)
        ));
    }
    out.push_str("</section>\n");
    out
}

#[cfg(test)]
mod tests;
