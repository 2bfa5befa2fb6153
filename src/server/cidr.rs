//! RFC 4632, RFC 4291 §2.3: ranges of addresses.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A range of addresses, such as `10.0.0.0/8`; a bare address is a range of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    network: IpAddr,
    prefix: u32,
}

/// Why text is not a range of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CidrError {
    /// The part before the slash.
    #[error("`{0}` is not a range of addresses: write an address, or an address, a slash and a prefix length")]
    Address(String),
    /// The part behind the slash.
    #[error("`{0}` has no usable prefix length: 0 to 32 for IPv4, 0 to 128 for IPv6")]
    Prefix(String),
    /// Bits behind the prefix: the writer meant another range.
    #[error("`{given}` has bits set behind its prefix: did you mean `{meant}`?")]
    HostBits {
        /// As written.
        given: String,
        /// The range that it lies in.
        meant: Cidr,
    },
}

impl Cidr {
    /// Whether the address lies in the range. An IPv4 address that a dual-stack socket shows as IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (network, address) = (self.network, address.to_canonical());
        network.is_ipv4() == address.is_ipv4() && masked(address, self.prefix) == bits(network)
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let network: IpAddr = address.parse().map_err(|_| CidrError::Address(text.to_owned()))?;
        let width = width(network);
        let prefix = match prefix {
            None => width,
            Some(digits) => digits
                .parse()
                .ok()
                .filter(|prefix| *prefix <= width && digits.bytes().all(|byte| byte.is_ascii_digit()))
                .ok_or_else(|| CidrError::Prefix(text.to_owned()))?,
        };
        if masked(network, prefix) == bits(network) {
            return Ok(Self { network, prefix });
        }
        let meant = match network {
            IpAddr::V4(_) => IpAddr::V4(u32::try_from(masked(network, prefix)).unwrap_or_default().into()),
            IpAddr::V6(_) => IpAddr::V6(masked(network, prefix).into()),
        };
        Err(CidrError::HostBits { given: text.to_owned(), meant: Self { network: meant, prefix } })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

/// A network that an address counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Network {
    /// No prefix is one of both kinds of address.
    prefix: u32,
    bits: u128,
}

/// Networks of IPv6 and how many shares each has of what one network may have. A subscriber has a `/64` at the least; the
/// `/56` or `/48` that many are given has 256 or 65,536 of those, and each would have a share of its own.
const IPV6: [(u32, u32); 3] = [(64, 1), (56, 2), (48, 4)];

/// The networks that an address counts as, the smallest first, and how many shares each has.
pub(crate) fn networks(address: IpAddr) -> impl Iterator<Item = (Network, u32)> {
    let address = address.to_canonical();
    let prefixes = if address.is_ipv4() { &[(32, 1)] } else { IPV6.as_slice() };
    prefixes.iter().map(move |(prefix, shares)| (Network { prefix: *prefix, bits: masked(address, *prefix) }, *shares))
}

/// The address itself, where everybody has one of their own and neighbours are strangers.
pub(crate) fn alone(address: IpAddr) -> (Network, u32) {
    let address = address.to_canonical();
    let prefix = width(address);
    (Network { prefix, bits: masked(address, prefix) }, 1)
}

impl Network {
    /// Of both parts.
    pub(crate) fn octets(&self) -> [u8; 20] {
        let mut octets = [0; 20];
        let (prefix, bits) = octets.split_at_mut(4);
        prefix.copy_from_slice(&self.prefix.to_be_bytes());
        bits.copy_from_slice(&self.bits.to_be_bytes());
        octets
    }
}

/// The address with everything behind the first `prefix` bits cleared, as a number.
pub(crate) fn masked(address: IpAddr, prefix: u32) -> u128 {
    let behind = width(address).saturating_sub(prefix);
    bits(address).checked_shr(behind).and_then(|kept| kept.checked_shl(behind)).unwrap_or_default()
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(range: &str, address: &str, expect: bool) {
        let range: Cidr = range.parse().unwrap();
        assert_eq!(range.contains(address.parse().unwrap()), expect, "{range} {address}");
    }

    #[test]
    fn ranges_contain_their_addresses() {
        check("10.0.0.0/8", "10.255.0.1", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("10.0.0.1", "10.0.0.1", true);
        check("10.0.0.1", "10.0.0.2", false);
        check("0.0.0.0/0", "203.0.113.9", true);
        check("0.0.0.0/0", "2001:db8::1", false);
        check("::/0", "2001:db8::1", true);
        check("::/0", "203.0.113.9", false);
        check("2001:db8::/32", "2001:db8:ffff::1", true);
        check("2001:db8::/32", "2001:db9::1", false);
        check("::1", "::1", true);
    }

    #[test]
    fn an_ipv4_address_in_ipv6_clothes_is_ipv4() {
        check("10.0.0.0/8", "::ffff:10.1.2.3", true);
        check("10.0.0.0/8", "::ffff:11.1.2.3", false);
    }

    #[test]
    fn what_is_no_range_is_refused_with_a_hint() {
        let check = |text: &str, expect: &str| assert_eq!(text.parse::<Cidr>().unwrap_err().to_string(), expect);
        check("10.0.0.1/8", "`10.0.0.1/8` has bits set behind its prefix: did you mean `10.0.0.0/8`?");
        check("2001:db8::1/32", "`2001:db8::1/32` has bits set behind its prefix: did you mean `2001:db8::/32`?");
        for text in ["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/-1", "::/129", "10.0.0.0/8/8"] {
            assert_eq!(text.parse::<Cidr>(), Err(CidrError::Prefix(text.to_owned())));
        }
        for text in ["", "proxy.example", "10.0.0/8", "10.0.0.256", "[::1]"] {
            assert_eq!(text.parse::<Cidr>(), Err(CidrError::Address(text.to_owned())));
        }
    }
}
