//! What no network may take all of, or one machine could keep everybody else out: places in the queue for the password
//! threads, connections, requests at work.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::cidr::{Network, alone, networks};

/// Places, counted by network ([`networks`]) or by address. Only those that hold a place are remembered.
#[derive(Debug)]
pub(crate) struct Places {
    /// Places of one share.
    most: usize,
    /// Whether an address counts by itself.
    alone: bool,
    taken: Mutex<HashMap<Network, usize>>,
}

/// A place that is taken; dropping it gives it back, also where the request was given up.
#[derive(Debug)]
#[must_use = "the place is given back when this is dropped"]
pub(crate) struct Place {
    places: Arc<Places>,
    from: IpAddr,
}

impl Places {
    /// This many for each share.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, alone: false, taken: Mutex::new(HashMap::new()) })
    }

    /// This many for each address.
    pub(crate) fn of_addresses(most: usize) -> Arc<Self> {
        Arc::new(Self { most, alone: true, taken: Mutex::new(HashMap::new()) })
    }

    fn networks(&self, from: IpAddr) -> impl Iterator<Item = (Network, u32)> {
        let alone = self.alone.then(|| alone(from));
        alone.into_iter().chain(networks(from).filter(move |_| alone.is_none()))
    }

    /// Takes a place, if this network has one left.
    pub(crate) fn take(self: &Arc<Self>, from: IpAddr) -> Option<Place> {
        let mut taken = self.lock();
        let most = |shares: u32| self.most.saturating_mul(shares.try_into().unwrap_or(usize::MAX));
        if self.networks(from).any(|(network, shares)| taken.get(&network).is_some_and(|count| *count >= most(shares)))
        {
            return None;
        }
        for (network, _) in self.networks(from) {
            *taken.entry(network).or_default() += 1;
        }
        Some(Place { places: Arc::clone(self), from })
    }

    /// Counts are single numbers: a panic elsewhere leaves none half-changed.
    fn lock(&self) -> MutexGuard<'_, HashMap<Network, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        for (network, _) in self.places.networks(self.from) {
            if let Some(count) = taken.get_mut(&network) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    taken.remove(&network);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_network_cannot_take_all_places() {
        let places = Places::new(4);
        let held: Vec<_> = (0..4).map(|_| places.take(address("192.0.2.1")).unwrap()).collect();
        assert!(places.take(address("192.0.2.1")).is_none());
        assert!(places.take(address("::ffff:192.0.2.1")).is_none(), "the same machine, written otherwise");
        assert!(places.take(address("192.0.2.2")).is_some(), "others are not concerned");
        drop(held);
        assert!(places.take(address("192.0.2.1")).is_some());
        assert!(places.lock().is_empty(), "nothing is kept of those who left");
    }

    #[test]
    fn where_addresses_count_neighbours_are_strangers() {
        let places = Places::of_addresses(1);
        let _one = places.take(address("2001:db8::1")).unwrap();
        assert!(places.take(address("2001:db8::1")).is_none());
        let _other = places.take(address("2001:db8::2")).unwrap();
        let _v4 = places.take(address("192.0.2.1")).unwrap();
        assert!(places.take(address("::ffff:192.0.2.1")).is_none());
    }

    #[test]
    fn an_ipv6_network_counts_as_one() {
        let places = Places::new(2);
        let _one = places.take(address("2001:db8::1")).unwrap();
        let _two = places.take(address("2001:db8::ffff:2")).unwrap();
        assert!(places.take(address("2001:db8::3")).is_none());
        assert!(places.take(address("2001:db8:0:1::3")).is_some());
    }

    #[test]
    fn t_p35_one_subscriber_cannot_take_a_share_with_each_of_many_ipv6_networks() {
        let places = Places::new(2);
        let take = |prefix: &str| -> Vec<_> {
            (0..256).filter_map(|n| places.take(address(&format!("{prefix}{n:02x}::1")))).collect()
        };
        let of_one = take("2001:db8:0:1");
        assert_eq!(of_one.len(), 4, "a /56 has two shares");
        let (second, third) = (take("2001:db8:0:2"), take("2001:db8:0:3"));
        assert_eq!((second.len(), third.len()), (4, 0), "and a /48 has four");
        assert_eq!(take("2001:db8:1:1").len(), 4, "others are not concerned");
        drop((of_one, second, third));
        assert!(places.lock().is_empty(), "nothing is kept of those who left");
    }
}
