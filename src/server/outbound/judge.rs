//! RFC 6890 and its registries: which addresses a server that fetches for others may call.
//!
//! What is called is an address of the internet, or, where policy allows it, one of a private network. Everything else is
//! refused whatever policy says: this machine, this link (there the clouds keep credentials for whoever asks), networks
//! for examples, and what does not exist. An IPv6 address that carries an IPv4 address is judged as that one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use oidc::client::PrivateAddresses;

/// Why an address is not called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCalled {
    /// Of this machine, of this link, or for a special purpose.
    #[error("its address is of this machine, of this link, or for a special purpose")]
    Special,
    /// Private, and policy does not allow that.
    #[error("its address is private, which the policy's fetchPrivateAddresses does not allow")]
    Private,
    /// Of the API server.
    #[error("it is the API server")]
    ApiServer,
}

/// Whether an address may be called.
pub(crate) fn judge(address: IpAddr, private: PrivateAddresses) -> Result<(), NotCalled> {
    match (class(address), private) {
        (Class::Internet, _) | (Class::Private, PrivateAddresses::Allowed) => Ok(()),
        (Class::Private, PrivateAddresses::Denied) => Err(NotCalled::Private),
        (Class::Special, _) => Err(NotCalled::Special),
    }
}

/// The IPv4 address that an IPv6 address leads to, if it does; else the address itself.
pub(super) fn carried(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => embedded(v6).map_or(address, IpAddr::V4),
    }
}

enum Class {
    Internet,
    Private,
    Special,
}

fn class(address: IpAddr) -> Class {
    match carried(address) {
        IpAddr::V4(address) => class_v4(address),
        IpAddr::V6(address) => class_v6(address),
    }
}

fn class_v4(address: Ipv4Addr) -> Class {
    if within_v4(SPECIAL_V4, address) {
        Class::Special
    } else if within_v4(PRIVATE_V4, address) {
        Class::Private
    } else {
        Class::Internet
    }
}

fn class_v6(address: Ipv6Addr) -> Class {
    if METADATA_V6.contains(&address) || within_v6(SPECIAL_V6, address) {
        Class::Special
    } else if address.is_unique_local() {
        Class::Private
    } else if within_v6(GLOBAL_V6, address) {
        Class::Internet
    } else {
        // There is nothing else to call: loopback, link-local and site-local addresses, multicast, and the
        // IPv4-compatible and translated forms are all here.
        Class::Special
    }
}

const fn v4(a: u8, b: u8, c: u8, d: u8) -> Ipv4Addr {
    Ipv4Addr::new(a, b, c, d)
}

/// Networks, each with the length of its prefix.
const SPECIAL_V4: &[(Ipv4Addr, u32)] = &[
    // "This network", and the unspecified address, which leads to this machine.
    (v4(0, 0, 0, 0), 8),
    (v4(127, 0, 0, 0), 8),
    // Link-local: 169.254.169.254 hands out the credentials of the machine.
    (v4(169, 254, 0, 0), 16),
    // The same service elsewhere: Alibaba (within RFC 6598), Azure (within the internet), Oracle (within the next).
    (v4(100, 100, 100, 200), 32),
    (v4(168, 63, 129, 16), 32),
    // IETF protocol assignments (RFC 6890).
    (v4(192, 0, 0, 0), 24),
    // Documentation (RFC 5737).
    (v4(192, 0, 2, 0), 24),
    (v4(198, 51, 100, 0), 24),
    (v4(203, 0, 113, 0), 24),
    // Relays of 6to4, given up (RFC 7526).
    (v4(192, 88, 99, 0), 24),
    // Multicast; reserved, with the broadcast address.
    (v4(224, 0, 0, 0), 4),
    (v4(240, 0, 0, 0), 4),
];

const PRIVATE_V4: &[(Ipv4Addr, u32)] = &[
    // RFC 1918.
    (v4(10, 0, 0, 0), 8),
    (v4(172, 16, 0, 0), 12),
    (v4(192, 168, 0, 0), 16),
    // RFC 6598: behind carriers, and in the networks of some clusters.
    (v4(100, 64, 0, 0), 10),
    // RFC 2544: for benchmarks, and used by proxies for addresses of their own making.
    (v4(198, 18, 0, 0), 15),
];

/// The metadata services of AWS and Google within unique local addresses.
const METADATA_V6: &[Ipv6Addr] =
    &[Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];

/// Global unicast (RFC 4291 §2.4).
const GLOBAL_V6: &[(Ipv6Addr, u32)] = &[(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3)];

const SPECIAL_V6: &[(Ipv6Addr, u32)] = &[
    // IETF protocol assignments: Teredo, which carries an IPv4 address, benchmarks, ORCHIDs.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    // Documentation (RFC 3849, RFC 9637).
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

fn within_v4(networks: &[(Ipv4Addr, u32)], address: Ipv4Addr) -> bool {
    let same = |(network, length): &(Ipv4Addr, u32)| (network.to_bits() ^ address.to_bits()).leading_zeros() >= *length;
    networks.iter().any(same)
}

fn within_v6(networks: &[(Ipv6Addr, u32)], address: Ipv6Addr) -> bool {
    let same = |(network, length): &(Ipv6Addr, u32)| (network.to_bits() ^ address.to_bits()).leading_zeros() >= *length;
    networks.iter().any(same)
}

/// IPv4-mapped (RFC 4291 §2.5.5.2), NAT64 under its well-known prefix (RFC 6052 §2.1), 6to4 (RFC 3056 §2).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let ([0, 0, 0, 0, 0, 0xffff, high, low]
    | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
    | [0x2002, high, low, _, _, _, _, _]) = address.segments()
    else {
        return None;
    };
    Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn both(address: &str) -> [Result<(), NotCalled>; 2] {
        let address = address.parse().unwrap();
        [PrivateAddresses::Denied, PrivateAddresses::Allowed].map(|private| judge(address, private))
    }

    const INTERNET: [Result<(), NotCalled>; 2] = [Ok(()), Ok(())];
    const PRIVATE: [Result<(), NotCalled>; 2] = [Err(NotCalled::Private), Ok(())];
    const SPECIAL: [Result<(), NotCalled>; 2] = [Err(NotCalled::Special), Err(NotCalled::Special)];

    #[test]
    fn t_p32_what_is_special_is_never_called_and_what_is_private_by_permission() {
        for (expect, addresses) in [
            (
                INTERNET,
                "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 \
                 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.167.255.255 192.169.0.0 192.0.1.0 198.17.255.255 \
                 198.20.0.0 223.255.255.255 2606:4700::1111 2001:200:: 2001:db9:: 3fff:1000:: 2a00:1450:: ::ffff:8.8.8.8 \
                 64:ff9b::8.8.8.8 2002:808:808::1",
            ),
            (
                PRIVATE,
                "10.0.0.0 10.96.0.1 10.255.255.255 172.16.0.0 172.31.255.255 192.168.0.0 192.168.255.255 100.64.0.0 \
                 100.127.255.255 198.18.0.0 198.19.255.255 fc00:: fd12:3456::1 \
                 fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ::ffff:10.0.0.1 64:ff9b::10.0.0.1 2002:a00:1::",
            ),
            (
                SPECIAL,
                "0.0.0.0 0.255.255.255 127.0.0.1 127.255.255.255 169.254.0.0 169.254.169.254 169.254.255.255 \
                 100.100.100.200 168.63.129.16 192.0.0.192 192.0.2.1 198.51.100.7 203.0.113.9 192.88.99.1 224.0.0.1 \
                 239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::2 ::7f00:1 ::10.0.0.1 ::8.8.8.8 \
                 fe80:: fe80::1 febf:ffff::1 fec0::1 ff02::1 ff0e::1 100::1 2001:db8::1 3fff:fff:: 2001::1 \
                 2001:0:808:808::f5ff:fffe 2001:20::1 5f00::1 64:ff9b:1::8.8.8.8 fd00:ec2::254 fd20:ce::254 \
                 ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:0.0.0.0 ::ffff:255.255.255.255 ::ffff:203.0.113.9 \
                 ::ffff:0:8.8.8.8 64:ff9b::127.0.0.1 64:ff9b::a9fe:a9fe 2002:7f00:1:: 2002:a9fe:a9fe::1 2002:0:0::1",
            ),
        ] {
            for address in addresses.split_whitespace() {
                assert_eq!(both(address), expect, "{address}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// In whatever clothes an IPv4 address comes, it is judged as itself.
        #[test]
        fn t_p32_an_address_within_an_address_is_judged_as_itself(high in any::<u16>(), low in any::<u16>(), tail in any::<[u16; 5]>()) {
            let plain = Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
            let [a, b, c, d, e] = tail;
            for clothed in [
                plain.to_ipv6_mapped(),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, a, b, c, d, e),
            ] {
                for private in [PrivateAddresses::Denied, PrivateAddresses::Allowed] {
                    prop_assert_eq!(judge(plain.into(), private), judge(clothed.into(), private));
                }
                prop_assert_eq!(carried(clothed.into()), IpAddr::V4(plain));
            }
        }

        #[test]
        fn what_is_allowed_to_the_cautious_is_allowed_to_all(bits in any::<u128>()) {
            let address = Ipv6Addr::from_bits(bits).into();
            prop_assert!(judge(address, PrivateAddresses::Denied).is_err() || judge(address, PrivateAddresses::Allowed).is_ok());
        }

        /// By the standard library's own reckoning.
        #[test]
        fn t_p32_nothing_of_this_machine_or_this_link_is_called(bits in any::<u32>()) {
            let address = Ipv4Addr::from_bits(bits);
            let ours = address.is_loopback() || address.is_link_local() || address.is_unspecified()
                || address.is_multicast() || address.is_broadcast() || address.is_documentation();
            prop_assert!(!ours || judge(address.into(), PrivateAddresses::Allowed).is_err());
            prop_assert!(!address.is_private() || judge(address.into(), PrivateAddresses::Denied).is_err());
        }
    }
}
