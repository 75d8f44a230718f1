//! `rotate-root-key`: what was stored opens with the new key and no longer with the old one, wherever it was interrupted.

use std::fs;

use mv_testkit::Backend;
use mv_testkit::client::PASSWORD;

use crate::ledger::bytes_of;
use crate::person::Person;
use crate::program::Home;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_root_key_opens_what_the_old_one_sealed() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let home = Home::new(backend).await;
        let server = home.serve();
        let ann = Person::registered(&server, "ann").await;
        let item = ann.upload("a.bin", bytes_of(1, 40_000)).await["id"].as_str().unwrap().to_owned();
        home.run(&["rotate-root-key"]).refused("mediavault: ");
        server.stop();

        let keys = home.data().join("keys");
        let old = fs::read(keys.join("root.key")).unwrap();
        let said = home.run(&["rotate-root-key"]);
        assert!(said.worked().contains("1 users' keys were wrapped anew"), "{said:?}");
        let new = fs::read(keys.join("root.key")).unwrap();
        assert_ne!(old, new);
        let kept: Vec<_> = fs::read_dir(&keys).unwrap().map(|entry| entry.unwrap().path()).collect();
        let kept = kept.iter().find(|path| fs::read(path).unwrap() == old).expect("the old key is kept");
        for file in [kept, &keys.join("root.key")] {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
        }

        // As if the process had died after its commit, before the files were exchanged: the next start finishes it.
        fs::rename(keys.join("root.key"), keys.join("root.key.next")).unwrap();
        fs::rename(kept, keys.join("root.key")).unwrap();
        let server = home.serve();
        assert_eq!(fs::read(keys.join("root.key")).unwrap(), new);
        let ann = Person::known(&server, "ann@example.com", PASSWORD).await;
        assert_eq!(ann.content(&item).await, bytes_of(1, 40_000));
        assert!(!keys.join("root.key.next").exists());
        server.stop();

        // As if it had died before its commit: a key that nothing was wrapped with waits, and the present one holds.
        fs::write(keys.join("root.key.next"), [7; 32]).unwrap();
        let mut private = fs::metadata(keys.join("root.key.next")).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut private, 0o600);
        fs::set_permissions(keys.join("root.key.next"), private).unwrap();
        let server = home.serve();
        let ann = Person::known(&server, "ann@example.com", PASSWORD).await;
        assert_eq!(ann.content(&item).await, bytes_of(1, 40_000));
        assert_eq!(fs::read(keys.join("root.key")).unwrap(), new);
        server.stop();

        // The old key alone no longer opens it.
        fs::write(keys.join("root.key"), &old).unwrap();
        fs::remove_file(keys.join("root.key.next")).unwrap();
        home.run(&["serve", "--listen", "127.0.0.1:0"]).refused("mediavault: ");
        home.end().await;
    }
}
