//! The hash of a visitor within an experience, and the bucket value it gives.

use crate::lanes::{Copied, LANES, fill_blocks, fill_each};
use crate::murmur::{WORD, absorb, finish, length, mix, partial_word, tail_word};

/// Computes bucket values of one experience.
///
/// It holds the state of the hash after the experience id, sixteen bytes, so that a visitor costs
/// only the bytes of the visitor id. The result is that of hashing the two ids joined.
///
/// ```
/// use convert_bucketing::{BucketHasher, HASH_SEED, murmur3_32};
///
/// // The state can be computed at compile time.
/// const EXPERIENCE: BucketHasher = BucketHasher::new("100218245");
///
/// assert_eq!(EXPERIENCE.hash("visitor-1"), murmur3_32(b"100218245visitor-1", HASH_SEED));
/// assert_eq!(EXPERIENCE.bucket_value("visitor-1"), 6514);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct BucketHasher {
    state: u32,
    /// The bytes of the experience id that fill no word, in the low bytes.
    carry: u32,
    /// How many bytes `carry` holds: zero to three.
    carried: u32,
    /// The length of the experience id in bytes.
    length: u32,
}

impl BucketHasher {
    /// Prepares the hasher of an experience, with the seed of the family, [`HASH_SEED`].
    ///
    /// ```
    /// use convert_bucketing::{BucketHasher, HASH_SEED};
    ///
    /// assert_eq!(BucketHasher::new("7"), BucketHasher::with_seed("7", HASH_SEED));
    /// ```
    #[inline]
    pub const fn new(experience_id: &str) -> Self {
        Self::with_seed(experience_id, HASH_SEED)
    }

    /// Prepares the hasher of an experience with another seed.
    ///
    /// ```
    /// use convert_bucketing::{BucketHasher, murmur3_32};
    ///
    /// assert_eq!(BucketHasher::with_seed("7", 42).hash("ada"), murmur3_32(b"7ada", 42));
    /// ```
    #[inline]
    pub const fn with_seed(experience_id: &str, seed: u32) -> Self {
        let bytes = experience_id.as_bytes();
        let (state, tail) = absorb(seed, bytes);
        Self { state, carry: partial_word(tail), carried: length(tail), length: length(bytes) }
    }

    /// Hashes the experience id followed by a visitor id.
    ///
    /// ```
    /// use convert_bucketing::{BucketHasher, murmur3_32};
    ///
    /// assert_eq!(BucketHasher::new("").hash("a"), 1_551_580_458);
    /// assert_eq!(BucketHasher::new("a").hash(""), 1_551_580_458);
    /// ```
    #[inline]
    pub fn hash(&self, visitor_id: &str) -> u32 {
        self.hash_bytes(visitor_id.as_bytes())
    }

    /// Computes the bucket value of a visitor, an integer from 0 to 9999.
    ///
    /// ```
    /// use convert_bucketing::BucketHasher;
    ///
    /// assert_eq!(BucketHasher::new("100218245").bucket_value("visitor-1"), 6514);
    /// ```
    #[inline]
    pub fn bucket_value(&self, visitor_id: &str) -> u16 {
        value_from_hash(self.hash(visitor_id))
    }

    /// Computes the bucket values of a column of visitor ids, several visitors at a time.
    ///
    /// The value of each visitor id is written to the same place in `values`, and the number of
    /// values written is returned: the length of the shorter slice. The ids may be of any length;
    /// blocks whose ids are equally long, such as UUIDs, are computed in lock step.
    ///
    /// ```
    /// use convert_bucketing::BucketHasher;
    ///
    /// let hasher = BucketHasher::new("100218245");
    /// let mut values = [0; 2];
    /// assert_eq!(hasher.bucket_values(&["visitor-1", "visitor-2"], &mut values), 2);
    /// assert_eq!(values, ["visitor-1", "visitor-2"].map(|id| hasher.bucket_value(id)));
    /// ```
    pub fn bucket_values<V: AsRef<str>>(&self, visitor_ids: &[V], values: &mut [u16]) -> usize {
        let count = visitor_ids.len().min(values.len());
        #[cfg(all(feature = "simd", target_arch = "x86_64"))]
        let mut done = crate::avx2::fill(self, visitor_ids, values);
        #[cfg(not(all(feature = "simd", target_arch = "x86_64")))]
        let mut done = 0;
        if let (Some(visitor_ids), Some(values)) = (visitor_ids.get(done..), values.get_mut(done..))
        {
            done += fill_blocks::<LANES, V>(self, visitor_ids, values, Copied);
        }
        if let (Some(visitor_ids), Some(values)) = (visitor_ids.get(done..), values.get_mut(done..))
        {
            fill_each(self, visitor_ids, values);
        }
        count
    }

    /// The state after the experience id.
    #[inline]
    pub(crate) const fn state(&self) -> u32 {
        self.state
    }

    /// How many bytes of a visitor id complete the word the experience id left open.
    #[inline]
    pub(crate) const fn missing(&self) -> usize {
        (WORD - self.carried as usize) % WORD
    }

    /// The word the experience id left open, completed by the first word of a visitor id.
    #[inline]
    pub(crate) const fn joined(&self, first: u32) -> u32 {
        self.carry | (first << (8 * self.carried))
    }

    /// The length of the experience id and of a visitor id together, as the hash mixes it in.
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the algorithm takes the length modulo 2³²"
    )]
    pub(crate) const fn length_with(&self, id_length: usize) -> u32 {
        self.length.wrapping_add(id_length as u32)
    }

    #[inline]
    pub(crate) fn hash_bytes(&self, id: &[u8]) -> u32 {
        let Some(first) = id.first_chunk() else {
            return self.hash_short(id);
        };
        let (mut state, mut rest) = (self.state, id);
        let missing = self.missing();
        if missing > 0 {
            state = mix(state, self.joined(u32::from_le_bytes(*first)));
            rest = id.get(missing..).unwrap_or_default();
        }
        let (state, rest) = absorb(state, rest);
        finish(state, tail_word(id, rest.len()), self.length_with(id.len()))
    }

    /// Hashes a visitor id shorter than a word, which may or may not complete the open one.
    #[inline(never)]
    fn hash_short(&self, id: &[u8]) -> u32 {
        let bytes = u64::from(self.carry) | (u64::from(partial_word(id)) << (8 * self.carried));
        let low = u32::try_from(bytes & u64::from(u32::MAX)).unwrap_or_default();
        let high = u32::try_from(bytes >> 32).unwrap_or_default();
        if self.carried as usize + id.len() < WORD {
            finish(self.state, low, self.length_with(id.len()))
        } else {
            finish(mix(self.state, low), high, self.length_with(id.len()))
        }
    }
}

/// Computes the bucket value of a visitor in an experience, an integer from 0 to 9999.
///
/// Many visitors of one experience are cheaper with a [`BucketHasher`].
///
/// ```
/// use convert_bucketing::bucket_value;
///
/// assert_eq!(bucket_value("100218245", "visitor-1"), 6514);
/// ```
#[inline]
pub fn bucket_value(experience_id: &str, visitor_id: &str) -> u16 {
    BucketHasher::new(experience_id).bucket_value(visitor_id)
}

/// Scales a hash down to a bucket value: `trunc(hash / 2³² × 10000)`, an integer from 0 to 9999.
///
/// The division of the family's formula is exact in double precision, and so is the product,
/// which has at most 46 significant bits. The integer arithmetic used here is thus the same
/// function.
///
/// ```
/// use convert_bucketing::value_from_hash;
///
/// assert_eq!(value_from_hash(0), 0);
/// assert_eq!(value_from_hash(1 << 31), 5_000);
/// assert_eq!(value_from_hash(u32::MAX), 9_999);
/// ```
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the shifted product is below 10,000")]
pub const fn value_from_hash(hash: u32) -> u16 {
    ((hash as u64 * BUCKETS as u64) >> 32) as u16
}

/// The seed of the hash, shared by every SDK of the family.
///
/// ```
/// assert_eq!(convert_bucketing::HASH_SEED, 9999);
/// ```
pub const HASH_SEED: u32 = 9999;

/// The number of bucket values: values run from 0 to one less.
///
/// ```
/// assert_eq!(convert_bucketing::BUCKETS, 10_000);
/// ```
pub const BUCKETS: u16 = 10_000;
