//! RFC 5869: HKDF with SHA-256.

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

use crate::fail::or_abort;

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// Extract and expand to `N` octets. `N` is a constant of at most 255 × 32, the most that the function can give.
pub(crate) fn hkdf_sha256<const N: usize>(key: &[u8], salt: &[u8], info: &[u8]) -> Zeroizing<[u8; N]> {
    const { assert!(N > 0 && N <= 255 * 32) };
    let mut out = Zeroizing::new([0; N]);
    let prk = Salt::new(HKDF_SHA256, salt).extract(key);
    or_abort(prk.expand(&[info], Length(N)).and_then(|okm| okm.fill(out.as_mut())));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        text.as_bytes().chunks(2).map(|hex| u8::from_str_radix(str::from_utf8(hex).unwrap(), 16).unwrap()).collect()
    }

    fn counted(from: u8, to: u8) -> Vec<u8> {
        (from..=to).collect()
    }

    /// RFC 5869 A.1.
    #[test]
    fn rfc5869_a1() {
        assert_eq!(
            hkdf_sha256::<42>(&[0x0b; 22], &counted(0, 0x0c), &counted(0xf0, 0xf9)).to_vec(),
            hex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"),
        );
    }

    /// RFC 5869 A.2.
    #[test]
    fn rfc5869_a2() {
        assert_eq!(
            hkdf_sha256::<82>(&counted(0, 0x4f), &counted(0x60, 0xaf), &counted(0xb0, 0xff)).to_vec(),
            hex("b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c\
                 59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71\
                 cc30c58179ec3e87c14c01d5c1f3434f1d87"),
        );
    }

    /// RFC 5869 A.3: neither salt nor info.
    #[test]
    fn rfc5869_a3() {
        assert_eq!(
            hkdf_sha256::<42>(&[0x0b; 22], b"", b"").to_vec(),
            hex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"),
        );
    }
}
