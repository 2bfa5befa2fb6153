//! Length prefixes, so that a list of parts has exactly one encoding and no two lists share one.

/// Why a part could not be framed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct TooLong;

/// Appends the part behind its length as two octets, the most significant first.
pub(crate) fn lp16(out: &mut Vec<u8>, part: &[u8]) -> Result<(), TooLong> {
    let length = u16::try_from(part.len()).map_err(|_| TooLong)?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(part);
    Ok(())
}

/// The eight octets that precede a part where parts may be long, such as whole records.
pub(crate) fn length64(part: &[u8]) -> [u8; 8] {
    (part.len() as u64).to_be_bytes()
}

/// All parts, each behind its length as eight octets.
pub(crate) fn frame64(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::with_capacity(parts.iter().map(|part| part.len().saturating_add(8)).sum());
    for part in parts {
        out.extend_from_slice(&length64(part));
        out.extend_from_slice(part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cannot_slide_into_each_other() {
        assert_ne!(frame64(&[b"ab", b"c"]), frame64(&[b"a", b"bc"]));
        assert_ne!(frame64(&[b"ab"]), frame64(&[b"ab", b""]));
        assert_eq!(frame64(&[b"ab"]), b"\0\0\0\0\0\0\0\x02ab");
    }

    #[test]
    fn two_octet_lengths_end_at_65535() {
        let mut out = Vec::new();
        assert_eq!(lp16(&mut out, b"ab"), Ok(()));
        assert_eq!(out, b"\0\x02ab");
        assert_eq!(lp16(&mut out, &vec![0; 65_535]), Ok(()));
        assert_eq!(lp16(&mut out, &vec![0; 65_536]), Err(TooLong));
    }
}
