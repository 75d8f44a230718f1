//! The life of an item from its upload to `ready` or `failed`.

use super::*;

on_both!(a_photo_becomes_ready_with_all_it_says, working(), |server| async move {
    let ann = server.user("ann").await;
    let item = ann.upload("lake.avif", &sample("sunrise.avif")).await;
    assert_eq!((&item["status"], &item["processing"]["stage"]), (&json!("processing"), &json!("queued")));
    assert_eq!((&item["metadata"], &item["urls"]["thumbnail"]), (&Value::Null, &Value::Null));
    let item = settled(&ann, &item).await;
    assert_eq!((&item["status"], &item["processing"]), (&json!("ready"), &Value::Null));
    assert_eq!((&item["width"], &item["height"]), (&json!(1024), &json!(640)));
    assert_eq!(item["taken_at"], "2017-10-27T06:38:52Z");
    assert_eq!((&item["taken_at_local"], &item["taken_at_offset"]), (&json!("2017-10-27T08:38:52"), &json!("+02:00")));
    assert_eq!((&item["taken_at_source"], &item["rating"]), (&json!("exif"), &json!(4)));
    assert_eq!(item["location"], json!({ "latitude": 36.597_441_7, "longitude": -4.508_46, "altitude": 5.8 }));
    assert_eq!(item["metadata"]["camera"]["model"], "PENTAX K-3 II");
    assert_eq!(item["metadata"]["keywords"], json!(["Malaga", "Torremolinos"]));
    assert_eq!(item["version"], 2);
    let path = format!("/media/{}/metadata", item["id"].as_str().unwrap());
    let said = ann.get(&path).await.expect(200);
    assert_eq!((&said["metadata"], &said["raw"]), (&item["metadata"], &Value::Null));
    let raw = ann.get(&format!("{path}?raw=true")).await.expect(200);
    assert!(raw["raw"]["EXIF:Model"].as_str().unwrap().contains("PENTAX"), "{raw}");
    // The list shows the same.
    let listed = ann.get("/media").await.expect(200);
    assert_eq!(listed[0], item);
    assert_eq!(server.events_of(item["id"].as_str().unwrap()).await, ["media.uploaded", "media.processed"]);
});

on_both!(what_people_say_goes_before_what_files_say, working(), |server| async move {
    let ann = server.user("ann").await;
    let fields = [("taken_at", "2001-02-03T04:05:06Z")];
    let item = ann.try_upload("", "a.avif", &sample("sunrise.avif"), &fields).await.expect(201);
    let item = settled(&ann, &item).await;
    assert_eq!((&item["taken_at"], &item["taken_at_source"]), (&json!("2001-02-03T04:05:06Z"), &json!("client")));
    let path = format!("/media/{}", item["id"].as_str().unwrap());
    ann.patch(&path, json!({ "rating": 2, "location": { "latitude": 1.0, "longitude": 2.0 } })).await.expect(200);
    ann.post_empty(&format!("{path}/reprocess")).await.expect(202);
    let item = settled(&ann, &item).await;
    assert_eq!((&item["rating"], &item["location"]["latitude"]), (&json!(2), &json!(1.0)));
    // Without a word from anybody the name tells, and else the time of the upload.
    let named = looked_at(&ann, "IMG_20190721_230638.png", &picture(8, 8, ImageFormat::Png)).await;
    assert_eq!(
        (&named["taken_at_local"], &named["taken_at_source"]),
        (&json!("2019-07-21T23:06:38"), &json!("filename"))
    );
    let bare = looked_at(&ann, "x.png", &picture(9, 8, ImageFormat::Png)).await;
    assert_eq!((&bare["taken_at"], &bare["taken_at_source"]), (&bare["created_at"], &json!("upload")));
});

on_both!(a_damaged_file_fails_with_a_reason_and_is_kept, working(), |server| async move {
    let ann = server.user("ann").await;
    let bytes = &picture(400, 300, ImageFormat::Png)[..60];
    let item = looked_at(&ann, "a.png", bytes).await;
    assert_eq!((&item["status"], &item["processing"]["stage"]), (&json!("failed"), &json!("failed")));
    assert_eq!(item["processing"]["error"]["code"], "damaged", "{item}");
    assert!(!item["processing"]["error"]["message"].as_str().unwrap().is_empty());
    // What its head says is known all the same, and every byte is there.
    assert_eq!((&item["width"], &item["urls"]["thumbnail"]), (&json!(400), &Value::Null));
    let path = format!("/media/{}", item["id"].as_str().unwrap());
    assert_eq!(ann.get(&format!("{path}/content")).await.body, bytes);
    ann.get(&format!("{path}/thumbnail")).await.error(404, "not_found");
    assert_eq!(server.events_of(item["id"].as_str().unwrap()).await, ["media.uploaded", "media.failed"]);
    let told = server.events().await.into_iter().find(|(kind, ..)| kind == "media.failed").unwrap();
    assert_eq!(told.2["error"], json!({ "code": "damaged" }));
});

on_both!(files_without_anything_to_read_are_ready_at_once, working(), |server| async move {
    let ann = server.user("ann").await;
    for (name, bytes) in [("a.zip", &b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"[..]), ("empty", b"")] {
        let item = ann.upload(name, bytes).await;
        assert_eq!((&item["status"], &item["processing"]), (&json!("ready"), &Value::Null), "{name}");
    }
});

on_both!(equal_bytes_are_looked_at_once, working(), |server| async move {
    let ann = server.user("ann").await;
    let bytes = picture(300, 200, ImageFormat::Png);
    let first = looked_at(&ann, "a.png", &bytes).await;
    let second = looked_at(&ann, "b.png", &bytes).await;
    for member in ["width", "height", "metadata", "thumbhash", "status"] {
        assert_eq!(first[member], second[member], "{member}");
    }
    assert_ne!(first["id"], second["id"]);
    assert!(second["urls"]["thumbnail"].is_string());
});

on_both!(administrators_see_the_queue, Options::default(), |server| async move {
    // Nobody works here, so what is uploaded waits.
    let ann = server.user("ann").await;
    let item = ann.upload("a.png", &picture(8, 8, ImageFormat::Png)).await;
    let admin = administrator(&server).await;
    let jobs = admin.get("/admin/jobs").await.expect(200);
    assert_eq!(jobs.as_array().unwrap().len(), 1);
    assert_eq!(
        (&jobs[0]["media_id"], &jobs[0]["kind"], &jobs[0]["attempts"]),
        (&item["id"], &json!("examine"), &json!(0))
    );
    let after = format!("/admin/jobs?after={}", jobs[0]["id"].as_str().unwrap());
    assert_eq!(admin.get(&after).await.expect(200), json!([]));
    for bad in ["limit=0", "limit=101", "after=x"] {
        admin.get(&format!("/admin/jobs?{bad}")).await.error(400, "validation_error");
    }
    let stats = admin.get("/admin/stats").await.expect(200);
    assert_eq!(
        (&stats["jobs_waiting"], &stats["jobs_running"], &stats["items_failed"]),
        (&json!(1), &json!(0), &json!(0))
    );
    assert_eq!(admin.post_empty("/admin/jobs/retry").await.expect(202)["items"], 0);
    ann.get("/admin/jobs").await.error(403, "forbidden");
    // An item that goes takes its job along.
    ann.delete(&format!("/media/{}?permanent=true", item["id"].as_str().unwrap())).await.expect(204);
    assert_eq!(admin.get("/admin/jobs").await.expect(200), json!([]));
});
