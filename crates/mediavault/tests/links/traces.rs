//! What is secret is nowhere but where it must be (reliability 4, row 15): no secret of a link, no password and no
//! address of a mail in the database's tables or files.

use super::*;

on_both_with_mail!(no_secret_is_in_the_database, |server, mail| async move {
    let (root, ann, nobody) = (root(&server).await, server.user("ann").await, server.anonymous());
    let invite = root.post("/admin/invites", json!({ "email": "zoe@example.com" })).await.expect(201);
    let link = root.post_empty(&format!("/admin/users/{}/reset-link", ann.id)).await.expect(201);
    nobody.post("/auth/password/forgot", json!({ "email": ann.email })).await.expect(202);
    let mailed = mail.wait(1).await[0].secret("/reset#token=");
    let reset = json!({ "token": mailed, "new_password": "seven purple horses" });
    assert_eq!(nobody.post("/auth/password/reset", reset).await.status, 204);
    let secrets =
        [secret(&invite["url"]), secret(&link["url"]), mailed, PASSWORD.to_owned(), "seven purple horses".to_owned()];
    let mut kept = Vec::new();
    for table in ["users", "sessions", "audit", "invites", "account_links", "events", "idempotency"] {
        kept.extend(rows(&server, table).await);
    }
    assert!(kept.len() > 8, "{kept:?}");
    for secret in &secrets {
        assert!(!kept.iter().any(|row| row.contains(secret.as_str())), "{secret}");
    }
    // On SQLite also the bytes on disk, the log of changes included.
    if server.backend() == Backend::Sqlite {
        let mut seen = 0;
        for name in ["mediavault.sqlite", "mediavault.sqlite-wal"] {
            let bytes = std::fs::read(server.data_dir().join(name)).unwrap_or_default();
            seen += bytes.len();
            for secret in &secrets {
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "{secret} in {name}");
            }
            assert!(name.ends_with("wal") || bytes.windows(8).any(|window| window == b"SQLite f"), "{name}");
        }
        assert!(seen > 10_000, "{seen} bytes");
    }
});

/// The text columns of a table's rows, each row as one text.
async fn rows(server: &Server, table: &'static str) -> Vec<String> {
    let statement = match table {
        "users" => "SELECT email || ' ' || password_hash || ' ' || coalesce(username, '') FROM users",
        "sessions" => "SELECT coalesce(user_agent, '') || coalesce(address, '') FROM sessions",
        "audit" => "SELECT credential || ' ' || type || ' ' || resource || ' ' || data FROM audit",
        "invites" => "SELECT coalesce(email, '') || role FROM invites",
        "account_links" => "SELECT kind || coalesce(email, '') FROM account_links",
        "events" => "SELECT type || resource || data FROM events",
        _ => "SELECT route FROM idempotency",
    };
    server.store().read(move |db| db.all(sql(statement))).await.map_err(|error: mv_store::Error| error).unwrap()
}
