use super::*;

fn seeds(generations: &[(u32, u8)]) -> Seeds {
    Seeds::new(generations.iter().map(|(generation, octet)| (*generation, Secret::new([*octet; 32]))).collect())
        .unwrap()
}

const BASE: Derivation<'static> = Derivation {
    generation: 1,
    provider_uid: "provider",
    purpose: DerivedPurpose::ClientSecret,
    application_uid: "application",
    account: None,
    data_key: None,
    epoch: 0,
};

fn derive(derivation: &Derivation<'_>) -> String {
    seeds(&[(1, 1), (2, 2)]).derive(derivation).unwrap().expose().clone()
}

/// The extract and expand steps written out. It may not change: derived secrets are in use everywhere.
#[test]
fn the_derivation_is_as_documented() {
    use aws_lc_rs::hmac;
    let hmac = |key: &[u8], data: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data).as_ref().to_vec();
    let prk = hmac(b"provider", &[1; 32]);
    let info = b"portcullis/1\
        \x00\x0bderived-key\
        \x00\x0bapplication\
        \x00\x03bob\
        \x00\x05token\
        \x00\x00\x00\x00\x00\x00\x01\x02\x01";
    let expect = b64::encode(&hmac(&prk, info));
    let derivation = Derivation {
        purpose: DerivedPurpose::DerivedKey,
        account: Some("bob"),
        data_key: Some("token"),
        epoch: 258,
        ..BASE
    };
    assert_eq!(derive(&derivation), expect);
    assert_eq!(expect.len(), 43);
}

#[test]
fn a_derivation_repeats_and_every_field_counts() {
    assert_eq!(derive(&BASE), derive(&BASE));
    let others = [
        Derivation { generation: 2, ..BASE },
        Derivation { provider_uid: "other", ..BASE },
        Derivation { purpose: DerivedPurpose::DerivedKey, ..BASE },
        Derivation { purpose: DerivedPurpose::SectorKey, ..BASE },
        Derivation { application_uid: "other", ..BASE },
        Derivation { account: Some("a"), ..BASE },
        Derivation { data_key: Some("a"), ..BASE },
        Derivation { epoch: 1, ..BASE },
        Derivation { application_uid: "applicatio", account: Some("n"), ..BASE },
    ];
    let mut all: Vec<String> = others.iter().map(derive).collect();
    all.push(derive(&BASE));
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
    assert_eq!(derive(&Derivation { account: Some(""), data_key: Some(""), ..BASE }), derive(&BASE));
}

#[test]
fn an_old_generation_still_derives_the_same() {
    let before = seeds(&[(1, 1)]).derive(&BASE).unwrap();
    let after = seeds(&[(1, 1), (5, 9)]);
    assert_eq!(after.newest(), 5);
    assert_eq!(after.generations().collect::<Vec<_>>(), [1, 5]);
    assert_eq!(after.derive(&BASE).unwrap().expose(), before.expose());
}

#[test]
fn what_cannot_be_derived_is_refused() {
    let seeds = seeds(&[(1, 1)]);
    let check = |derivation: &Derivation<'_>, expect| assert_eq!(seeds.derive(derivation).unwrap_err(), expect);
    check(&Derivation { generation: 0, ..BASE }, DeriveError::UnknownGeneration(0));
    check(&Derivation { generation: 2, ..BASE }, DeriveError::UnknownGeneration(2));
    let long = "x".repeat(65_536);
    check(&Derivation { application_uid: &long, ..BASE }, DeriveError::TooLong);
    check(&Derivation { account: Some(&long), ..BASE }, DeriveError::TooLong);
    assert_eq!(Seeds::new(BTreeMap::new()).unwrap_err(), NoSeed);
}

#[test]
fn f23_a_fingerprint_notices_every_change() {
    let base = seeds(&[(1, 1)]);
    assert_eq!(base.fingerprint(), seeds(&[(1, 1)]).fingerprint());
    for other in [seeds(&[(1, 2)]), seeds(&[(2, 1)]), seeds(&[(1, 1), (2, 2)])] {
        assert_ne!(base.fingerprint(), other.fingerprint());
    }
    let grown = seeds(&[(1, 1), (2, 2)]);
    assert_eq!(grown.generation_fingerprint(1), base.generation_fingerprint(1));
    assert_ne!(grown.generation_fingerprint(2), base.generation_fingerprint(1));
    assert_eq!(grown.generation_fingerprint(3), None);
}

#[test]
fn debug_shows_generations_only() {
    assert_eq!(format!("{:?}", seeds(&[(1, 1), (3, 2)])), "Seeds { generations: [1, 3], .. }");
}
