//! `admin rotate-jwt-key`: new tokens are signed with another key, nobody is logged out, and a pruned key opens nothing.

use std::fs;
use std::time::Duration;

use mv_testkit::Backend;
use mv_testkit::client::PASSWORD;
use rustix::process::{Pid, Signal, kill_process};

use crate::person::Person;
use crate::program::Home;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_tokens_are_rotated_without_logging_anyone_out() {
    let home = Home::new(Backend::Sqlite).await;
    let file = home.data().join("keys/jwt.key");
    let server = home.serve();
    let ann = Person::registered(&server, "ann").await;
    let first = fs::read_to_string(&file).unwrap();
    home.run(&["admin", "rotate-jwt-key"]).worked();
    let both = fs::read_to_string(&file).unwrap();
    assert_eq!(both.lines().count(), 2, "one more key");
    assert_eq!(both.lines().nth(1), first.lines().next(), "the old one verifies on");
    let again = || {
        kill_process(Pid::from_raw(server.pid().cast_signed()).unwrap(), Signal::HUP).unwrap();
        std::thread::sleep(Duration::from_millis(500));
    };
    again();
    ann.get("/users/me").await.expect(200);
    let newer = Person::known(&server, "ann@example.com", PASSWORD).await;
    newer.get("/users/me").await.expect(200);

    home.run(&["admin", "rotate-jwt-key", "--prune"]).refused("mediavault: the newest key is 0 minutes old");
    let written = fs::File::options().write(true).open(&file).unwrap();
    written.set_modified(fs::metadata(&file).unwrap().modified().unwrap() - Duration::from_secs(2 * 3600)).unwrap();
    home.run(&["admin", "rotate-jwt-key", "--prune"]).worked();
    assert_eq!(fs::read_to_string(&file).unwrap().lines().collect::<Vec<_>>(), [both.lines().next().unwrap()]);
    again();
    ann.get("/users/me").await.error(401, "unauthorized");
    newer.get("/users/me").await.expect(200);
    server.stop();
    home.end().await;
}
