//! The README's first upload, its lines run as they stand.

use super::*;
use std::path::Path;
use std::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn the_first_upload_of_the_readme_works_as_it_stands() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md")).unwrap();
    let marked = readme.split("A test runs the lines of this block").nth(1).expect("the README marks the block");
    let lines = marked.split("```bash\n").nth(1).and_then(|block| block.split("\n```").next()).unwrap().to_owned();
    let server = mv_testkit::Server::start(mv_testkit::Backend::Sqlite, Options::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let photo = mv_testkit::files::jpeg(7, 200_000);
    std::fs::write(folder.path().join("photo.jpg"), &photo).unwrap();
    let (origin, place) = (server.origin(), folder.path().to_owned());
    let ran = tokio::task::spawn_blocking(move || {
        // A person's shell goes on after an error; a test must not.
        let script = format!("set -euo pipefail\n{lines}\n");
        Command::new("bash").arg("-c").arg(script).env("VAULT", origin).current_dir(place).output().unwrap()
    });
    let ran = ran.await.unwrap();
    let (out, complaint) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{out}\n{complaint}");
    assert!(out.contains("\"title\":\"At the lake\"") && out.contains("\"added\":1"), "{out}");
    assert_eq!(std::fs::read(folder.path().join("linked.jpg")).unwrap(), photo);
    server.end().await;
}
