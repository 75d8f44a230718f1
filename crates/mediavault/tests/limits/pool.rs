//! Checklist row 14: password hashes never take the server over. That no more of them run at once than there are
//! threads is tested where the pool is (`mv_app`, `passwords`).

use super::*;

on_both!(row_14_a_storm_of_logins_leaves_room_for_the_rest, |server| async move {
    let ann = server.user("ann").await;
    let nobody = server.anonymous();
    let many = nobody.clone();
    let storm = tokio::spawn(async move {
        let login = json!({ "username": "ann@example.com", "password": PASSWORD });
        futures_util::future::join_all((0..64).map(|_| many.post("/auth/login", login.clone()))).await
    });
    let mut served = 0;
    while !storm.is_finished() {
        assert_eq!(ann.get("/users/me").await.status, 200);
        assert_eq!(ann.get(&format!("{}/health/live", server.origin())).await.status, 200);
        served += 1;
    }
    assert!(served >= 10, "{served} rounds while 34 passwords were hashed");
    let answers = storm.await.unwrap();
    let (good, busy): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert!(good.len() >= 32 && good.len() < 64, "{} of 64 were let in", good.len());
    for answer in busy {
        answer.error_on(503, "service_unavailable", &[]);
        assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 1));
        assert!(!answer.header("ratelimit").is_empty(), "as every answer under the base");
    }
    // Who was told to come back was not counted as wrong.
    assert_eq!(
        nobody.post("/auth/login", json!({ "username": "ann@example.com", "password": PASSWORD })).await.status,
        200
    );
});
