//! The server under strace: every acknowledged upload keeps the order of durability, and the check that says so finds
//! each omission in the very same traces.

use std::process::Command;
use std::time::Duration;

use mv_testkit::Backend;

use crate::ledger::bytes_of;
use crate::order::{Wrong, is_acknowledgement, judge, syncs, writes};
use crate::person::Person;
use crate::program::Home;
use crate::trace::{Call, calls};

const CALLS: &str = "trace=openat,mkdir,mkdirat,rename,renameat,renameat2,linkat,unlink,unlinkat,write,writev,pwrite64,pwritev,sendto,\
                     sendmsg,fsync,fdatasync,sync_file_range";

/// A trace of a server from its first start on, and its data folder.
async fn traced(uploads: impl AsyncFnOnce(Person)) -> (Vec<Call>, String) {
    let home = Home::new(Backend::Sqlite).await;
    let file = home.folder().join("trace");
    let mut strace = Command::new("strace");
    home.settle(&mut strace);
    // With -D the server is this process's child, and strace its grandchild.
    strace.env("PATH", "/usr/local/bin:/usr/bin:/bin").args([
        "-D",
        "-f",
        "-y",
        "-s",
        "1000",
        "-e",
        CALLS,
        "-e",
        "signal=none",
        "-o",
    ]);
    strace.arg(&file).arg(env!("CARGO_BIN_EXE_mediavault")).arg("serve");
    let there = Command::new("strace").arg("-V").output();
    assert!(
        there.is_ok_and(|said| said.status.success()),
        "strace is missing; `make test` installs it, or: apt-get install strace"
    );
    let server = home.start(&mut strace);
    let pid = server.pid().to_string();
    uploads(Person::registered(&server, "ann").await).await;
    server.stop();
    for _ in 0..1000 {
        let trace = std::fs::read_to_string(&file).unwrap();
        let is_end =
            |line: &str| line.strip_prefix(&pid).is_some_and(|rest| rest.trim_start() == "+++ exited with 0 +++");
        if trace.lines().any(is_end) {
            let data = home.data().canonicalize().unwrap();
            return (calls(&trace), data.to_str().unwrap().to_owned());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("strace has not written the end of the trace");
}

const UPLOADS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_by_one_and_every_omission_is_found() {
    let (calls, data) = traced(async |ann: Person| {
        for number in 0..UPLOADS {
            let size = [1, 20_000, 300_000, 3_000_000][number % 4];
            ann.upload("a.bin", bytes_of(number as u64, size + number)).await;
        }
    })
    .await;
    assert_eq!(judge(&calls, &data, true), (UPLOADS, Vec::new()));
    omissions_are_found(&calls, &data);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_at_the_same_time_keep_the_order() {
    let (calls, data) = traced(async |ann: Person| {
        let mut people = tokio::task::JoinSet::new();
        for worker in 0..4 {
            let ann = ann.clone();
            people.spawn(async move {
                for number in 0..UPLOADS / 4 {
                    ann.upload("a.bin", bytes_of((worker * 100 + number) as u64, 5_000 + number * 100_000)).await;
                }
            });
        }
        people.join_all().await;
    })
    .await;
    assert_eq!(judge(&calls, &data, false), (UPLOADS, Vec::new()));
}

/// Every upload of the trace is robbed of each step in turn.
fn omissions_are_found(calls: &[Call], data: &str) {
    let (tmp, shard) = (format!("{data}/tmp/"), format!("{data}/blobs/"));
    let (is_tmp, is_shard) = (|path: &str| path.starts_with(&tmp), |path: &str| path.starts_with(&shard));
    let answers: Vec<usize> = places(calls, is_acknowledgement);
    let before =
        |place: usize, suits: &dyn Fn(&Call) -> bool| (0..place).rev().find(|other| suits(&calls[*other])).unwrap();
    for (number, answer) in answers.iter().copied().enumerate() {
        let file_sync = before(answer, &|call| syncs(call, is_tmp));
        let last_write = before(file_sync, &|call| writes(call, calls[file_sync].descriptor(0).unwrap()));
        let folder_sync = before(answer, &|call| syncs(call, is_shard));
        let log_sync = before(answer, &|call| syncs(call, |path| path.ends_with("-wal")));
        let found = |what: &str, changed: Vec<Call>, suits: &dyn Fn(&Wrong) -> bool| {
            let (_, wrong) = judge(&changed, data, true);
            assert!(wrong.iter().any(suits), "upload {number}, {what}: {wrong:?}");
            // Where uploads come at the same time nothing can be hidden for ever: the last answer is one too many.
            assert!(!judge(&changed, data, false).1.is_empty(), "upload {number}, {what}, among others");
        };
        let is_file = |wrong: &Wrong| matches!(wrong, Wrong::File(path) if is_tmp(path));
        let is_name = |wrong: &Wrong| matches!(wrong, Wrong::Name(path) if is_shard(path));
        found("the file is not synced", without(calls, &[file_sync]), &is_file);
        found("the file is synced too soon", swapped(calls, last_write, file_sync), &is_file);
        found("its folder is not synced", without(calls, &[folder_sync]), &is_name);
        found("its folder is synced after the row", swapped(calls, folder_sync, log_sync), &|wrong| {
            *wrong == Wrong::Early
        });
        found("the answer comes before the commit", swapped(calls, log_sync, answer), &|wrong| *wrong == Wrong::Log);
    }
    let all = |suits: &dyn Fn(&str) -> bool| places(calls, |call| syncs(call, suits));
    let blobs = format!("{data}/blobs");
    for (what, lost, wanted) in [
        ("the log is never synced", all(&|path| path.ends_with("-wal")), None),
        ("no file is synced", all(&is_tmp), None),
        ("no folder is synced", all(&is_shard), None),
        ("the folders' folder is not synced", all(&|path| path == blobs), Some(shard.as_str())),
        ("the data folder is not synced", all(&|path| path == data), Some(data)),
    ] {
        let (count, wrong) = judge(&without(calls, &lost), data, true);
        assert!(!lost.is_empty() && count == UPLOADS, "{what}");
        match wanted {
            None => {
                assert_eq!(wrong.iter().filter(|wrong| **wrong == Wrong::Early).count(), UPLOADS, "{what}: {wrong:?}")
            }
            Some(folder) => assert!(
                wrong.iter().any(|wrong| matches!(wrong, Wrong::Name(path) if path.starts_with(folder))),
                "{what}: {wrong:?}"
            ),
        }
    }
}

fn places(calls: &[Call], suits: impl Fn(&Call) -> bool) -> Vec<usize> {
    calls.iter().enumerate().filter(|(_, call)| suits(call)).map(|(place, _)| place).collect()
}

fn without(calls: &[Call], lost: &[usize]) -> Vec<Call> {
    calls.iter().enumerate().filter(|(place, _)| !lost.contains(place)).map(|(_, call)| call.clone()).collect()
}

/// Two calls at each other's time.
fn swapped(calls: &[Call], first: usize, second: usize) -> Vec<Call> {
    let mut changed = calls.to_vec();
    let time = |call: &Call| (call.began, call.ended);
    (changed[first].began, changed[first].ended) = time(&calls[second]);
    (changed[second].began, changed[second].ended) = time(&calls[first]);
    changed
}
