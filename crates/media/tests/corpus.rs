//! Real files of each format (`tests/media/README.md`): what is read of them against what stands here, and against exiftool.
#![expect(clippy::unwrap_used, reason = "tests stop at once when anything is not as it must be")]

use std::path::PathBuf;
use std::process::Command;

use mv_core::facts::Device;
use mv_media::found::Found;
use mv_media::worker::{Answer, Job, perform};
use serde_json::Value;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/media")
}

/// The bytes of every file, with its name.
fn files() -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(path).unwrap())).collect()
}

fn look_at(name: &str) -> Answer {
    let bytes = std::fs::read(folder().join(name)).unwrap();
    perform(&Job::Examine, &mut std::io::Cursor::new(bytes))
}

/// A time as exiftool writes it.
fn taken(found: &Found) -> Option<String> {
    let local = mv_core::taken::LocalTime::from_micros(found.taken?.local_micros).to_string();
    Some(local.get(..19)?.replace('T', " ").replace('-', ":"))
}

/// What is expected of a file.
struct Row {
    name: &'static str,
    size: Option<(u32, u32)>,
    camera: Option<&'static str>,
    lens: Option<&'static str>,
    taken: Option<&'static str>,
    pictures: usize,
}

const NOTHING: Row = Row { name: "", size: None, camera: None, lens: None, taken: None, pictures: 0 };

const ROWS: &[Row] = &[
    Row {
        name: "sample.arw",
        size: Some((3880, 2600)),
        camera: Some("DSLR-A330"),
        taken: Some("2009:11:13 13:33:25"),
        pictures: 3,
        ..NOTHING
    },
    Row {
        name: "sample.cr2",
        size: Some((3648, 2736)),
        camera: Some("Canon PowerShot S90"),
        taken: Some("2011:08:24 14:41:04"),
        pictures: 3,
        ..NOTHING
    },
    Row {
        name: "sample.dng",
        size: Some((2672, 1968)),
        camera: Some("Canon PowerShot SD450"),
        taken: Some("2009:03:30 19:25:18"),
        ..NOTHING
    },
    Row {
        name: "sample.nef",
        size: Some((2012, 1324)),
        camera: Some("NIKON D1"),
        taken: Some("2000:11:19 13:01:50"),
        ..NOTHING
    },
    Row {
        name: "nikon-d80.jpg",
        camera: Some("NIKON D80"),
        lens: Some("18-135mm f/3.5-5.6"),
        taken: Some("2011:10:28 18:25:43"),
        ..NOTHING
    },
    Row {
        name: "canon-t4i.jpg",
        camera: Some("Canon EOS REBEL T4i"),
        lens: Some("EF-S18-55mm f/3.5-5.6 IS II"),
        taken: Some("2012:12:21 11:15:19"),
        ..NOTHING
    },
    Row {
        name: "sunrise.avif",
        size: Some((1024, 640)),
        camera: Some("PENTAX K-3 II"),
        lens: Some("smc PENTAX-DA* 16-50mm F2.8 ED AL [IF] SDM"),
        taken: Some("2017:10:27 08:38:52"),
        ..NOTHING
    },
    Row { name: "kamadak-exif.jpg", size: Some((15, 7)), pictures: 3, ..NOTHING },
    Row { name: "kamadak-exif.heic", size: Some((64, 64)), ..NOTHING },
    Row { name: "test8.heic", size: Some((512, 512)), ..NOTHING },
    Row {
        name: "16x16-rle-partially-opaque.psd",
        size: Some((16, 16)),
        taken: Some("2019:02:23 11:29:45"),
        pictures: 3,
        ..NOTHING
    },
];

#[test]
fn files_say_what_they_are_known_to_say() {
    let model = |device: &Option<Device>| device.as_ref().and_then(|device| device.model.clone());
    for row in ROWS {
        let answer = look_at(row.name);
        let facts = &answer.found.facts;
        assert_eq!(answer.found.width.zip(answer.found.height), row.size, "{}", row.name);
        assert_eq!(model(&facts.camera).as_deref(), row.camera, "{}", row.name);
        assert_eq!(model(&facts.lens).as_deref(), row.lens, "{}", row.name);
        assert_eq!(taken(&answer.found).as_deref(), row.taken, "{}", row.name);
        assert_eq!(answer.made.len(), row.pictures, "{}: {:?}", row.name, answer.refused);
    }
}

#[test]
fn a_photograph_with_everything() {
    let found = look_at("sunrise.avif").found;
    let place = found.location.unwrap();
    assert_eq!((place.latitude, place.longitude, place.altitude), (36.597_441_7, -4.508_46, Some(5.8)));
    assert_eq!((found.rating, found.facts.keywords), (Some(4), vec!["Malaga".to_owned(), "Torremolinos".to_owned()]));
    assert_eq!(found.taken.unwrap().offset_seconds, Some(7200));
    let exposure = found.facts.exposure.unwrap();
    assert_eq!((exposure.seconds, exposure.f_number, exposure.iso), (Some(0.005), Some(5.6), Some(100)));
    assert_eq!((exposure.focal_length_mm, exposure.focal_length_35mm), (Some(21.0), Some(31.0)));
    assert_eq!(found.facts.copyright.as_deref(), Some("Bjørn Erik Pedersen"));
    assert!(found.raw["EXIF:Model"].contains("PENTAX K-3 II"), "{:?}", found.raw);
}

#[test]
fn songs_say_who_sings() {
    for name in ["sample.id3v24.mp3", "sample.m4a", "sample.ogg"] {
        let answer = look_at(name);
        let facts = &answer.found.facts;
        let album = facts.album.clone().unwrap();
        assert_eq!(facts.title.as_deref(), Some("Test Title"), "{name}");
        assert_eq!(album.artist.as_deref(), Some("Test Artist"), "{name}");
        assert_eq!(
            (album.album.as_deref(), album.year, album.track),
            (Some("Test Album"), Some(2000), Some(3)),
            "{name}"
        );
        assert!(answer.found.duration_ms.is_some_and(|ms| ms > 100), "{name}");
        assert!(facts.audio.as_ref().is_some_and(|audio| audio.sample_rate.is_some()), "{name}");
    }
}

/// exiftool's account of a file; `None` where it is not installed.
fn exiftool(name: &str) -> Option<Value> {
    let output = Command::new("exiftool").args(["-j", "-n", "-struct", "-q"]).arg(folder().join(name)).output().ok()?;
    serde_json::from_slice::<Value>(&output.stdout).ok()?.as_array()?.first().cloned()
}

#[test]
fn exiftool_reads_the_same() {
    assert!(exiftool("mushroom.jpg").is_some(), "exiftool is needed: apt-get install libimage-exiftool-perl");
    for name in ["mushroom.jpg", "sunrise.avif", "sample.cr2", "sample.dng", "sample.nef"] {
        let (found, theirs) = (look_at(name).found, exiftool(name).unwrap());
        let text = |key: &str| theirs[key].as_str().map(|text| text.trim().to_owned());
        let camera = found.facts.camera.clone().unwrap_or_default();
        assert_eq!((camera.make, camera.model), (text("Make"), text("Model")), "{name}");
        let exposure = found.facts.exposure.clone().unwrap_or_default();
        for (ours, key) in [
            (exposure.seconds, "ExposureTime"),
            (exposure.f_number, "FNumber"),
            (exposure.focal_length_mm, "FocalLength"),
            (found.location.map(|place| place.latitude), "GPSLatitude"),
            (found.location.map(|place| place.longitude), "GPSLongitude"),
            (found.rating.map(f64::from), "Rating"),
        ] {
            let wanted = theirs[key].as_f64();
            let near = match (ours, wanted) {
                (Some(ours), Some(wanted)) => (ours - wanted).abs() <= wanted.abs() * 1e-3 + 1e-6,
                (ours, wanted) => ours == wanted,
            };
            assert!(near, "{name}: {key} is {ours:?}, exiftool says {wanted:?}");
        }
        let time = text("DateTimeOriginal").or_else(|| text("CreateDate"));
        assert_eq!(taken(&found), time.and_then(|text| text.get(..19).map(str::to_owned)), "{name}");
    }
}

/// Reliability 4.2 B 45: cut anywhere, a file gives an answer, and soon.
#[test]
fn files_cut_anywhere_are_answered() {
    for (_, bytes) in files() {
        for length in (0..bytes.len()).step_by(1024) {
            perform(&Job::Examine, &mut std::io::Cursor::new(&bytes[..length]));
        }
    }
}

/// Bytes changed at places that look random: no panic, no endless loop.
#[test]
fn files_with_wrong_bytes_are_answered() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut roll = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for (_, bytes) in files() {
        for _ in 0..60 {
            let mut changed = bytes.clone();
            for _ in 0..8 {
                // Most structures lie at the front.
                let at = roll() % changed.len().min(if roll() % 2 == 0 { 512 } else { usize::MAX });
                changed[at] = roll() as u8;
            }
            perform(&Job::Examine, &mut std::io::Cursor::new(changed));
        }
    }
}
