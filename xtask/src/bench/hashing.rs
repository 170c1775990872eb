//! The hash alone: a bare one over joined bytes, the prepared one, and the bulk call.

use std::hint::black_box;

use convert_bucketing::{BucketHasher, HASH_SEED, murmur3_32};

use super::fixture::Fixture;
use super::measure::Work;
use super::repeat::{REPEATS, repeat};

pub(super) fn works(fixture: &Fixture) -> Vec<Work<'static>> {
    let visitors = fixture.visitors();
    // Each column is allocated in one go, so that none meets more cache misses than the others.
    let joined: Vec<String> =
        visitors.iter().map(|visitor| [EXPERIENCE_ID, &visitor.id].concat()).collect();
    let ids: Vec<String> = visitors.iter().map(|visitor| visitor.id.clone()).collect();
    let column = ids.clone();
    let mut values = vec![0; ids.len()];
    let hasher = BucketHasher::new(EXPERIENCE_ID);
    let operations = ids.len() * REPEATS;
    vec![
        Work::new("murmur3_45", operations, move || {
            repeat(|| {
                for text in &joined {
                    black_box(murmur3_32(black_box(text.as_bytes()), HASH_SEED));
                }
            });
        }),
        Work::new("bucket_value", operations, move || {
            repeat(|| {
                for id in &ids {
                    black_box(hasher.bucket_value(black_box(id)));
                }
            });
        }),
        Work::new("bucket_value_bulk", operations, move || {
            repeat(|| {
                black_box(hasher.bucket_values(black_box(&column), &mut values));
            });
        }),
    ]
}

/// Nine bytes, as the service's ids have.
const EXPERIENCE_ID: &str = "100000042";
