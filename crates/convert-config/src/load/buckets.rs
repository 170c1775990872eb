//! Preparing an experience's traffic split.

use convert_bucketing::{Arm, BucketHasher, BucketRange, anchored_ranges, packed_ranges};

use smallvec::SmallVec;

use crate::buckets::{Buckets, Layout};
use crate::ecma::to_number;
use crate::value::Value;

/// What the traffic split needs to know of a variation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share<'r> {
    /// The id; variations without one take no traffic.
    pub(super) id: Option<&'r str>,
    /// Whether the status lets new visitors in.
    pub(super) running: bool,
    /// `traffic_allocation` as the config has it; `None` where it is absent.
    pub(super) allocation: Option<&'r Value<'r>>,
}

/// Returns the layout of experiences with this version.
pub(super) fn layout_of(version: Option<&Value<'_>>) -> Layout {
    let version = version.map_or(f64::NAN, |version| to_number(version.as_view()));
    if version > LAST_PACKED_VERSION { Layout::Anchored } else { Layout::Packed }
}

/// Lays out the shares of an experience's variations.
pub(super) fn lay_out(experience_id: &str, layout: Layout, shares: &[Share<'_>]) -> Buckets {
    let (arms, ranges) = match layout {
        Layout::Anchored => anchored(shares),
        Layout::Packed => packed(shares),
    };
    let are_all = arms.iter().copied().eq(0..shares.len());
    let arms = (!are_all).then(|| arms.into_boxed_slice());
    Buckets { hasher: BucketHasher::new(experience_id), layout, ranges, arms }
}

/// One arm behind the other, in the order in which ECMAScript walks an object with the ids as
/// names: integer-like ids first, ascending, then the others as they came.
fn packed(shares: &[Share<'_>]) -> (Vec<usize>, SmallVec<[BucketRange; 4]>) {
    let mut arms: Vec<(&str, usize, f64)> = Vec::with_capacity(shares.len());
    // Where in `arms` the arm at a position has its place already.
    let mut places: Vec<Option<usize>> = vec![None; shares.len()];
    for (id, first, share) in identified(shares) {
        // An absent allocation counts as 100; one that is no number makes the running sum NaN,
        // after which no arm is ever chosen. Both are what the JavaScript SDK does.
        let allocation = share.allocation.map_or(FULL, |value| to_number(value.as_view()));
        if !share.running || allocation <= 0.0 {
            continue;
        }
        let Some(place) = places.get_mut(first) else { continue };
        // Of arms with one id, the last says how much traffic all of them get.
        match place.and_then(|place| arms.get_mut(place)) {
            Some((.., known)) => *known = allocation,
            None => {
                *place = Some(arms.len());
                arms.push((id, first, allocation));
            }
        }
    }
    arms.sort_by_key(|(id, ..)| array_index(id).map_or((1, 0), |index| (0, index)));
    let ranges = packed_ranges(arms.iter().map(|(.., allocation)| *allocation)).collect();
    (arms.iter().map(|(_, arm, _)| *arm).collect(), ranges)
}

/// Every arm at its anchor; arms that take nobody keep their weight and have an empty range.
fn anchored(shares: &[Share<'_>]) -> (Vec<usize>, SmallVec<[BucketRange; 4]>) {
    let mut arms = Vec::with_capacity(shares.len());
    let mut weights = Vec::with_capacity(shares.len());
    for (_, first, share) in identified(shares) {
        let allocation = share.allocation.map_or(f64::NAN, |value| to_number(value.as_view()));
        let weight = if allocation.is_nan() { FULL } else { allocation };
        let active = share.running && (allocation > 0.0 || allocation.is_nan());
        arms.push(first);
        weights.push(Arm::new(weight, active));
    }
    (arms, anchored_ranges(&weights).collect())
}

/// The shares with an id, in order; each with its id and the position of the first share that has
/// this id, which is the one the id refers to.
fn identified<'s, 'r>(
    shares: &'s [Share<'r>],
) -> impl Iterator<Item = (&'r str, usize, &'s Share<'r>)> {
    let mut by_id: Vec<(Option<&str>, usize)> =
        shares.iter().map(|share| share.id).zip(0..).collect();
    by_id.sort_unstable();
    let mut firsts = vec![0; shares.len()];
    let mut current = (None, 0);
    for (id, position) in by_id {
        if id != current.0 {
            current = (id, position);
        }
        if let Some(first) = firsts.get_mut(position) {
            *first = current.1;
        }
    }
    shares.iter().zip(firsts).filter_map(|(share, first)| Some((share.id?, first, share)))
}

/// The number that a canonical array index stands for (ECMA-262 §6.1.7).
fn array_index(id: &str) -> Option<u32> {
    let index: u32 = id.parse().ok()?;
    let canonical = id == "0" || !id.starts_with(['0', '+']);
    (canonical && index < u32::MAX).then_some(index)
}

/// Experiences of later versions are anchored.
const LAST_PACKED_VERSION: f64 = 11.0;
/// All traffic, in percent.
const FULL: f64 = 100.0;
