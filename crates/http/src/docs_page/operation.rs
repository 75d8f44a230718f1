//! Operations of the description: read into one shape, and written as articles of the page.

use serde_json::Value;

use super::schema::{self, Models, list, meaning};
use super::text::{anchor, escape, prose};
use super::{curl, form};

/// In the order in which they are shown for one path.
const METHODS: [&str; 8] = ["get", "head", "post", "put", "patch", "delete", "options", "trace"];

/// One operation.
#[derive(Debug)]
pub(super) struct Operation<'a> {
    /// Its name, also its anchor: `media.list`.
    pub(super) id: String,
    pub(super) tag: &'a str,
    /// In capitals.
    pub(super) method: &'static str,
    /// With parameters in braces, relative to the base.
    pub(super) path: &'a str,
    summary: &'a str,
    description: &'a str,
    pub(super) parameters: Vec<Parameter<'a>>,
    pub(super) body: Option<Body<'a>>,
    /// Each entry one way to be let in: the schemes that it needs together. An empty one: nothing is needed.
    pub(super) security: Vec<Vec<&'a str>>,
    responses: Vec<(&'a str, &'a Value)>,
}

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Path,
    Query,
    Header,
}

impl Place {
    /// As the description calls it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
        }
    }
}

/// A parameter.
#[derive(Debug)]
pub(super) struct Parameter<'a> {
    pub(super) name: &'a str,
    pub(super) place: Place,
    pub(super) required: bool,
    pub(super) schema: &'a Value,
    description: &'a str,
}

/// A body that is sent.
#[derive(Debug)]
pub(super) struct Body<'a> {
    /// Its content type.
    pub(super) kind: &'a str,
    pub(super) schema: &'a Value,
    pub(super) required: bool,
    description: &'a str,
    /// Other content types that may be sent instead.
    others: Vec<&'a str>,
}

impl Body<'_> {
    /// Whether it is a form with a file rather than JSON.
    pub(super) fn is_form(&self) -> bool {
        self.kind == "multipart/form-data"
    }
}

/// All operations, in the order of the paths.
pub(super) fn all(description: &Value) -> Vec<Operation<'_>> {
    let mut operations = Vec::new();
    for (path, item) in description["paths"].as_object().into_iter().flatten() {
        for method in METHODS {
            if item[method].is_object() {
                operations.push(Operation::read(description, path, method, &item[method]));
            }
        }
    }
    operations
}

impl<'a> Operation<'a> {
    fn read(description: &'a Value, path: &'a str, method: &str, value: &'a Value) -> Self {
        let method = match method {
            "get" => "GET",
            "head" => "HEAD",
            "post" => "POST",
            "put" => "PUT",
            "patch" => "PATCH",
            "delete" => "DELETE",
            "options" => "OPTIONS",
            _ => "TRACE",
        };
        let id = value["operationId"].as_str().map_or_else(|| anchor(&format!("{method}{path}")), anchor);
        let security = if value["security"].is_array() { &value["security"] } else { &description["security"] };
        Self {
            id,
            tag: list(&value["tags"]).find_map(Value::as_str).unwrap_or("other"),
            method,
            path,
            summary: value["summary"].as_str().unwrap_or_default(),
            description: value["description"].as_str().unwrap_or_default(),
            parameters: list(&value["parameters"]).filter_map(Parameter::read).collect(),
            body: Body::read(&value["requestBody"]),
            security: list(security)
                .map(|way| way.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect())
                .collect(),
            responses: value["responses"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(status, answer)| (status.as_str(), answer))
                .collect(),
        }
    }

    /// Whether a good answer is something else than JSON.
    pub(super) fn answers_with_bytes(&self) -> bool {
        let good = self.responses.iter().filter(|(status, _)| status.starts_with('2'));
        good.flat_map(|(_, answer)| answer["content"].as_object().into_iter().flatten()).any(|(kind, _)| !is_json(kind))
    }

    /// Its entry in the navigation.
    pub(super) fn link(&self) -> String {
        format!(
            "<li><a href=\"#{}\">{}<span>{}</span></a></li>\n",
            self.id,
            method_badge(self.method),
            escape(self.path).replace('/', "/<wbr>")
        )
    }

    /// Its article. `base` is the path that all operations share.
    pub(super) fn article(&self, models: Models<'_>, description: &Value, base: &str) -> String {
        // The first sentence is the title, what follows it is text.
        let (title, more) = self.summary.split_once(". ").unwrap_or((self.summary.trim_end_matches('.'), ""));
        let title = if title.is_empty() { &self.id } else { title };
        let mut out = format!(
            "<article id=\"{id}\" aria-labelledby=\"{id}-title\">\n<header>\n<h3 id=\"{id}-title\"><a href=\"#{id}\">{title}</a></h3>\n\
             <p class=\"line\">{badge}<code>{base}{path}</code> <span class=\"muted\">{id}</span></p>\n</header>\n",
            id = self.id,
            title = prose(title),
            badge = method_badge(self.method),
            base = escape(base),
            path = escape(self.path),
        );
        for text in [more, self.description].into_iter().filter(|text| !text.is_empty()) {
            out.push_str(&format!("<p>{}</p>\n", prose(text)));
        }
        out.push_str(&format!("<p class=\"muted\">{}</p>\n", self.needs(description)));
        out.push_str(&self.parameters_table(models));
        out.push_str(&self.body.as_ref().map(|body| body.section(models)).unwrap_or_default());
        out.push_str(&self.responses_table(models));
        out.push_str(&format!(
            "<h4>curl</h4>\n<pre tabindex=\"0\" aria-label=\"curl command\" class=\"curl\">{}</pre>\n",
            curl::html(models, self, base)
        ));
        out.push_str(&form::html(models, self, base));
        out.push_str("</article>\n");
        out
    }

    /// Who is let in, in words.
    fn needs(&self, description: &Value) -> String {
        let way = |schemes: &Vec<&str>| {
            let names: Vec<String> =
                schemes.iter().map(|name| scheme(&description["components"]["securitySchemes"][name], name)).collect();
            if names.is_empty() { "nothing".to_owned() } else { names.join(" and ") }
        };
        let ways: Vec<String> = self.security.iter().map(way).collect();
        if self.security.iter().all(Vec::is_empty) {
            "Open to everyone.".to_owned()
        } else {
            format!("Needs {}.", ways.join(", or "))
        }
    }

    fn parameters_table(&self, models: Models<'_>) -> String {
        let row = |parameter: &Parameter<'_>| {
            let kind = format!("{}, {}", parameter.place.name(), models.kind(parameter.schema));
            row(parameter.name, &kind, parameter.required, &meaning(parameter.description, parameter.schema))
        };
        table("Parameters", "Parameter", &self.parameters.iter().map(row).collect::<String>())
    }

    fn responses_table(&self, models: Models<'_>) -> String {
        let mut rows = String::new();
        for (status, answer) in &self.responses {
            let status = if *status == "default" { "any other" } else { status };
            let kind: Vec<String> = answer["content"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(kind, content)| answer_kind(models, kind, &content["schema"]))
                .collect();
            let text = prose(answer["description"].as_str().unwrap_or_default());
            rows.push_str(&row(status, &kind.join(" or "), false, &text));
        }
        table("Answers", "Status", &rows)
    }
}

impl<'a> Parameter<'a> {
    fn read(value: &'a Value) -> Option<Self> {
        let place = match value["in"].as_str()? {
            "path" => Place::Path,
            "query" => Place::Query,
            "header" => Place::Header,
            _ => return None,
        };
        Some(Self {
            name: value["name"].as_str()?,
            place,
            required: value["required"].as_bool().unwrap_or_default(),
            schema: &value["schema"],
            description: value["description"].as_str().unwrap_or_default(),
        })
    }
}

impl<'a> Body<'a> {
    fn read(value: &'a Value) -> Option<Self> {
        let kinds = value["content"].as_object()?;
        let preferred = ["multipart/form-data", "application/json"].into_iter().find(|kind| kinds.contains_key(*kind));
        let (kind, content) =
            kinds.iter().find(|(kind, _)| preferred.is_none_or(|preferred| preferred == kind.as_str()))?;
        Some(Self {
            kind,
            schema: &content["schema"],
            required: value["required"].as_bool().unwrap_or_default(),
            description: value["description"].as_str().unwrap_or_default(),
            others: kinds.keys().map(String::as_str).filter(|other| other != kind).collect(),
        })
    }

    fn section(&self, models: Models<'_>) -> String {
        let mut line = format!("<code>{}</code>: {}", escape(self.kind), models.kind(self.schema));
        if !self.required {
            line.push_str(", may be left out");
        }
        for other in &self.others {
            line.push_str(&format!("; or <code>{}</code>", escape(other)));
        }
        let texts = [self.description, schema::description(models.resolve(self.schema))];
        let texts: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).map(prose).collect();
        format!("<h4>Body</h4>\n<p>{line}. {}</p>\n{}", texts.join(" "), members_table(models, self.schema))
    }
}

/// The table of an object's members; empty where it has none.
pub(super) fn members_table<'a>(models: Models<'a>, schema: &'a Value) -> String {
    let members = models.members(schema);
    let row = |member: &schema::Member<'_>| {
        row(
            member.name,
            &models.kind(member.schema),
            member.required,
            &meaning(schema::description(member.schema), member.schema),
        )
    };
    table("", "Member", &members.iter().map(row).collect::<String>())
}

/// The method as a badge.
fn method_badge(method: &str) -> String {
    format!("<b class=\"method {}\">{method}</b> ", method.to_ascii_lowercase())
}

/// A table with its heading; nothing without rows.
fn table(heading: &str, first: &str, rows: &str) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let heading = if heading.is_empty() { String::new() } else { format!("<h4>{heading}</h4>\n") };
    format!(
        "{heading}<table>\n<thead><tr><th scope=\"col\">{first}</th><th scope=\"col\">Meaning</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n"
    )
}

/// A row: the name is text, kind and meaning are HTML.
fn row(name: &str, kind: &str, required: bool, meaning: &str) -> String {
    let required = if required { " <em>required</em>" } else { "" };
    format!(
        "<tr><th scope=\"row\"><code>{}</code>{required}<small>{kind}</small></th><td>{meaning}</td></tr>\n",
        escape(name)
    )
}

/// What an answer holds. Of one in an envelope, what the envelope is around.
fn answer_kind<'a>(models: Models<'a>, kind: &str, schema: &'a Value) -> String {
    if !is_json(kind) {
        return "the bytes".to_owned();
    }
    let data = models.members(schema).into_iter().find(|member| member.name == "data");
    let data = data.map(|member| format!(", <code>data</code> is {}", models.kind(member.schema)));
    format!("{}{}", models.kind(schema), data.unwrap_or_default())
}

/// A security scheme in words.
fn scheme(scheme: &Value, name: &str) -> String {
    match (scheme["type"].as_str(), scheme["in"].as_str(), scheme["name"].as_str()) {
        (Some("http"), ..) => "an access token".to_owned(),
        (Some("apiKey"), Some(place), Some(key)) => format!("<code>{}</code> in the {}", escape(key), escape(place)),
        _ => escape(name),
    }
}

fn is_json(kind: &str) -> bool {
    kind == "application/json" || kind.ends_with("+json")
}
