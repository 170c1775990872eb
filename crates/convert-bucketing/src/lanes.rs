//! Hashing of many visitors in lock step.
//!
//! The loops that compute run over all lanes and have no branches, so that the compiler turns
//! them into vector instructions where that pays; the loops that read only copy.

use crate::hasher::BucketHasher;
use crate::murmur::{WORD, absorb, finish, mix, tail_word};

/// Hashes one block of visitor ids.
///
/// The words that all ids have are mixed in together; what the longer ids have beyond is mixed in
/// one id at a time.
#[inline]
pub(crate) fn hash_lanes(hasher: &BucketHasher, ids: &[&[u8]; LANES]) -> [u32; LANES] {
    let shortest = ids.iter().map(|id| id.len()).min().unwrap_or(0);
    if shortest < WORD {
        return ids.map(|id| hasher.hash_bytes(id));
    }
    let mut states = [hasher.state(); LANES];
    let mut at = hasher.missing();
    if at > 0 {
        let mut words = read_words(ids, 0);
        for word in &mut words {
            *word = hasher.joined(*word);
        }
        mix_words(&mut states, &words);
    }
    while at + 4 * WORD <= shortest {
        for words in &read_four_words(ids, at) {
            mix_words(&mut states, words);
        }
        at += 4 * WORD;
    }
    while at + WORD <= shortest {
        mix_words(&mut states, &read_words(ids, at));
        at += WORD;
    }
    finish_lanes(hasher, ids, at, states)
}

/// Ends the hashes of a block whose ids have been mixed in up to the position `at`.
#[inline]
fn finish_lanes(
    hasher: &BucketHasher,
    ids: &[&[u8]; LANES],
    at: usize,
    mut states: [u32; LANES],
) -> [u32; LANES] {
    let mut tails = [0; LANES];
    let mut lengths = [0; LANES];
    let ends = tails.iter_mut().zip(&mut lengths);
    for ((state, id), (tail, length)) in states.iter_mut().zip(ids).zip(ends) {
        let (mixed, rest) = absorb(*state, id.get(at..).unwrap_or_default());
        *state = mixed;
        *tail = tail_word(id, rest.len());
        *length = hasher.length_with(id);
    }
    for ((state, tail), length) in states.iter_mut().zip(&tails).zip(&lengths) {
        *state = finish(*state, *tail, *length);
    }
    states
}

#[inline]
fn mix_words(states: &mut [u32; LANES], words: &[u32; LANES]) {
    for (state, word) in states.iter_mut().zip(words) {
        *state = mix(*state, *word);
    }
}

#[inline]
fn read_words(ids: &[&[u8]; LANES], at: usize) -> [u32; LANES] {
    let mut words = [0; LANES];
    for (word, id) in words.iter_mut().zip(ids) {
        if let Some(bytes) = id.get(at..).and_then(<[u8]>::first_chunk) {
            *word = u32::from_le_bytes(*bytes);
        }
    }
    words
}

#[inline]
fn read_four_words(ids: &[&[u8]; LANES], at: usize) -> [[u32; LANES]; 4] {
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

/// How many visitors are hashed in lock step. Below 32 the compiler unrolls the loops before it
/// looks for vector instructions, and finds none.
pub(crate) const LANES: usize = 32;
