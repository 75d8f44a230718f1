//! A full disk (reliability: F7): uploads are refused and leave nothing, everything else goes on, and room that comes
//! back is used at once.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use futures_util::stream;
use mv_testkit::Backend;
use mv_testkit::client::PASSWORD;
use reqwest::{Body, Method};
use rustix::fs::{FallocateFlags, fallocate, statvfs};

use crate::ledger::bytes_of;
use crate::person::Person;
use crate::program::Home;

/// A small disk of its own; unmounted when dropped.
struct Disk(PathBuf);

impl Disk {
    /// Mounts one, or says why that cannot be.
    fn mount(place: &Path, megabytes: u32) -> Result<Self, String> {
        fs::create_dir(place).unwrap();
        let size = format!("size={megabytes}m");
        let said = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(place)
            .output()
            .map_err(|error| error.to_string())?;
        if said.status.success() {
            Ok(Self(place.to_owned()))
        } else {
            Err(String::from_utf8_lossy(&said.stderr).into_owned())
        }
    }

    fn free(&self) -> u64 {
        let disk = statvfs(&self.0).unwrap();
        disk.f_bavail * disk.f_frsize
    }

    /// Takes all room but so much.
    fn fill(&self, left: u64) {
        let ballast = File::create(self.0.join("ballast")).unwrap();
        fallocate(&ballast, FallocateFlags::empty(), 0, self.free() - left).unwrap();
    }

    fn make_room(&self) {
        fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A test that failed may still have files open.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

const MIB: u64 = 1024 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_uploads_alone() {
    let folder = tempfile::tempdir().unwrap();
    let disk = match Disk::mount(&folder.path().join("disk"), 160) {
        Ok(disk) => disk,
        Err(reason) => {
            eprintln!("skipped: a small disk cannot be mounted, which needs root: {reason}");
            return;
        }
    };
    let data = disk.0.join("data");
    let home = Home::over(folder, data, Backend::Sqlite).await;
    let server = home.serve();
    let ann = Person::registered(&server, "ann").await;
    let first = ann.upload("first.bin", bytes_of(1, 2_000_000)).await;
    let second = ann.upload("second.bin", bytes_of(2, 100_000)).await;
    let id = |item: &serde_json::Value| item["id"].as_str().unwrap().to_owned();

    // So little is left that even small files do not fit for long; room for the records there always is.
    for left in [70 * MIB, 20 * MIB, 2 * MIB] {
        disk.fill(left);
        let mut taken = Vec::new();
        let refused = loop {
            let answer = ann.try_upload("small.bin", None, bytes_of(100 + taken.len() as u64, 900_000)).await.unwrap();
            if answer.status != 201 {
                break answer;
            }
            taken.push(answer.expect(201));
            assert!(taken.len() < 100, "{left}: it never fills");
        };
        refused.error(507, "insufficient_storage");
        let free = disk.free();
        large_ones_are_refused(&ann).await;
        assert!(disk.free().abs_diff(free) < MIB, "{left}: {free} bytes were free, now {}", disk.free());
        assert_eq!(home.files_in("tmp").len(), 0, "{left}: something is left");
        assert_eq!(ann.get("/media").await.meta()["pagination"]["total"], 2 + taken.len(), "{left}");

        // Everything else goes on: reading, logging in, tidying up.
        assert_eq!(ann.content(&id(&first)).await, bytes_of(1, 2_000_000));
        let mut again = ann.clone();
        again.log_in(PASSWORD).await;
        assert_eq!(again.content(&id(&second)).await, bytes_of(2, 100_000));
        for item in taken {
            again.delete(&format!("/media/{}?permanent=true", id(&item))).await.expect(204);
        }
        disk.make_room();
        let back = ann.upload("back.bin", bytes_of(3, 2_000_000)).await;
        assert_eq!(ann.content(&id(&back)).await, bytes_of(3, 2_000_000), "{left}");
        ann.delete(&format!("/media/{}?permanent=true", id(&back))).await.expect(204);
    }
    server.stop();
    home.check();
    drop(disk);
    home.end().await;
}

/// With a length and without, in a form and bare.
async fn large_ones_are_refused(ann: &Person) {
    let bytes = bytes_of(9, 4_000_000);
    ann.try_upload("large.bin", None, bytes.clone()).await.unwrap().error(507, "insufficient_storage");
    let parts: Vec<_> = bytes.chunks(64 * 1024).map(|part| Ok::<_, std::io::Error>(part.to_vec())).collect();
    let request = ann.request(Method::POST, "/media/upload").header("content-type", "application/octet-stream");
    let request = request.header("content-disposition", "attachment; filename=\"endless.bin\"");
    ann.send(request.body(Body::wrap_stream(stream::iter(parts)))).await.error(507, "insufficient_storage");
    let (kind, body) = mv_testkit::multipart("form.bin", &bytes, &[]);
    let request = ann.request(Method::POST, "/media/upload").header("content-type", kind);
    ann.send(request.body(body)).await.error(507, "insufficient_storage");
}
