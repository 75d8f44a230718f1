//! Clients that are not ours: the API reference's own under Node with `ws`, and Python's `websockets`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use mv_testkit::Backend;
use reqwest::Method;
use serde_json::{Value, json};

use crate::person::Person;
use crate::program::{Home, Running};

/// How long a client may take to say something.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client that runs; it is ended when dropped.
struct Client {
    child: Child,
    lines: Receiver<String>,
}

impl Client {
    fn start(command: &mut Command, server: &Running, token: &str, media: &str) -> Self {
        let origin = server.origin().replace("http://", "ws://");
        command.env("ORIGIN", origin).env("TOKEN", token).env("MEDIA", media).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines }
    }

    /// What it prints next.
    fn next(&self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("the client is silent: {error}"));
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients").join(name)
}

/// A variable that `make test` sets.
#[expect(clippy::disallowed_methods, reason = "says where the tools of tests are")]
fn prepared(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; make test prepares it"))
}

fn node() -> Command {
    let mut node = Command::new("node");
    node.env("MEDIAVAULT_TEST_NODE", prepared("MEDIAVAULT_TEST_NODE")).arg(file("reference.mjs"));
    node
}

/// A server, somebody, and an item of theirs.
async fn scene(home: &Home) -> (Running, Person, String) {
    let server = home.serve();
    let person = Person::registered(&server, "ann").await;
    let item = person.try_upload("a.bin", None, bytes::Bytes::from_static(b"a")).await.unwrap().expect(201);
    (server, person, item["id"].as_str().unwrap().to_owned())
}

async fn rename(person: &Person, item: &str) {
    let request = person.request(Method::PATCH, &format!("/media/{item}")).json(&json!({ "title": "new" }));
    person.send(request).await.expect(200);
}

fn is_update_of(message: &Value, item: &str) {
    assert_eq!((&message["type"], &message["event"]), (&json!("event"), &json!("media.updated")), "{message}");
    assert_eq!((&message["resource_id"], &message["data"]["id"]), (&json!(item), &json!(item)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_references_own_client_hears_of_its_item() {
    let home = Home::new(Backend::Sqlite).await;
    let (server, person, item) = scene(&home).await;
    let client = Client::start(&mut node(), &server, &person.token, &item);
    let update = || {
        let line = client.next();
        assert_eq!(line["label"], "Update:", "{line}");
        line["value"].clone()
    };
    assert_eq!(update()["type"], "authenticated");
    let subscribed = update();
    assert_eq!((&subscribed["type"], &subscribed["resource_id"]), (&json!("subscribed"), &json!(item)));
    rename(&person, &item).await;
    is_update_of(&update(), &item);
    server.stop();
    assert_eq!(client.next(), json!({ "closed": 1001 }));
    home.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_messages_are_understood_word_for_word() {
    let home = Home::new(Backend::Sqlite).await;
    let (server, ..) = scene(&home).await;
    // With its placeholders as they stand: a token that is none.
    let client = Client::start(&mut node(), &server, "", "");
    let told = client.next();
    assert_eq!((&told["value"]["type"], &told["value"]["error"]["code"]), (&json!("error"), &json!("unauthorized")));
    assert_eq!(client.next(), json!({ "closed": 4401 }));
    server.stop();
    home.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pythons_websockets_hear_of_an_item() {
    let home = Home::new(Backend::Sqlite).await;
    let (server, person, item) = scene(&home).await;
    let mut python = Command::new(prepared("MEDIAVAULT_TEST_PYTHON"));
    let client = Client::start(python.arg(file("listen.py")), &server, &person.token, &item);
    let types = [(); 3].map(|()| client.next()["type"].clone());
    assert_eq!(types, [json!("authenticated"), json!("subscribed"), json!("pong")], "in the order sent");
    rename(&person, &item).await;
    is_update_of(&client.next(), &item);
    server.stop();
    home.end().await;
}
