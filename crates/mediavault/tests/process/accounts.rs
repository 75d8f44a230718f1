//! `admin` for a locked-out operator: alone and beside a running server, which notices at once.

use mv_testkit::Backend;
use mv_testkit::client::PASSWORD;
use serde_json::json;

use crate::person::Person;
use crate::program::Home;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_are_changed_beside_a_server_and_without_one() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let home = Home::new(backend).await;
        let admin = |arguments: &[&str]| home.run(&[&["admin"], arguments].concat());
        let made = ["admin", "create", "--email", "root@example.com", "--password-stdin"];
        home.run_with_input(&made, PASSWORD).worked();
        let server = home.serve();
        let ann = Person::registered(&server, "ann").await;
        let nobody = Person::nobody(&server);
        ann.get("/users/me").await.expect(200);

        let listed = admin(&["list"]);
        let rows: Vec<Vec<&str>> = listed.worked().lines().map(|line| line.split('\t').collect()).collect();
        let seen: Vec<_> = rows.iter().map(|row| (row[1], row[2], row[3])).collect();
        assert_eq!(seen, [("admin", "enabled", "root@example.com"), ("user", "enabled", "ann@example.com")]);

        assert_eq!(admin(&["end-sessions", "Ann@Example.com"]).worked(), "ann@example.com has no session any more\n");
        ann.get("/users/me").await.error(401, "unauthorized");
        let ann = Person::known(&server, "ann@example.com", PASSWORD).await;
        admin(&["disable", "ann@example.com"]).worked();
        ann.get("/users/me").await.error(401, "unauthorized");
        let login = json!({ "username": "ann@example.com", "password": PASSWORD });
        nobody.post("/auth/login", login).await.error(401, "unauthorized");
        admin(&["enable", "ann@example.com"]).worked();
        let ann = Person::known(&server, "ann@example.com", PASSWORD).await;
        ann.get("/admin/stats").await.error(403, "forbidden");
        admin(&["promote", "ann@example.com"]).worked();
        ann.get("/admin/stats").await.expect(200);
        admin(&["demote", "ann@example.com"]).worked();
        ann.get("/admin/stats").await.error(403, "forbidden");

        let reset = admin(&["reset-link", "ann@example.com"]);
        let token = reset.worked().trim().split("#token=").nth(1).expect("a link").to_owned();
        let body = json!({ "token": token, "new_password": "another horse battery" });
        assert_eq!(nobody.post("/auth/password/reset", body).await.status, 204);
        Person::known(&server, "ann@example.com", "another horse battery").await;

        let invite = admin(&["invite", "--email", "bob@example.com", "--quota-bytes", "1000", "--days", "1"]);
        let token = invite.worked().trim().split("#invite=").nth(1).expect("an invite").to_owned();
        let bob = json!({ "email": "bob@example.com", "password": PASSWORD, "invite_token": token });
        assert_eq!(nobody.post("/auth/register", bob).await.expect(201)["quota_bytes"], 1000);
        let log = server.stop();
        for secret in [token.as_str(), PASSWORD, "another horse battery"] {
            assert!(!log.contains(secret), "the log tells a secret");
        }

        // Without a server it is the same; the last administrator stays one.
        admin(&["promote", "bob@example.com"]).worked();
        admin(&["demote", "root@example.com"]).worked();
        for act in ["demote", "disable"] {
            admin(&[act, "bob@example.com"]).refused("mediavault: ");
        }
        for act in ["disable", "enable", "promote", "demote", "end-sessions", "reset-link"] {
            admin(&[act, "nobody@example.com"]).refused("mediavault: There is no account");
        }
        assert!(admin(&["list"]).worked().contains("\tadmin\tenabled\tbob@example.com\t"));
        home.end().await;
    }
}
