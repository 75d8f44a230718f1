//! Thumbnails and renditions: sizes, formats, caching, and who may see them.

use super::*;

on_both!(thumbnails_come_in_three_sizes_by_links_that_cache, working(), |server| async move {
    let ann = server.user("ann").await;
    let item = looked_at(&ann, "a.png", &picture(2000, 1000, ImageFormat::Png)).await;
    let path = format!("/media/{}/thumbnail", item["id"].as_str().unwrap());
    for (query, size) in [("", (512, 256)), ("?size=256", (256, 128)), ("?size=1024", (1024, 512))] {
        let answer = ann.get(&format!("{path}{query}")).await;
        assert_eq!((answer.status, &answer.headers["content-type"]), (200, &"image/jpeg".parse().unwrap()));
        let (width, height, _) = shown(&answer);
        assert_eq!((width, height), size, "{query}");
        // Nothing but the picture: no EXIF, no profile, no XMP.
        assert!(!answer.body.windows(2).any(|window| window == [0xFF, 0xE1] || window == [0xFF, 0xE2]));
    }
    let nobody = server.anonymous();
    let link = item["urls"]["thumbnail"].as_str().unwrap();
    let answer = nobody.get(link).await;
    assert_eq!(answer.status, 200);
    let caching = answer.headers["cache-control"].to_str().unwrap();
    assert!(caching.starts_with("private, max-age=") && caching.ends_with(", immutable"), "{caching}");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    let tag = answer.headers["etag"].to_str().unwrap().to_owned();
    let again = nobody.send(nobody.request(Method::GET, link).header("if-none-match", &tag)).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let head = nobody.send(nobody.request(Method::HEAD, link)).await;
    assert_eq!((head.status, &head.headers["content-length"]), (200, &answer.headers["content-length"]));
    assert_eq!(nobody.get(item["urls"]["preview"].as_str().unwrap()).await.status, 200);
    // The link is for this size, this item and this use alone.
    for other in [link.replace("size=512", "size=1024"), link.replace("/thumbnail?size=512&", "/content?")] {
        nobody.get(&other).await.error(401, "unauthorized");
    }
});

on_both!(pictures_are_their_owners_alone, working(), |server| async move {
    let (ann, bob) = (server.user("ann").await, server.user("bob").await);
    let item = looked_at(&ann, "a.png", &picture(300, 200, ImageFormat::Png)).await;
    for what in ["thumbnail", "render?w=10", "metadata"] {
        let path = format!("/media/{}/{what}", item["id"].as_str().unwrap());
        assert_eq!(ann.get(&path).await.status, 200, "{what}");
        bob.get(&path).await.error(404, "not_found");
        server.anonymous().get(&path).await.error(401, "unauthorized");
    }
    let link = item["urls"]["thumbnail"].as_str().unwrap();
    ann.delete(&format!("/media/{}", item["id"].as_str().unwrap())).await.expect(204);
    server.anonymous().get(link).await.error(404, "not_found");
});

on_both!(renditions_fit_their_boxes, working(), |server| async move {
    let ann = server.user("ann").await;
    let item = looked_at(&ann, "a.png", &picture(800, 400, ImageFormat::Png)).await;
    let path = format!("/media/{}/render", item["id"].as_str().unwrap());
    for (query, size) in [
        ("w=200", (200, 100)),
        ("h=200", (400, 200)),
        ("w=100&h=100", (100, 50)),
        ("w=100&h=100&fit=cover", (100, 100)),
        ("w=100&h=100&fit=contain", (100, 100)),
        ("w=100&dpr=2", (200, 100)),
        ("w=4000", (800, 400)),
    ] {
        let answer = ann.get(&format!("{path}?{query}&format=png")).await;
        assert_eq!(answer.status, 200, "{query}");
        let (width, height, left) = shown(&answer);
        assert_eq!((width, height), size, "{query}");
        assert!(left[0] > 150 && left[2] < 80, "{query}: {left:?}");
    }
    for (format, kind) in [("jpeg", "image/jpeg"), ("webp", "image/webp"), ("avif", "image/avif"), ("png", "image/png")]
    {
        let answer = ann.get(&format!("{path}?w=64&format={format}")).await;
        assert_eq!((answer.status, answer.headers["content-type"].to_str().unwrap()), (200, kind));
    }
    // The client's word counts where the format is open.
    for (accept, kind) in
        [("image/avif,image/webp,*/*", "image/avif"), ("image/webp", "image/webp"), ("*/*", "image/jpeg")]
    {
        let answer = ann.send(ann.request(Method::GET, &format!("{path}?w=64")).header("accept", accept)).await;
        assert_eq!(answer.headers["content-type"].to_str().unwrap(), kind);
        assert!(answer.headers["vary"].to_str().unwrap().contains("Accept"));
    }
    for bad in [
        "",
        "w=0",
        "w=5000",
        "w=x",
        "w=10&fit=fill",
        "w=10&format=gif",
        "w=10&q=0",
        "w=10&dpr=9",
        "w=10&z=1",
        "w=10&w=20",
    ] {
        ann.get(&format!("{path}?{bad}")).await.error(400, "validation_error");
    }
    let thumbnail = format!("/media/{}/thumbnail", item["id"].as_str().unwrap());
    ann.get(&format!("{thumbnail}?size=100")).await.error(400, "validation_error");
});

on_both!(links_to_renditions_are_signed_as_they_were_asked_for, working(), |server| async move {
    let ann = server.user("ann").await;
    let item = looked_at(&ann, "a.png", &picture(400, 300, ImageFormat::Png)).await;
    let id = &item["id"];
    let wanted = json!({ "expires_in": 600, "items": [
        { "id": id, "variant": "content", "download": true },
        { "id": id, "variant": "thumbnail", "size": 256 },
        { "id": id, "variant": "preview" },
        { "id": id, "variant": "render", "w": 50, "h": 40, "fit": "cover", "format": "png", "q": 70, "dpr": 2 },
        { "id": id, "variant": "render", "h": 30 },
    ] });
    let links = ann.post("/media/urls", wanted).await.expect(200);
    let nobody = server.anonymous();
    for (link, variant) in links.as_array().unwrap().iter().zip(["content", "thumbnail", "preview", "render", "render"])
    {
        assert_eq!(link["variant"], variant);
        assert_eq!(nobody.get(link["url"].as_str().unwrap()).await.status, 200, "{link}");
    }
    let (width, height, _) = shown(&nobody.get(links[3]["url"].as_str().unwrap()).await);
    assert_eq!((width, height), (100, 80));
    let open = links[4]["url"].as_str().unwrap();
    let webp = nobody.send(nobody.request(Method::GET, open).header("accept", "image/webp")).await;
    assert_eq!(webp.headers["content-type"], "image/webp");
    nobody.get(&links[3]["url"].as_str().unwrap().replace("q=70", "q=71")).await.error(401, "unauthorized");
    for bad in [
        json!({ "id": id, "variant": "poster" }),
        json!({ "id": id, "variant": "thumbnail", "size": 5 }),
        json!({ "id": id, "variant": "thumbnail", "w": 5 }),
        json!({ "id": id, "variant": "preview", "size": 512 }),
        json!({ "id": id, "variant": "render" }),
        json!({ "id": id, "variant": "render", "w": 10, "download": true }),
    ] {
        let body = json!({ "expires_in": 600, "items": [bad] });
        ann.post("/media/urls", body.clone()).await.error(400, "validation_error");
    }
});

on_both!(many_who_ask_at_once_get_the_same_picture, working(), |server| async move {
    let ann = server.user("ann").await;
    let item = looked_at(&ann, "a.png", &picture(700, 350, ImageFormat::Png)).await;
    let path = format!("/media/{}/render?w=333&format=webp", item["id"].as_str().unwrap());
    let answers = futures_util::future::join_all((0..20).map(|_| ann.get(&path))).await;
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.body == answers[0].body));
});

on_both!(a_flood_of_odd_sizes_ends, working(), |server| async move {
    let ann = server.user("ann").await;
    let item = looked_at(&ann, "a.png", &picture(64, 64, ImageFormat::Png)).await;
    let path = format!("/media/{}/render?format=jpeg&w=8&q=", item["id"].as_str().unwrap());
    let mut refused = 0;
    // Six hundred a minute are made; what is there already counts for nothing.
    for w in 1..=7 {
        for q in 1..=100 {
            let answer = ann.get(&format!("{}{q}", path.replace("w=8", &format!("w={w}")))).await;
            refused += u32::from(answer.status == 429);
            assert!(answer.status == 200 || answer.headers.contains_key("retry-after"), "{}", answer.status);
        }
    }
    assert!((90..=100).contains(&refused), "{refused}");
    let first = path.replace("w=8", "w=1");
    assert_eq!(ann.get(&format!("{first}1")).await.status, 200, "made before");
});
