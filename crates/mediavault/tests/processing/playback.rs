//! What browsers play of films and songs, and what players show beside them; by ffmpeg, which `scripts/setup.sh --tests` installs.

use std::process::Command;

use super::programs::{by_ffmpeg, film};
use super::*;

/// What can be played of the item, as soon as it is there.
async fn played(actor: &Actor, item: &Value) -> Answer {
    let path = format!("/media/{}/playback", item["id"].as_str().unwrap());
    for _ in 0..600 {
        let answer = actor.get(&path).await;
        if answer.status != 202 {
            return answer;
        }
        let seconds: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&seconds));
        assert_eq!(answer.json()["data"]["status"], "processing");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the film was not made within a minute");
}

/// What ffprobe tells of these bytes: streams with codec, size and duration, and whether the index comes first.
fn probed(bytes: &[u8]) -> (Value, bool) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mp4");
    std::fs::write(&path, bytes).unwrap();
    let out = Command::new("ffprobe")
        .args(["-v", "error", "-show_streams", "-show_format", "-count_frames", "-of", "json"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(out.status.success() && out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
    let at = |what: &[u8]| bytes.windows(4).position(|window| window == what).unwrap();
    (serde_json::from_slice(&out.stdout).unwrap(), at(b"moov") < at(b"mdat"))
}

fn stream<'a>(probe: &'a Value, kind: &str) -> &'a Value {
    let streams = probe["streams"].as_array().unwrap();
    streams.iter().find(|stream| stream["codec_type"] == kind).unwrap()
}

fn seconds(value: &Value) -> f64 {
    value["duration"].as_str().unwrap().parse().unwrap()
}

on_both!(what_browsers_cannot_play_is_made_anew, working(), |server| async move {
    let ann = server.user("ann").await;
    for (arguments, ending) in [
        (&["-c:v", "mpeg4", "-c:a", "libmp3lame"][..], "avi"),
        (&["-c:v", "libx265", "-x265-params", "log-level=none", "-pix_fmt", "yuv420p10le", "-c:a", "aac"], "mp4"),
        (&["-c:v", "libx264", "-bf", "2", "-c:a", "aac"], "mov"),
        (&["-c:v", "libx264", "-c:a", "ac3"], "mkv"),
    ] {
        let item = looked_at(&ann, &format!("a b.{ending}"), &film(arguments, ending)).await;
        let answer = played(&ann, &item).await;
        assert_eq!(answer.status, 200, "{ending}: {}", String::from_utf8_lossy(&answer.body));
        assert_eq!(answer.header("content-type"), "video/mp4");
        assert_eq!(answer.header("content-disposition"), "inline; filename=\"a b.mp4\"; filename*=UTF-8''a%20b.mp4");
        let (probe, index_first) = probed(&answer.body);
        assert!(index_first, "{ending}");
        let (picture, sound) = (stream(&probe, "video"), stream(&probe, "audio"));
        assert_eq!((&picture["codec_name"], &picture["pix_fmt"]), (&json!("h264"), &json!("yuv420p")), "{ending}");
        assert_eq!(sound["codec_name"], "aac", "{ending}");
        assert_eq!((&picture["width"], &picture["height"]), (&json!(320), &json!(180)));
        assert_eq!(picture["nb_read_frames"], "250", "{ending}: no frame is lost");
        assert!((seconds(picture) - 10.0).abs() < 0.1 && (seconds(sound) - 10.0).abs() < 0.15, "{ending}: {probe}");
        let begins = |stream: &Value| stream["start_time"].as_str().unwrap().parse::<f64>().unwrap();
        assert!((begins(picture) - begins(sound)).abs() < 0.06, "{ending}: picture and sound begin together: {probe}");
    }
});

on_both!(the_film_is_served_in_ranges_and_kept, working(), |server| async move {
    let ann = server.user("ann").await;
    // Longer than one piece of the cache.
    let noise =
        ["-f", "lavfi", "-i", "nullsrc=s=640x360:d=6:r=25,geq=random(1)*255:128:128", "-c:v", "mpeg4", "-q:v", "2"];
    let item = looked_at(&ann, "noise.avi", &by_ffmpeg(&noise, "avi")).await;
    let whole = played(&ann, &item).await;
    assert!(whole.body.len() > 5 * 1024 * 1024, "{}", whole.body.len());
    let path = format!("/media/{}/playback", item["id"].as_str().unwrap());
    let length = whole.body.len();
    for (from, to) in [(0, 99), (2_097_000, 2_098_000), (1_000_000, 5_000_000), (length - 1, length - 1)] {
        let answer = ann.send(ann.request(Method::GET, &path).header("range", &format!("bytes={from}-{to}"))).await;
        assert_eq!(answer.status, 206);
        assert_eq!(answer.header("content-range"), format!("bytes {from}-{to}/{length}"));
        assert!(answer.body[..] == whole.body[from..=to], "{from} to {to}");
    }
    let tag = whole.header("etag").to_owned();
    assert_eq!(ann.send(ann.request(Method::GET, &path).header("if-none-match", &tag)).await.status, 304);
    let behind = ann.send(ann.request(Method::GET, &path).header("range", &format!("bytes={length}-"))).await;
    assert_eq!(behind.status, 416);
    let head = ann.send(ann.request(Method::HEAD, &path)).await;
    assert_eq!((head.status, head.header("content-length")), (200, length.to_string().as_str()));
    // A link plays without a header, and dies with the item.
    let asked = json!({ "items": [{ "id": item["id"], "variant": "playback" }], "expires_in": 600 });
    let link = ann.post("/media/urls", asked).await.expect(200)[0]["url"].as_str().unwrap().to_owned();
    let by_link = server.anonymous().get(&link).await;
    assert_eq!((by_link.status, by_link.body.len()), (200, length));
    assert!(by_link.header("cache-control").contains("immutable"));
    assert_eq!(server.anonymous().get(&link.replace("/playback", "/content")).await.status, 401);
    // Nobody else sees it.
    assert_eq!(server.user("bob").await.get(&path).await.status, 404);
});

on_both!(what_plays_everywhere_is_served_as_it_is, working(), |server| async move {
    let ann = server.user("ann").await;
    let bytes = film(&["-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac"], "mp4");
    let item = looked_at(&ann, "a.mp4", &bytes).await;
    let answer = ann.get(&format!("/media/{}/playback", item["id"].as_str().unwrap())).await;
    assert_eq!((answer.status, answer.body == bytes), (200, true));
    let song = by_ffmpeg(&["-f", "lavfi", "-i", "sine=d=2", "-c:a", "libmp3lame"], "mp3");
    let item = looked_at(&ann, "a.mp3", &song).await;
    let answer = ann.get(&format!("/media/{}/playback", item["id"].as_str().unwrap())).await;
    assert_eq!((answer.status, answer.header("content-type"), answer.body == song), (200, "audio/mpeg", true));
});

on_both!(songs_that_browsers_cannot_play_are_made_anew, working(), |server| async move {
    let ann = server.user("ann").await;
    let song = by_ffmpeg(&["-f", "lavfi", "-i", "sine=d=20", "-c:a", "alac"], "m4a");
    let item = looked_at(&ann, "a.m4a", &song).await;
    let answer = played(&ann, &item).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "audio/mp4"));
    let (probe, index_first) = probed(&answer.body);
    assert!(index_first && (seconds(stream(&probe, "audio")) - 20.0).abs() < 0.1, "{probe}");
});

on_both!(what_does_not_play_is_said_once_and_for_all, working(), |server| async move {
    let ann = server.user("ann").await;
    let picture = looked_at(&ann, "a.jpg", &sample("mushroom.jpg")).await;
    for what in ["playback", "motion", "storyboard", "waveform"] {
        let answer = ann.get(&format!("/media/{}/{what}", picture["id"].as_str().unwrap())).await;
        assert_eq!((answer.status, answer.json()["error"]["code"].clone()), (404, json!("not_found")), "{what}");
    }
    // A film that breaks off in its first box.
    let mut broken = film(&["-c:v", "mpeg4", "-c:a", "libmp3lame"], "avi");
    broken.truncate(3000);
    let item = looked_at(&ann, "broken.avi", &broken).await;
    let answer = played(&ann, &item).await;
    assert_eq!(answer.status, 404, "{}", String::from_utf8_lossy(&answer.body));
    assert_eq!(answer.json()["error"]["message"], "ffmpeg cannot read this file");
    let again = ann.get(&format!("/media/{}/playback", item["id"].as_str().unwrap())).await;
    assert_eq!(again.status, 404, "it is not tried with every request");
    let bad = ann.get(&format!("/media/{}/playback?quality=1", item["id"].as_str().unwrap())).await;
    assert_eq!(bad.status, 400);
});

on_both!(a_strip_of_pictures_to_hover_over, working(), |server| async move {
    let ann = server.user("ann").await;
    // Black for three seconds of ten.
    let item = looked_at(&ann, "a.mp4", &film(&["-c:v", "libx264", "-c:a", "aac"], "mp4")).await;
    let path = format!("/media/{}/storyboard", item["id"].as_str().unwrap());
    let answer = ann.get(&path).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "image/jpeg"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("strip.jpg");
    std::fs::write(&file, &answer.body).unwrap();
    let strip = by_ffmpeg(&["-i", file.to_str().unwrap()], "png");
    let strip = image::load_from_memory(&strip).unwrap().into_luma8();
    assert_eq!((strip.width(), strip.height()), (1600, 90));
    let light = |tile: u32| {
        let middle = tile * 160 + 80;
        let pixels = (middle - 60..middle + 60).flat_map(|x| (10..80).map(move |y| (x, y)));
        pixels.map(|(x, y)| u64::from(strip.get_pixel(x, y).0[0])).sum::<u64>() / (120 * 70)
    };
    let lights: Vec<u64> = (0..10).map(light).collect();
    assert!(lights[..3].iter().all(|light| *light < 20) && lights[4..].iter().all(|light| *light > 40), "{lights:?}");
    let asked = json!({ "items": [{ "id": item["id"], "variant": "storyboard" }], "expires_in": 600 });
    let link = ann.post("/media/urls", asked).await.expect(200)[0]["url"].as_str().unwrap().to_owned();
    assert_eq!(server.anonymous().get(&link).await.body, answer.body);
});

on_both!(how_loud_a_song_is, working(), |server| async move {
    let ann = server.user("ann").await;
    // Silence, then a tone that swells.
    let filter = ["-f", "lavfi", "-i", "aevalsrc='if(lt(t,5),0,sin(440*2*PI*t)*(t-5)/5)':d=10:s=44100"];
    let song = by_ffmpeg(&[&filter[..], &["-c:a", "flac"]].concat(), "flac");
    let item = looked_at(&ann, "a.flac", &song).await;
    let shown = ann.get(&format!("/media/{}/waveform", item["id"].as_str().unwrap())).await.expect(200);
    let duration = shown["duration"].as_f64().unwrap();
    assert!((duration - 10.0).abs() < 0.05, "{duration}");
    let peaks: Vec<u64> = shown["peaks"].as_array().unwrap().iter().map(|peak| peak.as_u64().unwrap()).collect();
    assert!((500..=2000).contains(&peaks.len()), "{}", peaks.len());
    let half = peaks.len() / 2;
    assert!(peaks[..half - 10].iter().all(|peak| *peak <= 1), "silence");
    assert!(peaks[half + half / 2] > 90 && *peaks.last().unwrap() > 200, "{peaks:?}");
});

on_both!(animations_go_on_moving_where_asked, working(), |server| async move {
    let ann = server.user("ann").await;
    for (ending, arguments) in
        [("gif", &[][..]), ("webp", &["-c:v", "libwebp_anim", "-loop", "0"]), ("apng", &["-plays", "0"])]
    {
        let source = ["-f", "lavfi", "-i", "testsrc=s=320x180:d=2:r=10"];
        let name = if ending == "apng" { "a.png" } else { ending };
        let item = looked_at(&ann, name, &by_ffmpeg(&[&source[..], arguments].concat(), ending)).await;
        assert_eq!(item["metadata"]["image"]["frames"], 20, "{ending}: {item}");
        let path = format!("/media/{}/render?w=160", item["id"].as_str().unwrap());
        let answer = ann.get(&format!("{path}&animated=true")).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "image/webp"), "{ending}");
        let decoder = image::codecs::webp::WebPDecoder::new(std::io::Cursor::new(answer.body.to_vec())).unwrap();
        assert!(decoder.has_animation(), "{ending}");
        let frames = image::AnimationDecoder::into_frames(decoder).collect_frames().unwrap();
        assert_eq!(frames[0].buffer().dimensions(), (160, 90));
        let time: f64 = frames.iter().map(|frame| Duration::from(frame.delay()).as_secs_f64()).sum();
        assert!((1.8..=2.2).contains(&time), "{ending}: {time} s in {} frames", frames.len());
        assert!(frames.len() > 15, "{ending}: {}", frames.len());
        let still = ann.get(&format!("{path}&format=webp")).await;
        assert!(still.body.len() < answer.body.len());
        assert_eq!(ann.get(&format!("{path}&animated=true&format=jpeg")).await.status, 400);
    }
    // What does not move is shown all the same.
    let item = looked_at(&ann, "a.jpg", &sample("mushroom.jpg")).await;
    let answer = ann.get(&format!("/media/{}/render?w=64&animated=true", item["id"].as_str().unwrap())).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "image/webp"));
});

/// How many frames ffprobe finds in what comes through a pipe.
fn frames_through_a_pipe(bytes: &[u8]) -> String {
    let mut child = Command::new("ffprobe")
        .args(["-v", "quiet", "-count_frames", "-select_streams", "v", "-show_entries", "stream=nb_read_frames"])
        .args(["-of", "csv=p=0", "-f", "mov", "-i", "pipe:0"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // It may hang up when it has seen enough.
    let _ = std::io::Write::write_all(&mut stdin, bytes);
    drop(stdin);
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
}

#[test]
fn an_index_at_the_end_is_put_in_front() {
    for arguments in [&["-c:v", "libx264", "-c:a", "aac"][..], &["-c:v", "mpeg4", "-c:a", "aac"]] {
        let bytes = film(arguments, "mov");
        let front = mv_media::video::front(&mut Cursor::new(&bytes[..])).unwrap();
        assert_ne!(frames_through_a_pipe(&bytes), "250", "as it lies a pipe is of no use");
        assert_eq!(frames_through_a_pipe(&[&front[..], &bytes].concat()), "250");
        // Cut, empty or without anything to move: no front, and no panic.
        for end in [0, 7, 40, bytes.len() / 2, bytes.len() - 1] {
            let _ = mv_media::video::front(&mut Cursor::new(&bytes[..end]));
        }
    }
    let first = film(&["-c:v", "libx264", "-c:a", "aac", "-movflags", "+faststart"], "mp4");
    assert_eq!(mv_media::video::front(&mut Cursor::new(&first[..])), None);
}

/// A still with a film behind it, as Google's cameras write it.
fn motion_photo(still: &[u8], film: &[u8]) -> Vec<u8> {
    let xmp = format!(
        r#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description
            xmlns:Camera="http://ns.google.com/photos/1.0/camera/" xmlns:Container="http://ns.google.com/photos/1.0/container/"
            xmlns:Item="http://ns.google.com/photos/1.0/container/item/" Camera:MotionPhoto="1" Camera:MotionPhotoVersion="1">
            <Container:Directory><rdf:Seq>
            <rdf:li rdf:parseType="Resource"><Container:Item Item:Mime="image/jpeg" Item:Semantic="Primary" Item:Length="0" Item:Padding="0"/></rdf:li>
            <rdf:li rdf:parseType="Resource"><Container:Item Item:Mime="video/mp4" Item:Semantic="MotionPhoto" Item:Length="{}"/></rdf:li>
            </rdf:Seq></Container:Directory></rdf:Description></rdf:RDF></x:xmpmeta>"#,
        film.len()
    );
    let block = [&b"http://ns.adobe.com/xap/1.0/\0"[..], xmp.as_bytes()].concat();
    let length = u16::try_from(block.len() + 2).unwrap().to_be_bytes();
    [&still[..2], &[0xFF, 0xE1], &length, &block, &still[2..], film].concat()
}

on_both!(the_film_in_a_motion_photo_is_served, working(), |server| async move {
    let ann = server.user("ann").await;
    let film = film(&["-c:v", "libx264", "-c:a", "aac"], "mp4");
    let photo = motion_photo(&sample("nikon-d80.jpg"), &film);
    let item = looked_at(&ann, "a.jpg", &photo).await;
    assert_eq!((&item["type"], &item["motion"]["size"]), (&json!("image"), &json!(film.len())), "{item}");
    let path = format!("/media/{}/motion", item["id"].as_str().unwrap());
    let answer = ann.get(&path).await;
    assert_eq!((answer.status, answer.header("content-type"), answer.body == film), (200, "video/mp4", true));
    assert_eq!(answer.header("content-disposition"), "inline; filename=\"a.mp4\"; filename*=UTF-8''a.mp4");
    let part = ann.send(ann.request(Method::GET, &path).header("range", "bytes=100-299")).await;
    assert_eq!((part.status, part.body == film[100..300]), (206, true));
    assert_eq!(part.header("content-range"), format!("bytes 100-299/{}", film.len()));
    let end = ann.send(ann.request(Method::GET, &path).header("range", "bytes=-10")).await;
    assert_eq!((end.status, end.body == film[film.len() - 10..]), (206, true));
    let asked = json!({ "items": [{ "id": item["id"], "variant": "motion" }], "expires_in": 600 });
    let link = ann.post("/media/urls", asked).await.expect(200)[0]["url"].as_str().unwrap().to_owned();
    assert!(server.anonymous().get(&link).await.body == film);
});
