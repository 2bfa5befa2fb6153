use super::*;

fn user(name: &str) -> ObjectRef {
    ObjectRef::new(Kind::OidcUser, ObjectKey::new("identity", name))
}

fn application(name: &str) -> ObjectRef {
    ObjectRef::new(Kind::OidcApplication, ObjectKey::new("team-a", name))
}

/// Objects as name and digests; an empty digest of the spec stands for a refused object.
fn present(objects: &[(ObjectRef, &str, Option<&str>)]) -> BTreeMap<ObjectRef, Option<Digests>> {
    let digests = |spec: &str, claims: Option<&str>| {
        (!spec.is_empty()).then(|| Digests { spec: spec.to_owned(), claims: claims.map(str::to_owned) })
    };
    objects.iter().map(|(object, spec, claims)| (object.clone(), digests(spec, *claims))).collect()
}

struct World {
    identities: Identities,
    made: usize,
}

impl World {
    fn new() -> Self {
        Self { identities: Identities::default(), made: 0 }
    }

    fn observe(&mut self, objects: &[(ObjectRef, &str, Option<&str>)], complete: bool, now: i64) -> Observed {
        let made = &mut self.made;
        let mut make = || {
            *made += 1;
            Uid::new(format!("uid-{made}"))
        };
        self.identities.observe(&present(objects), complete, now, &mut make)
    }

    fn uid(&self, object: &ObjectRef) -> Option<&str> {
        self.identities.get(object).map(|identity| identity.uid.as_str())
    }
}

fn nothing() -> Observed {
    Observed::default()
}

#[test]
fn an_object_gets_its_identity_at_first_sight_and_keeps_it() {
    let mut world = World::new();
    let changed = Observed { changed: true, ..nothing() };
    let (alice, notes) = (user("alice"), application("notes"));
    assert_eq!(world.observe(&[(alice.clone(), "s1", Some("c1")), (notes.clone(), "s1", None)], true, 100), changed);
    let first = world.identities.get(&alice).unwrap().clone();
    let claims = ClaimsAt { digest: "c1".to_owned(), updated_at: 100 };
    assert_eq!((first.created, first.generation, first.claims.unwrap()), (100, 1, claims));
    assert_ne!(world.uid(&alice), world.uid(&notes));
    assert_eq!(world.observe(&[(alice.clone(), "s1", Some("c1")), (notes.clone(), "s1", None)], true, 200), nothing());
    // A new password reference changes the spec and no claim.
    assert_eq!(world.observe(&[(alice.clone(), "s2", Some("c1")), (notes.clone(), "s1", None)], true, 300), changed);
    assert_eq!(world.observe(&[(alice.clone(), "s3", Some("c2")), (notes.clone(), "s1", None)], true, 400), changed);
    let last = world.identities.get(&alice).unwrap();
    assert_eq!((last.uid.as_str(), last.created, last.generation), (first.uid.as_str(), 100, 3));
    assert_eq!(last.claims.as_ref().unwrap().updated_at, 400);
    assert_eq!(world.identities.get(&notes).unwrap().generation, 1);
}

#[test]
fn an_object_that_is_gone_for_a_minute_is_somebody_else_afterwards() {
    let mut world = World::new();
    let (alice, bob) = (user("alice"), user("bob"));
    let both = [(alice.clone(), "s", None), (bob.clone(), "s", None)];
    world.observe(&both, true, 100);
    let uid = world.uid(&alice).unwrap().to_owned();
    let alone = [(bob.clone(), "s", None)];
    assert_eq!(world.observe(&alone, true, 200), Observed { next: Some(260), ..nothing() });
    assert_eq!(world.observe(&alone, true, 259), Observed { next: Some(260), ..nothing() });
    // Back in time: nobody has noticed, and the clock starts anew.
    assert_eq!(world.observe(&both, true, 259), nothing());
    assert_eq!(world.uid(&alice), Some(uid.as_str()));
    assert_eq!(world.observe(&alone, true, 300), Observed { next: Some(360), ..nothing() });
    let forgotten = Observed { changed: true, forgotten: vec![alice.clone()], next: None };
    assert_eq!(world.observe(&alone, true, 360), forgotten);
    assert_eq!(world.uid(&alice), None);
    world.observe(&both, true, 361);
    assert_ne!(world.uid(&alice), Some(uid.as_str()));
}

#[test]
fn a_refused_object_keeps_its_identity() {
    let mut world = World::new();
    let alice = user("alice");
    world.observe(&[(alice.clone(), "s", Some("c"))], true, 100);
    assert_eq!(world.observe(&[(alice.clone(), "", None)], true, 200), nothing());
    assert_eq!(world.observe(&[(alice.clone(), "", None)], true, 1000), nothing());
    assert_eq!(world.uid(&alice), Some("uid-1"));
    // One that was refused from the start has none yet.
    assert_eq!(world.observe(&[(alice.clone(), "s", Some("c")), (user("bob"), "", None)], true, 1001), nothing());
    assert_eq!(world.uid(&user("bob")), None);
}

#[test]
fn nothing_is_gone_while_a_file_may_hold_it() {
    let mut world = World::new();
    let alice = user("alice");
    world.observe(&[(alice.clone(), "s", None)], true, 100);
    assert_eq!(world.observe(&[], false, 200), nothing());
    assert_eq!(world.observe(&[], false, 1000), nothing());
    assert_eq!(world.observe(&[], true, 1001), Observed { next: Some(1061), ..nothing() });
    // Hidden again by a file that became unreadable.
    assert_eq!(world.observe(&[], false, 2000), nothing());
    assert_eq!(world.uid(&alice), Some("uid-1"));
    assert_eq!(world.observe(&[], true, 2001).forgotten, [alice]);
}

#[test]
fn f44_a_clock_that_is_set_changes_nobody() {
    let mut world = World::new();
    let (alice, bob) = (user("alice"), user("bob"));
    let both = [(alice.clone(), "s", Some("c")), (bob.clone(), "s", Some("c"))];
    world.observe(&both, true, 1_000_000);
    let before = world.identities.clone();
    // Back to 1970 and far ahead: who is there stays who they are.
    for now in [0, 1_000_000_000_000, i64::MAX, i64::MIN, 1_000_001] {
        assert_eq!(world.observe(&both, true, now), nothing());
        assert_eq!(world.identities, before);
    }
    // Set back while somebody is gone: the minute takes longer, never shorter.
    let alone = [(bob, "s", Some("c"))];
    world.observe(&alone, true, 1_000_002);
    assert_eq!(world.observe(&alone, true, 500_000).forgotten, []);
    assert_eq!(world.observe(&alone, true, 1_000_061).forgotten, []);
    assert_eq!(world.observe(&alone, true, 1_000_062).forgotten, [alice]);
}

#[test]
fn what_is_written_is_read_back_without_what_was_gone() {
    let mut world = World::new();
    world.observe(&[(user("alice"), "s", Some("c")), (application("notes"), "t", None)], true, 100);
    let kept = world.identities.clone();
    world.observe(&[], true, 200);
    let json = world.identities.to_json();
    assert_eq!(Identities::from_json(&json).unwrap(), kept);
    assert_eq!(
        String::from_utf8(Identities::default().to_json()).unwrap(),
        "{\n  \"seed\": {},\n  \"objects\": {},\n  \"version\": 1\n}\n"
    );
}

#[test]
fn damaged_files_are_refused() {
    let check =
        |json: &str, expect: IdentitiesError| assert_eq!(Identities::from_json(json.as_bytes()), Err(expect), "{json}");
    let identity = r#"{"uid":"u","created":1,"generation":1,"spec":"s"}"#;
    let file = |objects: &str| format!(r#"{{"seed":{{}},"version":1,"objects":{{{objects}}}}}"#);
    assert!(Identities::from_json(file(&format!(r#""OidcUser a/b":{identity}"#)).as_bytes()).is_ok());
    check("", IdentitiesError::Json(1));
    check("{\n\"version\": 1", IdentitiesError::Json(2));
    check("{\"version\": 1}", IdentitiesError::Json(1));
    check("{\"version\": 2, \"else\": {}}", IdentitiesError::Version(2));
    check(&file(&format!(r#""OidcUser a":{identity}"#)), IdentitiesError::Name("OidcUser a".to_owned()));
    check(&file(&format!(r#""Secret a/b":{identity}"#)), IdentitiesError::Name("Secret a/b".to_owned()));
    let twice = format!(r#""OidcUser a/b":{identity},"OidcUser a/c":{identity}"#);
    check(&file(&twice), IdentitiesError::Duplicate("u".to_owned()));
    check(&file(&format!(r#""OidcUser a/b":{}"#, identity.replace("spec", "spec2"))), IdentitiesError::Json(1));
}

#[test]
fn f23_a_replaced_seed_is_noticed() {
    use crypto::Secret;
    let seeds = |generations: &[(u32, u8)]| {
        Seeds::new(generations.iter().map(|(number, octet)| (*number, Secret::new([*octet; 32]))).collect()).unwrap()
    };
    let mut identities = Identities::default();
    assert_eq!(identities.judge_seed(&seeds(&[(1, 7)])), Ok(true));
    assert_eq!(identities.judge_seed(&seeds(&[(1, 7)])), Ok(false));
    assert_eq!(identities.judge_seed(&seeds(&[(1, 8)])), Err(SeedReplaced::Differs(1)));
    assert_eq!(identities.judge_seed(&seeds(&[(1, 7), (2, 9)])), Ok(true), "a generation may be added");
    let mut again = Identities::from_json(&identities.to_json()).unwrap();
    assert_eq!(again.judge_seed(&seeds(&[(2, 9)])), Err(SeedReplaced::Missing(1)));
}
