//! A bounded map that forgets what was used longest ago.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map of at most `capacity` entries, the least recently used going first.
///
/// Entries sit in a slab and are linked by position in the order of their last use, so that every
/// operation takes constant time.
#[derive(Debug)]
pub(crate) struct Lru<V> {
    capacity: usize,
    places: HashMap<u64, usize, BuildHasherDefault<Prehashed>>,
    slots: Vec<Slot<V>>,
    newest: usize,
    oldest: usize,
}

#[derive(Debug)]
struct Slot<V> {
    hash: u64,
    key: Box<str>,
    value: V,
    newer: usize,
    older: usize,
}

impl<V> Lru<V> {
    pub(crate) fn new(capacity: usize) -> Self {
        let places = HashMap::default();
        Lru { capacity, places, slots: Vec::new(), newest: NOWHERE, oldest: NOWHERE }
    }

    /// Finds an entry and marks it as just used.
    pub(crate) fn find(&mut self, hash: u64, key: &str) -> Option<&mut V> {
        let place = self.places.get(&hash).copied()?;
        if *self.slots.get(place)?.key != *key {
            return None;
        }
        self.unlink(place);
        self.link_newest(place);
        self.slots.get_mut(place).map(|slot| &mut slot.value)
    }

    /// Adds an entry that is not there yet, in place of the oldest one if there is no room, or of
    /// one with the same 64-bit hash. Returns the key and value that had to go, which are the new ones if
    /// there is no room at all.
    pub(crate) fn insert(&mut self, hash: u64, key: &str, value: V) -> Option<(Box<str>, V)> {
        if self.capacity == 0 {
            return Some((key.into(), value));
        }
        let mut slot = Slot { hash, key: key.into(), value, newer: NOWHERE, older: NOWHERE };
        let same_hash = self.places.get(&hash).copied();
        let full = (self.slots.len() >= self.capacity).then_some(self.oldest);
        let mut evicted = None;
        let place = match same_hash.or(full) {
            Some(place) => {
                self.unlink(place);
                if let Some(held) = self.slots.get_mut(place) {
                    self.places.remove(&held.hash);
                    std::mem::swap(held, &mut slot);
                    evicted = Some((slot.key, slot.value));
                }
                place
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        };
        self.places.insert(hash, place);
        self.link_newest(place);
        evicted
    }

    /// Removes the entry that was used longest ago.
    pub(crate) fn pop_oldest(&mut self) -> Option<(Box<str>, V)> {
        let place = self.oldest;
        self.unlink(place);
        let removed = (place < self.slots.len()).then(|| self.slots.swap_remove(place))?;
        self.places.remove(&removed.hash);
        // The last slot has moved to the place that became free.
        if let Some(moved) = self.slots.get(place) {
            let hash = moved.hash;
            let newer = moved.newer;
            let older = moved.older;
            self.places.insert(hash, place);
            match self.slots.get_mut(newer) {
                Some(slot) => slot.older = place,
                None => self.newest = place,
            }
            match self.slots.get_mut(older) {
                Some(slot) => slot.newer = place,
                None => self.oldest = place,
            }
        }
        Some((removed.key, removed.value))
    }

    fn unlink(&mut self, place: usize) {
        let Some(slot) = self.slots.get(place) else {
            return;
        };
        let (newer, older) = (slot.newer, slot.older);
        match self.slots.get_mut(newer) {
            Some(slot) => slot.older = older,
            None => self.newest = older,
        }
        match self.slots.get_mut(older) {
            Some(slot) => slot.newer = newer,
            None => self.oldest = newer,
        }
    }

    fn link_newest(&mut self, place: usize) {
        let older = self.newest;
        if let Some(slot) = self.slots.get_mut(place) {
            slot.newer = NOWHERE;
            slot.older = older;
        }
        match self.slots.get_mut(older) {
            Some(slot) => slot.newer = place,
            None => self.oldest = place,
        }
        self.newest = place;
    }
}

/// A hasher for keys that are hashes already.
#[derive(Debug, Default)]
pub(crate) struct Prehashed(u64);

impl Hasher for Prehashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// The place of no slot.
const NOWHERE: usize = usize::MAX;

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut lru = Lru::new(2);
        lru.insert(1, "a", 'a');
        lru.insert(2, "b", 'b');
        assert!(lru.find(1, "a").is_some());
        lru.insert(3, "c", 'c');
        assert!(lru.find(2, "b").is_none());
        assert_eq!((lru.find(1, "a").copied(), lru.find(3, "c").copied()), (Some('a'), Some('c')));
    }

    #[test]
    fn equal_hashes_of_different_keys_do_not_mix() {
        let mut lru = Lru::new(4);
        lru.insert(1, "a", 'a');
        assert!(lru.find(1, "b").is_none());
        lru.insert(1, "b", 'b');
        assert!(lru.find(1, "a").is_none());
        assert_eq!(lru.find(1, "b").copied(), Some('b'));
    }

    proptest::proptest! {
        /// A slow list in order of use behaves the same.
        #[test]
        fn it_agrees_with_a_list(capacity in 0usize..6, uses in proptest::collection::vec(0u64..12, 0..200)) {
            let mut lru = Lru::new(capacity);
            let mut list: VecDeque<u64> = VecDeque::new();
            for key in uses {
                if key > 8 {
                    assert_eq!(lru.pop_oldest().map(|(_, value)| value), list.pop_front());
                    continue;
                }
                let name = key.to_string();
                let known = list.contains(&key);
                assert_eq!(lru.find(key, &name).copied(), known.then_some(key));
                let evicted = if known { None } else { lru.insert(key, &name, key) };
                list.retain(|other| *other != key);
                list.push_back(key);
                let expected = if list.len() > capacity { list.pop_front() } else { None };
                assert_eq!(evicted.map(|(_, value)| value), expected);
            }
        }
    }
}
