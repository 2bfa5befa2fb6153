//! Host patterns: a name, or `*.` and a name.

use api::HostPattern;

/// Whether any of the patterns matches.
pub(crate) fn matches_any(patterns: &[HostPattern], host: &str) -> bool {
    patterns.iter().any(|pattern| matches(pattern, host))
}

/// Whether a pattern matches. The star stands for exactly one label and only in front: `*.example.com` is neither
/// `example.com` nor `a.b.example.com`, and never `evil-example.com`.
pub(crate) fn matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => host.split_once('.').is_some_and(|(label, rest)| {
            !label.is_empty() && !parent.is_empty() && rest == parent && !is_address(host)
        }),
        None => !pattern.is_empty() && pattern == host,
    }
}

/// Whether a host is an IPv4 address, whose dots separate no labels.
fn is_address(host: &str) -> bool {
    host.parse::<std::net::Ipv4Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(pattern: &str, host: &str, expect: bool) {
        assert_eq!(matches(pattern, host), expect, "{pattern} {host}");
    }

    #[test]
    fn t_k04_a_star_is_exactly_one_label() {
        check("*.team-a.example.com", "notes.team-a.example.com", true);
        check("*.team-a.example.com", "team-a.example.com", false);
        check("*.team-a.example.com", "a.b.team-a.example.com", false);
        check("*.team-a.example.com", ".team-a.example.com", false);
        check("*.team-a.example.com", "evilteam-a.example.com", false);
        check("*.team-a.example.com", "notes.team-a.example.com.evil.example", false);
        check("*.team-a.example.com", "notes.team-a.example.com.", false);
        check("*.0.0.1", "127.0.0.1", false);
    }

    #[test]
    fn t_k04_a_name_is_itself_alone() {
        check("notes.example.com", "notes.example.com", true);
        check("notes.example.com", "Notes.example.com", false);
        check("notes.example.com", "xnotes.example.com", false);
        check("notes.example.com", "notes.example.com.evil.example", false);
        check("", "", false);
        check("*.", "a.", false);
        check("a.*.example", "a.b.example", false);
        check("*", "a", false);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_star_adds_one_label(label in "[a-z][a-z0-9-]{0,10}", parent in "[a-z]{1,5}(\\.[a-z]{1,5}){0,3}", more in "[a-z]{1,5}") {
            let pattern = format!("*.{parent}");
            let (one, two) = (format!("{label}.{parent}"), format!("{more}.{label}.{parent}"));
            prop_assert!(matches(&pattern, &one));
            prop_assert!(!matches(&pattern, &two));
            prop_assert!(!matches(&pattern, &parent));
        }
    }
}
