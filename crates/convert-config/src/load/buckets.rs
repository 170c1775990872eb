//! Preparing an experience's traffic split.

use convert_bucketing::{Arm, BucketHasher, BucketRange, anchored_ranges, packed_ranges};

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

/// Lays out the shares of an experience's variations.
pub(super) fn lay_out(
    experience_id: &str,
    version: Option<&Value<'_>>,
    shares: &[Share<'_>],
) -> Buckets {
    let version = version.map_or(f64::NAN, |version| to_number(version.as_view()));
    let layout = if version > LAST_PACKED_VERSION { Layout::Anchored } else { Layout::Packed };
    let (arms, ranges) = match layout {
        Layout::Anchored => anchored(shares),
        Layout::Packed => packed(shares),
    };
    Buckets { hasher: BucketHasher::new(experience_id), layout, ranges, arms }
}

/// One arm behind the other, in the order in which ECMAScript walks an object with the ids as
/// names: integer-like ids first, ascending, then the others as they came.
fn packed(shares: &[Share<'_>]) -> (Box<[usize]>, Box<[BucketRange]>) {
    let mut arms: Vec<(&str, usize, f64)> = Vec::with_capacity(shares.len());
    for (id, share) in identified(shares) {
        // An absent allocation counts as 100; one that is no number makes the running sum NaN,
        // after which no arm is ever chosen. Both are what the JavaScript SDK does.
        let allocation = share.allocation.map_or(FULL, |value| to_number(value.as_view()));
        if !share.running || allocation <= 0.0 {
            continue;
        }
        match arms.iter_mut().find(|(known, ..)| *known == id) {
            Some((.., known)) => *known = allocation,
            None => arms.push((id, first_with(shares, id), allocation)),
        }
    }
    arms.sort_by_key(|(id, ..)| array_index(id).map_or((1, 0), |index| (0, index)));
    let ranges = packed_ranges(arms.iter().map(|(.., allocation)| *allocation)).collect();
    (arms.iter().map(|(_, arm, _)| *arm).collect(), ranges)
}

/// Every arm at its anchor; arms that take nobody keep their weight and have an empty range.
fn anchored(shares: &[Share<'_>]) -> (Box<[usize]>, Box<[BucketRange]>) {
    let mut arms = Vec::with_capacity(shares.len());
    let mut weights = Vec::with_capacity(shares.len());
    for (id, share) in identified(shares) {
        let allocation = share.allocation.map_or(f64::NAN, |value| to_number(value.as_view()));
        let weight = if allocation.is_nan() { FULL } else { allocation };
        let active = share.running && (allocation > 0.0 || allocation.is_nan());
        arms.push(first_with(shares, id));
        weights.push(Arm::new(weight, active));
    }
    (arms.into(), anchored_ranges(&weights).collect())
}

fn identified<'s, 'r>(shares: &'s [Share<'r>]) -> impl Iterator<Item = (&'r str, &'s Share<'r>)> {
    shares.iter().filter_map(|share| share.id.map(|id| (id, share)))
}

/// The position of the first variation with this id, which is the one an id refers to.
fn first_with(shares: &[Share<'_>], id: &str) -> usize {
    shares.iter().position(|share| share.id == Some(id)).unwrap_or_default()
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
