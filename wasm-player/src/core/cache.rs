//! A least-recently-used cache that is bounded in bytes.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

struct Slot<V> {
    value: V,
    bytes: usize,
    /// When it was put in.
    since: u64,
    used: u64,
}

/// Keeps what was used last, up to a number of bytes.
///
/// Invariant: `bytes()` exceeds `bound` only while what is pinned (or one single value) does.
pub struct ByteLru<K, V> {
    slots: HashMap<K, Slot<V>>,
    /// By last use, oldest first.
    order: BTreeMap<u64, K>,
    clock: u64,
    bytes: usize,
    bound: usize,
}

impl<K: Copy + Eq + Hash, V> ByteLru<K, V> {
    /// An empty cache of at most `bound` bytes.
    pub fn new(bound: usize) -> Self {
        Self { slots: HashMap::new(), order: BTreeMap::new(), clock: 0, bytes: 0, bound }
    }

    /// Changes the bound; what is over it goes with the next insertion.
    pub fn set_bound(&mut self, bound: usize) {
        self.bound = bound;
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The value, without counting as a use.
    pub fn peek(&self, key: &K) -> Option<&V> {
        self.slots.get(key).map(|slot| &slot.value)
    }

    /// The value and the number it was put in with: no other value ever had it, and none has 0. Without
    /// counting as a use.
    pub fn peek_numbered(&self, key: &K) -> Option<(u64, &V)> {
        self.slots.get(key).map(|slot| (slot.since, &slot.value))
    }

    /// Whether the key is held.
    pub fn contains(&self, key: &K) -> bool {
        self.slots.contains_key(key)
    }

    /// The keys held, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.slots.keys()
    }

    /// Marks a key as just used.
    pub fn touch(&mut self, key: &K) {
        if let Some(slot) = self.slots.get_mut(key) {
            self.order.remove(&slot.used);
            self.clock += 1;
            slot.used = self.clock;
            self.order.insert(self.clock, *key);
        }
    }

    /// Puts a value of `bytes` bytes in and drops what was used longest ago, but nothing for which
    /// `pinned` holds.
    pub fn insert(&mut self, key: K, value: V, bytes: usize, pinned: impl Fn(&K) -> bool) {
        self.remove(&key);
        self.clock += 1;
        self.order.insert(self.clock, key);
        self.slots.insert(key, Slot { value, bytes, since: self.clock, used: self.clock });
        self.bytes += bytes;
        if self.bytes <= self.bound {
            return;
        }
        let newest = key;
        let mut doomed = Vec::new();
        let mut left = self.bytes;
        for key in self.order.values() {
            if left <= self.bound {
                break;
            }
            if *key != newest && !pinned(key) {
                left -= self.slots.get(key).map_or(0, |slot| slot.bytes);
                doomed.push(*key);
            }
        }
        doomed.iter().for_each(|key| self.remove(key));
    }

    /// Drops a value.
    pub fn remove(&mut self, key: &K) {
        if let Some(slot) = self.slots.remove(key) {
            self.order.remove(&slot.used);
            self.bytes -= slot.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(lru: &ByteLru<u32, ()>) -> Vec<u32> {
        lru.order.values().copied().collect()
    }

    #[test]
    fn what_was_used_longest_ago_goes_first_and_the_bound_holds() {
        let mut lru = ByteLru::new(30);
        for key in 0..3 {
            lru.insert(key, (), 10, |_| false);
        }
        lru.touch(&0);
        lru.insert(3, (), 10, |_| false);
        assert_eq!(held(&lru), [2, 0, 3]);
        lru.insert(4, (), 25, |_| false);
        assert_eq!((held(&lru), lru.bytes()), (vec![4], 25));
        for key in 0..1000 {
            lru.insert(key % 7, (), 1 + key as usize % 13, |_| false);
            assert!(lru.bytes() <= 30);
            assert_eq!(lru.slots.len(), lru.order.len());
        }
    }

    #[test]
    fn what_is_pinned_stays() {
        let mut lru = ByteLru::new(20);
        for key in 0..5 {
            lru.insert(key, (), 10, |key| *key == 0);
        }
        assert_eq!(held(&lru), [0, 4]);
        lru.insert(5, (), 10, |_| true);
        assert_eq!((held(&lru), lru.bytes()), (vec![0, 4, 5], 30));
    }

    #[test]
    fn a_value_put_twice_counts_once() {
        let mut lru = ByteLru::new(20);
        lru.insert(1, (), 10, |_| false);
        lru.insert(1, (), 12, |_| false);
        assert_eq!((held(&lru), lru.bytes()), (vec![1], 12));
    }
}
