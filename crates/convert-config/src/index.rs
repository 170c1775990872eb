//! Finding positions by name.

use std::hash::{BuildHasher as _, Hasher as _};

use foldhash::fast::RandomState;

use crate::mark::Mark;
use crate::work::count;

/// Positions in a list, found by name in constant time; of repeated names the first is kept.
///
/// Open addressing with linear probing, at most half full. The marks of the names lie in the slots,
/// so that most lookups read nothing else. The names come from the config, which may be made to hurt,
/// so every index has a random seed: nobody outside the process can choose names that collide.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    // None, or a power of two.
    slots: Box<[Slot]>,
    count: usize,
    seed: RandomState,
}

/// A place for a name, thirty-two bytes; free where its position is [`FREE`].
#[derive(Debug, Clone, Copy)]
struct Slot {
    mark: Mark,
    hash: u32,
    position: u32,
}

impl Index {
    /// Returns the position of `name`. `name_at` reads the name at a position, which is asked for
    /// only where the name is longer than its mark.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "every decision passes here, from few places")]
    pub(crate) fn find<'n>(
        &self,
        name: &str,
        name_at: impl Fn(u32) -> Option<&'n str>,
    ) -> Option<u32> {
        let mark = Mark::of(name);
        let last = self.slots.len().wrapping_sub(1);
        let mut at = self.hash_of(name) as usize & last;
        // A free slot ends the search, and half of them are free.
        while let Some(slot) = self.slots.get(at).filter(|slot| slot.position != FREE) {
            count(1);
            let is_alike = slot.mark == mark;
            if is_alike && (mark.is_whole() || name_at(slot.position) == Some(name)) {
                return Some(slot.position);
            }
            at = (at + 1) & last;
        }
        None
    }

    /// Keeps the position of `name`, and returns whether the name is new.
    pub(crate) fn insert<'n>(
        &mut self,
        name: &str,
        position: u32,
        name_at: impl Fn(u32) -> Option<&'n str>,
    ) -> bool {
        if self.find(name, name_at).is_some() {
            return false;
        }
        if 2 * (self.count + 1) > self.slots.len() {
            self.grow();
        }
        let mark = Mark::of(name);
        let hash = self.hash_of(name);
        place(&mut self.slots, Slot { mark, hash, position });
        self.count += 1;
        true
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
    fn hash_of(&self, name: &str) -> u32 {
        let mut hasher = self.seed.build_hasher();
        hasher.write(name.as_bytes());
        hasher.finish() as u32
    }

    fn grow(&mut self) {
        let free = Slot { mark: Mark::of(""), hash: 0, position: FREE };
        let mut slots = vec![free; (2 * self.slots.len()).max(LEAST)].into_boxed_slice();
        for slot in self.slots.iter().filter(|slot| slot.position != FREE) {
            place(&mut slots, *slot);
        }
        self.slots = slots;
    }
}

fn place(slots: &mut [Slot], slot: Slot) {
    let mask = slots.len().wrapping_sub(1);
    let mut at = slot.hash as usize & mask;
    while let Some(place) = slots.get_mut(at) {
        count(1);
        if place.position == FREE {
            *place = slot;
            return;
        }
        at = (at + 1) & mask;
    }
}

const LEAST: usize = 4;
/// The position of a slot without a name. No list is as long.
const FREE: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    fn index(names: &[String]) -> Index {
        let mut index = Index::default();
        for (position, name) in (0..).zip(names) {
            let is_new = index.insert(name, position, |at| names.get(at as usize).map(|n| &**n));
            assert_eq!(is_new, names.iter().position(|one| one == name) == Some(position as usize));
        }
        index
    }

    #[test]
    fn every_name_is_found_where_it_comes_first() {
        let long = |i: usize| format!("a name longer than {} its mark is", i % 700);
        let names: Vec<String> = (0..1_000).flat_map(|i| [format!("{i}"), long(i)]).collect();
        let index = index(&names);
        let name_at = |at: u32| names.get(at as usize).map(|name| &**name);
        for name in &names {
            let first = names.iter().position(|one| one == name);
            assert_eq!(index.find(name, name_at).map(|at| at as usize), first);
        }
        for missing in ["", "1000", "a name longer than 700 its mark is"] {
            assert_eq!(index.find(missing, name_at), None);
        }
        assert_eq!(Index::default().find("", name_at), None);
    }

    #[test]
    fn names_that_count_up_spread_out() {
        for prefix in ["", "experience-", "10033", "a-long-prefix-before-the-number-"] {
            let names: Vec<String> = (0..4_096).map(|i| format!("{prefix}{i}")).collect();
            let index = index(&names);
            let mut longest = 0;
            let mut run = 0;
            for slot in &index.slots {
                run = if slot.position == FREE { 0 } else { run + 1 };
                longest = longest.max(run);
            }
            assert!(longest < 256, "{prefix}: {longest} slots in a row");
        }
    }
}
