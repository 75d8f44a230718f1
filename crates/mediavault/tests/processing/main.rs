//! Uploads understood, through HTTP on both databases, with real workers in their sandbox: what files say, their small
//! pictures, and hostile files that hurt nobody.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at once when anything is not as it must be")]

use std::io::Cursor;
use std::time::Duration;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use mv_app::accounts::register::NewAccount;
use mv_testkit::client::PASSWORD;
use mv_testkit::{Actor, Answer, Options, Server, on_both};
use reqwest::Method;
use serde_json::{Value, json};

mod hostile;
mod life;
mod pictures;
mod playback;
mod programs;
mod walls;

/// How long an item may take to be looked at, whatever it is (the bound for hostile files).
const PATIENCE: Duration = Duration::from_secs(60);

/// A server whose workers run.
fn working() -> Options {
    Options::with("limits.authenticated_per_minute", 1_000_000).processing(env!("CARGO_BIN_EXE_mediavault"))
}

/// A picture with a red left half and a blue right one, as a file of this kind.
fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let half = width / 2;
    let painted =
        RgbImage::from_fn(width, height, |x, _| if x < half { Rgb([200, 20, 20]) } else { Rgb([20, 20, 200]) });
    written(&DynamicImage::ImageRgb8(painted), format)
}

fn written(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// An administrator, as the operator makes one at the machine.
async fn administrator(server: &Server) -> Actor {
    let email = "root@example.com".to_owned();
    let account = NewAccount { email: email.clone(), password: PASSWORD.into(), ..NewAccount::default() };
    let user = server.app().create_admin(account).await.unwrap();
    let mut actor = Actor { id: user.id.to_string(), email, ..server.anonymous() };
    actor.log_in(PASSWORD).await;
    actor
}

/// One of the real files that lie beside the tests.
fn sample(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../../tests/media/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The item once it is `ready` or `failed`.
async fn settled(actor: &Actor, item: &Value) -> Value {
    let path = format!("/media/{}", item["id"].as_str().unwrap());
    let looked = async {
        loop {
            let item = actor.get(&path).await.expect(200);
            if item["status"] != "processing" {
                return item;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looked).await.unwrap_or_else(|_| panic!("{path} is still being looked at"))
}

/// Uploads a file and waits until it was looked at.
async fn looked_at(actor: &Actor, name: &str, bytes: &[u8]) -> Value {
    let item = actor.upload(name, bytes).await;
    settled(actor, &item).await
}

/// Width and height of a picture that came back, and the colour of its middle left.
fn shown(answer: &Answer) -> (u32, u32, [u8; 3]) {
    let kind = answer.headers["content-type"].to_str().unwrap();
    let format = ImageFormat::from_mime_type(kind).unwrap_or_else(|| panic!("{kind}"));
    // JPEG is not among the formats of this crate here: its size stands in its frame's header.
    if format == ImageFormat::Jpeg {
        let at = answer.body.windows(2).position(|window| window == [0xFF, 0xC0]).unwrap();
        let number = |at: usize| u32::from(u16::from_be_bytes([answer.body[at], answer.body[at + 1]]));
        return (number(at + 7), number(at + 5), [0; 3]);
    }
    let picture = image::load_from_memory_with_format(&answer.body, format).unwrap().into_rgb8();
    (picture.width(), picture.height(), picture.get_pixel(picture.width() / 4, picture.height() / 2).0)
}
