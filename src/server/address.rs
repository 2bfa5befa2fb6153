//! Who called: the address that throttling counts and that the audit log shows. It decides nothing else.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

use crate::cidr::Cidr;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address of the nearest party that is not one of our own proxies.
///
/// `X-Forwarded-For` is believed from right to left and only for as long as a trusted proxy wrote the entry: whatever
/// stands further left was sent by the client. An entry that cannot be read ends the walk at the proxy that passed it on,
/// so that garbage gains nothing.
pub(crate) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[Cidr]) -> IpAddr {
    let mut nearest = peer.to_canonical();
    let is_trusted = |address: IpAddr| trusted.iter().any(|range| range.contains(address));
    let lines = headers.get_all(FORWARDED_FOR).iter().rev();
    let entries = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    for entry in entries {
        if !is_trusted(nearest) {
            break;
        }
        match read(entry.trim()) {
            Some(address) => nearest = address.to_canonical(),
            None => break,
        }
    }
    nearest
}

/// Whether somebody who is no trusted proxy says on whose behalf they call. Most often that is a proxy of ours that
/// nobody told us of, and everybody behind it counts as one.
pub(crate) fn is_disbelieved(peer: IpAddr, headers: &HeaderMap, trusted: &[Cidr]) -> bool {
    headers.contains_key(FORWARDED_FOR) && !trusted.iter().any(|range| range.contains(peer))
}

/// An address, which some proxies write with a port.
fn read(entry: &str) -> Option<IpAddr> {
    let bracketed = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    entry.parse().ok().or_else(|| entry.parse().ok().map(|with_port: SocketAddr| with_port.ip())).or_else(bracketed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(peer: &str, forwarded: &[&'static str], expect: &str) {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(FORWARDED_FOR, http::HeaderValue::from_static(line));
        }
        let trusted: Vec<Cidr> = ["10.0.0.0/8", "2001:db8::/32"].map(|range| range.parse().unwrap()).to_vec();
        let found = client_address(peer.parse().unwrap(), &headers, &trusted);
        assert_eq!(found, expect.parse::<IpAddr>().unwrap(), "{peer} {forwarded:?}");
    }

    #[test]
    fn a_trusted_proxy_is_believed() {
        check("10.0.0.1", &["203.0.113.9"], "203.0.113.9");
        check("10.0.0.1", &["203.0.113.9, 10.0.0.2"], "203.0.113.9");
        check("10.0.0.1", &["203.0.113.9", "10.0.0.2"], "203.0.113.9");
        check("::ffff:10.0.0.1", &["203.0.113.9"], "203.0.113.9");
        check("2001:db8::1", &["[2001:db9::7]:4711"], "2001:db9::7");
        check("10.0.0.1", &["203.0.113.9:4711"], "203.0.113.9");
        check("10.0.0.1", &["[2001:db9::7]"], "2001:db9::7");
        check("10.0.0.1", &[], "10.0.0.1");
        check("10.0.0.1", &["10.0.0.3"], "10.0.0.3");
    }

    #[test]
    fn t_p25_a_client_cannot_choose_its_address() {
        check("203.0.113.9", &["198.51.100.1"], "203.0.113.9");
        check("10.0.0.1", &["198.51.100.1, 203.0.113.9"], "203.0.113.9");
        check("10.0.0.1", &["198.51.100.1", "203.0.113.9"], "203.0.113.9");
        check("10.0.0.1", &["198.51.100.1, 203.0.113.9, 10.0.0.2"], "203.0.113.9");
    }

    #[test]
    fn t_p25_garbage_is_nobody() {
        for garbage in ["unknown", "", "203.0.113.9;", "_hidden", "1.2.3.4.5", "203.0.113.9, "] {
            check("10.0.0.1", &[garbage], "10.0.0.1");
        }
        check("10.0.0.1", &["203.0.113.9, garbage, 10.0.0.2"], "10.0.0.2");
    }

    #[test]
    fn who_forwards_without_being_trusted_is_noticed() {
        let check = |peer: &str, forwarded: bool, expect: bool| {
            let line = (FORWARDED_FOR.parse().unwrap(), http::HeaderValue::from_static("203.0.113.9"));
            let headers = forwarded.then_some(line).into_iter().collect();
            let trusted = ["10.0.0.0/8".parse().unwrap()];
            assert_eq!(is_disbelieved(peer.parse().unwrap(), &headers, &trusted), expect, "{peer} {forwarded}");
        };
        check("192.168.0.1", true, true);
        check("192.168.0.1", false, false);
        check("10.0.0.1", true, false);
        check("::ffff:10.0.0.1", true, false);
    }

    proptest! {
        #[test]
        fn t_p25_whatever_is_sent_an_untrusted_peer_is_itself(lines in proptest::collection::vec("[ -~]{0,60}", 0..4)) {
            let peer: IpAddr = "203.0.113.9".parse().unwrap();
            let headers = lines.iter().filter_map(|line| Some((FORWARDED_FOR.parse().ok()?, line.parse().ok()?))).collect();
            let trusted = ["10.0.0.0/8".parse().unwrap()];
            prop_assert_eq!(client_address(peer, &headers, &trusted), peer);
        }
    }
}
