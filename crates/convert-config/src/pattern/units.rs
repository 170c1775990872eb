//! Sets of UTF-16 code units, the alphabet of an ECMAScript pattern without the `u` flag.

/// An immutable set of code units: sorted, disjoint, non-adjacent inclusive ranges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UnitSet {
    ranges: Vec<(u16, u16)>,
}

impl UnitSet {
    /// Builds the set that is the union of `ranges`, which come in any order and may overlap.
    pub(super) fn new(mut ranges: Vec<(u16, u16)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(u16, u16)> = Vec::with_capacity(ranges.len());
        for (low, high) in ranges {
            match merged.last_mut() {
                Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
                _ => merged.push((low, high)),
            }
        }
        Self { ranges: merged }
    }

    /// Returns the set of all code units that are not in this one.
    pub(super) fn complement(&self) -> Self {
        let mut ranges = Vec::with_capacity(self.ranges.len() + 1);
        let mut next = Some(0);
        for &(low, high) in &self.ranges {
            if let Some(start) = next.filter(|&start| start < low) {
                ranges.push((start, low - 1));
            }
            next = high.checked_add(1);
        }
        if let Some(start) = next {
            ranges.push((start, u16::MAX));
        }
        Self { ranges }
    }

    /// Returns whether `unit` is in the set.
    pub(super) fn contains(&self, unit: u16) -> bool {
        let after = self.ranges.partition_point(|&(low, _)| low <= unit);
        after
            .checked_sub(1)
            .and_then(|index| self.ranges.get(index))
            .is_some_and(|&(_, high)| unit <= high)
    }

    /// Returns the ranges in ascending order.
    pub(super) fn ranges(&self) -> &[(u16, u16)] {
        &self.ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merges_overlapping_and_adjacent_ranges() {
        let set = UnitSet::new(vec![(20, 30), (1, 5), (6, 9), (25, 26), (u16::MAX, u16::MAX)]);
        assert_eq!(set.ranges(), [(1, 9), (20, 30), (u16::MAX, u16::MAX)]);
        assert!(set.contains(1) && set.contains(9) && set.contains(u16::MAX));
        assert!(!set.contains(0) && !set.contains(10) && !set.contains(31));
    }

    #[test]
    fn complement_is_an_involution() {
        let cases =
            [vec![], vec![(0, u16::MAX)], vec![(0, 3)], vec![(7, u16::MAX)], vec![(2, 3), (9, 9)]];
        for ranges in cases {
            let set = UnitSet::new(ranges);
            let complement = set.complement();
            assert_eq!(complement.complement(), set);
            for unit in [0, 1, 2, 3, 4, 7, 9, 10, u16::MAX] {
                assert_ne!(set.contains(unit), complement.contains(unit), "{set:?} {unit}");
            }
        }
    }
}
