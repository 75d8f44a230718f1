//! The guide's three ways to verify a signature, run as they stand against signatures of the library.

use std::path::Path;
use std::process::Command;

use mv_core::{Clock, SystemClock};
use serde_json::{Value, json};
use standardwebhooks::Webhook;

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const BODY: &str = r#"{"event":"media.uploaded","data":{"id":"media_ü"},"timestamp":"2026-11-25T10:00:00Z"}"#;

/// The block of this language.
fn block(language: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/webhooks.md");
    let guide = std::fs::read_to_string(path).unwrap();
    let marked = guide.split("Tests run these three blocks").nth(1).unwrap();
    let begun = marked.split(&format!("```{language}\n")).nth(1).unwrap();
    begun.split("\n```").next().unwrap().to_owned() + "\n"
}

/// What is verified, and whether it is good.
fn cases() -> Vec<(Value, bool)> {
    let now = SystemClock::default().now().seconds();
    let sign = |at: i64, body: &str| Webhook::new(SECRET).unwrap().sign("evt_1", at, body.as_bytes()).unwrap();
    let case = |secret: &str, at: i64, signature: String, body: &str| {
        let headers =
            json!({ "webhook-id": "evt_1", "webhook-timestamp": at.to_string(), "webhook-signature": signature });
        json!({ "secret": secret, "headers": headers, "body": body })
    };
    let other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let two = format!("v1,bm9uc2Vuc2U= {}", sign(now, BODY));
    vec![
        (case(SECRET, now, sign(now, BODY), BODY), true),
        (case(SECRET, now, two, BODY), true),
        (case(SECRET, now, sign(now, BODY), &BODY.replace("media_", "media-")), false),
        (case(other, now, sign(now, BODY), BODY), false),
        (case(SECRET, now + 1, sign(now, BODY), BODY), false),
        (case(SECRET, now - 3600, sign(now - 3600, BODY), BODY), false),
        (case(SECRET, now, "v1,".to_owned(), BODY), false),
    ]
}

/// Runs a program that prints `true` or `false` for each case, a line each.
fn verdicts(mut command: Command) -> Vec<String> {
    let ran = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; make test says what is missing"));
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap().lines().map(str::to_lowercase).collect()
}

fn check(language: &str, file: &str, program: impl Fn(&str) -> String, run: impl Fn(&Path) -> Command) {
    let folder = tempfile::tempdir().unwrap();
    let cases = cases();
    let input: Vec<&Value> = cases.iter().map(|(case, _)| case).collect();
    std::fs::write(folder.path().join("cases.json"), json!(input).to_string()).unwrap();
    std::fs::write(folder.path().join(file), program(&block(language))).unwrap();
    let mut command = run(folder.path());
    command.current_dir(folder.path());
    let expected: Vec<String> = cases.iter().map(|(_, good)| good.to_string()).collect();
    assert_eq!(verdicts(command), expected, "{language}");
}

#[test]
fn typescript() {
    // Node 20 does not read types: they are taken off. What is left is JavaScript.
    let bare = |block: &str| {
        let js = block.replace(": string", "").replace(": Record<string, string>", "").replace(": boolean", "");
        format!(
            "{js}import {{ readFileSync }} from 'node:fs';\n\
             for (const it of JSON.parse(readFileSync('cases.json', 'utf8'))) console.log(verify(it.secret, it.headers, it.body));\n"
        )
    };
    check("ts", "verify.mjs", bare, |_| {
        let mut node = Command::new("node");
        node.arg("verify.mjs");
        node
    });
}

#[test]
fn python() {
    let whole = |block: &str| {
        format!(
            "{block}import json\n\
             for it in json.load(open('cases.json', encoding='utf-8')): print(verify(it['secret'], it['headers'], it['body']))\n"
        )
    };
    check("python", "verify.py", whole, |_| {
        let mut python = Command::new("python3");
        python.arg("verify.py");
        python
    });
}

#[test]
fn go() {
    let whole = |block: &str| {
        format!(
            "package main\n\nimport (\n\t\"crypto/hmac\"\n\t\"crypto/sha256\"\n\t\"encoding/base64\"\n\t\"encoding/json\"\n\t\"fmt\"\n\t\"os\"\n\
             \t\"slices\"\n\t\"strconv\"\n\t\"strings\"\n\t\"time\"\n)\n\n{block}\n\
             func main() {{\n\ttext, _ := os.ReadFile(\"cases.json\")\n\
             \tvar cases []struct {{\n\t\tSecret, Body string\n\t\tHeaders map[string]string\n\t}}\n\
             \tif err := json.Unmarshal(text, &cases); err != nil {{\n\t\tpanic(err)\n\t}}\n\
             \tfor _, it := range cases {{\n\t\tfmt.Println(verify(it.Secret, it.Headers, it.Body))\n\t}}\n}}\n"
        )
    };
    check("go", "verify.go", whole, |_| {
        let mut go = Command::new("go");
        go.args(["run", "verify.go"]).env("GOFLAGS", "-mod=mod");
        go
    });
}
