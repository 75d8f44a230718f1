//! People who use a server. Every answer is checked against the API's description before a test sees it.

use bytes::Bytes;
use reqwest::Method;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::description;
use crate::server::Server;

/// Somebody who sends requests, with or without credentials.
#[derive(Clone)]
pub struct Actor {
    /// The server.
    pub server: Server,
    /// The access token, if logged in.
    pub token: Option<String>,
    /// The refresh token, if logged in.
    pub refresh_token: Option<String>,
    /// The account's id, if there is one.
    pub id: String,
    /// The account's e-mail address.
    pub email: String,
}

/// The password of every account that tests make.
pub const PASSWORD: &str = "correct horse battery";

impl Actor {
    pub(crate) fn anonymous(server: Server) -> Self {
        Self { server, token: None, refresh_token: None, id: String::new(), email: String::new() }
    }

    pub(crate) async fn registered(server: Server, name: &str) -> Self {
        let email = format!("{name}@example.com");
        let anonymous = Self::anonymous(server);
        let made = anonymous.post("/auth/register", json!({ "email": email, "password": PASSWORD })).await.expect(201);
        let mut actor = Self { id: made["id"].as_str().unwrap().to_owned(), email, ..anonymous };
        actor.log_in(PASSWORD).await;
        actor
    }

    /// Logs in anew.
    pub async fn log_in(&mut self, password: &str) {
        self.token = None;
        let tokens =
            self.post("/auth/login", json!({ "username": self.email, "password": password })).await.expect(200);
        self.token = tokens["token"].as_str().map(str::to_owned);
        self.refresh_token = tokens["refresh_token"].as_str().map(str::to_owned);
    }

    /// The same person with another access token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// A request to be sent with `send`: a path relative to `/api/v1`, or an absolute URL.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url =
            if path.starts_with("http") { path.to_owned() } else { format!("{}/api/v1{path}", self.server.origin()) };
        let request = self.server.http().request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request and checks the answer against the description.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let request = request.build().expect("a request");
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let asked = format!("{method} {}", bare(request.url()));
        let response = self.server.http().execute(request).await.unwrap_or_else(|error| panic!("{asked}: {error:?}"));
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = if headers.get("content-type").is_some_and(|kind| kind == "text/event-stream") {
            // Of what does not end by itself, what comes first.
            let mut response = response;
            response.chunk().await.unwrap_or_else(|error| panic!("{asked}: {error:?}")).unwrap_or_default()
        } else {
            response.bytes().await.unwrap_or_else(|error| panic!("{asked}: {error:?}"))
        };
        let answer = Answer { asked, status, headers, body };
        description::check(method.as_str(), &path, &answer);
        answer
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// POST with a JSON body.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).json(&body)).await
    }

    /// POST without a body.
    pub async fn post_empty(&self, path: &str) -> Answer {
        self.send(self.request(Method::POST, path)).await
    }

    /// PATCH with a JSON body.
    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PATCH, path).json(&body)).await
    }

    /// PUT with a JSON body.
    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PUT, path).json(&body)).await
    }

    /// Uploads a file by a form with these fields, whatever comes of it. `query` begins with `?` or is empty.
    pub async fn try_upload(&self, query: &str, filename: &str, bytes: &[u8], fields: &[(&str, &str)]) -> Answer {
        let (kind, body) = multipart(filename, bytes, fields);
        let request = self.request(Method::POST, &format!("/media/upload{query}")).header("content-type", kind);
        self.send(request.body(body)).await
    }

    /// Uploads a file and gives the new item.
    pub async fn upload(&self, filename: &str, bytes: &[u8]) -> Value {
        self.try_upload("", filename, bytes, &[]).await.expect(201)
    }

    /// Uploads a file as the body itself. `headers` may replace `content-type`.
    pub async fn upload_raw(&self, query: &str, bytes: impl Into<Bytes>, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.request(Method::POST, &format!("/media/upload{query}"));
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/octet-stream");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(bytes.into())).await
    }
}

/// An address without the secrets that it may carry.
fn bare(url: &reqwest::Url) -> &str {
    ["sig=", "ticket="].iter().fold(url.as_str(), |text, secret| text.split(secret).next().unwrap())
}

/// A form with a file and fields around it: its content type and its body. A field named `>name` comes after the file.
pub fn multipart(filename: &str, bytes: &[u8], fields: &[(&str, &str)]) -> (String, Vec<u8>) {
    let boundary = "mv-test-boundary";
    let mut body = Vec::new();
    let text = |body: &mut Vec<u8>, name: &str, value: &str| {
        body.extend(
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes(),
        );
    };
    fields.iter().filter(|(name, _)| !name.starts_with('>')).for_each(|(name, value)| text(&mut body, name, value));
    body.extend(
        format!("--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{filename}\"\r\nContent-Type: application/octet-stream\r\n\r\n")
            .bytes(),
    );
    body.extend_from_slice(bytes);
    body.extend_from_slice(b"\r\n");
    fields
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix('>')?, value)))
        .for_each(|(name, value)| text(&mut body, name, value));
    body.extend(format!("--{boundary}--\r\n").bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}
