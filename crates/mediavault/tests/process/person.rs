//! Somebody who uses a server in another process: every answer is checked against the API's description, and a lost
//! connection is an outcome.

use bytes::Bytes;
use mv_testkit::client::PASSWORD;
use mv_testkit::{Answer, description};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::program::Running;

/// A person and the server that they talk to now.
#[derive(Clone)]
pub(crate) struct Person {
    http: Client,
    origin: String,
    pub(crate) token: String,
    pub(crate) email: String,
}

impl Person {
    /// Without credentials.
    pub(crate) fn nobody(server: &Running) -> Self {
        let http = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, origin: server.origin().to_owned(), token: String::new(), email: String::new() }
    }

    /// With a new account, logged in.
    pub(crate) async fn registered(server: &Running, name: &str) -> Self {
        let email = format!("{name}@example.com");
        Self::nobody(server).post("/auth/register", json!({ "email": email, "password": PASSWORD })).await.expect(201);
        Self::known(server, &email, PASSWORD).await
    }

    /// With an account that there is, by its e-mail address or user name, logged in.
    pub(crate) async fn known(server: &Running, email: &str, password: &str) -> Self {
        let mut person = Self { email: email.to_owned(), ..Self::nobody(server) };
        person.log_in(password).await;
        person
    }

    pub(crate) async fn log_in(&mut self, password: &str) {
        self.token.clear();
        let tokens =
            self.post("/auth/login", json!({ "username": self.email, "password": password })).await.expect(200);
        self.token = tokens["token"].as_str().unwrap().to_owned();
    }

    /// The same person at a server that was started again.
    pub(crate) fn at(&self, server: &Running) -> Self {
        Self { token: self.token.clone(), email: self.email.clone(), ..Self::nobody(server) }
    }

    /// A request: a path relative to `/api/v1`, or an absolute URL.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}/api/v1{path}", self.origin) };
        let request = self.http.request(method, url);
        if self.token.is_empty() { request } else { request.bearer_auth(&self.token) }
    }

    /// Sends a request; the connection may break.
    pub(crate) async fn try_send(&self, request: RequestBuilder) -> Result<Answer, reqwest::Error> {
        let request = request.build().unwrap();
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = self.http.execute(request).await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await?;
        let answer = Answer { asked: format!("{method} {path}"), status, headers, body };
        description::check(method.as_str(), &path, &answer);
        Ok(answer)
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        self.try_send(request).await.unwrap_or_else(|error| panic!("no answer: {error:?}"))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).json(&body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Uploads a file as the body itself; a key makes it safe to try again.
    pub(crate) async fn try_upload(
        &self,
        filename: &str,
        key: Option<&str>,
        bytes: Bytes,
    ) -> Result<Answer, reqwest::Error> {
        let mut request = self
            .request(Method::POST, "/media/upload")
            .header("content-type", "application/octet-stream")
            .header("content-disposition", format!("attachment; filename=\"{filename}\""));
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        self.try_send(request.body(bytes)).await
    }

    /// Uploads a file and gives the new item.
    pub(crate) async fn upload(&self, filename: &str, bytes: impl Into<Bytes>) -> Value {
        self.try_upload(filename, None, bytes.into()).await.unwrap().expect(201)
    }

    /// The item's bytes.
    pub(crate) async fn content(&self, id: &str) -> Bytes {
        let answer = self.get(&format!("/media/{id}/content")).await;
        assert_eq!(answer.status, 200, "{}", answer.asked);
        answer.body
    }
}
