//! Every operation by every kind of caller gets the table's answer; what is refused changes nothing, and what is somebody
//! else's is refused in the very words in which what does not exist is.

use mv_testkit::{Actor, Answer, on_both};
use reqwest::Method;
use serde_json::Value;

use crate::callers::{Callers, Kind, Makes};
use crate::matrix::{self, Row};
use crate::world::{Things, World, fill, nothing, path_of};

/// What an error of this status is called.
fn code(status: u16) -> &'static str {
    match status {
        400 => "validation_error",
        401 => "unauthorized",
        403 => "forbidden",
        404 => "not_found",
        409 => "conflict",
        410 => "gone",
        other => panic!("the table has no word for {other}"),
    }
}

/// An operation with its row.
struct Case<'m> {
    route: &'m str,
    method: Method,
    path: String,
    row: &'m Row,
    takes_file: bool,
}

impl Case<'_> {
    /// The texts that hold placeholders.
    fn texts(&self) -> [&str; 3] {
        [&self.path, &self.row.query, self.row.body.as_deref().unwrap_or_default()]
    }

    async fn send(&self, by: &Actor, things: &Things) -> Answer {
        let query = fill(&self.row.query, things);
        let mark = if query.is_empty() { "" } else { "?" };
        let request = by.request(self.method.clone(), &format!("{}{mark}{query}", fill(&self.path, things)));
        let request = match &self.row.body {
            Some(body) => request.header("content-type", "application/json").body(fill(body, things)),
            None if self.takes_file => request.header("content-type", "application/octet-stream").body("abc"),
            None => request,
        };
        by.send(request).await
    }

    /// Whether anything of this request belongs to somebody.
    fn names_things(&self) -> bool {
        ["$media", "$collection", "$session", "$key", "$token"]
            .iter()
            .any(|name| self.path.contains(name) || self.row.body.as_ref().is_some_and(|body| body.contains(name)))
    }

    /// Who asks and for what: anew where the request may use either up.
    async fn scene(&self, world: &World, callers: &Callers, kind: Kind, shared: &Things) -> (Actor, Things) {
        let by = callers.of(kind, world);
        if kind.expected(self.row) >= 400 {
            return (by, shared.clone());
        }
        if !self.row.alone {
            return (by, world.things(&self.texts(), &callers.owner).await);
        }
        let fresh = world.person().await;
        match kind {
            Kind::Owner => (fresh.clone(), world.things(&self.texts(), &fresh).await),
            Kind::Other => (fresh.clone(), world.things(&self.texts(), &fresh).await),
            Kind::Admin if self.row.owner < 400 => {
                let admin = world.administrator().await;
                let things = world.things(&self.texts(), &admin).await;
                (admin, things)
            }
            // On another's account: that account is used up.
            _ => (by, world.things(&self.texts(), &fresh).await),
        }
    }

    /// One request by one caller. Gives what is wrong.
    async fn run(&self, world: &World, callers: &Callers, kind: Kind, shared: &Things) -> Vec<String> {
        let expected = kind.expected(self.row);
        let (by, things) = self.scene(world, callers, kind, shared).await;
        let before = world.state().await;
        let answer = self.send(&by, &things).await;
        let named = format!("{} by {kind:?}", self.route);
        if answer.status != expected {
            let body = String::from_utf8_lossy(&answer.body[..answer.body.len().min(300)]).into_owned();
            return vec![format!("{named}: {} instead of {expected}: {body}", answer.status)];
        }
        if expected < 400 {
            return Vec::new();
        }
        let mut wrong = Vec::new();
        if world.state().await != before {
            wrong.push(format!("{named}: refused, but something changed"));
        }
        if self.method != Method::HEAD && answer.json()["error"]["code"] != code(expected) {
            wrong.push(format!("{named}: not {}: {}", code(expected), answer.json()));
        }
        if expected == 401 && !answer.header("www-authenticate").starts_with("Bearer") {
            wrong.push(format!("{named}: no challenge"));
        }
        if expected == 403 && !self.names_missing(kind, &answer) {
            wrong.push(format!("{named}: the missing scopes are not named: {}", answer.header("www-authenticate")));
        }
        if expected == 404 && matches!(kind, Kind::Other | Kind::Admin) && self.names_things() {
            wrong.extend(self.told_apart(&by, &things, &answer).await);
        }
        wrong
    }

    /// Whether a refused key is told exactly which scopes it lacks.
    fn names_missing(&self, kind: Kind, answer: &Answer) -> bool {
        let (Kind::Key(held), Some(needed)) = (kind, self.row.area.strip_prefix("scope:")) else { return true };
        let missing: Vec<&str> = needed.split(',').filter(|scope| *scope != held.as_str()).collect();
        let challenge =
            format!(r#"Bearer realm="mediavault", error="insufficient_scope", scope="{}""#, missing.join(" "));
        if self.method == Method::HEAD {
            return answer.header("www-authenticate") == challenge;
        }
        let body = answer.json();
        let details = body["error"]["details"].as_array().unwrap();
        let named: Vec<&str> = details.iter().map(|detail| detail["message"].as_str().unwrap()).collect();
        answer.header("www-authenticate") == challenge && named == missing
    }

    /// Whether the answer about another's thing differs from the answer about none.
    async fn told_apart(&self, by: &Actor, things: &Things, foreign: &Answer) -> Option<String> {
        let none = self.send(by, &nothing(things)).await;
        (bare(foreign) != bare(&none))
            .then(|| format!("{}: another's: {:?}, nobody's: {:?}", self.route, bare(foreign), bare(&none)))
    }
}

/// An answer without what differs from request to request.
fn bare(answer: &Answer) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let changing =
        ["date", "x-request-id", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit", "content-length"];
    let headers = answer
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .filter(|(name, _)| !changing.contains(&name.as_str()));
    let mut body = answer.body.to_vec();
    if !body.is_empty() {
        // The bytes themselves, with the two changing members cut out of `meta`, which comes last.
        let mut parsed: Value = answer.json();
        let meta = parsed["meta"].as_object_mut().unwrap();
        for member in ["request_id", "timestamp"] {
            let value = meta.remove(member).unwrap();
            let text = String::from_utf8(body).unwrap();
            body = text.replacen(value.as_str().unwrap(), "-", 1).into_bytes();
        }
    }
    (answer.status, headers.collect(), body)
}

on_both!(
    every_caller_gets_what_the_table_says,
    mv_testkit::Options::with("database.connections", 8),
    |server| async move {
        let world = World::new(server).await;
        let (matrix, operations) = (matrix::read(), matrix::operations(&matrix::description()));
        let makes = Makes {
            keys: operations.contains_key("POST /api-keys"),
            upload_tokens: operations.contains_key("POST /upload-tokens"),
        };
        let callers = Callers::new(&world, makes).await;
        let mut wrong = Vec::new();
        for (route, row) in &matrix {
            let Some(operation) = operations.get(route) else { continue };
            let (method, template) = route.split_once(' ').unwrap();
            let case = Case {
                route,
                method: method.parse().unwrap(),
                path: path_of(template),
                row,
                takes_file: !operation["requestBody"]["content"]["multipart/form-data"].is_null(),
            };
            let shared = world.things(&case.texts(), &callers.owner).await;
            for kind in Kind::all(makes) {
                wrong.extend(case.run(&world, &callers, kind, &shared).await);
            }
        }
        assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    }
);
