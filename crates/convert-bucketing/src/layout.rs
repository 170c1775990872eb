//! The two ways an experience lays its arms out over the bucket values.

use crate::hasher::BUCKETS;
use crate::range::BucketRange;

/// An arm of an experience in the anchored layout.
///
/// ```
/// use convert_bucketing::Arm;
///
/// let stopped = Arm::new(12.5, false);
/// assert_eq!((stopped.weight(), stopped.is_active()), (12.5, false));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arm {
    weight: f64,
    active: bool,
}

impl Arm {
    /// Describes an arm by its traffic allocation in percent and whether it takes visitors.
    ///
    /// ```
    /// assert!(convert_bucketing::Arm::new(50.0, true).is_active());
    /// ```
    #[inline]
    pub const fn new(weight: f64, active: bool) -> Self {
        Self { weight, active }
    }

    /// The traffic allocation in percent, which counts for the anchors even if the arm is stopped.
    ///
    /// ```
    /// assert_eq!(convert_bucketing::Arm::new(50.0, true).weight(), 50.0);
    /// ```
    #[inline]
    pub const fn weight(self) -> f64 {
        self.weight
    }

    /// Says whether the arm takes visitors.
    ///
    /// ```
    /// assert!(!convert_bucketing::Arm::new(50.0, false).is_active());
    /// ```
    #[inline]
    pub const fn is_active(self) -> bool {
        self.active
    }
}

/// Lays arms out side by side from zero, each as wide as its allocation in percent.
///
/// One range comes out for each allocation, in the same order; the ranges do not overlap. The
/// boundaries are the running sum of `allocation × 100` in double precision: an allocation that
/// is not a number spoils the sum, so that its arm and all arms after it are empty.
///
/// ```
/// use convert_bucketing::{BucketRange, packed_ranges, select};
///
/// let ranges: Vec<BucketRange> = packed_ranges([10.0, 25.0]).collect();
/// assert_eq!(select(&ranges, 999), Some(0));
/// assert_eq!(select(&ranges, 1_000), Some(1));
/// assert_eq!(select(&ranges, 3_500), None);
/// ```
pub fn packed_ranges(
    allocations: impl IntoIterator<Item = f64>,
) -> impl Iterator<Item = BucketRange> {
    let mut sum = 0.0;
    let mut taken = 0.0_f64;
    allocations.into_iter().map(move |allocation| {
        sum += allocation * HUNDREDTHS;
        // A value below an earlier sum already has its arm, even where the sum has fallen since.
        let range = BucketRange::new(taken, sum);
        taken = taken.max(sum);
        range
    })
}

/// Lays arms out in slots that do not move when all allocations grow in proportion.
///
/// One range comes out for each arm, in the same order. It starts at the arm's share of all
/// weights before it, and is as wide as the arm's allocation; that of an arm which takes no
/// visitors is empty. Nothing comes out unless the sum of the weights is positive.
///
/// Allocations of more than 100 % in all make ranges overlap; the first one wins. At exactly
/// 100 % the end of one arm and the start of the next are rounded separately, so that one value
/// between them may fall to the earlier arm, or to none, as in every SDK of the family.
///
/// ```
/// use convert_bucketing::{Arm, BucketRange, anchored_ranges, select};
///
/// let arms = |percent| [Arm::new(percent, true), Arm::new(percent, true)];
/// let before: Vec<BucketRange> = anchored_ranges(&arms(5.0)).collect();
/// let after: Vec<BucketRange> = anchored_ranges(&arms(10.0)).collect();
///
/// assert_eq!((select(&before, 5_400), select(&after, 5_400)), (Some(1), Some(1)));
/// assert_eq!((select(&before, 5_600), select(&after, 5_600)), (None, Some(1)));
/// ```
pub fn anchored_ranges(arms: &[Arm]) -> impl ExactSizeIterator<Item = BucketRange> {
    let total = arms.iter().fold(0.0, |sum, arm| sum + arm.weight);
    let arms = if total > 0.0 { arms } else { &[] };
    let mut sum = 0.0;
    arms.iter().map(move |arm| {
        let anchor = sum / total * f64::from(BUCKETS);
        let width = if arm.active { arm.weight * HUNDREDTHS } else { 0.0 };
        sum += arm.weight;
        BucketRange::new(anchor, anchor + width)
    })
}

/// Finds the first range that contains a bucket value, and returns its position.
///
/// ```
/// use convert_bucketing::{BucketRange, select};
///
/// let ranges = [BucketRange::new(0.0, 500.0), BucketRange::new(5_000.0, 5_500.0)];
/// assert_eq!(select(&ranges, 5_250), Some(1));
/// assert_eq!(select(&ranges, 500), None);
/// ```
#[inline]
pub fn select(ranges: &[BucketRange], value: u16) -> Option<usize> {
    if ranges.len() > FEW {
        return ranges.iter().position(|range| range.contains(value));
    }
    // Where a value falls cannot be foreseen, so that asking every range of a few, without a branch,
    // is faster than stopping at the right one.
    let places = ranges.iter().enumerate().rev();
    let first = places.fold(
        ranges.len(),
        |first, (place, range)| {
            if range.contains(value) { place } else { first }
        },
    );
    (first < ranges.len()).then_some(first)
}

/// Of this many ranges every one is asked.
const FEW: usize = 8;
/// Bucket values in one percent of the traffic.
const HUNDREDTHS: f64 = 100.0;
