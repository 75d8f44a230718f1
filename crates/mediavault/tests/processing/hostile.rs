//! Hostile files (reliability 4.2 B): each ends `ready` or `failed` within a minute, opens nothing, and others go on.

use super::*;

/// A PNG chunk with a right checksum.
fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut bytes = (body.len() as u32).to_be_bytes().to_vec();
    let named = [name.as_slice(), body].concat();
    bytes.extend(&named);
    bytes.extend(crc(&named).to_be_bytes());
    bytes
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

fn png(width: u32, height: u32, chunks: &[Vec<u8>]) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 6, 0, 0, 0]].concat();
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &header), chunks.concat(), chunk(b"IEND", b"")].concat()
}

/// A box of an MP4 file.
fn bmff(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat()
}

fn movie(moov: &[u8]) -> Vec<u8> {
    [bmff(b"ftyp", b"isom\0\0\0\0isom"), bmff(b"moov", moov), bmff(b"mdat", &[0; 64])].concat()
}

/// A JPEG of many empty scans.
fn scans(count: usize) -> Vec<u8> {
    let mut bytes = b"\xFF\xD8\xFF\xC2\0\x0B\x08\0\x10\0\x10\x01\x01\x11\0".to_vec();
    for _ in 0..count {
        bytes.extend(b"\xFF\xDA\0\x08\x01\x01\0\0\0\0\0");
    }
    bytes.extend(b"\xFF\xD9");
    bytes
}

/// A TIFF whose directory names itself as the next one.
fn loop_of_directories() -> Vec<u8> {
    let mut bytes = b"II*\0\x08\0\0\0\x02\0".to_vec();
    for (tag, value) in [(0x0100u16, 60_000u32), (0x0101, 60_000)] {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(4u16.to_le_bytes());
        bytes.extend(1u32.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(8u32.to_le_bytes());
    bytes
}

fn files() -> Vec<(&'static str, Vec<u8>)> {
    let svg = |body: &str| {
        format!("<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"100\" height=\"100\">{body}</svg>").into_bytes()
    };
    let laughs = "<!DOCTYPE svg [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\"><!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;\"><!ENTITY e \"&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;\"><!ENTITY f \"&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;\">]>";
    let gif =
        [&b"GIF89a\xFF\xFF\xFF\xFF\0\0\0"[..], &b"\x2C\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0".repeat(100_000), b";"]
            .concat();
    vec![
        ("27 huge.png", png(65_535, 65_535, &[chunk(b"IDAT", b"x")])),
        ("27 large.png", png(30_000, 30_000, &[chunk(b"IDAT", b"x")])),
        ("28 profile.png", png(4, 4, &[chunk(b"iCCP", &[b"x\0\0".to_vec(), vec![0x78; 100_000]].concat())])),
        ("29 frames.gif", gif),
        ("31 scans.jpg", scans(10_000)),
        ("32 loop.tif", loop_of_directories()),
        ("33 script.svg", svg("<script>alert(1)</script><foreignObject><body/></foreignObject><image href=\"file:///etc/passwd\"/><image xlink:href=\"http://127.0.0.1:9/x.png\"/>")),
        ("33 laughs.svg", [laughs.as_bytes(), &svg("<text>&f;</text>")].concat()),
        ("33 use.svg", svg("<g id=\"a\"><use href=\"#b\"/></g><g id=\"b\"><use href=\"#a\"/></g>")),
        ("33 deep.svg", svg(&"<g>".repeat(100_000))),
        ("34 list.mp4", b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXTINF:1,\nhttp://127.0.0.1:9/x\n".to_vec()),
        ("35 concat.mp4", b"ffconcat version 1.0\nfile '/etc/passwd'\n".to_vec()),
        ("35 dash.mp4", b"<?xml version=\"1.0\"?><MPD><BaseURL>file:///etc/passwd</BaseURL></MPD>".to_vec()),
        ("36 samples.mp4", movie(&bmff(b"trak", &bmff(b"mdia", &bmff(b"minf", &bmff(b"stbl", &bmff(b"stsz", &[0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 0xFF, 0xFF, 0xFF]))))))),
        ("36 scale.mp4", movie(&bmff(b"mvhd", &[0; 100]))),
        ("36 tracks.mp4", movie(&bmff(b"trak", &bmff(b"mdia", b"")).repeat(10_000))),
        ("36 nested.mp4", movie(&(0..500).fold(Vec::new(), |inner, _| bmff(b"moov", &inner)))),
        ("37 nested.mkv", [b"\x1A\x45\xDF\xA3\x80".to_vec(), b"\x18\x53\x80\x67\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF".to_vec(), b"\x16\x54\xAE\x6B\x88".repeat(1000)].concat()),
        ("38 magick.jpg", b"push graphic-context\nviewbox 0 0 640 480\nimage over 0,0 0,0 'https://127.0.0.1:9/x.jpg'\npop graphic-context\n".to_vec()),
        ("39 lossless.webp", [&b"RIFF\x24\0\0\0WEBPVP8L\x18\0\0\0\x2F\xFF\xFF\xFF\x0F"[..], &[0xFF; 19]].concat()),
        ("40 items.heic", [bmff(b"ftyp", b"heic\0\0\0\0mif1heic"), bmff(b"meta", &[&[0; 4][..], &bmff(b"iinf", &[&[0, 0, 0, 0, 0x27, 0x10][..], &bmff(b"infe", &[2, 0, 0, 0, 0, 1, 0, 0, b'h', b'v', b'c', b'1', 0]).repeat(10_000)].concat())].concat())].concat()),
        ("41 pages.pdf", b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj\n2 0 obj<</Type/Pages/Count 1000000/Kids[2 0 R 2 0 R]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF".to_vec()),
        ("43 times.jpg", [&b"\xFF\xD8\xFF\xE1\0\x40Exif\0\0MM\0*\0\0\0\x08\0\x01\x87\x69\0\x04\0\0\0\x01\0\0\0\x08\0\0\0\x08"[..], &[0; 40], b"\xFF\xD9"].concat()),
        ("46 polyglot.gif", b"GIF89a/*\0\0\0*/=1;alert(1)//".to_vec()),
        ("48 script.ps", b"%!PS\n(/etc/passwd) (r) file 100 string readstring pop print\n".to_vec()),
    ]
}

on_both!(each_ends_and_others_go_on, working(), |server| async move {
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let good = picture(640, 480, ImageFormat::Png);
    let mut items = Vec::new();
    for (name, bytes) in files() {
        items.push((name, ann.upload(name, &bytes).await));
    }
    // Bob's photograph does not wait for all of Ann's.
    let began = tokio::time::Instant::now();
    let item = looked_at(&bob, "a.png", &good).await;
    assert_eq!(item["status"], "ready");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    for (name, item) in &items {
        // Failures by time or memory are tried again; the wait between is by the clock.
        let ended = async {
            loop {
                let item = ann.get(&format!("/media/{}", item["id"].as_str().unwrap())).await.expect(200);
                if item["status"] != "processing" {
                    return item;
                }
                server.clock().advance(Duration::from_secs(1));
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let item = tokio::time::timeout(PATIENCE, ended).await.unwrap_or_else(|_| panic!("{name} does not end"));
        assert!(item["status"] == "failed" || item["status"] == "ready", "{name}: {item}");
        if item["status"] == "failed" {
            assert!(item["processing"]["error"]["code"].is_string(), "{name}: {item}");
        }
    }
    assert_eq!(looked_at(&bob, "b.png", &picture(641, 480, ImageFormat::Png)).await["status"], "ready");
});
