use api::Kind;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::*;

fn object(kind: Kind, name: &str) -> ObjectRef {
    ObjectRef::new(kind, ObjectKey::new("ns", name))
}

/// An object created `created` seconds after the epoch; none: it never met a cluster.
fn age(created: Option<i64>, uid: Option<&str>, name: &str) -> Age {
    let metadata = ObjectMeta {
        creation_timestamp: created.map(|seconds| Time(Timestamp::from_second(seconds).unwrap())),
        uid: uid.map(str::to_owned),
        ..ObjectMeta::default()
    };
    Age::of(&metadata, &ObjectKey::new("ns", name))
}

/// Of claims to one name, given as (created, UID, name), all but `holder` lose to it, in whatever order they come.
fn check(claims: &[(Option<i64>, Option<&str>, &str)], holder: &str) {
    for rotation in 0..claims.len() {
        let mut claims = claims.to_vec();
        claims.rotate_left(rotation);
        let names: Vec<&str> = claims.iter().map(|(_, _, name)| *name).filter(|name| *name != holder).collect();
        let claims = claims.into_iter().map(|(created, uid, name)| Claim {
            name: "n",
            age: age(created, uid, name),
            object: object(Kind::OidcUser, name),
        });
        let losers = settle(claims.collect());
        let expect: BTreeMap<_, _> =
            names.iter().map(|name| (object(Kind::OidcUser, name), object(Kind::OidcUser, holder))).collect();
        assert_eq!(losers, expect);
    }
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
    let claim = |name: &'static str| Claim { name, age: age(Some(1), Some(name), name), object: object(Kind::OidcUser, name) };
    assert!(settle(vec![claim("a"), claim("b")]).is_empty());
    assert!(settle(Vec::<Claim<String>>::new()).is_empty());
}

fn identifier(kind: Kind, name: &str, created: i64, reach: Reach) -> (Claim<Identifier>, Reach) {
    let text = Identifier { namespace: "identity".to_owned(), text: "x".to_owned() };
    (Claim { name: text, age: age(Some(created), Some(name), name), object: object(kind, name) }, reach)
}

#[test]
fn t_p53_identifiers_meet_where_both_are_valid() {
    let one = || Reach::Provider(ObjectKey::new("identity", "one"));
    let two = || Reach::Provider(ObjectKey::new("identity", "two"));
    let losers = |claims: Vec<_>| settle_identifiers(claims).into_keys().map(|loser| loser.key.name).collect::<Vec<_>>();
    let app = |name, created, reach| identifier(Kind::OidcApplication, name, created, reach);
    let user = |name, created| identifier(Kind::OidcUser, name, created, Reach::Namespace);
    assert_eq!(losers(vec![app("a", 1, one()), app("b", 2, one())]), ["b"]);
    assert!(losers(vec![app("a", 1, one()), app("b", 2, two())]).is_empty());
    assert_eq!(losers(vec![app("a", 1, one()), app("b", 2, two()), user("u", 3)]), ["u"]);
    assert_eq!(losers(vec![app("a", 3, one()), app("b", 2, two()), user("u", 1)]), ["a", "b"]);
    // What lost holds nothing: the younger client of the other provider meets nobody.
    assert_eq!(losers(vec![app("a", 1, one()), user("u", 2), app("b", 3, two())]), ["u"]);
    let resource = identifier(Kind::OidcResource, "r", 2, one());
    assert_eq!(losers(vec![resource, app("a", 1, one())]), ["r"]);
    let (mut issuer, reach) = identifier(Kind::OidcProvider, "p", 9, one());
    issuer.age = Age::ever(&ObjectKey::new("identity", "one"));
    assert_eq!(losers(vec![(issuer, reach), app("a", 1, one())]), ["a"]);
}
