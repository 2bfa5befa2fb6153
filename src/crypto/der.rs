//! RFC 5208 §5, RFC 8017 A.1.2: the numbers of an RSA private key out of its PKCS#8 document.
//!
//! Only documents that the library itself has just written are read here, but the reader trusts no length.

use crate::secret::Secret;

/// The private numbers of a two-prime RSA key, big-endian without leading zeros.
pub(crate) struct RsaNumbers {
    pub(crate) d: Secret<Vec<u8>>,
    pub(crate) p: Secret<Vec<u8>>,
    pub(crate) q: Secret<Vec<u8>>,
    pub(crate) dp: Secret<Vec<u8>>,
    pub(crate) dq: Secret<Vec<u8>>,
    pub(crate) qi: Secret<Vec<u8>>,
}

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// `None` if the document is not PKCS#8 around a two-prime `RSAPrivateKey`.
pub(crate) fn rsa_numbers(pkcs8: &[u8]) -> Option<RsaNumbers> {
    let mut document = Reader(pkcs8);
    let mut info = Reader(document.value(SEQUENCE)?);
    let _version = info.value(INTEGER)?;
    let _algorithm = info.value(SEQUENCE)?;
    let mut octets = Reader(info.value(OCTET_STRING)?);
    let mut key = Reader(octets.value(SEQUENCE)?);
    let version = key.value(INTEGER)?;
    let _modulus = key.value(INTEGER)?;
    let _public_exponent = key.value(INTEGER)?;
    let numbers = RsaNumbers {
        d: key.unsigned()?,
        p: key.unsigned()?,
        q: key.unsigned()?,
        dp: key.unsigned()?,
        dq: key.unsigned()?,
        qi: key.unsigned()?,
    };
    (version == [0] && key.0.is_empty() && octets.0.is_empty() && document.0.is_empty()).then_some(numbers)
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The contents of the next element, which must have this tag and a definite length of at most two octets.
    fn value(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (found, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            0x81 => rest.split_first().map(|(octet, rest)| (usize::from(*octet), rest))?,
            0x82 => rest.split_first_chunk().map(|(octets, rest)| (usize::from(u16::from_be_bytes(*octets)), rest))?,
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        (*found == tag).then_some(value)
    }

    fn unsigned(&mut self) -> Option<Secret<Vec<u8>>> {
        let octets = self.value(INTEGER)?;
        let start = octets.iter().position(|octet| *octet != 0)?;
        Some(Secret::new(octets.get(start..)?.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_found_and_stripped() {
        let body = [
            &[0x02, 1, 0][..],
            &[0x02, 2, 0, 0xff], // n
            &[0x02, 1, 3],       // e
            &[0x02, 2, 0, 0x81], // d
            &[0x02, 1, 5],
            &[0x02, 1, 7],
            &[0x02, 1, 9],
            &[0x02, 1, 11],
            &[0x02, 1, 13],
        ]
        .concat();
        let wrap = |tag: u8, inner: &[u8]| [&[tag, u8::try_from(inner.len()).unwrap()], inner].concat();
        let key = wrap(SEQUENCE, &body);
        let info = [&[0x02, 1, 0, 0x30, 0][..], &wrap(OCTET_STRING, &key)].concat();
        let document = wrap(SEQUENCE, &info);
        let RsaNumbers { d, p, q, dp, dq, qi } = rsa_numbers(&document).unwrap();
        assert_eq!([&d, &p, &q, &dp, &dq, &qi].map(|n| n.expose().clone()), [0x81, 5, 7, 9, 11, 13].map(|n| vec![n]));

        let trailing = [document.clone(), vec![0]].concat();
        assert!(rsa_numbers(&trailing).is_none(), "octets behind the document");
        assert!(rsa_numbers(&document[..document.len() - 1]).is_none(), "a document cut short");
        let multi_prime: Vec<u8> = document.iter().enumerate().map(|(i, o)| if i == 13 { 1 } else { *o }).collect();
        assert_eq!((document[11], document[12], document[13]), (0x02, 1, 0), "the version of RSAPrivateKey");
        assert!(rsa_numbers(&multi_prime).is_none(), "version 1 has more primes");
    }

    proptest! {
        #[test]
        fn garbage_is_refused(octets: Vec<u8>) {
            prop_assert!(rsa_numbers(&octets).is_none());
        }
    }
}
