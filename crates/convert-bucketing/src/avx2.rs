//! Hashing of eight visitors at a time with AVX2, where the processor has it.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the processor that was found"
)]

use core::arch::x86_64::__m128i;

use pulp::x86::V3;
use pulp::{NullaryFnOnce, cast};

use crate::hasher::BucketHasher;
use crate::lanes::{Rows, fill_blocks};

/// Computes the bucket values of as many visitor ids as there are whole blocks, and returns of how
/// many: of none on a processor without AVX2.
pub(crate) fn fill<V: AsRef<str>>(
    hasher: &BucketHasher,
    visitor_ids: &[V],
    values: &mut [u16],
) -> usize {
    V3::try_new().map_or(0, |v3| v3.vectorize(Fill { hasher, visitor_ids, values, v3 }))
}

struct Fill<'a, V> {
    hasher: &'a BucketHasher,
    visitor_ids: &'a [V],
    values: &'a mut [u16],
    v3: V3,
}

impl<V: AsRef<str>> NullaryFnOnce for Fill<'_, V> {
    type Output = usize;

    #[inline(always)]
    fn call(self) -> usize {
        fill_blocks(self.hasher, self.visitor_ids, self.values, Transposed(self.v3))
    }
}

/// Reads the four words of each id in one go, and transposes them.
#[derive(Clone, Copy)]
struct Transposed(V3);

impl Rows<8> for Transposed {
    #[inline(always)]
    fn read(self, ids: &[&[u8]; 8], at: usize) -> [[u32; 8]; 4] {
        let V3 { avx, avx2, .. } = self.0;
        let [one, two, three, four, five, six, seven, eight] = ids;
        // `array::map` would not be compiled for the processor.
        let beside = |low, high| avx._mm256_set_m128i(sixteen(high, at), sixteen(low, at));
        let (one, two) = (beside(one, five), beside(two, six));
        let (three, four) = (beside(three, seven), beside(four, eight));
        let low = [avx2._mm256_unpacklo_epi32(one, two), avx2._mm256_unpacklo_epi32(three, four)];
        let high = [avx2._mm256_unpackhi_epi32(one, two), avx2._mm256_unpackhi_epi32(three, four)];
        [
            cast(avx2._mm256_unpacklo_epi64(low[0], low[1])),
            cast(avx2._mm256_unpackhi_epi64(low[0], low[1])),
            cast(avx2._mm256_unpacklo_epi64(high[0], high[1])),
            cast(avx2._mm256_unpackhi_epi64(high[0], high[1])),
        ]
    }
}

/// Reads sixteen bytes.
#[inline(always)]
fn sixteen(id: &[u8], at: usize) -> __m128i {
    let bytes: Option<&[u8; 16]> = id.get(at..).and_then(<[u8]>::first_chunk);
    cast(*bytes.unwrap_or(&[0; 16]))
}
