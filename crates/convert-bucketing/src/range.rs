//! A range of bucket values.

use crate::hasher::BUCKETS;

/// The bucket values of one arm: a half-open range of integers, `start` included, `end` not.
///
/// ```
/// use convert_bucketing::BucketRange;
///
/// let range = BucketRange::new(3_333.4, 5_000.0);
/// assert_eq!((range.start(), range.end(), range.width()), (3_334, 5_000, 1_666));
/// assert!(!range.contains(3_333) && range.contains(3_334));
/// assert!(range.contains(4_999) && !range.contains(5_000));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct BucketRange {
    start: u16,
    end: u16,
}

impl BucketRange {
    /// Prepares the range of the bucket values `v` with `start <= v` and `v < end`.
    ///
    /// The two numbers may be any: they are cut to the values that exist, and a range that no
    /// value can be in, for instance because a boundary is not a number, is empty.
    ///
    /// ```
    /// use convert_bucketing::BucketRange;
    ///
    /// assert_eq!(BucketRange::new(-5.0, f64::INFINITY), BucketRange::new(0.0, 10_000.0));
    /// assert!(BucketRange::new(700.0, 300.0).is_empty());
    /// assert!(BucketRange::new(f64::NAN, 300.0).is_empty());
    /// assert!(BucketRange::new(0.0, f64::NAN).is_empty());
    /// ```
    pub fn new(start: f64, end: f64) -> Self {
        if start.is_nan() || end.is_nan() {
            return Self::default();
        }
        let start = values_below(start);
        Self { start, end: values_below(end).max(start) }
    }

    /// The lowest value in the range, 0 to 10,000; equal to [`end`](Self::end) if it is empty.
    ///
    /// ```
    /// assert_eq!(convert_bucketing::BucketRange::new(250.0, 500.0).start(), 250);
    /// ```
    #[inline]
    pub const fn start(self) -> u16 {
        self.start
    }

    /// The value right after the highest in the range, 0 to 10,000.
    ///
    /// ```
    /// assert_eq!(convert_bucketing::BucketRange::new(250.0, 500.0).end(), 500);
    /// ```
    #[inline]
    pub const fn end(self) -> u16 {
        self.end
    }

    /// The number of values in the range, each one hundredth of a percent of the traffic.
    ///
    /// ```
    /// assert_eq!(convert_bucketing::BucketRange::new(250.0, 500.0).width(), 250);
    /// ```
    #[inline]
    pub const fn width(self) -> u16 {
        self.end.saturating_sub(self.start)
    }

    /// Says whether no value is in the range.
    ///
    /// ```
    /// assert!(convert_bucketing::BucketRange::default().is_empty());
    /// ```
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.start >= self.end
    }

    /// Says whether a value is in the range.
    ///
    /// ```
    /// assert!(convert_bucketing::BucketRange::new(250.0, 500.0).contains(250));
    /// ```
    #[inline]
    pub const fn contains(self, value: u16) -> bool {
        self.start <= value && value < self.end
    }
}

/// How many bucket values are less than a boundary: the boundary rounded up, from 0 to 10,000.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the conversion is only reached between 0 and 10,000, and is meant to round down"
)]
fn values_below(boundary: f64) -> u16 {
    if boundary <= 0.0 {
        0
    } else if boundary >= f64::from(BUCKETS) {
        BUCKETS
    } else {
        let floor = boundary as u16;
        floor + u16::from(f64::from(floor) < boundary)
    }
}
