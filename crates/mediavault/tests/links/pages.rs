//! The pages that the links open: served whole, with a strict policy, and kept by nobody.

use super::*;

on_both!(pages_are_strict_and_whole, |server| async move {
    let nobody = server.anonymous();
    for path in ["/setup", "/register", "/reset", "/confirm"] {
        let page = nobody.get(&format!("{}{path}", server.origin())).await;
        assert_eq!(page.status, 200, "{path}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{path}");
        assert_eq!(page.header("cache-control"), "no-store", "{path}");
        assert_eq!(page.header("referrer-policy"), "no-referrer", "{path}");
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'none'"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        let text = String::from_utf8(page.body.to_vec()).unwrap();
        assert!(text.contains("<html lang=\"en\">") && text.contains("name=\"viewport\""), "{path}");
    }
});
