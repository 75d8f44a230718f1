//! Films, songs and HEIC, by the programs of the machine; `scripts/setup.sh --tests` installs them.

use std::process::Command;

use super::*;

/// What ffmpeg makes of these arguments.
pub(super) fn by_ffmpeg(arguments: &[&str], ending: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(format!("made.{ending}"));
    let status =
        Command::new("ffmpeg").args(["-hide_banner", "-loglevel", "error"]).args(arguments).arg(&path).status();
    assert!(status.is_ok_and(|status| status.success()), "ffmpeg is needed: apt-get install ffmpeg");
    std::fs::read(path).unwrap()
}

/// A film: three black seconds, then a test picture, with a tone.
pub(super) fn film(arguments: &[&str], ending: &str) -> Vec<u8> {
    let sources = ["color=black:s=320x180:d=3:r=25", "testsrc=s=320x180:d=7:r=25", "sine=d=10"];
    let mut all: Vec<&str> = sources.iter().flat_map(|source| ["-f", "lavfi", "-i", source]).collect();
    all.extend(["-filter_complex", "[0:v][1:v]concat=n=2:v=1[v]", "-map", "[v]", "-map", "2:a"]);
    all.extend(arguments);
    by_ffmpeg(&all, ending)
}

/// Whether the item's picture is a bright one.
async fn is_bright(actor: &Actor, item: &Value) -> bool {
    let path = format!("/media/{}/render?w=64&format=png", item["id"].as_str().unwrap());
    let answer = actor.get(&path).await;
    assert_eq!(answer.status, 200, "{item}");
    let picture = image::load_from_memory(&answer.body).unwrap().into_luma8();
    let sum: u64 = picture.pixels().map(|pixel| u64::from(pixel.0[0])).sum();
    sum / u64::from(picture.width() * picture.height()) > 40
}

on_both!(films_show_a_frame_that_is_not_black, working(), |server| async move {
    let ann = server.user("ann").await;
    for (arguments, ending, mime, codec) in [
        (&["-c:v", "libx264", "-c:a", "aac"][..], "mp4", "video/mp4", "h264"),
        (&["-c:v", "libx264", "-c:a", "aac", "-movflags", "+faststart"], "mov", "video/quicktime", "h264"),
        (&["-c:v", "libvpx-vp9", "-deadline", "realtime", "-c:a", "libopus"], "webm", "video/webm", "vp9"),
        (&["-c:v", "mpeg4", "-c:a", "libmp3lame"], "avi", "video/x-msvideo", "mpeg4"),
    ] {
        let item = looked_at(&ann, &format!("a.{ending}"), &film(arguments, ending)).await;
        assert_eq!((&item["status"], &item["mime_type"]), (&json!("ready"), &json!(mime)), "{item}");
        assert_eq!((&item["width"], &item["height"]), (&json!(320), &json!(180)), "{ending}");
        let seconds = item["duration"].as_f64().unwrap();
        assert!((9.5..10.6).contains(&seconds), "{ending}: {seconds}");
        let facts = &item["metadata"];
        assert_eq!((&facts["video"]["codec"], &facts["video"]["frame_rate"]), (&json!(codec), &json!(25.0)), "{item}");
        assert!(facts["audio"]["channels"].is_number() && facts["bitrate"].is_number(), "{item}");
        assert!(is_bright(&ann, &item).await, "{ending}");
    }
});

/// The film turned by a quarter, by the matrix in its track's header (ISO/IEC 14496-12 section 8.3.2).
fn turned(mut film: Vec<u8>) -> Vec<u8> {
    let header = film.windows(4).position(|window| window == b"tkhd").unwrap();
    let one = 0x1_0000_i32;
    for (place, part) in [0, one, 0, -one, 0, 0, 180 * one, 0, 0x4000_0000].into_iter().enumerate() {
        let at = header + 4 + 40 + 4 * place;
        film[at..at + 4].copy_from_slice(&part.to_be_bytes());
    }
    film
}

on_both!(a_turned_film_is_shown_upright, working(), |server| async move {
    let ann = server.user("ann").await;
    let bytes = turned(film(&["-c:v", "libx264", "-c:a", "aac"], "mp4"));
    let item = looked_at(&ann, "a.mp4", &bytes).await;
    assert_eq!((&item["width"], &item["height"]), (&json!(180), &json!(320)), "{item}");
    let answer = ann.get(&format!("/media/{}/render?w=64&format=png", item["id"].as_str().unwrap())).await;
    let (width, height, _) = shown(&answer);
    assert!(height > width, "{width} x {height}");
});

on_both!(sound_in_a_films_container_is_sound, working(), |server| async move {
    let ann = server.user("ann").await;
    let bytes = by_ffmpeg(&["-f", "lavfi", "-i", "sine=d=3", "-c:a", "aac"], "mp4");
    let item = looked_at(&ann, "a.mp4", &bytes).await;
    assert_eq!((&item["type"], &item["mime_type"]), (&json!("audio"), &json!("audio/mp4")), "{item}");
    assert_eq!((&item["width"], &item["taken_at"]), (&Value::Null, &Value::Null));
    // Lists find it under what it is.
    assert_eq!(ann.get("/media?type=audio").await.expect(200).as_array().unwrap().len(), 1);
    assert_eq!(ann.get("/media?type=video").await.expect(200), json!([]));
});

on_both!(heic_and_avif_are_shown, working(), |server| async move {
    let ann = server.user("ann").await;
    for (name, size) in [("test8.heic", (512, 512)), ("sunrise.avif", (512, 320))] {
        let item = looked_at(&ann, name, &sample(name)).await;
        assert_eq!(item["status"], "ready", "{item}");
        let (width, height, _) = shown(&ann.get(&format!("/media/{}/thumbnail", item["id"].as_str().unwrap())).await);
        assert_eq!((width, height), size, "{name}");
        assert!(item["thumbhash"].is_string() && item["metadata"]["dominant_color"].is_string(), "{item}");
    }
});
