//! A small picture that was made before, beside an original of as many bytes: what the way to the cache costs. Only of the product:
//! peers make no pictures of what they store; sharp and vips are compared by `bench/pictures`.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Context, repeated, uploads};
use crate::client::{Keep, Request, ask, closed_loop};
use crate::content::Content;
use crate::error::{Error, Result};
use crate::figures::Figures;
use crate::subject::{Form, Subject};

/// A photograph that is larger than its thumbnails.
const PHOTOGRAPH: &[u8] = include_bytes!("../../../tests/media/mushroom.jpg");
/// How long it may take to be looked at.
const PATIENCE: Duration = Duration::from_secs(20);

/// The thumbnail over 8 connections, or an original as large as it.
pub(super) fn measure(subject: &mut Subject, context: &Context, made: bool) -> Result<Figures> {
    let photograph = Content::of_bytes(PHOTOGRAPH.to_vec());
    let stored = subject.store(Form::Multipart, photograph, uploads::next_number())?;
    let item = stored.path.trim_end_matches("/content").to_owned();
    ready(subject, &item)?;
    let thumbnail = subject.dialect.get(&format!("{item}/thumbnail?size=256"));
    let answer = ask(subject.server.address(), &thumbnail, Keep::Body)?;
    let request = if made {
        thumbnail
    } else {
        let length = usize::try_from(answer.length).unwrap_or(0);
        let same = subject.store(Form::Multipart, context.pool.draw(length), uploads::next_number())?;
        subject.verify(&same)?;
        subject.dialect.get(&same.path)
    };
    Ok(Figures::of_requests(closed_loop(&context.load(subject), repeated(subject, &request, 8)?)?))
}

fn ready(subject: &Subject, item: &str) -> Result<()> {
    let (request, begun): (Request, _) = (subject.dialect.get(item), Instant::now());
    loop {
        let answer = ask(subject.server.address(), &request, Keep::Body)?;
        match answer.json().pointer("/data/status").and_then(Value::as_str) {
            Some("ready") => return Ok(()),
            Some("processing") if begun.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(20)),
            _ => return Err(Error::Wrong(format!("the photograph is not ready: {}", answer.summary()))),
        }
    }
}
