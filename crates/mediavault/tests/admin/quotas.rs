//! Quotas: exact when many upload at once, the trash counts, and a lower one refuses new uploads and nothing else.

use super::*;

async fn usage(root: &Actor, of: &Actor) -> (u64, u64) {
    let shown = root.get(&path_of(of)).await.expect(200);
    (shown["usage"]["bytes"].as_u64().unwrap(), shown["usage"]["trash_bytes"].as_u64().unwrap())
}

on_both!(exactly_as_many_uploads_as_fit, Options::with("database.connections", 16), |server| async move {
    let root = administrator(&server, "root").await;
    let ann = server.user("ann").await;
    root.patch(&path_of(&ann), json!({ "quota_bytes": 7_999 })).await.expect(200);
    let answers = at_once((0..50_u64).map(|number| {
        let ann = ann.clone();
        async move { ann.try_upload("", "a.bin", &files::noise(number + 1, 1_000), &[]).await }
    }))
    .await;
    let won = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(won, 7);
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        refused.error_on(507, "quota_exceeded", &[]);
    }
    assert_eq!(usage(&root, &ann).await, (7_000, 0));
    assert_eq!(server.stored_files().len(), 7, "what was refused left no file");
});

on_both!(the_trash_counts_and_the_refusal_says_what_it_would_free, |server| async move {
    let root = administrator(&server, "root").await;
    let ann = server.user("ann").await;
    root.patch(&path_of(&ann), json!({ "quota_bytes": 1_000 })).await.expect(200);
    let item = ann.upload("a.bin", &files::noise(1, 600)).await;
    ann.delete(&format!("/media/{}", text(&item, "id"))).await.expect(204);
    assert_eq!(usage(&root, &ann).await, (0, 600));
    let refused = ann.try_upload("", "b.bin", &files::noise(2, 401), &[]).await;
    refused.error_on(507, "quota_exceeded", &[]);
    let message = refused.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("emptying the trash would free 600 bytes"), "{message}");
    ann.upload("c.bin", &files::noise(3, 400)).await;
    ann.delete("/media/trash").await;
    ann.upload("d.bin", &files::noise(4, 600)).await;
    assert_eq!(usage(&root, &ann).await, (1_000, 0));
    ann.try_upload("", "e.bin", b"x", &[]).await.error_on(507, "quota_exceeded", &[]);
    ann.upload("f.bin", b"").await;
});

on_both!(a_quota_below_what_is_held_refuses_new_uploads_alone, |server| async move {
    let root = administrator(&server, "root").await;
    let ann = server.user("ann").await;
    let item = ann.upload("a.bin", &files::noise(1, 600)).await;
    let path = format!("/media/{}", text(&item, "id"));
    for quota in [0, 599] {
        root.patch(&path_of(&ann), json!({ "quota_bytes": quota })).await.expect(200);
        ann.try_upload("", "b.bin", b"x", &[]).await.error_on(507, "quota_exceeded", &[]);
        assert_eq!(ann.get(&format!("{path}/content")).await.body.len(), 600);
        ann.patch(&path, json!({ "title": format!("{quota}") })).await.expect(200);
        ann.delete(&path).await.expect(204);
        ann.post_empty(&format!("{path}/restore")).await.expect(200);
        assert_eq!(usage(&root, &ann).await, (600, 0), "nothing was taken away");
    }
    // A large upload is refused before its bytes are read.
    let large = ann.try_upload("", "c.bin", &files::noise(2, 3_000_000), &[]).await;
    large.error_on(507, "quota_exceeded", &[]);
    root.patch(&path_of(&ann), json!({ "quota_bytes": 601 })).await.expect(200);
    ann.upload("b.bin", b"x").await;
});
