//! The assignments of a visitor record.

use std::cmp::Ordering;

use convert_config::{Experience, IdMark, Identified as _, Variation};
use smol_str::SmolStr;

/// Which variation a visitor is assigned to in each experience.
///
/// Looked through for every decision, and visitors are many: what is searched lies together, sixteen
/// bytes an experience, so that a lookup touches few lines of memory, and no text. Ids that are plain numbers, as
/// nearly all are, come first and in their order, as in a JavaScript object.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Assignments {
    // Experience and variation, sorted by experience; different experiences have equal marks only
    // where they are no numbers.
    marks: Vec<(IdMark, IdMark)>,
    // Experience and variation, in the same places: what is read only to be written out.
    pairs: Vec<(SmolStr, SmolStr)>,
}

impl Assignments {
    pub(crate) const fn new() -> Self {
        Assignments { marks: Vec::new(), pairs: Vec::new() }
    }

    /// Takes pairs of experience and variation; where an experience repeats, the last counts.
    pub(crate) fn collect(pairs: impl Iterator<Item = (SmolStr, SmolStr)>) -> Self {
        let mut marked: Vec<(IdMark, (SmolStr, SmolStr))> =
            pairs.map(|pair| (IdMark::of(&pair.0), pair)).collect();
        marked.reverse();
        marked.sort_by(|(left, one), (right, other)| {
            left.cmp(right).then_with(|| one.0.as_str().cmp(other.0.as_str()))
        });
        marked.dedup_by(|(_, later), (_, kept)| later.0 == kept.0);
        let with_arm =
            |(mark, pair): (IdMark, (SmolStr, SmolStr))| ((mark, IdMark::of(&pair.1)), pair);
        let (marks, pairs) = marked.into_iter().map(with_arm).unzip();
        Assignments { marks, pairs }
    }

    /// Returns about how many bytes of memory the assignments take, beside the value itself.
    pub(crate) fn bytes(&self) -> usize {
        let texts =
            |(experience, variation): &(SmolStr, SmolStr)| experience.len() + variation.len();
        size_of_val(&*self.marks)
            + size_of_val(&*self.pairs)
            + self.pairs.iter().map(texts).sum::<usize>()
    }

    /// Returns the variation of an experience.
    pub(crate) fn find(&self, experience_id: &str) -> Option<&str> {
        // Most who are asked for this have no assignment at all, and then the id need not be read.
        if self.marks.is_empty() {
            return None;
        }
        let at = self.place_of(experience_id, IdMark::of(experience_id)).ok()?;
        self.pairs.get(at).map(|(_, variation)| variation.as_str())
    }

    /// Returns the variation that the visitor is assigned to, if the experience still has it.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "every decision passes here, from one place")]
    pub(crate) fn find_in<'c>(&self, experience: &'c Experience) -> Option<&'c Variation> {
        if self.marks.is_empty() { None } else { self.look_for(experience) }
    }

    #[inline]
    fn look_for<'c>(&self, experience: &'c Experience) -> Option<&'c Variation> {
        // Where every experience is assigned, its rank is its place; elsewhere it is searched for.
        let (own, rank) = (experience.id_mark(), experience.rank() as usize);
        let at = match self.marks.get(rank) {
            Some((mark, _)) if *mark == own && own.is_own() => rank,
            _ => self.place_of(experience.id(), own).ok()?,
        };
        let (_, mark) = *self.marks.get(at)?;
        let text = || self.pairs.get(at).map(|(_, variation)| variation.as_str());
        let is_it =
            |arm: &&Variation| arm.id_mark() == mark && (mark.is_own() || arm.id() == text());
        experience.variations().iter().find(is_it)
    }

    /// Sets the variation of an experience.
    pub(crate) fn set(&mut self, experience_id: &str, variation_id: &str) {
        let mark = IdMark::of(experience_id);
        let (arm, text) = (IdMark::of(variation_id), SmolStr::from(variation_id));
        match self.place_of(experience_id, mark) {
            Ok(at) => {
                if let (Some(known), Some(pair)) = (self.marks.get_mut(at), self.pairs.get_mut(at))
                {
                    (known.1, pair.1) = (arm, text);
                }
            }
            Err(at) => {
                self.marks.insert(at, (mark, arm));
                self.pairs.insert(at, (SmolStr::from(experience_id), text));
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

    fn place_of(&self, experience_id: &str, mark: IdMark) -> Result<usize, usize> {
        let at = self.marks.binary_search_by(|(known, _)| known.cmp(&mark))?;
        if mark.is_own() {
            return Ok(at);
        }
        // Other ids may share a mark: then they are neighbours, in the order of their texts.
        let first = self.marks.partition_point(|(known, _)| *known < mark);
        let last = self.marks.partition_point(|(known, _)| *known <= mark);
        let alike = self.pairs.get(first..last).unwrap_or_default();
        let is_before =
            |(known, _): &(SmolStr, SmolStr)| -> Ordering { known.as_str().cmp(experience_id) };
        alike.binary_search_by(is_before).map(|at| first + at).map_err(|at| first + at)
    }
}

/// Each insertion moves what comes after, so that sorting once is faster for more.
const SET_ONE_BY_ONE: usize = 8;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

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
