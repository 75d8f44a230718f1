//! SIGKILL of the server and of its workers while files are looked at: everything ends `ready`, and nothing is done twice
//! that anybody could see.

use std::io::Cursor;
use std::time::Duration;

use image::{ImageFormat, Rgb, RgbImage};
use mv_testkit::Backend;
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::person::Person;
use crate::program::Home;

/// How long all of it may take once the killing is over.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_on_sqlite() {
    storm(Backend::Sqlite, 24).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_on_postgres() {
    storm(Backend::Postgres, 8).await;
}

/// A picture that is unlike all others and takes a moment to decode.
fn picture(number: u32) -> Vec<u8> {
    let painted = RgbImage::from_fn(1200, 900, |x, y| {
        let mixed = x.wrapping_mul(2_654_435_761).wrapping_add(y.wrapping_mul(40_503)).wrapping_add(number * 7919);
        Rgb([mixed as u8, (mixed >> 8) as u8, (mixed >> 16) as u8])
    });
    let mut bytes = Cursor::new(Vec::new());
    painted.write_to(&mut bytes, ImageFormat::Bmp).unwrap();
    bytes.into_inner()
}

/// The children that look at files for this server.
fn workers(server: u32) -> Vec<Pid> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers
        .filter(|number| {
            let read = |what: &str| std::fs::read_to_string(format!("/proc/{number}/{what}")).unwrap_or_default();
            let parent =
                read("stat").rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
            parent == Some(server) && read("cmdline").split('\0').nth(1) == Some("worker")
        })
        .filter_map(Pid::from_raw)
        .collect()
}

async fn storm(backend: Backend, kills: u64) {
    let home = Home::new(backend).await;
    let mut server = home.serve();
    let ann = Person::registered(&server, "ann").await;
    let mut items = Vec::new();
    let mut dice = 0x2545_f491_4f6c_dd1d_u64;
    for kill in 0..kills {
        let here = ann.at(&server);
        for number in 0..2 {
            let bytes = picture(kill as u32 * 2 + number);
            let upload = here.request(Method::POST, "/media/upload").header("content-type", "image/bmp").body(bytes);
            items.push(here.send(upload).await.expect(201)["id"].as_str().unwrap().to_owned());
        }
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        tokio::time::sleep(Duration::from_millis(dice % 300)).await;
        if kill % 3 == 0 {
            for worker in workers(server.pid()) {
                let _ = kill_process(worker, Signal::KILL);
            }
        } else {
            server.kill();
            server = home.serve();
        }
    }
    let here = ann.at(&server);
    let ended = async {
        for id in &items {
            loop {
                let item = here.get(&format!("/media/{id}")).await.expect(200);
                if item["status"] == "ready" {
                    // One version by the upload, one by what was found: nothing else was to be seen.
                    let quiet = item["version"].as_u64().unwrap();
                    assert!((2..=6).contains(&quiet), "{item}");
                    assert_eq!((&item["width"], &item["height"]), (&json!(1200), &json!(900)), "{item}");
                    break;
                }
                assert_eq!(item["status"], "processing", "{item}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.expect("everything ends");
    let told = here.get("/changes?limit=1000").await.expect(200);
    assert_eq!(told["has_more"], false);
    server.stop();
    assert_eq!(home.check().blobs, items.len() as u64);
    home.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_that_were_lost_are_made_anew() {
    let home = Home::new(Backend::Sqlite).await;
    let server = home.serve();
    let ann = Person::registered(&server, "ann").await;
    let upload = ann.request(Method::POST, "/media/upload").header("content-type", "image/bmp").body(picture(1));
    let id = ann.send(upload).await.expect(201)["id"].as_str().unwrap().to_owned();
    let path = format!("/media/{id}/thumbnail?size=256");
    let before = ready(&ann, &path).await;
    server.stop();
    std::fs::remove_dir_all(home.data().join("cache")).unwrap();
    let server = home.serve();
    let here = ann.at(&server);
    assert_eq!(ready(&here, &path).await, before);
    // The operator's command works beside the server.
    assert_eq!(home.run(&["reprocess", "--all"]).worked(), "1 items; the running server is looking at them\n");
    let again = async {
        while here.get(&format!("/media/{id}")).await.expect(200)["version"].as_u64().unwrap() < 4 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.expect("it is looked at again");
    assert_eq!(home.run(&["reprocess", "--failed"]).worked(), "0 items; the running server is looking at them\n");
    assert_eq!(home.run(&["reprocess"]).code, Some(2));
    server.stop();
    home.end().await;
}

/// The picture, once it is there.
async fn ready(person: &Person, path: &str) -> Vec<u8> {
    let asked = async {
        loop {
            let answer = person.get(path).await;
            if answer.status == 200 {
                return answer.body.to_vec();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.expect("there is a picture")
}
