//! 10,000 applications and 10,000 people.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::harness::Provider;

const MANY: usize = 10_000;

/// Files, so that they are read on all processors.
const FILES: usize = 20;

/// Applications without a secret, since to write so many files is another matter, and people.
fn populate(manifests: &Path) {
    for file in 0..FILES {
        let mut text = String::new();
        for number in (file..MANY).step_by(FILES) {
            write!(
                text,
                "---\napiVersion: portcullis.dev/v1alpha1\nkind: OidcApplication\n\
                 metadata: {{name: app-{number}, namespace: team-a}}\n\
                 spec: {{providerRef: {{name: default, namespace: identity}}, clientAuthentication: {{type: None}}, \
                 redirectURIs: ['http://127.0.0.1:8081/{number}']}}\n\
                 ---\napiVersion: portcullis.dev/v1alpha1\nkind: OidcUser\n\
                 metadata: {{name: user-{number}, namespace: identity}}\nspec: {{email: user-{number}@example.com}}\n"
            )
            .unwrap();
        }
        fs::write(manifests.join(format!("many-{file}.yaml")), text).unwrap();
    }
}

/// A line of `/proc/<pid>/status`, in KiB.
fn kib(provider: &Provider, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", provider.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_matches([':', ' ', '\t', 'k', 'B']).parse().unwrap()
}

/// How many catalogs were served so far, and how many applications the last one has.
fn served(provider: &Provider) -> (usize, Option<usize>) {
    let log = provider.log();
    let served: Vec<_> = log.lines().filter_map(|line| line.split_once("(applications: ")).collect();
    let last = served.last().and_then(|(_, rest)| rest.split_once(',')).and_then(|(count, _)| count.parse().ok());
    (served.len(), last)
}

#[test]
fn f50_an_edit_that_touches_ten_thousand_applications_is_one_pass_in_bounded_memory() {
    let provider = Provider::start_with(populate);
    provider.soon("the first catalog", || (served(&provider) == (1, Some(MANY + 1))).then_some(()));
    let path = provider.manifests().join("provider.yaml");
    let permitted = fs::read_to_string(&path).unwrap();
    let refused = permitted.replace("loopbackRedirects: AddressOnly", "loopbackRedirects: Denied");
    assert_ne!(permitted, refused);
    let edit = |text: &str, expect: (usize, Option<usize>)| {
        fs::write(&path, text).unwrap();
        provider.soon("the edit", || (served(&provider).0 >= expect.0).then_some(()));
        assert_eq!(served(&provider), expect, "one pass for all of them");
    };
    // Each application is refused, and told so, and comes back.
    edit(&refused, (2, Some(0)));
    edit(&permitted, (3, Some(MANY + 1)));
    let (before, log) = (kib(&provider, "VmRSS"), provider.log());
    assert!(log.matches("NotAllowed").count() >= MANY, "each is told");
    fs::write(format!("/proc/{}/clear_refs", provider.pid()), "5").unwrap();
    edit(&refused, (4, Some(0)));
    edit(&permitted, (5, Some(MANY + 1)));
    let (peak, after) = (kib(&provider, "VmHWM"), kib(&provider, "VmRSS"));
    assert!(peak < 2 * before && after < before + before / 2, "{before} KiB, at the peak {peak}, afterwards {after}");
}
