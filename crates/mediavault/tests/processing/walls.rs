//! The walls around workers, proved as the server proves them.

use mv_media::worker::sandbox::Walls;
use mv_media::worker::{Failure, Job, Limits, Pool, feed_of_bytes, self_test};

use super::*;

fn pool(walls: Option<Walls>) -> Pool {
    Pool::new(Limits { program: env!("CARGO_BIN_EXE_mediavault").into(), walls, ready: 1 })
}

const WALLS: Walls = Walls { cpu_seconds: 2, memory_bytes: 128 * 1024 * 1024 };

#[tokio::test]
async fn the_self_test_passes_inside_the_walls_and_fails_without() {
    self_test::prove(&pool(Some(WALLS))).await.unwrap();
    let error = self_test::prove(&pool(None)).await.unwrap_err();
    assert_eq!(error.to_string(), "a worker could open a file");
}

/// A worker that needs more memory than it may have ends, and says why.
#[tokio::test]
async fn memory_is_bounded() {
    let tight = pool(Some(Walls { memory_bytes: 24 * 1024 * 1024, ..WALLS }));
    let bytes = picture(4000, 4000, ImageFormat::Bmp);
    let length = bytes.len() as u64;
    let outcome = tight.run(Job::Examine, length, feed_of_bytes(bytes.into()), PATIENCE).await;
    // The allocator asks again and again, so that the time may be up before it gives in.
    assert!(matches!(outcome, Err(Failure::Memory | Failure::Crashed(_) | Failure::TooLong)), "{outcome:?}");
}

/// A file that cannot be read on is no fault of the worker's.
#[tokio::test]
async fn a_feed_that_breaks_is_told_apart() {
    let feed: mv_media::worker::Feed =
        std::sync::Arc::new(|_, _| Box::pin(async { Err(std::io::Error::other("gone")) }));
    let outcome = pool(Some(WALLS)).run(Job::Examine, 1000, feed, PATIENCE).await;
    assert!(matches!(outcome, Err(Failure::Unread(_))), "{outcome:?}");
}

/// The wall clock counts too: a feed that never answers ends the job.
#[tokio::test]
async fn time_is_bounded() {
    let feed: mv_media::worker::Feed = std::sync::Arc::new(|_, _| Box::pin(std::future::pending()));
    let outcome = pool(Some(WALLS)).run(Job::Examine, 1000, feed, Duration::from_millis(300)).await;
    assert!(matches!(outcome, Err(Failure::TooLong)), "{outcome:?}");
}

on_both!(operators_see_that_the_sandbox_holds, working(), |server| async move {
    let ready = async {
        loop {
            let answer = reqwest::get(format!("{}/health/ready", server.origin())).await.unwrap();
            let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
            if body["processing"]["sandbox"] != "starting" {
                return body;
            }
        }
    };
    let body = tokio::time::timeout(PATIENCE, ready).await.unwrap();
    assert_eq!((&body["status"], &body["processing"]["sandbox"]), (&json!("ok"), &json!("on")));
});

/// What a worker asks the system for once its walls stand, as strace sees it: no file is opened and no socket made, whatever
/// the file says.
#[tokio::test]
async fn no_file_is_opened_and_no_packet_sent() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let (script, trace) = (folder.path().join("traced"), folder.path().join("trace"));
    let calls = "trace=open,openat,openat2,creat,socket,connect,execve,clone,clone3,fork,vfork,seccomp,prctl";
    let text = format!(
        "#!/bin/sh\nexec strace -f -qq -o {} -e {calls} {} \"$@\"\n",
        trace.display(),
        env!("CARGO_BIN_EXE_mediavault")
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"><image href=\"/etc/passwd\"/><image href=\"http://127.0.0.1:9/\"/></svg>".to_vec();
    for bytes in [svg, picture(300, 200, ImageFormat::Png), sample("sunrise.avif"), sample("sample.cr2")] {
        let _ = std::fs::remove_file(&trace);
        let traced = Pool::new(Limits { program: script.clone(), walls: Some(WALLS), ready: 0 });
        let length = bytes.len() as u64;
        traced.run(Job::Examine, length, feed_of_bytes(bytes.into()), PATIENCE).await.unwrap();
        drop(traced);
        let asked = std::fs::read_to_string(&trace).unwrap();
        // The second filter is the last wall.
        let behind = asked
            .rmatch_indices("seccomp(SECCOMP_SET_MODE_FILTER")
            .next()
            .or_else(|| asked.rmatch_indices("PR_SET_SECCOMP").next());
        let after = &asked[behind.unwrap_or_else(|| panic!("no walls: {asked}")).0..];
        for line in after.lines().skip(1) {
            let refused = line.contains("= -1 EPERM") || line.contains("+++ exited");
            assert!(refused, "{line}");
        }
    }
}
