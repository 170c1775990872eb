//! The assignments of a visitor record.

use std::cmp::Ordering;

use smol_str::SmolStr;

/// Which variation a visitor is assigned to in each experience.
///
/// Looked through for every decision, and visitors are many: what is searched lies together, eight
/// bytes an experience, so that a lookup touches few lines of memory. Ids that are plain numbers, as
/// nearly all are, come first and in their order, as in a JavaScript object.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Assignments {
    // Sorted, and equal for different experiences only where they are no numbers.
    marks: Vec<u64>,
    // Experience and variation, in the same places.
    pairs: Vec<(SmolStr, SmolStr)>,
}

impl Assignments {
    pub(crate) const fn new() -> Self {
        Assignments { marks: Vec::new(), pairs: Vec::new() }
    }

    /// Takes pairs of experience and variation; where an experience repeats, the last counts.
    pub(crate) fn collect(pairs: impl Iterator<Item = (SmolStr, SmolStr)>) -> Self {
        let mut marked: Vec<(u64, (SmolStr, SmolStr))> =
            pairs.map(|pair| (mark_of(&pair.0), pair)).collect();
        marked.reverse();
        marked.sort_by(|(left, one), (right, other)| {
            left.cmp(right).then_with(|| one.0.as_str().cmp(other.0.as_str()))
        });
        marked.dedup_by(|(_, later), (_, kept)| later.0 == kept.0);
        let (marks, pairs) = marked.into_iter().unzip();
        Assignments { marks, pairs }
    }

    /// Returns the variation of an experience.
    pub(crate) fn find(&self, experience_id: &str) -> Option<&str> {
        let at = self.place_of(experience_id).ok()?;
        self.pairs.get(at).map(|(_, variation)| variation.as_str())
    }

    /// Sets the variation of an experience.
    pub(crate) fn set(&mut self, experience_id: &str, variation_id: &str) {
        match self.place_of(experience_id) {
            Ok(at) => {
                if let Some(pair) = self.pairs.get_mut(at) {
                    pair.1 = SmolStr::from(variation_id);
                }
            }
            Err(at) => {
                self.marks.insert(at, mark_of(experience_id));
                let pair = (SmolStr::from(experience_id), SmolStr::from(variation_id));
                self.pairs.insert(at, pair);
            }
        }
    }

    /// Sets the variations of several experiences; where one repeats, the last counts.
    pub(crate) fn set_all(&mut self, pairs: &[(&str, &str)]) {
        if pairs.len() <= SET_ONE_BY_ONE {
            for (experience_id, variation_id) in pairs {
                self.set(experience_id, variation_id);
            }
            return;
        }
        let known = std::mem::take(&mut self.pairs);
        let text = |(one, other): &(&str, &str)| (SmolStr::from(*one), SmolStr::from(*other));
        *self = Assignments::collect(known.into_iter().chain(pairs.iter().map(text)));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(experience, variation)| (experience.as_str(), variation.as_str()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    fn place_of(&self, experience_id: &str) -> Result<usize, usize> {
        let mark = mark_of(experience_id);
        let at = self.marks.binary_search(&mark)?;
        if mark < HASHED {
            return Ok(at);
        }
        // Other ids may share a mark: then they are neighbours, in the order of their texts.
        let first = self.marks.partition_point(|known| *known < mark);
        let last = self.marks.partition_point(|known| *known <= mark);
        let alike = self.pairs.get(first..last).unwrap_or_default();
        let is_before =
            |(known, _): &(SmolStr, SmolStr)| -> Ordering { known.as_str().cmp(experience_id) };
        alike.binary_search_by(is_before).map(|at| first + at).map_err(|at| first + at)
    }
}

/// Returns a number for an id: its own where it is a plain one, which no other id shares, else one
/// from [`HASHED`] on that others may share.
fn mark_of(id: &str) -> u64 {
    let bytes = id.as_bytes();
    let is_plain = match bytes {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => rest.len() < MOST_DIGITS && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if is_plain {
        return bytes.iter().fold(0, |number, digit| 10 * number + u64::from(digit & 0x0F));
    }
    let hash = bytes
        .iter()
        .fold(FNV_OFFSET, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME));
    hash | HASHED
}

/// What marks of ids that are no plain numbers begin at; more than any number of so few digits.
const HASHED: u64 = 1 << 63;
const MOST_DIGITS: usize = 18;
/// Each insertion moves what comes after, so that sorting once is faster for more.
const SET_ONE_BY_ONE: usize = 8;
const FNV_OFFSET: u64 = 0xCBF2_9CE4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01B3;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_numbers_have_marks_of_their_own() {
        for (id, mark) in [("0", 0), ("7", 7), ("100334665", 100_334_665)] {
            assert_eq!(mark_of(id), mark);
        }
        assert_eq!(mark_of("999999999999999999"), 999_999_999_999_999_999);
        for other in ["", "00", "01", "-1", "1.0", " 1", "9999999999999999999", "x"] {
            assert!(mark_of(other) >= HASHED, "{other}");
        }
    }

    #[test]
    fn numbers_come_in_their_order_and_first() {
        let mut assignments = Assignments::new();
        for id in ["b", "10", "9", "a", "007"] {
            assignments.set(id, "1");
        }
        let ids: Vec<&str> = assignments.iter().map(|(id, _)| id).collect();
        assert_eq!(ids.get(..2), Some(&["9", "10"][..]));
        assert_eq!(ids.len(), 5);
    }

    proptest! {
        /// A map behaves the same.
        #[test]
        fn it_agrees_with_a_map(steps in proptest::collection::vec(("[0-9ab]{0,3}", "[a-c]"), 0..60)) {
            let mut map = BTreeMap::new();
            let mut one_by_one = Assignments::new();
            for (experience, variation) in &steps {
                one_by_one.set(experience, variation);
                map.insert(experience.as_str(), variation.as_str());
            }
            let pairs = steps.iter().map(|(one, other)| (SmolStr::new(one), SmolStr::new(other)));
            let at_once = Assignments::collect(pairs);
            prop_assert_eq!(&at_once, &one_by_one);
            let pairs: Vec<_> = steps.iter().map(|(one, other)| (&**one, &**other)).collect();
            let (first, rest) = pairs.split_at(pairs.len() / 3);
            let mut in_two = Assignments::new();
            in_two.set_all(first);
            in_two.set_all(rest);
            prop_assert_eq!(&in_two, &one_by_one);
            for (experience, _) in &steps {
                prop_assert_eq!(at_once.find(experience), map.get(experience.as_str()).copied());
            }
            prop_assert_eq!(at_once.iter().count(), map.len());
            prop_assert_eq!(at_once.find("zz"), None);
        }
    }
}
