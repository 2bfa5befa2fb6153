//! RFC 6749 §3.1, §3.2: queries and bodies.

use std::collections::BTreeMap;

use oidc::form::Form;

/// Held against the form parser of the `url` crate, which never refuses: what it reads differently must have been refused.
pub(super) fn run(bytes: &[u8]) {
    let Ok(mut form) = Form::parse(bytes) else { return };
    let mut said: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(bytes) {
        said.entry(name.into_owned()).or_default().push(value.into_owned());
    }
    assert!(said.values().map(Vec::len).sum::<usize>() <= Form::MAX_PARAMETERS);
    for (name, values) in said {
        assert_eq!(form.duplicates().contains(&name), values.len() > 1, "{name}");
        let once = values.first().filter(|value| values.len() == 1 && !value.is_empty());
        assert_eq!(form.take_text(&name).as_ref(), once, "{name}");
    }
    assert!(form.is_empty() || !form.duplicates().is_empty());
}
