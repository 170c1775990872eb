//! Properties of the hash, split and in lock step.

use convert_bucketing::{
    BUCKETS, BucketHasher, HASH_SEED, bucket_value, murmur3_32, value_from_hash,
};
use proptest::prelude::*;

proptest! {
    #[test]
    fn the_hash_is_that_of_the_joined_ids(
        experience_id in id(),
        visitor_id in id(),
        seed in any::<u32>(),
    ) {
        let joined = format!("{experience_id}{visitor_id}");
        let expected = murmur3_32(joined.as_bytes(), seed);
        prop_assert_eq!(expected, byte_by_byte(joined.as_bytes(), seed));
        prop_assert_eq!(BucketHasher::with_seed(&experience_id, seed).hash(&visitor_id), expected);
        prop_assert_eq!(
            bucket_value(&experience_id, &visitor_id),
            value_from_hash(murmur3_32(joined.as_bytes(), HASH_SEED))
        );
    }

    #[test]
    fn the_bulk_call_gives_the_values_of_single_calls(
        experience_id in id(),
        visitor_ids in column(),
    ) {
        check_bulk(&experience_id, &visitor_ids);
    }

    #[test]
    fn the_value_is_that_of_the_formula(hash in any::<u32>()) {
        prop_assert_eq!(value_from_hash(hash), formula(hash));
    }
}

#[test]
fn every_split_of_a_text_hashes_alike() {
    let text = "Straße 42 · こんにちは · 🎉 visitor";
    for (at, _) in text.char_indices().chain([(text.len(), ' ')]) {
        let (experience_id, visitor_id) = text.split_at(at);
        let hash = BucketHasher::new(experience_id).hash(visitor_id);
        assert_eq!(hash, murmur3_32(text.as_bytes(), HASH_SEED), "split at {at}");
    }
}

#[test]
fn columns_of_every_length_and_remainder_are_computed() {
    for experience_id in ["", "1", "12", "123", "1234", "100218245"] {
        for id_length in 0..40 {
            let ids: Vec<String> = (0..70).map(|row| format!("{row:0>id_length$}")).collect();
            check_bulk(experience_id, &ids);
        }
    }
}

#[test]
fn the_bulk_call_fills_the_shorter_slice_and_leaves_the_rest() {
    let hasher = BucketHasher::new("100218245");
    let ids: Vec<String> = (0..100).map(|row| format!("visitor-{row:04}")).collect();

    let mut fewer = [u16::MAX; 50];
    assert_eq!(hasher.bucket_values(&ids, &mut fewer), 50);
    assert!(fewer.iter().zip(&ids).all(|(value, id)| *value == hasher.bucket_value(id)));

    let mut more = [u16::MAX; 120];
    assert_eq!(hasher.bucket_values(&ids, &mut more), 100);
    assert!(more.iter().zip(&ids).all(|(value, id)| *value == hasher.bucket_value(id)));
    assert!(more[100..].iter().all(|value| *value == u16::MAX));

    assert_eq!(hasher.bucket_values::<&str>(&[], &mut more), 0);
    assert_eq!(hasher.bucket_values(&ids, &mut []), 0);
}

#[test]
fn the_value_is_that_of_the_formula_at_the_edges_and_between() {
    for value in 0..u64::from(BUCKETS) {
        // The first hash of each value, and its neighbours.
        let first = (value << 32).div_ceil(u64::from(BUCKETS));
        for hash in [first.saturating_sub(1), first, first + 1] {
            let hash = u32::try_from(hash).unwrap();
            assert_eq!(value_from_hash(hash), formula(hash), "hash {hash}");
        }
        assert_eq!(u64::from(value_from_hash(u32::try_from(first).unwrap())), value);
    }
    for hash in (0..=u32::MAX).step_by(1_009).chain([u32::MAX]) {
        assert_eq!(value_from_hash(hash), formula(hash), "hash {hash}");
    }
}

fn check_bulk(experience_id: &str, visitor_ids: &[String]) {
    let hasher = BucketHasher::new(experience_id);
    let expected: Vec<u16> = visitor_ids.iter().map(|id| hasher.bucket_value(id)).collect();
    let mut values = vec![u16::MAX; visitor_ids.len()];
    assert_eq!(hasher.bucket_values(visitor_ids, &mut values), visitor_ids.len());
    assert_eq!(values, expected, "{experience_id:?} {visitor_ids:?}");
}

/// The family's formula, word for word.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it truncates")]
fn formula(hash: u32) -> u16 {
    (f64::from(hash) / 4_294_967_296.0 * 10_000.0) as u16
}

/// MurmurHash3 x86 32 in its most literal form, one byte at a time.
#[expect(clippy::unwrap_used, reason = "no test input is that long")]
fn byte_by_byte(bytes: &[u8], seed: u32) -> u32 {
    let scrambled = |word: u32| {
        let word = word.wrapping_mul(0xcc9e_2d51);
        word.rotate_left(15).wrapping_mul(0x1b87_3593)
    };
    let (mut hash, mut word) = (seed, 0_u32);
    for (index, byte) in bytes.iter().enumerate() {
        word |= u32::from(*byte) << (8 * (index % 4));
        if index % 4 == 3 {
            hash ^= scrambled(word);
            hash = hash.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
            word = 0;
        }
    }
    if bytes.len() % 4 != 0 {
        hash ^= scrambled(word);
    }
    hash ^= u32::try_from(bytes.len()).unwrap();
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

/// Ids of zero to twenty characters of one to four bytes each.
fn id() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop_oneof![
            Just('a'),
            Just('7'),
            Just('-'),
            Just('é'),
            Just('語'),
            Just('🎯'),
            any::<char>()
        ],
        0..20,
    )
    .prop_map(|characters| characters.into_iter().collect())
}

/// Columns that fill blocks and leave remainders: of equal lengths, nearly equal, and any lengths.
fn column() -> impl Strategy<Value = Vec<String>> {
    prop_oneof![
        prop::collection::vec("[0-9a-f]{36}", 0..100),
        prop::collection::vec("[0-9a-f]{30,60}", 0..100),
        prop::collection::vec(id(), 0..100),
    ]
}
