//! Who may wait for a password thread: no network may take all places of the queue, or one machine with nothing but a
//! page of ours could keep everybody from logging in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::cidr::network;

/// The places of the queue, counted by network: `/32`, or `/64` for IPv6. Only networks that wait are remembered.
#[derive(Debug)]
pub(crate) struct Places {
    /// Places that one network may take.
    most: usize,
    taken: Mutex<HashMap<(bool, u128), usize>>,
}

/// A place that is taken; dropping it gives it back, also where the request was given up.
#[derive(Debug)]
#[must_use = "the place is given back when this is dropped"]
pub(crate) struct Place<'p> {
    places: &'p Places,
    network: (bool, u128),
}

impl Places {
    /// Places for a queue of this length: an eighth of it for each network, and two at the least.
    pub(crate) fn of_queue(length: usize) -> Self {
        Self { most: (length / 8).max(2), taken: Mutex::new(HashMap::new()) }
    }

    /// Takes a place, if this network has one left.
    pub(crate) fn take(&self, from: IpAddr) -> Option<Place<'_>> {
        let network = network(from);
        let mut taken = self.lock();
        let count = taken.entry(network).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Place { places: self, network })
    }

    /// Counts are single numbers: a panic elsewhere leaves none half-changed.
    fn lock(&self) -> MutexGuard<'_, HashMap<(bool, u128), usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
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
    fn t_p34_one_network_cannot_fill_the_queue() {
        let places = Places::of_queue(32);
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
        let places = Places::of_queue(0);
        let _one = places.take(address("2001:db8::1")).unwrap();
        let _two = places.take(address("2001:db8::ffff:2")).unwrap();
        assert!(places.take(address("2001:db8::3")).is_none());
        assert!(places.take(address("2001:db8:0:1::3")).is_some());
    }
}
