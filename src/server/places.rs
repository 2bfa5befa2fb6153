//! What no network may take all of, or one machine could keep everybody else out: places in the queue for the password
//! threads, connections, requests at work.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::cidr::network;

/// Places, counted by network: `/32`, or `/64` for IPv6. Only networks that hold a place are remembered.
#[derive(Debug)]
pub(crate) struct Places {
    /// Places that one network may take.
    most: usize,
    taken: Mutex<HashMap<(bool, u128), usize>>,
}

/// A place that is taken; dropping it gives it back, also where the request was given up.
#[derive(Debug)]
#[must_use = "the place is given back when this is dropped"]
pub(crate) struct Place {
    places: Arc<Places>,
    network: (bool, u128),
}

impl Places {
    /// This many for each network.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, taken: Mutex::new(HashMap::new()) })
    }

    /// Takes a place, if this network has one left.
    pub(crate) fn take(self: &Arc<Self>, from: IpAddr) -> Option<Place> {
        let network = network(from);
        let mut taken = self.lock();
        let count = taken.entry(network).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Place { places: Arc::clone(self), network })
    }

    /// Counts are single numbers: a panic elsewhere leaves none half-changed.
    fn lock(&self) -> MutexGuard<'_, HashMap<(bool, u128), usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        if let Some(count) = taken.get_mut(&self.network) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.remove(&self.network);
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
    fn an_ipv6_network_counts_as_one() {
        let places = Places::new(2);
        let _one = places.take(address("2001:db8::1")).unwrap();
        let _two = places.take(address("2001:db8::ffff:2")).unwrap();
        assert!(places.take(address("2001:db8::3")).is_none());
        assert!(places.take(address("2001:db8:0:1::3")).is_some());
    }
}
