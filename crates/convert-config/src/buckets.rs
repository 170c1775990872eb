//! How an experience splits its traffic, prepared at load.

use std::fmt;

use convert_bucketing::{BucketHasher, BucketRange, select};
use smallvec::SmallVec;

/// The traffic split of an experience: the hash state after its id, and one range per arm.
///
/// ```
/// use convert_config::{Layout, ProjectConfig};
///
/// let config = ProjectConfig::from_json(r#"{
///     "account_id": "1", "project": {"id": "2"},
///     "experiences": [{"id": "3", "key": "hero", "variations": [
///         {"id": "a", "traffic_allocation": 25}, {"id": "b", "traffic_allocation": 75}]}]}"#)?;
/// let buckets = config.experiences()[0].buckets();
/// assert_eq!(buckets.layout(), Layout::Packed);
/// assert_eq!(buckets.arm_at(2_499), Some(0));
/// assert_eq!(buckets.arm_at(2_500), Some(1));
/// # Ok::<(), convert_config::InvalidConfigError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Buckets {
    pub(crate) hasher: BucketHasher,
    pub(crate) layout: Layout,
    pub(crate) ranges: SmallVec<[BucketRange; 4]>,
    /// The position of each range's arm; `None` where every arm has a range, in the same order.
    pub(crate) arms: Option<Box<[usize]>>,
}

/// How the ranges of the arms lie in the 10,000 buckets.
///
/// ```
/// use convert_config::Layout;
///
/// assert_eq!(Layout::Anchored.to_string(), "anchored");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// One arm behind the other from bucket 0.
    Packed,
    /// Every arm at a fixed anchor, so that growing traffic never moves a visitor.
    Anchored,
}

impl Buckets {
    /// Returns the layout, which follows from the experience's version.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Returns the hash state after the experience id, for bucketing visitors in bulk.
    pub fn hasher(&self) -> &BucketHasher {
        &self.hasher
    }

    /// Returns the visitor's bucket, 0..=9999.
    #[inline]
    pub fn bucket_value(&self, visitor_id: &str) -> u16 {
        self.hasher.bucket_value(visitor_id)
    }

    /// Returns the position of the arm that takes `bucket_value`, if one does.
    #[inline]
    pub fn arm_at(&self, bucket_value: u16) -> Option<usize> {
        select(&self.ranges, bucket_value).and_then(|range| self.arm_of(range))
    }

    /// Returns the ranges in the order they are tried, each with the position of its arm.
    pub fn ranges(&self) -> impl Iterator<Item = (BucketRange, usize)> {
        let arm_of = |(place, range)| Some((range, self.arm_of(place)?));
        self.ranges.iter().copied().enumerate().filter_map(arm_of)
    }

    #[inline]
    fn arm_of(&self, range: usize) -> Option<usize> {
        match &self.arms {
            None => Some(range),
            Some(arms) => arms.get(range).copied(),
        }
    }
}

impl Layout {
    /// Returns the stable name: `packed` or `anchored`.
    pub fn name(self) -> &'static str {
        match self {
            Layout::Packed => "packed",
            Layout::Anchored => "anchored",
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
