//! What has been found of a visitor's conditions, so that trees that share some compare them once.

use smallvec::SmallVec;

/// Which of up to 32 conditions have been compared for a visitor, and which of those match.
///
/// What a set of findings is about, the config decides when it is loaded: it gives the trees of its
/// audiences [sets of findings](crate::rule::RuleTree::finding_set), and their conditions places there.
/// Findings stand for one visitor's attributes: where those change, nothing is known any more. Those of
/// the last set stand for the report segments of the visitor's record as well.
///
/// ```
/// use convert_config::rule::Findings;
/// use convert_config::{ProjectConfig, ValueRef};
///
/// let config = ProjectConfig::from_json(
///     r#"{"account_id": "1", "project": {"id": "2"}, "audiences": [{"id": 7, "rules": {"OR": [{"AND": [{"OR_WHEN": [
///         {"key": "plan", "value": "Pro", "matching": {"match_type": "equals", "negated": false}}]}]}]}}],
///         "experiences": [{"id": 3, "audiences": ["7"]}]}"#,
/// )?;
/// let mut known = Findings::default();
/// for rules in config.audiences()[0].rules() {
///     assert_eq!(rules.recall(known), None);
///     assert!(rules.learn(&mut known, |element| element.matches(Some(ValueRef::Text("PRO")))));
///     assert_eq!(rules.recall(known), Some(true));
/// }
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Findings {
    matched: u32,
    compared: u32,
}

/// Two blocks of conditions, one of each of which must match: as much as most audiences ask for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    set: u8,
    blocks: [u32; 2],
}

/// Where the conditions of a tree stand in a set of findings.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    set: usize,
    /// The conditions of each block; one of each block must match.
    blocks: SmallVec<[u32; 4]>,
    /// The place of each element's condition.
    elements: Box<[u8]>,
}

impl Findings {
    /// How many sets of findings a config has at most.
    pub const SETS: usize = 5;
    /// The set about conditions that ask for report segments, and about what they stand beside.
    pub const ABOUT_SEGMENTS: usize = 4;
    /// How many conditions one set is about.
    pub(crate) const ROOM: usize = u32::BITS as usize;

    /// Takes findings out of a number that [`Findings::to_bits`] returned.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "each half is taken for itself")]
    pub const fn from_bits(bits: u64) -> Self {
        Findings { matched: bits as u32, compared: (bits >> u32::BITS) as u32 }
    }

    /// Returns the findings as one number, zero where nothing is known.
    #[inline]
    pub const fn to_bits(self) -> u64 {
        self.matched as u64 | (self.compared as u64) << u32::BITS
    }

    #[inline]
    fn of(self, place: u8) -> Option<bool> {
        let bit = bit(place);
        (self.compared & bit != 0).then_some(self.matched & bit != 0)
    }

    #[inline]
    fn note(&mut self, place: u8, matches: bool) {
        self.compared |= bit(place);
        self.matched |= if matches { bit(place) } else { 0 };
    }
}

impl Places {
    /// Makes the places of a tree of one branch from those of its elements and the ends of its blocks.
    pub(crate) fn new(set: usize, elements: Box<[u8]>, block_ends: &[u32]) -> Self {
        let mut from = 0;
        let blocks = block_ends.iter().map(|end| {
            let of_block = elements.get(from..*end as usize).unwrap_or_default();
            from = *end as usize;
            of_block.iter().fold(0, |mask, place| mask | bit(*place))
        });
        Places { set, blocks: blocks.collect(), elements }
    }

    #[inline]
    pub(crate) fn set(&self) -> usize {
        self.set
    }

    /// Returns whether every block has a condition that matches, if enough is known.
    #[inline]
    pub(crate) fn recall(&self, known: Findings) -> Option<bool> {
        for block in &self.blocks {
            if known.matched & block == 0 {
                return (known.compared & block == *block).then_some(false);
            }
        }
        Some(true)
    }

    /// Returns the places in short, if there are one or two blocks.
    pub(crate) fn pair(&self) -> Option<Pair> {
        let blocks = match *self.blocks {
            [only] => [only, only],
            [first, second] => [first, second],
            _ => return None,
        };
        Some(Pair { set: u8::try_from(self.set).ok()?, blocks })
    }

    /// Returns what is known of the element at a position, and notes what is found out about it.
    #[inline]
    pub(crate) fn find(
        &self,
        at: usize,
        known: &mut Findings,
        is_match: impl FnOnce() -> bool,
    ) -> bool {
        let Some(place) = self.elements.get(at) else { return is_match() };
        known.of(*place).unwrap_or_else(|| {
            let matches = is_match();
            known.note(*place, matches);
            matches
        })
    }
}

impl Pair {
    #[inline]
    pub(crate) fn set(self) -> usize {
        usize::from(self.set)
    }

    /// Returns whether both blocks have a condition that matches, if enough is known.
    #[inline]
    pub(crate) fn recall(self, known: Findings) -> Option<bool> {
        let [first, second] = self.blocks;
        let lacks = |block| known.matched & block == 0;
        let fails = |block| lacks(block) && known.compared & block == block;
        if !lacks(first) && !lacks(second) {
            return Some(true);
        }
        (fails(first) || fails(second)).then_some(false)
    }
}

#[inline]
const fn bit(place: u8) -> u32 {
    1 << (place % 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(compared: u32, matched: u32) -> Findings {
        Findings { matched, compared }
    }

    #[test]
    fn a_tree_is_settled_as_soon_as_it_can_be() {
        // The conditions at 0 and 1, and one of those at 1 and 5.
        let places = Places::new(0, Box::from([0, 1, 5]), &[1, 3]);
        for (findings, expected) in [
            (known(0, 0), None),
            (known(0b00_0001, 0b00_0001), None),
            (known(0b00_0001, 0), Some(false)),
            (known(0b00_0011, 0b00_0011), Some(true)),
            (known(0b00_0011, 0b00_0001), None),
            (known(0b10_0011, 0b00_0001), Some(false)),
            (known(0b10_0011, 0b10_0001), Some(true)),
            (known(0b01_1100, 0b01_1100), None),
        ] {
            assert_eq!(places.recall(findings), expected, "{findings:?}");
            assert_eq!(places.pair().unwrap().recall(findings), expected, "{findings:?}");
        }
        assert_eq!(Places::new(0, Box::default(), &[0]).recall(known(0, 0)), Some(false));
    }

    #[test]
    fn what_has_been_found_is_not_asked_again() {
        let places = Places::new(3, Box::from([31, 0]), &[2]);
        let mut findings = Findings::default();
        assert!(places.find(0, &mut findings, || true) && !places.find(1, &mut findings, || false));
        let again = Findings::from_bits(findings.to_bits());
        assert_eq!(again, findings);
        let mut again = again;
        assert!(places.find(0, &mut again, || unreachable!()));
        assert!(!places.find(1, &mut again, || unreachable!()));
        assert_eq!((places.set(), again), (3, findings));
    }
}
