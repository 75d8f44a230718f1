//! Mail servers that are away, slow or unwilling.

use super::*;

on_both_with_mail!(a_mail_is_tried_once_more, |server, mail| async move {
    let (ann, nobody) = (server.user("ann").await, server.anonymous());
    let forgot = || async { nobody.post("/auth/password/forgot", json!({ "email": ann.email })).await.expect(202) };
    mail.set(Mood::Refuses(451));
    forgot().await;
    refused(&mail, 1).await;
    mail.set(Mood::Takes);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(mail.mails(), [], "not at once");
    server.clock().advance(Duration::from_secs(300));
    assert_eq!(mail.wait(1).await.len(), 1);

    // Refused a second time it is given up, and what is refused for good is not tried again.
    for code in [451, 550] {
        let before = mail.refused();
        mail.set(Mood::Refuses(code));
        forgot().await;
        refused(&mail, before + 1).await;
        server.clock().advance(Duration::from_secs(300));
        let tries = if code == 451 { 2 } else { 1 };
        refused(&mail, before + tries).await;
        server.clock().advance(Duration::from_secs(300));
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert_eq!(mail.refused(), before + tries, "{code}");
        assert_eq!(mail.mails(), []);
    }
});

async fn refused(mail: &MailServer, count: u32) {
    for _ in 0..1000 {
        if mail.refused() >= count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{} of {count} refused", mail.refused());
}

on_both!(
    nobody_waits_for_a_mail_server_that_is_away,
    with_root().and("smtp.url", "smtp://127.0.0.1:9").and("smtp.from", "vault@example.org"),
    |server| async move {
        let ann = server.user("ann").await;
        let nobody = server.anonymous();
        for _ in 0..600 {
            let answer = nobody.post("/auth/password/forgot", json!({ "email": ann.email })).await;
            assert_eq!(answer.status, 202, "also where the queue is full");
        }
        ann.get("/users/me").await.expect(200);
    }
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_never_answers_holds_nothing_up() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", silent.local_addr().unwrap());
    let server =
        Server::start(Backend::Sqlite, Options::with("smtp.url", url).and("smtp.from", "vault@example.org")).await;
    let ann = server.user("ann").await;
    // The queue fills behind the one that hangs; then a change that needs a mail says so, and forgetting does not.
    let nobody = server.anonymous();
    for _ in 0..300 {
        nobody.post("/auth/password/forgot", json!({ "email": ann.email })).await.expect(202);
    }
    let change = json!({ "email": "new@example.com", "current_password": PASSWORD });
    ann.patch("/users/me", change).await.error_on(503, "service_unavailable", &[]);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_server_gets_nothing_where_tls_is_asked_for() {
    for scheme in ["smtps", "required"] {
        let mail = MailServer::start().await;
        let url = match scheme {
            "smtps" => mail.url().replace("smtp://", "smtps://"),
            _ => format!("{}?tls=required", mail.url()),
        };
        let options = Options::with("smtp.url", url).and("smtp.from", "vault@example.org");
        let server = Server::start(Backend::Sqlite, options).await;
        let ann = server.user("ann").await;
        server.anonymous().post("/auth/password/forgot", json!({ "email": ann.email })).await.expect(202);
        for _ in 0..200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(mail.mails(), [], "{scheme}");
        server.end().await;
    }
}
