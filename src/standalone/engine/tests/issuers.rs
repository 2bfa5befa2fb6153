//! Issuers of applications' own: their keys on the disk.

use super::*;

const OWN: &str = "apiVersion: portcullis.dev/v1alpha1
kind: OidcApplication
metadata: {name: portal}
spec:
  issuer: {host: portal.localhost}
  redirectURIs: [http://127.0.0.1:8082/callback]
";

const KEYS: &str = "issuers/default_portal.yaml";

fn place() -> Place {
    let place = Place::usual();
    let policy = "namespaces: {type: All}\n    dedicatedIssuerHosts: [portal.localhost, moved.localhost]";
    place.put("provider.yaml", &PROVIDER.replace("namespaces: {type: All}", policy));
    place.put("portal.yaml", OWN);
    place
}

/// The key IDs that are published at a host; none where nothing is served there.
fn kids(process: &Process, host: &str) -> Vec<String> {
    let catalog = process.catalog();
    let realm = catalog.realm(host).into_iter();
    realm.flat_map(|realm| realm.keys.keys().map(|key| key.key.kid().to_string()).collect::<Vec<_>>()).collect()
}

#[test]
fn it_is_served_with_keys_of_its_own_that_survive_the_process() {
    let place = place();
    let mut process = place.start();
    let passed = process.pass(1000);
    assert_eq!(wrong(&passed), [""; 0]);
    let issuers = passed.serving.unwrap().issuers;
    assert_eq!(issuers, ["http://127.0.0.1:8080", "http://portal.localhost:8080"]);
    let own = kids(&process, "portal.localhost:8080");
    assert_eq!(own.len(), 1);
    assert_ne!(own, kids(&process, "127.0.0.1:8080"));
    let secret = place.state("credentials/default_portal-oidc.yaml").unwrap();
    assert!(secret.contains("OIDC_ISSUER_URL: http://portal.localhost:8080\n"), "{secret}");
    let written = place.state(KEYS).unwrap();
    assert_eq!(process.pass(1001).serving, None, "nothing is new");
    drop(process);
    let mut process = place.start();
    process.pass(2000);
    assert_eq!(kids(&process, "portal.localhost:8080"), own);
    assert_eq!(place.state(KEYS).unwrap(), written);
}

#[test]
fn f22_its_keys_follow_the_schedule_of_the_provider() {
    let place = place();
    let mut process = place.start();
    let passed = process.pass(1000);
    assert_eq!(passed.next, Some(1000 + 2_592_000 - 86400));
    let first = kids(&process, "portal.localhost:8080");
    process.pass(1000 + 2_592_000 - 86400);
    let both = kids(&process, "portal.localhost:8080");
    assert!(both.len() == 2 && both.contains(&first[0]), "the next one is published before it signs: {both:?}");
}

#[test]
fn what_is_refused_keeps_its_keys_and_what_is_gone_loses_them() {
    let place = place();
    let mut process = place.start();
    process.pass(1000);
    let own = kids(&process, "portal.localhost:8080");
    place.put("portal.yaml", &OWN.replace("http://127.0.0.1:8082", "https://not.allowed.example"));
    process.pass(1001);
    assert_eq!(kids(&process, "portal.localhost:8080"), [""; 0]);
    place.put("portal.yaml", "not: [yaml");
    process.pass(1002);
    place.put("portal.yaml", OWN);
    process.pass(1003);
    assert_eq!(kids(&process, "portal.localhost:8080"), own, "a typing error ends no token");
    place.put("portal.yaml", &OWN.replace("portal.localhost", "moved.localhost"));
    process.pass(1004);
    assert_eq!(kids(&process, "moved.localhost:8080"), own, "the application is the same");

    place.put("portal.yaml", &OWN.replace("  issuer: {host: portal.localhost}\n", ""));
    process.pass(1005);
    assert_eq!(place.state(KEYS), None, "it wants none any more");
    place.put("portal.yaml", OWN);
    process.pass(1006);
    assert_ne!(kids(&process, "portal.localhost:8080"), own);
    place.remove("portal.yaml");
    process.pass(1007);
    process.pass(2000);
    assert_eq!(place.state(KEYS), None, "it is gone for good");
}

#[test]
fn a_damaged_file_is_told_and_a_refused_application_gets_no_keys() {
    let place = place();
    place.put("portal.yaml", &OWN.replace("http://127.0.0.1:8082", "https://not.allowed.example"));
    let mut process = place.start();
    process.pass(1000);
    assert_eq!(place.state(KEYS), None);
    place.put("portal.yaml", OWN);
    process.pass(1001);
    drop(process);
    fs::write(place.path("state").join(KEYS), "apiVersion: v1\nkind: Secret\n").unwrap();
    let error = place.open().err().unwrap().to_string();
    assert!(error.contains("default_portal.yaml is damaged") && error.contains("tokens of that issuer"), "{error}");
}

#[test]
fn t_k02_a_host_that_is_not_this_machine_is_refused_beside_an_http_issuer() {
    let place = place();
    let allowed = place.path("manifests").join("provider.yaml");
    let text = fs::read_to_string(&allowed).unwrap().replace("portal.localhost,", "portal.example.com,");
    fs::write(allowed, text).unwrap();
    place.put("portal.yaml", &OWN.replace("portal.localhost", "portal.example.com"));
    let lines = wrong(&place.start().pass(1000));
    assert!(lines.iter().any(|line| line.contains("spec.issuer.host: UnsupportedValue: ")), "{lines:?}");
}
