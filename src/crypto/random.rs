//! The only source of randomness.

use crate::fail::or_abort;

/// Fills the buffer from the operating system's generator.
///
/// Aborts the process if there is no randomness: there is no token or key worth issuing without it.
pub fn fill(buf: &mut [u8]) {
    or_abort(aws_lc_rs::rand::fill(buf));
}

/// `N` random octets.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    fill(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_draws_differ() {
        assert_ne!(bytes::<32>(), bytes::<32>());
        let mut buf = [0; 64];
        fill(&mut buf);
        assert_ne!(buf, [0; 64]);
    }
}
