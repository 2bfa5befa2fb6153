//! What the map in `src/README.md` states, checked.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// The names under `[dependencies]` of a member.
fn dependencies(member: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("src").join(member).join("Cargo.toml")).unwrap();
    let section = text.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    let name = |line: &str| line.split(['.', ' ', '=']).next().map(str::to_owned).filter(|name| !name.is_empty());
    section.lines().filter(|line| !line.starts_with('#')).filter_map(name).collect()
}

#[test]
fn members_name_only_what_they_may() {
    const MEMBERS: &[&str] = &["api", "compile", "controller", "crypto", "oidc", "server", "standalone", "store"];
    const OUTSIDE: &[&str] = &["axum", "hyper", "kube", "k8s-openapi", "tokio", "rusqlite", "reqwest"];
    const CRYPTOGRAPHY: &[&str] =
        &["aws-lc-rs", "argon2", "bcrypt", "jsonwebtoken", "password-hash", "pbkdf2", "scrypt", "subtle"];
    for (member, members, outside) in [
        ("crypto", &[][..], &[][..]),
        ("oidc", &["crypto"], &[]),
        ("api", &[], &["kube", "k8s-openapi"]),
        ("compile", &["api", "crypto", "oidc"], &["kube", "k8s-openapi"]),
        ("store", &["crypto", "oidc"], &["tokio", "rusqlite"]),
        ("server", &["crypto", "oidc", "store"], &["axum", "hyper", "reqwest", "tokio"]),
        ("standalone", &["api", "compile", "crypto", "oidc"], &["k8s-openapi", "kube", "tokio"]),
        ("controller", &["api", "compile", "crypto", "oidc"], &["hyper", "k8s-openapi", "kube", "tokio"]),
    ] {
        let named = dependencies(member);
        let within = |all: &[&str]| {
            all.iter().filter(|name| named.contains(**name)).map(|name| (*name).to_owned()).collect::<BTreeSet<_>>()
        };
        let allowed = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        assert!(within(MEMBERS).is_subset(&allowed(members)), "{member} names {:?}", within(MEMBERS));
        assert!(within(OUTSIDE).is_subset(&allowed(outside)), "{member} names {:?}", within(OUTSIDE));
        assert!(member == "crypto" || within(CRYPTOGRAPHY).is_empty(), "{member} names {:?}", within(CRYPTOGRAPHY));
    }
}

/// What others write into manifests is fetched by one guarded client, and nothing else of the product can fetch at all.
#[test]
fn t_k14_one_guarded_client_is_all_that_fetches() {
    const CLIENTS: &[&str] = &["reqwest", "ureq", "isahc", "curl", "hyper-rustls", "awc"];
    for member in ["api", "compile", "controller", "crypto", "oidc", "server", "standalone", "store"] {
        let named = dependencies(member);
        let clients: Vec<_> = CLIENTS.iter().filter(|client| named.contains(**client)).copied().collect();
        let allowed: &[&str] = if member == "server" { &["reqwest"] } else { &[] };
        assert_eq!(clients, allowed, "the HTTP clients that {member} names");
    }
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let section = manifest.split("\n[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    assert!(CLIENTS.iter().all(|client| !section.lines().any(|line| line.starts_with(client))), "{section}");
    let hyper_util = manifest.lines().find(|line| line.starts_with("hyper-util")).unwrap();
    assert!(!hyper_util.contains("client"), "{hyper_util}");
    let fetching: BTreeSet<PathBuf> =
        sources().into_iter().filter(|(_, text)| text.contains("reqwest::")).map(|(path, _)| path).collect();
    let guarded = ["outbound.rs", "outbound/resolve.rs"].map(|file| root().join("src/server").join(file));
    assert_eq!(fetching, guarded.into());
}

#[test]
fn the_map_is_true() {
    let map = fs::read_to_string(root().join("src/README.md")).unwrap();
    let marked = map.split('`').skip(1).step_by(2);
    // A path from here or from the top: what is marked besides is no file, or one that the tests make.
    let files = marked.filter(|text| {
        text.contains('/')
            && !text.contains([' ', '<', '*', ':', '{'])
            && !text.starts_with('/')
            && !text.starts_with("target/")
    });
    let mut count = 0;
    for file in files {
        let exists = root().join("src").join(file).exists() || root().join(file).exists();
        assert!(exists, "src/README.md names {file}, which does not exist");
        count += 1;
    }
    assert!(count > 80, "{count} files: the index was not found");
}

#[test]
fn the_protocol_waits_for_nothing_and_has_no_clock_and_no_dice() {
    let protocol = root().join("src/oidc");
    let benches = protocol.join("benches");
    let sources = sources().into_iter().filter(|(path, _)| path.starts_with(&protocol) && !path.starts_with(&benches));
    let mut count = 0;
    for (path, text) in sources {
        for mark in
            ["Instant", "SystemTime", "::now()", "crypto::random", "new_v4", "now_v7", "async ", ".await\n", ".await;"]
        {
            assert!(!text.contains(mark), "{} holds {mark}", path.display());
        }
        count += 1;
    }
    assert!(count > 50, "the protocol was not found");
}

/// `tokio-rustls` is both halves of TLS: the public port has the one that answers, and nothing the one that calls.
#[test]
fn t_k14_tls_is_answered_and_not_called() {
    for member in ["api", "compile", "controller", "crypto", "oidc", "server", "standalone", "store"] {
        assert!(member == "server" || !dependencies(member).contains("tokio-rustls"), "{member} names tokio-rustls");
    }
    let mut speaking = BTreeSet::new();
    for (path, text) in sources() {
        let is_tests = path
            .components()
            .any(|part| matches!(part.as_os_str().to_str(), Some("tests.rs" | "tests" | "testing.rs")));
        if !is_tests && text.contains("tokio_rustls::") {
            assert!(!text.contains("tokio_rustls::client") && !text.contains("TlsConnector"), "{}", path.display());
            speaking.insert(path);
        }
    }
    assert_eq!(speaking, ["listen.rs", "tls.rs"].map(|file| root().join("src/server").join(file)).into());
}

/// Every source file of the product, with its text.
fn sources() -> Vec<(PathBuf, String)> {
    let mut folders = vec![root().join("src")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push((path.clone(), fs::read_to_string(path).unwrap()));
            }
        }
    }
    found
}

#[test]
fn every_file_says_what_it_is() {
    for (path, text) in sources() {
        let is_tests =
            path.components().any(|part| matches!(part.as_os_str().to_str(), Some("tests.rs" | "tests" | "benches")));
        assert!(
            is_tests || text.starts_with("//!") || text.is_empty(),
            "{} has no module documentation",
            path.display()
        );
    }
}

#[test]
fn nothing_is_left_to_do() {
    for (path, text) in sources() {
        for mark in ["todo!(", "unimplemented!(", "#[ignore", "FIXME", "XXX"] {
            assert!(!text.contains(mark), "{} holds {mark}", path.display());
        }
    }
}
