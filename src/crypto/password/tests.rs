use proptest::prelude::*;

use super::*;

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

/// Hashes made by other implementations.
const FOREIGN: [(&str, &str); 10] = [
    // The test of the Argon2 reference implementation.
    ("password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"),
    ("password", "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA"),
    // RFC 7914 §12, the third vector.
    (
        "pleaseletmein",
        "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw",
    ),
    // OpenSSL's PBKDF2.
    ("correct horse", "$pbkdf2-sha256$i=2000,l=32$U29kaXVtQ2hsb3JpZGU$bR776dAKq1r4fx6eEyr6/gIfhPmz4HKIC56j/3gn+4I"),
    ("correct horse", "$pbkdf2-sha512$i=2000,l=32$U29kaXVtQ2hsb3JpZGU$Hp+CoQcUerYOmg7Hv5TqFWU0QBPsxICaDfT8z2cxNxA"),
    // The test vector of crypt_blowfish, and libxcrypt.
    ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ("correct horse", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.WrAwgFxicHZ3kL7zMvXYXHKosDn8ot2"),
    ("correct horse", "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"),
    ("correct horse", "$2y$04$/OK.fbVrR/bpIqNJ5ianF.spGd4MiT6NQ0T2iyfJJVKT5mK3MRKLi"),
    (
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "$2b$04$abcdefghijklmnopqrstuuBzzIgyKkz7xMWYSzkIjUSnxEQFQ0WNe",
    ),
];

#[test]
fn hashes_of_other_implementations_verify() {
    for (password, text) in FOREIGN {
        let hash = PasswordHash::parse(text).unwrap();
        assert!(hash.verify(&secret(password)), "{text}");
        assert!(!hash.verify(&secret("wrong")), "{text}");
        assert!(!hash.verify(&secret("")), "{text}");
        assert_eq!(hash.as_secret_str().expose(), text);
    }
}

#[test]
fn a_new_hash_is_argon2id_with_a_salt_of_its_own() {
    let one = hash(&secret("correct horse")).unwrap();
    let two = hash(&secret("correct horse")).unwrap();
    let text = one.as_secret_str().expose();
    assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
    assert_ne!(text, two.as_secret_str().expose());
    let stored = PasswordHash::parse(text).unwrap();
    for (password, expect) in
        [("correct horse", true), ("correct horse ", false), ("Correct horse", false), ("", false)]
    {
        assert_eq!(stored.verify(&secret(password)), expect, "{password:?}");
    }
}

#[test]
fn t_p34_long_passwords_are_refused() {
    let longest = secret(&"é".repeat(MAX_PASSWORD_OCTETS / 2));
    let too_long = secret(&"x".repeat(MAX_PASSWORD_OCTETS + 1));
    let stored = hash(&longest).unwrap();
    assert!(stored.verify(&longest));
    assert!(!stored.verify(&too_long));
    assert_eq!(hash(&too_long).unwrap_err(), HashError::PasswordTooLong);
    // bcrypt would cut this one down to the password's first 72 octets.
    let (_, text) = FOREIGN[9];
    let bcrypt = PasswordHash::parse(text).unwrap();
    assert!(bcrypt.verify(&secret(&"a".repeat(MAX_PASSWORD_OCTETS))));
    assert!(!bcrypt.verify(&secret(&"a".repeat(MAX_PASSWORD_OCTETS + 1))));
}

#[test]
fn t_p34_expensive_hashes_are_refused() {
    let argon2 =
        |params: &str| format!("$argon2id$v=19${params}$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc");
    let scrypt = |params: &str| format!("$scrypt${params}$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf0");
    let pbkdf2 = |rounds: u32| {
        format!("$pbkdf2-sha256$i={rounds},l=32$U29kaXVtQ2hsb3JpZGU$bR776dAKq1r4fx6eEyr6/gIfhPmz4HKIC56j/3gn+4I")
    };
    let bcrypt = |cost: &str| format!("$2b${cost}$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e");
    for (text, expect) in [
        (argon2("m=262144,t=16,p=16"), Ok(())),
        (argon2("m=262145,t=1,p=1"), Err(HashError::TooExpensive)),
        (argon2("m=4294967295,t=1,p=1"), Err(HashError::TooExpensive)),
        (argon2("m=64,t=17,p=1"), Err(HashError::TooExpensive)),
        (argon2("m=65536,t=1,p=17"), Err(HashError::TooExpensive)),
        (argon2("m=7,t=1,p=1"), Err(HashError::Malformed)),
        (argon2("m=64,t=0,p=1"), Err(HashError::Malformed)),
        (argon2("m=64,t=1,p=1,m=4294967295"), Err(HashError::Malformed)),
        (argon2("m=4294967295,t=1,p=1,m=64"), Err(HashError::Malformed)),
        (scrypt("ln=18,r=8,p=1"), Ok(())),
        (scrypt("ln=16,r=8,p=16"), Ok(())),
        (scrypt("ln=17,r=8,p=16"), Err(HashError::TooExpensive)),
        (scrypt("ln=18,r=9,p=1"), Err(HashError::TooExpensive)),
        (scrypt("ln=19,r=1,p=1"), Err(HashError::TooExpensive)),
        (scrypt("ln=10,r=8,p=17"), Err(HashError::TooExpensive)),
        (scrypt("ln=1,r=4294967295,p=4294967295"), Err(HashError::TooExpensive)),
        (scrypt("ln=1,r=1,p=4294967295,r=4294967295"), Err(HashError::Malformed)),
        (scrypt("ln=1,r=1,p=1,r=4294967295,p=4294967295"), Err(HashError::Malformed)),
        (scrypt("ln=200,r=8,p=1"), Err(HashError::Malformed)),
        (scrypt("ln=14,r=0,p=1"), Err(HashError::Malformed)),
        (pbkdf2(5_000_000), Ok(())),
        (pbkdf2(5_000_001), Err(HashError::TooExpensive)),
        (pbkdf2(1), Err(HashError::Malformed)),
        (bcrypt("15"), Ok(())),
        (bcrypt("16"), Err(HashError::TooExpensive)),
        (bcrypt("31"), Err(HashError::TooExpensive)),
        (bcrypt("03"), Err(HashError::Malformed)),
        (bcrypt("99"), Err(HashError::TooExpensive)),
    ] {
        assert_eq!(PasswordHash::parse(&text).map(|_| ()), expect, "{text}");
    }
}

#[test]
fn other_strings_are_no_hashes() {
    for (text, expect) in [
        ("", HashError::Malformed),
        ("$", HashError::Malformed),
        ("password", HashError::Malformed),
        ("$argon2id$v=19$m=65536,t=2,p=1", HashError::Malformed),
        ("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ", HashError::Malformed),
        ("$argon2id$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", HashError::Malformed),
        (
            "$argon2id$v=20$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            HashError::Malformed,
        ),
        (
            "$argon2d$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            HashError::Unsupported,
        ),
        ("$2x$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e", HashError::Unsupported),
        ("$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6", HashError::Malformed),
        ("$2b$04$éééééééééééééééééééééééééééééééééééééé", HashError::Malformed),
        ("$1$salt$qJH7.N4xYta3aEG/dfqo/0", HashError::Unsupported),
        ("$6$saltsalt$abcdefgh", HashError::Unsupported),
        ("$pbkdf2-sha1$i=2000,l=20$U29kaXVtQ2hsb3JpZGU$bR776dAKq1r4fx6eEyr6/gIfhPk", HashError::Unsupported),
        ("{SSHA}AAAA", HashError::Malformed),
        (
            "x$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            HashError::Malformed,
        ),
        ("$$argon2id", HashError::Malformed),
    ] {
        assert_eq!(PasswordHash::parse(text).unwrap_err(), expect, "{text:?}");
    }
}

#[test]
fn t_p33_the_dummy_costs_the_same_and_never_matches() {
    let shape = |hash: &PasswordHash| {
        let text = hash.as_secret_str().expose().clone();
        let fields: Vec<&str> = text.split('$').collect();
        (fields[..4].join("$"), fields[4].len(), fields[5].len())
    };
    assert_eq!(shape(dummy()), shape(&hash(&secret("x")).unwrap()));
    assert!(!dummy().verify(&secret("")));
    assert!(std::ptr::eq(dummy(), dummy()));
}

#[test]
fn debug_shows_the_scheme_only() {
    for (expect, (_, text)) in ["Argon2", "Argon2", "Scrypt", "Pbkdf2", "Pbkdf2", "Bcrypt"].into_iter().zip(FOREIGN) {
        assert_eq!(format!("{:?}", PasswordHash::parse(text).unwrap()), format!("PasswordHash({expect})"));
    }
}

proptest! {
    #[test]
    fn parse_never_panics(text in ".{0,80}") {
        prop_assert!(PasswordHash::parse(&text).is_err());
    }

    #[test]
    fn parse_of_shaped_garbage_never_panics(
        text in r"\$(argon2id|argon2i|scrypt|pbkdf2-sha256|2b|2y)(\$v=[0-9]{1,3})?\$[a-z=,0-9]{0,30}(\$[A-Za-z0-9+/.]{0,60}){0,3}"
    ) {
        drop(PasswordHash::parse(&text));
    }
}
