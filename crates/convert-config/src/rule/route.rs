//! The way through a rule tree that asks no element in vain.

use std::ops::Range;

use crate::rule::{MATCHED, UNMATCHED};

/// Works out the element to begin with, and for each of `count` elements which one comes next where
/// it does not match and where it does. The levels are given as in a tree: by where their parts end.
pub(super) fn plan(count: usize, blocks: &[u32], branches: &[u32]) -> (u32, Vec<[u32; 2]>) {
    let mut next = vec![[UNMATCHED; 2]; count];
    // From the end, since every way leads on to later elements.
    let mut otherwise = UNMATCHED;
    for branch in ranges(branches).rev() {
        // A branch without blocks holds for nobody.
        let mut then = if branch.is_empty() { otherwise } else { MATCHED };
        for block in ranges(blocks).take(branch.end as usize).skip(branch.start as usize).rev() {
            let mut miss = otherwise;
            for at in block.rev() {
                if let Some(ways) = next.get_mut(at as usize) {
                    *ways = [miss, then];
                }
                miss = at;
            }
            // The block's first element; a block without any holds for nobody.
            then = miss;
        }
        otherwise = then;
    }
    (otherwise, next)
}

fn ranges(ends: &[u32]) -> impl DoubleEndedIterator<Item = Range<u32>> + ExactSizeIterator {
    let start = |at: usize| at.checked_sub(1).and_then(|at| ends.get(at)).copied();
    ends.iter().enumerate().map(move |(at, end)| start(at).unwrap_or_default()..*end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the tree holds, by the definition of its levels.
    fn holds(outcomes: &[bool], blocks: &[u32], branches: &[u32]) -> bool {
        let blocks: Vec<Range<u32>> = ranges(blocks).collect();
        ranges(branches).any(|branch| {
            let mut held = branch.clone().map(|at| blocks[at as usize].clone());
            !branch.is_empty() && held.all(|mut block| block.any(|at| outcomes[at as usize]))
        })
    }

    fn ends(lengths: &[u32]) -> Vec<u32> {
        lengths
            .iter()
            .scan(0, |end, length| {
                Some({
                    *end += length;
                    *end
                })
            })
            .collect()
    }

    #[test]
    fn a_tree_without_parts_holds_for_nobody() {
        assert_eq!(plan(0, &[], &[]), (UNMATCHED, vec![]));
        assert_eq!(plan(0, &[], &[0]), (UNMATCHED, vec![]));
        assert_eq!(plan(0, &[0], &[1]), (UNMATCHED, vec![]));
        assert_eq!(plan(1, &[0, 1], &[1, 1, 2]), (0, vec![[UNMATCHED, MATCHED]]));
    }

    proptest::proptest! {
        #[test]
        fn the_way_ends_where_the_levels_say(
            outcomes in proptest::collection::vec(proptest::bool::ANY, 40),
            blocks in proptest::collection::vec(0..4_u32, 0..12),
            branches in proptest::collection::vec(0..4_u32, 0..6),
        ) {
            let (blocks, branches) = (ends(&blocks), ends(&branches));
            let whole = u32::try_from(blocks.len()).unwrap();
            let branches: Vec<u32> = branches.iter().map(|end| *end.min(&whole)).collect();
            let count = blocks.last().copied().unwrap_or_default() as usize;
            let (mut at, next) = plan(count, &blocks, &branches);
            let mut asked = Vec::new();
            while let Some(ways) = next.get(at as usize) {
                asked.push(at);
                at = ways[usize::from(outcomes[at as usize])];
            }
            assert!(asked.is_sorted() && (at == MATCHED || at == UNMATCHED));
            assert_eq!(at == MATCHED, holds(&outcomes, &blocks, &branches));
        }
    }
}
