//! The other commands, alone and beside a running server: administrators, `migrate`, `check`, `openapi`, `health`.

use std::fs;
use std::os::unix::fs::FileExt;

use mv_testkit::Backend;
use mv_testkit::client::PASSWORD;
use serde_json::{Value, json};

use crate::ledger::bytes_of;
use crate::person::Person;
use crate::program::{Checked, Home, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn administrators_are_made_beside_a_server_and_without_one() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let home = Home::new(backend).await;
        let create = |email: &str, username: &str| {
            home.run_with_input(
                &["admin", "create", "--email", email, "--username", username, "--password-stdin"],
                PASSWORD,
            )
        };
        let said = create("root@example.com", "root");
        assert!(said.worked().starts_with("administrator root@example.com was made: user_"), "{said:?}");
        assert_eq!(said.out.matches('\n').count(), 1, "{said:?}");
        let server = home.serve();
        let said = create("boss@example.com", "boss");
        assert!(said.worked().starts_with("administrator boss@example.com was made: user_"), "{said:?}");
        for name in ["root@example.com", "BOSS"] {
            let person = Person::known(&server, name, PASSWORD).await;
            assert_eq!(person.get("/users/me").await.expect(200)["role"], "admin", "{name}");
        }
        server.stop();
        home.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_password_ends_sessions_and_links_at_once() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let home = Home::new(backend).await;
        let server = home.serve();
        let ann = Person::registered(&server, "ann").await;
        let bob = Person::registered(&server, "bob").await;
        let login = json!({ "username": ann.email, "password": PASSWORD });
        let tokens = Person::nobody(&server).post("/auth/login", login.clone()).await.expect(200);
        let item = ann.upload("a.bin", bytes_of(1, 40_000)).await;
        let link = item["urls"]["content"].as_str().unwrap();
        let nobody = Person::nobody(&server);
        // All of it is known to the server, and in its caches.
        for _ in 0..3 {
            assert_eq!(nobody.get(link).await.status, 200);
            ann.get("/users/me").await.expect(200);
        }

        let said = home.run_with_input(
            &["admin", "reset-password", "--email", "Ann@Example.com", "--password-stdin"],
            "another horse battery\n",
        );
        assert_eq!(said.worked(), "ann@example.com has a new password; its sessions and links have ended\n");
        ann.get("/users/me").await.error(401, "unauthorized");
        let linked = nobody.get(link).await;
        assert!([401, 403, 404].contains(&linked.status), "the old link answers {}", linked.status);
        nobody
            .post("/auth/refresh", json!({ "refresh_token": tokens["refresh_token"] }))
            .await
            .error(401, "unauthorized");
        nobody.post("/auth/login", login).await.error(401, "unauthorized");
        let mut ann = ann;
        ann.log_in("another horse battery").await;
        assert_eq!(ann.content(item["id"].as_str().unwrap()).await, bytes_of(1, 40_000));
        bob.get("/users/me").await.expect(200);
        server.stop();
        home.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_accounts_and_passwords_are_one_line() {
    let home = Home::new(Backend::Sqlite).await;
    let server = home.serve();
    let ann = Person::registered(&server, "ann").await;
    for (arguments, input, part) in [
        (&["create", "--email", "ann@example.com"][..], PASSWORD, "email"),
        (&["create", "--email", "nonsense"], PASSWORD, "email"),
        (&["create", "--email", "a@example.com\nb"], PASSWORD, "email"),
        (&["create", "--email", "b@example.com", "--username", "a b"], PASSWORD, "username"),
        (&["create", "--email", "b@example.com"], "short", "password"),
        (&["create", "--email", "b@example.com"], "password123", "password"),
        (&["create", "--email", "b@example.com"], "", "password"),
        (&["create", "--email", "b@example.com"], "\nsecond line\n", "password"),
        (&["reset-password", "--email", "nobody@example.com"], PASSWORD, "account"),
        (&["reset-password", "--email", "ann@example.com"], "short", "password"),
    ] {
        let said = home.run_with_input(&[&["admin"][..], arguments, &["--password-stdin"]].concat(), input);
        said.refused("mediavault: ");
        assert!(said.err.to_lowercase().contains(part), "{arguments:?} {input:?}: {said:?}");
    }
    ann.get("/users/me").await.expect(200);
    Person::nobody(&server)
        .post("/auth/login", json!({ "username": "b@example.com", "password": PASSWORD }))
        .await
        .error(401, "unauthorized");
    server.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_schema_is_brought_up_once() {
    // The template that fresh PostgreSQL databases are copied from is migrated already.
    for (backend, first) in [(Backend::Sqlite, true), (Backend::Postgres, false)] {
        let home = Home::new(backend).await;
        let said = home.run(&["migrate"]);
        let steps: Vec<_> = said.worked().lines().collect();
        assert_eq!(*steps.last().unwrap(), format!("{} steps done", steps.len() - 1), "{said:?}");
        assert_eq!(steps.len() > 1, first, "{said:?}");
        assert_eq!(home.run(&["migrate"]).worked(), "0 steps done\n");
        let server = home.serve();
        assert_eq!(home.run(&["migrate"]).worked(), "0 steps done\n");
        Person::registered(&server, "ann").await;
        server.stop();
        home.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_finds_damage() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let home = Home::new(backend).await;
        let server = home.serve();
        let ann = Person::registered(&server, "ann").await;
        for seed in 0..3 {
            ann.upload("a.bin", bytes_of(seed, 40_000)).await;
        }
        server.stop();
        assert_eq!(home.check(), Checked { blobs: 3, bytes: 120_000, orphans: 0 });
        assert_eq!(
            home.run(&["check", "--quick"]).worked(),
            "3 blobs, 120000 bytes, 0 files without a row, 0 problems\n"
        );
        let files = home.files_in("blobs");
        let (file, other) = (&files[0], &files[1]);
        let whole = fs::read(file).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap();
        let judge = |what: &str, quick: i32, full: i32, part: &str| {
            for (arguments, wanted) in [(&["check", "--quick"][..], quick), (&["check"], full)] {
                let said = home.run(arguments);
                assert_eq!(said.code, Some(wanted), "{what}: {said:?}");
                if wanted == 1 {
                    assert_eq!(said.err, "mediavault: 1 problems\n", "{what}");
                    assert!(said.out.contains(part) && said.out.lines().count() == 2, "{what}: {said:?}");
                }
            }
        };
        fs::OpenOptions::new().write(true).open(file).unwrap().write_all_at(&[whole[20_000] ^ 1], 20_000).unwrap();
        judge("a wrong bit", 0, 1, "cannot be read");
        fs::write(file, &whole[..whole.len() - 1]).unwrap();
        judge("a byte less", 1, 1, "bytes instead of");
        fs::remove_file(file).unwrap();
        judge("no file", 1, 1, "is missing");
        fs::copy(other, file).unwrap();
        judge("another's bytes", 0, 1, "cannot be read");
        fs::write(file, &whole).unwrap();
        // A whole file that no row knows is no problem; it is counted.
        let stray = file.with_file_name(format!("seg_01h455vb4pex5vsknk084s{}", &name[name.len() - 4..]));
        fs::write(&stray, &whole).unwrap();
        let counted = home.check();
        assert!(counted.orphans <= 1 && counted.blobs == 3, "{counted:?}");
        home.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_description_is_the_served_one() {
    let home = Home::new(Backend::Sqlite).await;
    let said = home.run(&["openapi"]);
    let printed: Value = serde_json::from_str(said.worked()).unwrap();
    let server = home.serve();
    let served = Person::nobody(&server).get("/openapi.json").await.json();
    assert_eq!(printed, served);
    assert_eq!(printed["openapi"], "3.1.0");
    server.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_is_the_servers() {
    let home = Home::new(Backend::Sqlite).await;
    let server = home.serve();
    let address = server.origin().strip_prefix("http://").unwrap().to_owned();
    let health = || run(home.program().arg("health").env("MEDIAVAULT_LISTEN", &address), "");
    assert_eq!(health().worked(), "ready\n");
    // The disk of the blobs goes away: not ready, and alive.
    let (blobs, away) = (home.data().join("blobs"), home.folder().join("away"));
    fs::rename(&blobs, &away).unwrap();
    fs::create_dir(&blobs).unwrap();
    health().refused(&format!("mediavault: not ready: {address} answers 503"));
    assert_eq!(Person::nobody(&server).get(&format!("{}/health/live", server.origin())).await.status, 200);
    fs::remove_dir(&blobs).unwrap();
    fs::rename(&away, &blobs).unwrap();
    assert_eq!(health().worked(), "ready\n");
    server.stop();
    health().refused(&format!("mediavault: not ready: no answer from {address}: "));
}
