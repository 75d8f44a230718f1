//! The main job once through: an account, a photo, the photo back.

use super::*;

on_both!(uploads_a_photo_and_gets_it_back, |server| async move {
    let alice = server.user("alice").await;
    let photo = mv_testkit::files::jpeg(1, 30_000);
    let item = alice.upload("lake.jpg", &photo).await;
    assert_eq!(item["type"], "image");
    let id = item["id"].as_str().unwrap();
    let back = alice.get(&format!("/media/{id}/content")).await;
    assert_eq!((back.status, back.body.as_ref()), (200, photo.as_slice()));
    assert_eq!(server.events_of(id).await, ["media.uploaded"]);
    assert_eq!(alice.get("/users/me").await.expect(200)["email"], json!("alice@example.com"));
});
