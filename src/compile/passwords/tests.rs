use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use super::*;

fn key(name: &str) -> ObjectKey {
    ObjectKey::new("identity", name)
}

fn secret(data: &[(&str, &[u8])]) -> Data {
    data.iter().map(|(key, octets)| ((*key).to_owned(), Secret::new(octets.to_vec()))).collect()
}

fn is(found: &UserPassword, hash: &PasswordHash) -> bool {
    matches!(found, UserPassword::Hash(found) if found.as_secret_str().expose() == hash.as_secret_str().expose())
}

fn passwords(capacity: usize) -> Passwords {
    Passwords::new(PasswordPool::new(1, capacity).unwrap())
}

/// Wakes a thread.
struct Unpark(std::thread::Thread, AtomicBool);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.1.store(true, Ordering::SeqCst);
        self.0.unpark();
    }
}

/// Waits for the next outcome.
fn wait(passwords: &mut Passwords) {
    let unpark = Arc::new(Unpark(std::thread::current(), AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&unpark));
    while passwords.poll(&mut Context::from_waker(&waker)).is_pending() {
        while !unpark.1.swap(false, Ordering::SeqCst) {
            std::thread::park();
        }
    }
}

fn verifies(found: &UserPassword, password: &str) -> bool {
    match found {
        UserPassword::Hash(hash) => hash.verify(&Secret::new(password.to_owned())),
        UserPassword::Unsupported(_) | UserPassword::Missing | UserPassword::Pending => false,
    }
}

#[test]
fn a_password_is_hashed_once_per_change() {
    let mut passwords = passwords(4);
    let (alice, first) = (key("alice"), secret(&[("password", b"correct horse")]));
    assert!(matches!(passwords.look_up(&alice, &first, None), UserPassword::Pending));
    assert!(!passwords.is_idle());
    wait(&mut passwords);
    assert!(passwords.is_idle());
    let UserPassword::Hash(hash) = passwords.look_up(&alice, &first, None) else { panic!("not hashed") };
    assert!(hash.verify(&Secret::new("correct horse".to_owned())));
    // The same password again is the same hash, salt and all.
    let UserPassword::Hash(again) = passwords.look_up(&alice, &first, None) else { panic!("not hashed") };
    assert_eq!(hash.as_secret_str().expose(), again.as_secret_str().expose());
    assert!(passwords.is_idle());
    // After a restart, too, where the hash is known: it is kept for this password, and for no other.
    let hashed_anew = |before: Option<&PasswordHash>, typed: &[u8]| {
        let (mut passwords, data) = (self::passwords(4), secret(&[("password", typed)]));
        passwords.look_up(&alice, &data, before);
        wait(&mut passwords);
        let UserPassword::Hash(hash) = passwords.look_up(&alice, &data, None) else { panic!("not hashed") };
        hash.as_secret_str().expose().clone()
    };
    assert_eq!(&hashed_anew(Some(&hash), b"correct horse"), hash.as_secret_str().expose());
    assert_ne!(&hashed_anew(None, b"correct horse"), hash.as_secret_str().expose(), "salts are random");
    let brought = "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";
    let brought = PasswordHash::parse(brought).unwrap();
    let made = PasswordHash::parse(&hashed_anew(Some(&brought), b"correct horse")).unwrap();
    assert!(!brought.is_ours() && made.is_ours(), "a weak one that was brought along does not stay");
    let other = hashed_anew(Some(&hash), b"battery staple");
    assert!(PasswordHash::parse(&other).unwrap().verify(&Secret::new("battery staple".to_owned())));
    let second = secret(&[("password", b"battery staple")]);
    assert!(
        matches!(passwords.look_up(&alice, &second, None), UserPassword::Pending),
        "the old password counts no more"
    );
    wait(&mut passwords);
    assert!(verifies(&passwords.look_up(&alice, &second, None), "battery staple"));
}

#[test]
fn more_passwords_than_the_pool_takes_are_hashed_one_after_the_other() {
    let mut passwords = passwords(1);
    let secrets: Vec<_> = (0..4).map(|n| (key(&format!("u{n}")), format!("password {n}"))).collect();
    for (key, password) in &secrets {
        passwords.look_up(key, &secret(&[("password", password.as_bytes())]), None);
    }
    while !passwords.is_idle() {
        wait(&mut passwords);
    }
    for (key, password) in &secrets {
        assert!(verifies(&passwords.look_up(key, &secret(&[("password", password.as_bytes())]), None), password));
    }
}

#[test]
fn a_password_that_changes_while_it_is_hashed_is_hashed_again() {
    let mut passwords = passwords(4);
    let alice = key("alice");
    passwords.look_up(&alice, &secret(&[("password", b"one")]), None);
    assert!(passwords.poll(&mut Context::from_waker(Waker::noop())).is_pending() || passwords.is_idle());
    let two = secret(&[("password", b"two")]);
    passwords.look_up(&alice, &two, None);
    while !passwords.is_idle() {
        wait(&mut passwords);
    }
    assert!(verifies(&passwords.look_up(&alice, &two, None), "two"));
}

#[test]
fn a_secret_that_is_gone_is_forgotten() {
    let mut passwords = passwords(1);
    for name in ["a", "b", "c"] {
        passwords.look_up(&key(name), &secret(&[("password", b"x")]), None);
    }
    passwords.retain(|secret| secret.name == "b");
    assert_eq!(passwords.waiting.len(), 1);
    while !passwords.is_idle() {
        wait(&mut passwords);
    }
    assert!(verifies(&passwords.look_up(&key("b"), &secret(&[("password", b"x")]), None), "x"));
    passwords.retain(|_| false);
    assert!(matches!(passwords.look_up(&key("b"), &secret(&[("password", b"x")]), None), UserPassword::Pending));
}

#[test]
fn hashes_are_taken_as_they_are() {
    let hash = crypto::password::hash(&Secret::new("x".to_owned())).unwrap();
    let phc = hash.as_secret_str().expose();
    for text in [phc.clone(), format!("{phc}\n"), format!("{phc}\r\n")] {
        assert!(verifies(&passwords(1).look_up(&key("a"), &secret(&[("hash", text.as_bytes())]), None), "x"));
    }
}

#[test]
fn what_cannot_be_a_password_is_refused() {
    let check = |data: &[(&str, &[u8])], says: &str| {
        for found in [passwords(1).look_up(&key("a"), &secret(data), None), without_hashing(&secret(data))] {
            let UserPassword::Unsupported(why) = found else { panic!("{says}: {found:?}") };
            assert!(why.contains(says), "{why}");
        }
    };
    check(&[("hash", b"x"), ("password", b"y")], "remove one of them");
    check(&[("hash", b"$md5$abc")], "");
    check(&[("hash", b"\xff")], "`hash` is not text");
    check(&[("password", b"\xff")], "not UTF-8");
    check(&[("password", b"")], "empty");
    check(&[("password", b"secret\n")], "line break");
    let missing = secret(&[("passwort", b"x")]);
    assert!(matches!(passwords(1).look_up(&key("a"), &missing, None), UserPassword::Missing));
    // Too long is found when it is hashed.
    let mut passwords = passwords(1);
    let long = secret(&[("password", &[b'x'; 2000])]);
    passwords.look_up(&key("a"), &long, None);
    wait(&mut passwords);
    assert!(matches!(passwords.look_up(&key("a"), &long, None), UserPassword::Unsupported(_)));
}

#[test]
fn a_review_hashes_nothing() {
    assert!(matches!(without_hashing(&secret(&[("password", b"x")])), UserPassword::Pending));
}

#[test]
fn a_hash_that_is_remembered_is_not_computed_again() {
    let hash = crypto::password::hash(&Secret::new("correct horse".to_owned())).unwrap();
    let (alice, content) = (key("alice"), secret(&[("password", b"correct horse")]));
    let mut passwords = passwords(1);
    passwords.remember(&alice, &content, hash.clone());
    assert!(is(&passwords.look_up(&alice, &content, None), &hash));
    assert!(passwords.is_idle());
    // It stands for this Secret with this content.
    let bob = passwords.look_up(&key("bob"), &content, None);
    assert!(matches!(bob, UserPassword::Pending), "{bob:?}");
    let other = passwords.look_up(&alice, &secret(&[("password", b"battery staple")]), None);
    assert!(matches!(other, UserPassword::Pending), "{other:?}");
}

#[test]
fn a_hash_that_is_remembered_while_another_is_computed_stays() {
    let hash = crypto::password::hash(&Secret::new("x".to_owned())).unwrap();
    let content = secret(&[("password", b"x")]);
    for submitted in [false, true] {
        let mut passwords = passwords(1);
        passwords.look_up(&key("a"), &content, None);
        if submitted {
            passwords.submit();
        }
        passwords.remember(&key("a"), &content, hash.clone());
        assert_eq!(passwords.is_idle(), !submitted);
        // Whoever waits behind it gets a turn.
        passwords.look_up(&key("b"), &content, None);
        while !passwords.is_idle() {
            wait(&mut passwords);
        }
        assert!(is(&passwords.look_up(&key("a"), &content, None), &hash));
        assert!(verifies(&passwords.look_up(&key("b"), &content, None), "x"));
    }
}

#[test]
fn without_a_password_there_is_nothing_to_remember() {
    let hash = |password: &str| crypto::password::hash(&Secret::new(password.to_owned())).unwrap();
    let (old, given) = (hash("old"), hash("given"));
    let with_hash = secret(&[("hash", given.as_secret_str().expose().as_bytes())]);
    let mut passwords = passwords(1);
    passwords.remember(&key("a"), &with_hash, old.clone());
    assert!(is(&passwords.look_up(&key("a"), &with_hash, None), &given));
    for nothing in [secret(&[]), secret(&[("password", b"")])] {
        passwords.remember(&key("a"), &nothing, old.clone());
        let found = passwords.look_up(&key("a"), &nothing, None);
        assert!(matches!(found, UserPassword::Missing | UserPassword::Unsupported(_)), "{found:?}");
    }
    assert!(passwords.known.is_empty());
}
