use api::Kind;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::*;

fn object(kind: Kind, name: &str) -> ObjectRef {
    ObjectRef::new(kind, ObjectKey::new("ns", name))
}

/// An object created `created` seconds after the epoch; none: it never met a cluster.
fn metadata(created: Option<i64>, uid: Option<&str>) -> ObjectMeta {
    ObjectMeta {
        creation_timestamp: created.map(|seconds| Time(Timestamp::from_second(seconds).unwrap())),
        uid: uid.map(str::to_owned),
        ..ObjectMeta::default()
    }
}

/// Of claims to one name, given as (created, UID, name), all but `holder` lose to it, in whatever order they come.
fn check(claims: &[(Option<i64>, Option<&str>, &str)], holder: &str) {
    let objects: Vec<_> =
        claims.iter().map(|(created, uid, name)| (metadata(*created, *uid), ObjectKey::new("ns", *name))).collect();
    for rotation in 0..claims.len() {
        let mut claims: Vec<_> = objects
            .iter()
            .map(|(metadata, key)| Claim { name: "n", age: Age::of(metadata, key), kind: Kind::OidcUser })
            .collect();
        claims.rotate_left(rotation);
        let losers = objects.iter().map(|(_, key)| key.name.as_str()).filter(|name| *name != holder);
        let expect: BTreeMap<_, _> =
            losers.map(|name| (object(Kind::OidcUser, name), object(Kind::OidcUser, holder))).collect();
        assert_eq!(settle(claims), expect);
    }
}

/// The clock of an API server may run behind: what was created later looks older.
#[test]
fn f36_who_holds_a_name_keeps_it() {
    let (old, new) = (metadata(Some(1), Some("a")), metadata(Some(2), Some("b")));
    let (old_key, new_key) = (ObjectKey::new("ns", "old"), ObjectKey::new("ns", "new"));
    let claim = |age| Claim { name: "n", age, kind: Kind::OidcUser };
    let claims = || vec![claim(Age::of(&old, &old_key)), claim(Age::of(&new, &new_key).holding(true))];
    let lost = BTreeMap::from([(object(Kind::OidcUser, "old"), object(Kind::OidcUser, "new"))]);
    assert_eq!(settle(claims()), lost);
    let provider = ObjectKey::new("ns", "provider");
    let ever = Claim { kind: Kind::OidcProvider, ..claim(Age::ever(&provider)) };
    let losers = settle(claims().into_iter().chain([ever]).collect());
    assert_eq!(losers.len(), 2, "what belongs to the provider itself comes first all the same");
}

#[test]
fn f36_the_oldest_holds_then_the_smallest_uid() {
    check(&[(Some(1), Some("b"), "x"), (Some(2), Some("a"), "y")], "x");
    check(&[(Some(1), Some("b"), "x"), (Some(1), Some("a"), "y"), (Some(1), Some("c"), "z")], "y");
    check(&[(None, None, "y"), (None, None, "x")], "x");
    check(&[(None, None, "x"), (Some(9), Some("a"), "y")], "y");
    check(&[(Some(1), Some("a"), "alone")], "alone");
}

#[test]
fn other_names_are_other_matters() {
    let (metadata, key) = (metadata(Some(1), None), ObjectKey::new("ns", "a"));
    let claim = |name: &'static str| Claim { name, age: Age::of(&metadata, &key), kind: Kind::OidcUser };
    assert!(settle(vec![claim("a"), claim("b")]).is_empty());
    assert!(settle(Vec::<Claim<'_, String>>::new()).is_empty());
}

/// Who loses of those that claim one text, given as (kind, name, created, provider or none).
fn losers(claims: &[(Kind, &str, i64, Option<&str>)]) -> Vec<String> {
    let objects: Vec<_> = claims
        .iter()
        .map(|(_, name, created, provider)| {
            let provider = provider.map(|provider| ObjectKey::new("identity", provider));
            (metadata(Some(*created), Some(name)), ObjectKey::new("ns", *name), provider)
        })
        .collect();
    let claims = claims.iter().zip(&objects).map(|((kind, ..), (metadata, key, provider))| {
        let age = if *kind == Kind::OidcProvider { Age::ever(key) } else { Age::of(metadata, key) };
        let claim = Claim { name: Identifier { namespace: "identity", text: "x" }, age, kind: *kind };
        (claim, provider.as_ref().map_or(Reach::Namespace, Reach::Provider))
    });
    settle_identifiers(claims.collect()).into_keys().map(|(loser, _)| loser.key.name).collect()
}

#[test]
fn t_p53_identifiers_meet_where_both_are_valid() {
    use Kind::{OidcApplication as App, OidcProvider as Issuer, OidcResource as Api, OidcUser as User};
    let (one, two) = (Some("one"), Some("two"));
    assert_eq!(losers(&[(App, "a", 1, one), (App, "b", 2, one)]), ["b"]);
    assert!(losers(&[(App, "a", 1, one), (App, "b", 2, two)]).is_empty());
    assert_eq!(losers(&[(App, "a", 1, one), (App, "b", 2, two), (User, "u", 3, None)]), ["u"]);
    assert_eq!(losers(&[(App, "a", 3, one), (App, "b", 2, two), (User, "u", 1, None)]), ["a", "b"]);
    // What lost holds nothing: the younger client of the other provider meets nobody.
    assert_eq!(losers(&[(App, "a", 1, one), (User, "u", 2, None), (App, "b", 3, two)]), ["u"]);
    assert_eq!(losers(&[(Api, "r", 2, one), (App, "a", 1, one)]), ["r"]);
    assert_eq!(losers(&[(Issuer, "p", 9, one), (App, "a", 1, one)]), ["a"]);
}
