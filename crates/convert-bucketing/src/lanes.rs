//! Hashing of many visitors in lock step.
//!
//! The loops that compute run over all lanes and have no branches, so that the compiler turns
//! them into vector instructions where that pays; the loops that read only copy.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the processor that was found"
)]

use crate::hasher::{BucketHasher, value_from_hash};
use crate::murmur::{WORD, finish, last_bytes, mix};

/// How the words of a block of ids are read, four of each id at a time.
pub(crate) trait Rows<const LANES: usize>: Copy {
    /// Returns the four words from a byte on, each of all ids. Ids that end before read as zeros.
    fn read(self, ids: &[&[u8]; LANES], at: usize) -> [[u32; LANES]; 4];
}

/// Copies word by word, on any processor.
#[derive(Clone, Copy)]
pub(crate) struct Copied;

impl<const LANES: usize> Rows<LANES> for Copied {
    #[inline(always)]
    fn read(self, ids: &[&[u8]; LANES], at: usize) -> [[u32; LANES]; 4] {
        let mut rows = [[0; LANES]; 4];
        let [a, b, c, d] = &mut rows;
        for ((((id, a), b), c), d) in ids.iter().zip(a).zip(b).zip(c).zip(d) {
            if let Some(bytes) = id.get(at..).and_then(<[u8]>::first_chunk) {
                let [a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3] = *bytes;
                *a = u32::from_le_bytes([a0, a1, a2, a3]);
                *b = u32::from_le_bytes([b0, b1, b2, b3]);
                *c = u32::from_le_bytes([c0, c1, c2, c3]);
                *d = u32::from_le_bytes([d0, d1, d2, d3]);
            }
        }
        rows
    }
}

/// Computes the bucket values of as many visitor ids as there are whole blocks, and returns of how
/// many.
#[inline(always)]
pub(crate) fn fill_blocks<const LANES: usize, V: AsRef<str>>(
    hasher: &BucketHasher,
    visitor_ids: &[V],
    values: &mut [u16],
    rows: impl Rows<LANES>,
) -> usize {
    let blocks = visitor_ids.chunks_exact(LANES).zip(values.chunks_exact_mut(LANES));
    let mut done = 0;
    for (visitor_ids, values) in blocks {
        let mut ids: [&[u8]; LANES] = [&[]; LANES];
        for (id, visitor_id) in ids.iter_mut().zip(visitor_ids) {
            *id = visitor_id.as_ref().as_bytes();
        }
        let length = ids.first().map_or(0, |id| id.len());
        if length < WORD || ids.iter().any(|id| id.len() != length) {
            fill_each(hasher, visitor_ids, values);
        } else {
            let block = hash_block(hasher, &ids, length, rows);
            for (value, hash) in values.iter_mut().zip(&block) {
                *value = value_from_hash(*hash);
            }
        }
        done += LANES;
    }
    done
}

/// Computes the bucket values of visitor ids one by one.
#[inline(never)]
pub(crate) fn fill_each<V: AsRef<str>>(
    hasher: &BucketHasher,
    visitor_ids: &[V],
    values: &mut [u16],
) {
    for (visitor_id, value) in visitor_ids.iter().zip(values) {
        *value = hasher.bucket_value(visitor_id.as_ref());
    }
}

/// Hashes one block of visitor ids that are all of this length, at least one word.
#[inline(always)]
fn hash_block<const LANES: usize>(
    hasher: &BucketHasher,
    ids: &[&[u8]; LANES],
    length: usize,
    rows: impl Rows<LANES>,
) -> [u32; LANES] {
    let mut states = [hasher.state(); LANES];
    let mut at = hasher.missing();
    if at > 0 {
        let mut words = read_words(ids, 0);
        for word in &mut words {
            *word = hasher.joined(*word);
        }
        mix_words(&mut states, &words);
    }
    while at + 4 * WORD <= length {
        for words in &rows.read(ids, at) {
            mix_words(&mut states, words);
        }
        at += 4 * WORD;
    }
    while at + WORD <= length {
        mix_words(&mut states, &read_words(ids, at));
        at += WORD;
    }
    let (left, whole) = (length - at, hasher.length_with(length));
    for (state, last) in states.iter_mut().zip(&read_words(ids, length - WORD)) {
        *state = finish(*state, last_bytes(*last, left), whole);
    }
    states
}

#[inline(always)]
fn mix_words<const LANES: usize>(states: &mut [u32; LANES], words: &[u32; LANES]) {
    for (state, word) in states.iter_mut().zip(words) {
        *state = mix(*state, *word);
    }
}

#[inline(always)]
fn read_words<const LANES: usize>(ids: &[&[u8]; LANES], at: usize) -> [u32; LANES] {
    let mut words = [0; LANES];
    for (word, id) in words.iter_mut().zip(ids) {
        if let Some(bytes) = id.get(at..).and_then(<[u8]>::first_chunk) {
            *word = u32::from_le_bytes(*bytes);
        }
    }
    words
}

/// How many visitors are hashed in lock step. Below 32 the compiler unrolls the loops before it
/// looks for vector instructions, and finds none.
pub(crate) const LANES: usize = 32;

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::String;
    use std::vec::Vec;

    use super::*;

    proptest::proptest! {
        /// Whatever the features of the build, the portable way is one that some processor takes.
        #[test]
        fn blocks_of_any_width_agree_with_single_hashes(
            experience in "[0-9]{0,12}",
            ids in proptest::collection::vec("[a-z]{0,40}", 0..70),
            length in 0usize..70,
        ) {
            let hasher = BucketHasher::new(&experience);
            let even: Vec<String> = ids.iter().map(|id| std::format!("{id:_<length$}")).collect();
            for ids in [&ids, &even] {
                let singly: Vec<u16> = ids.iter().map(|id| hasher.bucket_value(id)).collect();
                check(&singly, fill_blocks::<LANES, String>, &hasher, ids);
                check(&singly, fill_blocks::<5, String>, &hasher, ids);
            }
        }
    }

    type Fill<R> = fn(&BucketHasher, &[String], &mut [u16], R) -> usize;

    fn check(singly: &[u16], fill: Fill<Copied>, hasher: &BucketHasher, ids: &[String]) {
        let mut values = std::vec![0; ids.len()];
        let done = fill(hasher, ids, &mut values, Copied);
        assert_eq!(values.get(..done), singly.get(..done));
    }
}
