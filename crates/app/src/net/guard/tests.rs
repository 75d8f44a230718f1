//! The bad addresses of the checklist, row by row.

use super::*;

fn strict() -> Policy {
    let public = Own::Public { host: "vault.example.org".into(), port: 443 };
    Policy { own: vec![public, Own::Listen("0.0.0.0:8080".parse().unwrap())], ..Policy::default() }
}

fn refusal(url: &str) -> Option<Refusal> {
    strict().target(url).err()
}

fn judged(address: &str) -> Result<(), Refusal> {
    strict().judge(443, &[address.parse().unwrap()], &[])
}

#[test]
fn public_receivers_are_allowed_in_normal_form() {
    for (url, normal) in [
        ("https://example.com", "https://example.com/"),
        ("HTTPS://Example.COM:443/Hooks?a=b", "https://example.com/Hooks?a=b"),
        ("http://example.com:8080/a/../b", "http://example.com:8080/b"),
        ("https://8.8.8.8/x", "https://8.8.8.8/x"),
        ("https://[2606:4700::1111]/x", "https://[2606:4700::1111]/x"),
        ("https://[::ffff:8.8.8.8]/", "https://[::ffff:808:808]/"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://example。com/", "https://example.com/"),
        ("https://example.com./", "https://example.com./"),
        ("https://example.com/a@b?c=d@e", "https://example.com/a@b?c=d@e"),
        ("https://localhost.example.com/", "https://localhost.example.com/"),
    ] {
        let target = strict().target(url).unwrap_or_else(|refusal| panic!("{url}: {refusal}"));
        assert_eq!(target.url.as_str(), normal);
    }
}

#[test]
fn row_79_loopback_in_every_spelling() {
    for host in [
        "127.0.0.1",
        "127.1",
        "127.255.255.254",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "0177.0.0.1",
        "017700000001",
        "0",
        "0.0.0.0",
        "0x0",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
    ] {
        assert_eq!(refusal(&format!("http://{host}/")), Some(Refusal::Private), "{host}");
    }
}

#[test]
fn rows_80_and_81_ipv6_in_every_disguise() {
    for host in [
        "[::1]",
        "[::]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:0:7f00:1::]",
        "[2001::1]",
        "[2a00:1450::5efe:7f00:1]",
        "[fe80::5efe:7f00:1]",
        "[fec0::1]",
        "[5f00::1]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[ff02::1]",
        "[2001:db8::1]",
        "[100::1]",
    ] {
        assert_eq!(refusal(&format!("http://{host}/")), Some(Refusal::Private), "{host}");
    }
    for host in ["[fe80::1%25lo]", "[fe80::1%lo]", "[::1", "[]", "[127.0.0.1]"] {
        assert_eq!(refusal(&format!("http://{host}/")), Some(Refusal::Form), "{host}");
    }
}

#[test]
fn row_82_networks_that_are_not_public() {
    for address in [
        "10.0.0.1",
        "10.255.255.255",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "100.127.255.255",
        "169.254.169.254",
        "192.0.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "198.19.255.255",
        "192.88.99.1",
        "240.0.0.1",
        "255.255.255.255",
        "224.0.0.1",
        "239.255.255.250",
    ] {
        assert_eq!(refusal(&format!("http://{address}/")), Some(Refusal::Private), "{address}");
        assert_eq!(judged(address), Err(Refusal::Private), "{address}");
        assert_eq!(judged(&format!("::ffff:{address}")), Err(Refusal::Private), "{address}");
    }
    assert_eq!(judged("fd00:ec2::254"), Err(Refusal::Private));
}

#[test]
fn row_83_names_of_this_machine_and_mixed_addresses() {
    for host in ["localhost", "localhost.", "LOCALHOST", "a.localhost", "ＬＯＣＡＬＨＯＳＴ", "l%6fcalhost"] {
        assert_eq!(refusal(&format!("http://{host}/")), Some(Refusal::Private), "{host}");
    }
    let mixed: Vec<IpAddr> = ["8.8.8.8", "127.0.0.1"].iter().map(|text| text.parse().unwrap()).collect();
    assert_eq!(strict().judge(443, &mixed, &[]), Err(Refusal::Private));
    assert_eq!(strict().judge(443, &mixed[..1], &[]), Ok(()));
}

#[test]
fn row_86_what_parsers_disagree_about() {
    for (url, expected) in [
        ("http://user@example.com/", Refusal::UserInfo),
        ("http://user:password@example.com/", Refusal::UserInfo),
        ("http://@example.com/", Refusal::UserInfo),
        ("http://:@example.com/", Refusal::UserInfo),
        ("http://a@127.0.0.1/", Refusal::UserInfo),
        ("http://example.com@127.0.0.1/", Refusal::UserInfo),
        ("http://127.0.0.1#@good", Refusal::Fragment),
        ("http://good.example/#x", Refusal::Fragment),
        ("http://127.0.0.1\\@good.example/", Refusal::Form),
        ("http://good.example\\@127.0.0.1/", Refusal::Form),
        ("http:\\\\127.0.0.1/", Refusal::Form),
        ("http://127.0.\t0.1/", Refusal::Form),
        ("http://exam\nple.com/", Refusal::Form),
        ("ht\ntp://example.com/", Refusal::Form),
        (" http://example.com/", Refusal::Form),
        ("http://example.com/ ", Refusal::Form),
        ("http://example.com/\r\nX: y", Refusal::Form),
        ("http://example.com/\0", Refusal::Form),
        ("http://127。0。0。1/", Refusal::Private),
        ("http://①②⑦.0.0.1/", Refusal::Private),
        ("http:///127.0.0.1/", Refusal::Form),
        ("http:/127.0.0.1/", Refusal::Form),
        ("http:127.0.0.1", Refusal::Form),
        ("//127.0.0.1/", Refusal::Form),
        ("example.com", Refusal::Form),
        ("", Refusal::Form),
        ("http://", Refusal::Form),
        ("http://./", Refusal::Form),
        ("http://a..b:99999/", Refusal::Form),
        ("http://256.1.1.1/", Refusal::Form),
    ] {
        assert_eq!(refusal(url), Some(expected), "{url:?}");
    }
    let long = format!("https://example.com/{}", "a".repeat(LONGEST));
    assert_eq!(refusal(&long), Some(Refusal::Form));
    // Each letter takes nine characters in normal form.
    let growing = format!("https://example.com/{}", "ü".repeat(LONGEST / 3));
    assert_eq!(refusal(&growing), Some(Refusal::Form));
}

#[test]
fn row_87_other_schemes() {
    for url in [
        "file:///etc/passwd",
        "gopher://example.com/",
        "ftp://example.com/",
        "data:text/plain,x",
        "unix:/run/x.sock",
        "jar:http://example.com!/",
        "javascript:alert(1)",
        "ws://example.com/",
        "blob:http://example.com/x",
        "view-source:http://example.com/",
        "https+x://example.com/",
    ] {
        assert_eq!(refusal(url), Some(Refusal::Scheme), "{url}");
    }
}

#[test]
fn row_88_ports() {
    for port in ["22", "25", "6379", "5432", "0", "53", "3306", "11211", "6667", "10080", "2375", "00022"] {
        assert_eq!(refusal(&format!("http://example.com:{port}/")), Some(Refusal::Port), "{port}");
    }
    for port in [80, 443, 3000, 5000, 8000, 8080, 8443, 9000, 32_768, 65_535] {
        assert_eq!(refusal(&format!("http://example.com:{port}/")), None, "{port}");
    }
    let listed = Policy { ports: Some(vec![443, 22]), ..strict() };
    let port = |url: &str| listed.target(url).err();
    assert_eq!(port("https://example.com/"), None);
    assert_eq!(port("http://example.com:22/"), None, "the operator's list holds");
    assert_eq!(port("http://example.com/"), Some(Refusal::Port));
    assert_eq!(port("https://example.com:8443/"), Some(Refusal::Port));
}

#[test]
fn row_89_this_server_itself() {
    for url in [
        "https://vault.example.org/x",
        "https://VAULT.example.org./x",
        "http://vault.example.org:8080/",
        "https://vault。example。org/",
    ] {
        assert_eq!(refusal(url), Some(Refusal::Own), "{url}");
    }
    assert_eq!(refusal("https://vault.example.org.evil.example/"), None);
    let own: Vec<IpAddr> = vec!["8.8.4.4".parse().unwrap()];
    for address in ["8.8.4.4", "::ffff:8.8.4.4"] {
        assert_eq!(strict().judge(443, &[address.parse().unwrap()], &own), Err(Refusal::Own), "{address}");
    }
    let by_address = Policy { own: vec![Own::Public { host: "[2606:4700::1111]".into(), port: 443 }], ..strict() };
    assert_eq!(by_address.target("http://[2606:4700:0::1111]/").err(), Some(Refusal::Own));
}

#[test]
fn with_private_networks_only_the_own_port_is_refused() {
    let own = vec![
        Own::Public { host: "vault.example.org".into(), port: 443 },
        Own::Listen("127.0.0.1:8080".parse().unwrap()),
    ];
    let open = Policy { allow_private: true, own: own.clone(), ..Policy::default() };
    let dev = Policy { allow_loopback: true, own, ..Policy::default() };
    for (url, when_open, when_dev) in [
        ("http://127.0.0.1:3000/", None, None),
        ("http://localhost:3000/", None, None),
        ("http://10.0.0.1/", None, Some(Refusal::Private)),
        ("http://169.254.169.254/", None, Some(Refusal::Private)),
        ("http://127.0.0.1:8080/", Some(Refusal::Own), Some(Refusal::Own)),
        ("http://[::ffff:127.0.0.1]:8080/", Some(Refusal::Own), Some(Refusal::Own)),
        ("http://127.0.0.2:8080/", Some(Refusal::Own), Some(Refusal::Own)),
        ("http://[::1]:8080/", Some(Refusal::Own), Some(Refusal::Own)),
        ("https://vault.example.org/", Some(Refusal::Own), Some(Refusal::Own)),
        ("https://vault.example.org:8443/", None, None),
        ("http://0.0.0.0/", Some(Refusal::Private), Some(Refusal::Private)),
        ("http://[::]/", Some(Refusal::Private), Some(Refusal::Private)),
        ("http://224.0.0.1/", Some(Refusal::Private), Some(Refusal::Private)),
        ("http://255.255.255.255/", Some(Refusal::Private), Some(Refusal::Private)),
        ("http://10.0.0.1:22/", Some(Refusal::Port), Some(Refusal::Port)),
        ("http://a@127.0.0.1/", Some(Refusal::UserInfo), Some(Refusal::UserInfo)),
        ("file:///x", Some(Refusal::Scheme), Some(Refusal::Scheme)),
    ] {
        assert_eq!(open.target(url).err(), when_open, "private networks: {url}");
        assert_eq!(dev.target(url).err(), when_dev, "--dev: {url}");
    }
}

#[test]
fn this_machine_is_known_by_its_addresses() {
    assert!(is_here("127.0.0.1".parse().unwrap()));
    assert!(is_here("::1".parse().unwrap()));
    assert!(!is_here("8.8.8.8".parse().unwrap()));
}

proptest::proptest! {
    /// Whatever is taken stays what it is: its normal form is taken too and means itself.
    #[test]
    fn normal_forms_are_stable(
        scheme in "https?|HTTP|file|", slashes in ":?/{0,3}", host in r"[a-zA-Z0-9.\-%\[\]:@\\。①]{0,24}", rest in r"(:[0-9]{1,5})?(/\PC{0,12})?",
    ) {
        let text = format!("{scheme}{slashes}{host}{rest}");
        if let Ok(target) = strict().target(&text) {
            let again = strict().target(target.url.as_str());
            proptest::prop_assert_eq!(again.map(|again| again.url), Ok(target.url));
        }
    }
}
