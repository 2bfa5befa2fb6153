use proptest::prelude::*;

use super::*;

fn keys(ids: &[(&str, u8)], current: &str) -> ServerKeys {
    let keys: BTreeMap<_, _> = ids.iter().map(|(id, octet)| ((*id).to_owned(), Secret::new([*octet; 32]))).collect();
    ServerKeys::new(keys, current.to_owned()).unwrap()
}

#[test]
fn sealed_values_open_under_any_live_key() {
    let old = keys(&[("a", 1)], "a");
    let both = keys(&[("a", 1), ("b", 2)], "b");
    let new = keys(&[("b", 2)], "b");
    let sealed = old.seal(Purpose::RecordSeal, &[b"here"], b"value");
    assert_eq!(both.open(Purpose::RecordSeal, &[b"here"], &sealed).unwrap().expose(), b"value");
    assert_eq!(new.open(Purpose::RecordSeal, &[b"here"], &sealed).unwrap_err(), OpenError::UnknownKey);
    let resealed = both.seal(Purpose::RecordSeal, &[b"here"], b"value");
    assert_eq!(new.open(Purpose::RecordSeal, &[b"here"], &resealed).unwrap().expose(), b"value");
    let replaced = keys(&[("a", 9)], "a");
    assert_eq!(replaced.open(Purpose::RecordSeal, &[b"here"], &sealed).unwrap_err(), OpenError::NotAuthentic);
}

#[test]
fn a_sealed_value_has_the_documented_form() {
    let keys = keys(&[("k1", 1)], "k1");
    let sealed = keys.seal(Purpose::LoginHandle, &[], b"value");
    assert_eq!(sealed[..3], *b"\x02k1");
    assert_eq!(sealed.len(), 1 + 2 + 12 + 5 + 16);
    assert_ne!(sealed, keys.seal(Purpose::LoginHandle, &[], b"value"), "the nonce is random");
    assert_eq!(keys.open(Purpose::LoginHandle, &[], &sealed).unwrap().expose(), b"value");
}

#[test]
fn a_purpose_opens_and_verifies_only_its_own() {
    let keys = keys(&[("a", 1)], "a");
    for purpose in Purpose::ALL {
        let sealed = keys.seal(purpose, &[b"x"], b"value");
        let mac = keys.mac(purpose, &[b"x"]);
        for other in Purpose::ALL {
            assert_eq!(keys.open(other, &[b"x"], &sealed).is_ok(), other == purpose, "{purpose:?} as {other:?}");
            assert_eq!(keys.verify_mac(other, &[b"x"], &mac), other == purpose, "{purpose:?} as {other:?}");
        }
    }
}

#[test]
fn associated_data_is_compared_part_by_part() {
    let keys = keys(&[("a", 1)], "a");
    let sealed = keys.seal(Purpose::RecordSeal, &[b"ab", b"c"], b"value");
    let mac = keys.mac(Purpose::RecordMac, &[b"ab", b"c"]);
    for (parts, expect) in [
        (&[&b"ab"[..], b"c"][..], true),
        (&[b"a", b"bc"], false),
        (&[b"abc"], false),
        (&[b"ab", b"c", b""], false),
        (&[b"c", b"ab"], false),
        (&[], false),
    ] {
        assert_eq!(keys.open(Purpose::RecordSeal, parts, &sealed).is_ok(), expect, "{parts:?}");
        assert_eq!(keys.verify_mac(Purpose::RecordMac, parts, &mac), expect, "{parts:?}");
    }
}

#[test]
fn record_fields_have_distinct_associated_data() {
    let base = record_aad("p", "OidcClientRecord", "u", "spec.secret");
    assert_eq!(base, record_aad("p", "OidcClientRecord", "u", "spec.secret"));
    for other in [
        record_aad("q", "OidcClientRecord", "u", "spec.secret"),
        record_aad("p", "OidcUserRecord", "u", "spec.secret"),
        record_aad("p", "OidcClientRecord", "v", "spec.secret"),
        record_aad("p", "OidcClientRecord", "u", "spec.other"),
        record_aad("pO", "idcClientRecord", "u", "spec.secret"),
    ] {
        assert_ne!(base, other);
    }
}

#[test]
fn malformed_sealed_values_are_refused() {
    let keys = keys(&[("a", 1)], "a");
    let sealed = keys.seal(Purpose::RecordSeal, &[], b"value");
    for (bad, expect) in [
        (vec![], OpenError::Malformed),
        (vec![1], OpenError::Malformed),
        (vec![5, b'a'], OpenError::Malformed),
        (sealed[..10].to_vec(), OpenError::Malformed),
        ([&[1, 0xff], &sealed[2..]].concat(), OpenError::Malformed),
        ([&[1, b'b'], &sealed[2..]].concat(), OpenError::UnknownKey),
        ([&[0], &sealed[2..]].concat(), OpenError::UnknownKey),
        (sealed[..2 + 12].to_vec(), OpenError::NotAuthentic),
        (sealed[..2 + 12 + 15].to_vec(), OpenError::NotAuthentic),
        (sealed[..sealed.len() - 1].to_vec(), OpenError::NotAuthentic),
        ([&sealed[..], &[0]].concat(), OpenError::NotAuthentic),
    ] {
        assert_eq!(keys.open(Purpose::RecordSeal, &[], &bad).unwrap_err(), expect, "{bad:?}");
    }
}

#[test]
fn server_keys_need_a_current_one_and_plain_ids() {
    let make = |ids: &[&str], current: &str| {
        let keys = ids.iter().map(|id| ((*id).to_owned(), Secret::generate())).collect();
        ServerKeys::new(keys, current.to_owned()).map(|keys| keys.current_id().to_owned())
    };
    let (longest, long) = ("x".repeat(64), "x".repeat(65));
    assert_eq!(make(&["a", "b"], "b"), Ok("b".to_owned()));
    assert_eq!(make(&["A.z_0-"], "A.z_0-"), Ok("A.z_0-".to_owned()));
    assert_eq!(make(&[&longest], &longest), Ok(longest));
    assert_eq!(make(&["a"], "b"), Err(ServerKeyError::NoCurrent("b".to_owned())));
    assert_eq!(make(&[], "a"), Err(ServerKeyError::NoCurrent("a".to_owned())));
    for bad in ["", "a b", "a/b", "é", long.as_str()] {
        assert_eq!(make(&["a", bad], "a"), Err(ServerKeyError::KeyId(bad.to_owned())));
    }
}

#[test]
fn generated_keys_are_usable_and_differ() {
    let (id, key) = ServerKeys::generate();
    let (other, _) = ServerKeys::generate();
    assert_ne!(id, other);
    let keys = ServerKeys::new(BTreeMap::from([(id.clone(), key)]), id.clone()).unwrap();
    assert_eq!(keys.current_id(), id);
    assert_eq!(keys.ids().collect::<Vec<_>>(), [id.as_str()]);
}

#[test]
fn debug_shows_ids_only() {
    let keys = keys(&[("a", 1), ("b", 2)], "b");
    assert_eq!(format!("{keys:?}"), r#"ServerKeys { ids: ["b", "a"], .. }"#);
    assert_eq!(format!("{:?}", keys.mac(Purpose::RecordMac, &[])), r#"Mac { key_id: "b", .. }"#);
}

/// The derivation written out with another library's primitives: it may not change, or every seal and verifier in use
/// becomes unreadable.
#[test]
fn the_sub_key_derivation_is_as_documented() {
    let key = [7; 32];
    let hmac = |key: &[u8], data: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data).as_ref().to_vec();
    let prk = hmac(&[0; 32], &key);
    let info = b"portcullis/1\x00\x07sub-key\x00\x0brecord-seal";
    let first = hmac(&prk, &[&info[..], &[1]].concat());
    let second = hmac(&prk, &[&first[..], info, &[2]].concat());

    let keys = keys(&[("a", 7)], "a");
    let mac = keys.mac(Purpose::RecordSeal, &[b"ab"]);
    assert_eq!(mac.tag.to_vec(), hmac(&second, b"\0\0\0\0\0\0\0\x02ab"));

    let sealed = keys.seal(Purpose::RecordSeal, &[b"ab"], b"value");
    let aead = aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_256_GCM_SIV, &first).unwrap());
    let mut in_out = sealed[2 + 12..].to_vec();
    let nonce = aead::Nonce::try_assume_unique_for_key(&sealed[2..2 + 12]).unwrap();
    let opened = aead.open_in_place(nonce, aead::Aad::from(b"\0\0\0\0\0\0\0\x02ab"), &mut in_out).unwrap();
    assert_eq!(opened, b"value");
}

#[test]
fn a_mac_has_one_text() {
    let keys = keys(&[("a.1", 1)], "a.1");
    let mac = keys.mac(Purpose::RefreshToken, &[b"x"]);
    let text = mac.encode();
    let read = Mac::decode(&text).unwrap();
    assert!(keys.verify_mac(Purpose::RefreshToken, &[b"x"], &read));
    assert!(!keys.verify_mac(Purpose::RefreshToken, &[b"x"], &Mac { tag: [0; 32], ..read.clone() }));
    assert!(!keys.verify_mac(Purpose::RefreshToken, &[b"x"], &Mac { key_id: "a".to_owned(), ..read }));
    for bad in [
        "",
        ".",
        "a",
        "a.AQAB",
        text.get(..text.len() - 1).unwrap(),
        text.get(3..).unwrap(),
        &format!("{text}="),
        &format!("é{text}"),
    ] {
        assert!(Mac::decode(bad).is_none(), "{bad:?}");
    }
}

proptest! {
    #[test]
    fn what_is_sealed_opens(value: Vec<u8>, aad: Vec<Vec<u8>>) {
        let keys = keys(&[("a", 1)], "a");
        let aad: Vec<&[u8]> = aad.iter().map(Vec::as_slice).collect();
        let sealed = keys.seal(Purpose::ResumeHandle, &aad, &value);
        let opened = keys.open(Purpose::ResumeHandle, &aad, &sealed).unwrap();
        prop_assert_eq!(opened.expose(), &value);
    }

    #[test]
    fn nothing_altered_opens(value: Vec<u8>, position: prop::sample::Index, bit in 0..8) {
        let keys = keys(&[("a", 1)], "a");
        let mut sealed = keys.seal(Purpose::ResumeHandle, &[], &value);
        *position.get_mut(&mut sealed) ^= 1_u8 << bit;
        prop_assert!(keys.open(Purpose::ResumeHandle, &[], &sealed).is_err());
    }

    #[test]
    fn garbage_does_not_open(sealed: Vec<u8>) {
        prop_assert!(keys(&[("a", 1)], "a").open(Purpose::ResumeHandle, &[], &sealed).is_err());
    }
}
