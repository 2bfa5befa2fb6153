use std::fs;
use std::path::PathBuf;

use super::place::{Authority, Mount, Paper, credulous, now, opened};
use crate::testing::captured;
use crate::tls::tests::place::Port;
use crate::tls::{TlsError, TlsFiles, Watch};

fn open(mount: &Mount) -> Result<Option<Watch>, TlsError> {
    Watch::open(vec![mount.files()], now())
}

#[test]
fn each_certificate_has_its_key() {
    let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
    assert!(TlsFiles::pair(Vec::new(), Vec::new()).unwrap().is_empty());
    assert!(Watch::open(Vec::new(), now()).unwrap().is_none(), "then nobody speaks TLS");
    let pairs = TlsFiles::pair(paths(&["a", "b"]), paths(&["c", "d"])).unwrap();
    let expect = [("a", "c"), ("b", "d")].map(|(a, b)| TlsFiles { certificate: a.into(), key: b.into() });
    assert_eq!(pairs, expect);
    for (certificates, keys) in [(&["a"][..], &[][..]), (&[], &["a"]), (&["a", "b"], &["c"])] {
        let error = TlsFiles::pair(paths(certificates), paths(keys)).unwrap_err().to_string();
        let expect = format!("are given {} and {} times", certificates.len(), keys.len());
        assert!(error.contains(&expect), "{error}");
    }
}

fn half(text: &str) -> &str {
    text.split_at(text.len() / 2).0
}

#[test]
fn what_cannot_be_served_is_said() {
    let authority = Authority::new();
    let (paper, other) = (authority.paper(&["id.example.com"]), authority.paper(&["id.example.com"]));
    let check = |certificate: &str, key: &str, says: &str| {
        let mount = Mount::new(&paper);
        mount.swap(certificate, key);
        let error = open(&mount).unwrap_err().to_string();
        assert!(error.contains(says), "{says}: {error}");
        // Whatever is wrong with a key, no part of it is shown.
        for line in key.lines().filter(|line| line.len() > 20 && !line.starts_with('-')) {
            assert!(!error.contains(line), "{error}");
        }
    };
    let Paper { certificate, key, .. } = &paper;
    check(certificate, &other.key, "does not belong to the certificate in ");
    check(&format!("{}{certificate}", other.certificate), key, "is the certificate the first in its file");
    check("", key, "tls.crt holds no certificate");
    check(key, key, "tls.crt holds no certificate");
    check("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", key, "tls.crt cannot be used");
    check(half(certificate), key, "tls.crt cannot be used");
    check(&certificate.replace('M', "!"), key, "tls.crt cannot be used");
    check(certificate, "", "tls.key holds no private key");
    check(certificate, half(key), "tls.key holds no private key");
    check(certificate, &key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"), "not encrypted");
    let short = "-----BEGIN PRIVATE KEY-----\nMAMCAQA=\n-----END PRIVATE KEY-----\n";
    check(certificate, short, "the private key in ");
    check(&"x".repeat((1 << 20) + 1), key, "tls.crt is longer than 1048576 octets");
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_the_cause() {
    let mount = Mount::new(&Authority::new().paper(&["id.example.com"]));
    let missing = mount.path("missing");
    let files = TlsFiles { key: missing.clone(), ..mount.files() };
    let error = Watch::open(vec![files], now()).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot read {}", missing.display()));
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("No such file"));
    fs::create_dir(&missing).unwrap();
    let files = TlsFiles { certificate: missing, ..mount.files() };
    assert!(matches!(Watch::open(vec![files], now()), Err(TlsError::Read { .. })), "a folder is no file");
}

#[tokio::test]
async fn one_file_may_hold_both_and_keys_may_be_of_any_kind() {
    let authority = Authority::new();
    for kind in [&rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519, &rcgen::PKCS_RSA_SHA256] {
        let paper = authority.paper_of(kind, &["id.example.com"], 2020..2040);
        let mount = Mount::new(&paper);
        let both = mount.path("both.pem");
        fs::write(&both, format!("Bag Attributes\n{}{}", paper.key, paper.certificate)).unwrap();
        let files = TlsFiles { certificate: both.clone(), key: both };
        let watch = Watch::open(vec![files], now()).unwrap().unwrap();
        let port = Port::open(watch.tls()).await;
        assert!(port.shown("id.example.com", &authority.client()).await == paper.der);
    }
}

#[tokio::test]
async fn what_clients_will_refuse_is_served_with_a_warning() {
    let authority = Authority::new();
    let check = async |years: std::ops::Range<i32>, says: &str| {
        let paper = authority.paper_of(&rcgen::PKCS_ECDSA_P256_SHA256, &["id.example.com"], years);
        let (lines, (watch, _mounts)) = captured(async { opened(&[&paper]) }).await;
        assert!(lines.iter().any(|line| line.contains(says) && line.contains("id.example.com")), "{lines:?}");
        let port = Port::open(watch.tls()).await;
        assert!(port.shown("id.example.com", &credulous(&[])).await == paper.der);
    };
    check(2001..2002, "has expired: Jan  1 00:00:00 2002 +00:00. Clients will refuse it").await;
    check(2190..2200, "is not valid yet").await;
    check(2020..2040, "until Jan  1 00:00:00 2040").await;
}

#[tokio::test]
async fn a_certificate_that_nobody_will_be_shown_is_said() {
    let authority = Authority::new();
    let (named, unnamed) = (authority.paper(&["id.example.com"]), authority.paper(&["127.0.0.1"]));
    let check = async |papers: &[&Paper], expect: usize| {
        let (lines, _) = captured(async { opened(papers) }).await;
        let said = lines.iter().filter(|line| line.contains("nobody will be shown it")).count();
        assert_eq!(said, expect, "{lines:?}");
    };
    check(&[&unnamed, &named], 0).await;
    check(&[&named, &unnamed], 1).await;
}

#[test]
fn nothing_of_a_key_is_printed() {
    let (paper, authority) = (Authority::new().paper(&["id.example.com"]), Authority::new());
    let (watch, _mounts) = opened(&[&paper, &authority.paper(&["a.example.com"])]);
    let text = format!("{watch:?} {:?}", watch.tls());
    assert!(text.contains("tls.key"), "{text}");
    assert!(!text.contains("PRIVATE") && !text.to_lowercase().contains("secret"), "{text}");
}
