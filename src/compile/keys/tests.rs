use super::*;

/// RFC 8037 A.1 and A.3, as it stands under its name in a Secret.
const NAME: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k.json";
const KEY: &str = concat!(
    r#"{"jwk":{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","#,
    r#""kid":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k","alg":"EdDSA","use":"sig","#,
    r#""d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"},"state":"Active","since":1767225600}"#
);

fn data(entries: &[(&str, &[u8])]) -> Data {
    entries.iter().map(|(name, octets)| ((*name).to_owned(), Secret::new(octets.to_vec()))).collect()
}

fn current(id: &str) -> Annotations {
    [(CURRENT_ANNOTATION.to_owned(), id.to_owned())].into()
}

#[track_caller]
fn refused<T>(read: Result<T, String>, says: &str) {
    let why = read.err().unwrap();
    assert!(why.contains(says), "{why}");
}

#[test]
fn what_is_written_once_is_read_and_written_for_ever() {
    let keys = signing_keys(&data(&[(NAME, KEY.as_bytes())])).unwrap();
    let [RingKey { key, state: KeyState::Active, since: 1_767_225_600, trigger: _ }] = keys.as_slice() else {
        panic!("{keys:?}");
    };
    assert_eq!(key.algorithm(), Algorithm::EdDSA);
    let written = signing_data(&keys);
    assert_eq!(written.len(), 1);
    assert_eq!(std::str::from_utf8(written[NAME].expose()).unwrap(), KEY);
}

#[test]
fn every_state_is_read_back() {
    let key = |state, since| RingKey {
        key: SigningKey::generate(Algorithm::ES256).unwrap(),
        state,
        since,
        trigger: format!("at \"{since}\"\n"),
    };
    let keys = [key(KeyState::Pending, -1), key(KeyState::Active, 0), key(KeyState::Retiring, i64::MAX)];
    let summary = |keys: &[RingKey]| {
        let mut keys: Vec<_> =
            keys.iter().map(|key| (key.key.kid().to_string(), key.state, key.since, key.trigger.clone())).collect();
        keys.sort();
        keys
    };
    assert_eq!(summary(&signing_keys(&signing_data(&keys)).unwrap()), summary(&keys));
}

#[test]
fn what_is_no_signing_key_is_refused_without_repeating_it() {
    refused(signing_keys(&data(&[])), "it holds no key");
    refused(signing_keys(&data(&[("x.json", KEY.as_bytes())])), "`x.json` holds the key kPrK_");
    for (bad, says) in [
        (String::new(), "is not {jwk, state, since}"),
        (KEY.replace("Active", "active"), "is not {jwk, state, since}"),
        (KEY.replace(r#""since":"#, r#""until":"#), "is not {jwk, state, since}"),
        (KEY.replace('}', r#","more":1}"#), "is not {jwk, state, since}"),
        (KEY.replace("nWGx", "xGWn"), NAME),
        (KEY.replace(r#""d":"#, r#""e":"#), NAME),
    ] {
        let why = signing_keys(&data(&[(NAME, bad.as_bytes())])).err().unwrap();
        assert!(why.contains(says) && !why.contains("WmC6hEr0"), "{bad}: {why}");
    }
}

#[test]
fn seeds_are_numbered() {
    let first = seeds(&data(&[("1", &[1; 32])])).unwrap();
    let both = seeds(&data(&[("1", &[1; 32]), ("20", &[2; 32])])).unwrap();
    assert_eq!(both.newest(), 20);
    assert_eq!(both.generation_fingerprint(1), first.generation_fingerprint(1));
    refused(seeds(&data(&[])), "no generation");
    for name in ["01", "+1", "-1", "one", "", "4294967296"] {
        refused(seeds(&data(&[(name, &[1; 32])])), &format!("the key `{name}` is not the number of a generation"));
    }
    refused(seeds(&data(&[("1", &[1; 31])])), "the key `1` does not have 32 bytes");
}

#[test]
fn one_server_key_is_current() {
    let two = data(&[("a", &[1; 32]), ("b", &[2; 32])]);
    let keys = server_keys(&two, &current("b")).unwrap();
    assert_eq!(keys.ids().collect::<Vec<_>>(), ["b", "a"]);
    refused(server_keys(&two, &Annotations::new()), "the annotation portcullis.dev/current is missing");
    refused(server_keys(&two, &current("c")), "no key with the current ID `c`");
    refused(server_keys(&data(&[("a", &[1; 33])]), &current("a")), "the key `a` does not have 32 bytes");
    refused(server_keys(&data(&[("a/b", &[1; 32])]), &current("a/b")), "`a/b` must be");
}

#[test]
fn fresh_ones_can_be_read_and_differ() {
    let (one, other) = (seeds(&fresh_seed()).unwrap(), seeds(&fresh_seed()).unwrap());
    assert_eq!((one.newest(), other.newest()), (1, 1));
    assert_ne!(one.fingerprint(), other.fingerprint());
    let made = || {
        let (data, annotations) = fresh_server_key();
        assert_eq!((data.len(), annotations.len()), (1, 1));
        server_keys(&data, &annotations).unwrap()
    };
    let (one, other) = (made(), made());
    assert_ne!(one.current_id(), other.current_id());
}

#[test]
fn a_schedule_is_what_the_provider_says() {
    let expect = Schedule {
        algorithms: [Algorithm::RS256, Algorithm::ES256].into(),
        period: Some(2_592_000),
        pre_publish: 86_400,
        retire: 172_800,
        revoked: std::collections::BTreeSet::new(),
        trigger: String::new(),
    };
    assert_eq!(schedule(&Signing::default()), expect);
    let never = Signing { rotation_period_seconds: 0, ..Signing::default() };
    assert_eq!(schedule(&never), Schedule { period: None, ..expect });
}
