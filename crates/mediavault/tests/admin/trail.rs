//! The audit trail: who did what, found again by each filter, page by page.

use super::*;

/// Type, actor, credential and resource of an entry.
type Entry = (String, Option<String>, Option<String>, Option<String>);

async fn entries(root: &Actor, query: &str) -> Vec<Entry> {
    let found = root.get(&format!("/admin/audit?per_page=100{query}")).await.expect(200);
    let string = |value: &Value| value.as_str().map(str::to_owned);
    found
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let actor = string(&entry["actor"]["id"]);
            (text(entry, "type").to_owned(), actor, string(&entry["credential"]), string(&entry["resource"]))
        })
        .collect()
}

fn types(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|(kind, ..)| kind.as_str()).collect()
}

on_both!(acts_are_found_again, |server| async move {
    let root = administrator(&server, "root").await;
    let ann = server.user("ann").await;
    let (old_refresh, item) = (ann.refresh_token.clone(), ann.upload("a.bin", b"abc").await);
    root.patch(&path_of(&ann), json!({ "role": "admin", "quota_bytes": 5 })).await.expect(200);
    root.patch(&path_of(&ann), json!({ "disabled": true })).await.expect(200);
    root.patch(&path_of(&ann), json!({ "disabled": true })).await.expect(200);
    root.patch(&path_of(&ann), json!({ "disabled": false })).await.expect(200);
    let of_ann = entries(&root, &format!("&resource={}", ann.id)).await;
    let wanted =
        ["user.enabled", "user.disabled", "user.quota_changed", "user.role_changed", "user.created", "user.registered"];
    let mut sorted = (types(&of_ann), wanted.to_vec());
    sorted.0.sort_unstable();
    sorted.1.sort_unstable();
    assert_eq!(sorted.0, sorted.1);
    assert_eq!(types(&of_ann)[..2], wanted[..2], "newest first");
    let disabled = of_ann.iter().find(|(kind, ..)| kind == "user.disabled").unwrap();
    assert_eq!((disabled.1.as_deref(), disabled.2.as_deref()), (Some(root.id.as_str()), Some("session")));
    let made = of_ann.iter().find(|(kind, ..)| kind == "user.created").unwrap();
    assert_eq!((made.1.as_deref(), made.2.as_deref()), (None, Some("anonymous")));
    let operator = entries(&root, &format!("&resource={}&type=user.created", root.id)).await;
    assert_eq!(operator[0].2.as_deref(), Some("operator"));

    // Events of content stand in the same order.
    let uploads = entries(&root, "&type=media.uploaded").await;
    assert_eq!(uploads.len(), 1);
    assert_eq!((uploads[0].1.as_deref(), uploads[0].3.as_deref()), (Some(ann.id.as_str()), item["id"].as_str()));
    assert_eq!(types(&entries(&root, &format!("&actor={}&type=media.uploaded", ann.id)).await), ["media.uploaded"]);
    assert!(entries(&root, &format!("&actor={}&type=media.uploaded", root.id)).await.is_empty());

    // Sessions: begun, ended, and a token that was used twice.
    let mut back = ann.clone();
    back.log_in(PASSWORD).await;
    let refresh = json!({ "refresh_token": back.refresh_token });
    back.post("/auth/refresh", refresh.clone()).await.expect(200);
    server.clock().advance(std::time::Duration::from_secs(60));
    back.post("/auth/refresh", refresh).await.error_on(401, "unauthorized", &[]);
    let reused = root.get("/admin/audit?type=session.revoked").await.expect(200);
    assert_eq!((text(&reused[0]["actor"], "id"), text(&reused[0], "address")), (ann.id.as_str(), "127.0.0.1"));
    assert_eq!(reused[0]["data"], json!({ "reason": "refresh_reuse" }));
    back.log_in(PASSWORD).await;
    back.post_empty("/auth/logout").await.expect(204);
    let ended = entries(&root, &format!("&actor={}&type=session.ended", ann.id)).await;
    assert_eq!(ended.len(), 1);

    // Never a secret, a password or an address of a mailbox.
    let all = String::from_utf8(root.get("/admin/audit?per_page=100").await.body.to_vec()).unwrap();
    for secret in [PASSWORD, "@example.com", old_refresh.as_deref().unwrap(), back.token.as_deref().unwrap()] {
        assert!(!all.contains(secret), "{secret}");
    }
});

on_both!(pages_of_the_trail_hold_every_entry_once, |server| async move {
    let root = administrator(&server, "root").await;
    let ann = server.user("ann").await;
    for number in 0..7 {
        ann.upload("a.bin", &files::noise(number, 10)).await;
        root.patch(&path_of(&ann), json!({ "quota_bytes": 1_000 + number })).await.expect(200);
    }
    let id = |entry: &Value| text(entry, "id").to_owned();
    let all: Vec<String> =
        root.get("/admin/audit?per_page=100").await.expect(200).as_array().unwrap().iter().map(id).collect();
    assert!(all.len() >= 18, "{}", all.len());
    assert!(all.windows(2).all(|pair| pair[0] > pair[1]), "newest first, none twice");
    let mut walked = Vec::new();
    let mut path = "/admin/audit?per_page=3".to_owned();
    loop {
        let page = root.get(&path).await;
        walked.extend(page.expect(200).as_array().unwrap().iter().map(id));
        let place = page.meta()["pagination"].clone();
        assert_eq!(place["total"], all.len());
        let Some(next) = place["links"]["next"].as_str() else { break };
        path = next.to_owned();
    }
    assert_eq!(walked, all);

    let middle = &root.get("/admin/audit?per_page=100").await.expect(200)[5];
    let at = text(middle, "at");
    let since = root.get(&format!("/admin/audit?per_page=100&since={at}")).await.expect(200);
    let until = root.get(&format!("/admin/audit?per_page=100&until={at}")).await.expect(200);
    let since: Vec<String> = since.as_array().unwrap().iter().map(id).collect();
    let until: Vec<String> = until.as_array().unwrap().iter().map(id).collect();
    assert!(since.contains(&text(middle, "id").to_owned()) && !until.is_empty());
    assert_eq!([since, until].concat(), all, "every entry lies on one side");
    for (query, field) in [
        ("actor=ann", "actor"),
        ("since=yesterday", "since"),
        ("until=1", "until"),
        ("type=user%20created", "type"),
        ("resource='", "resource"),
        ("page=2", "page"),
        ("sort=id", "sort"),
        ("cursor=AAAA", "cursor"),
        ("per_page=101", "per_page"),
    ] {
        root.get(&format!("/admin/audit?{query}")).await.error_on(400, "validation_error", &[field]);
    }
});
