//! FIPS 180-4 digests; OIDC Core §3.1.3.6: `at_hash` and `c_hash`.

use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
use aws_lc_rs::hmac;

use crate::alg::Algorithm;
use crate::secret::Secret;
use crate::{b64, frame};

macro_rules! sha {
    ($name:ident, $algorithm:ident, $length:literal) => {
        #[doc = concat!(stringify!($algorithm), " of the data: ", stringify!($length), " octets.")]
        pub fn $name(data: &[u8]) -> [u8; $length] {
            let mut out = [0; $length];
            out.copy_from_slice(digest(&$algorithm, data).as_ref());
            out
        }
    };
}
sha!(sha256, SHA256, 32);
sha!(sha384, SHA384, 48);
sha!(sha512, SHA512, 64);

/// RFC 2104: HMAC-SHA-256 over the parts, each framed by its length, as base64url.
pub fn keyed(key: &Secret<String>, parts: &[&[u8]]) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key.expose().as_bytes()));
    for part in parts {
        context.update(&frame::length64(part));
        context.update(part);
    }
    b64::encode(context.sign().as_ref())
}

/// The left half of the digest that belongs to the algorithm, as base64url: `at_hash`, `c_hash` (OIDC Core §3.1.3.6,
/// §3.3.2.11).
///
/// Ed25519 hashes with SHA-512 inside (RFC 8032 §5.1), so that is what EdDSA means here.
pub fn left_half(alg: Algorithm, data: &[u8]) -> String {
    match alg {
        Algorithm::RS256 | Algorithm::PS256 | Algorithm::ES256 | Algorithm::HS256 => half(&sha256(data)),
        Algorithm::ES384 => half(&sha384(data)),
        Algorithm::EdDSA => half(&sha512(data)),
    }
}

fn half(digest: &[u8]) -> String {
    let (left, _) = digest.split_at(digest.len() / 2);
    b64::encode(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The access token and code of the OIDC Core appendix examples (A.3, A.4), which are signed with RS256.
    #[test]
    fn oidc_core_examples() {
        let check = |data: &str, expect: &str| assert_eq!(left_half(Algorithm::RS256, data.as_bytes()), expect);
        check("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", "77QmUPtjPfzWtF2AnpK9RQ");
        check("Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk", "LDktKdoQak3Pk0cnXxCltA");
    }

    #[test]
    fn every_part_of_a_keyed_hash_counts_by_itself() {
        let keyed = |key: &str, parts: &[&str]| {
            super::keyed(&Secret::new(key.to_owned()), &parts.iter().map(|part| part.as_bytes()).collect::<Vec<_>>())
        };
        let all = [keyed("k", &["ab", "c"]), keyed("k", &["a", "bc"]), keyed("k", &["abc"]), keyed("l", &["ab", "c"])];
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
        assert_eq!(all[0], keyed("k", &["ab", "c"]));
        // RFC 2104 written out over the framed text.
        let text = b"\0\0\0\0\0\0\0\x03abc";
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"k");
        assert_eq!(all[2], b64::encode(hmac::sign(&key, text).as_ref()));
    }

    #[test]
    fn t_p51_the_hash_follows_the_algorithm() {
        // The digests of "abc" are the examples of FIPS 180-4.
        let sha256 = "ba7816bf8f01cfea414140de5dae2223";
        let sha384 = "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded163";
        let sha512 = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a";
        for (alg, expect) in [
            (Algorithm::RS256, sha256),
            (Algorithm::PS256, sha256),
            (Algorithm::ES256, sha256),
            (Algorithm::HS256, sha256),
            (Algorithm::ES384, sha384),
            (Algorithm::EdDSA, sha512),
        ] {
            let octets: Vec<u8> = expect
                .as_bytes()
                .chunks(2)
                .map(|hex| u8::from_str_radix(str::from_utf8(hex).unwrap(), 16).unwrap())
                .collect();
            assert_eq!(left_half(alg, b"abc"), b64::encode(&octets), "{alg}");
        }
    }
}
