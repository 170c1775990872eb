//! MurmurHash3 x86 32, whole and in the parts that a split input needs.

/// Hashes bytes with MurmurHash3 x86 32.
///
/// The function is total and usable in constants. Inputs longer than `u32::MAX` bytes mix in
/// their length modulo 2³², as the reference implementation does.
///
/// ```
/// use convert_bucketing::{HASH_SEED, murmur3_32};
///
/// const ANCHOR: u32 = murmur3_32(b"testString", HASH_SEED);
/// assert_eq!(ANCHOR, 2_241_850_228);
/// ```
#[inline]
pub const fn murmur3_32(bytes: &[u8], seed: u32) -> u32 {
    let (state, tail) = absorb(seed, bytes);
    finish(state, partial_word(tail), length(bytes))
}

/// Mixes every whole word of `bytes` into the state; returns the zero to three bytes left over.
#[inline]
pub(crate) const fn absorb(mut state: u32, mut bytes: &[u8]) -> (u32, &[u8]) {
    while let Some((word, rest)) = bytes.split_first_chunk::<WORD>() {
        state = mix(state, u32::from_le_bytes(*word));
        bytes = rest;
    }
    (state, bytes)
}

/// Reads up to three bytes as the low bytes of a word; bytes beyond the third are ignored.
#[inline]
pub(crate) const fn partial_word(tail: &[u8]) -> u32 {
    match *tail {
        [] => 0,
        [a] => u32::from_le_bytes([a, 0, 0, 0]),
        [a, b] => u32::from_le_bytes([a, b, 0, 0]),
        [a, b, c, ..] => u32::from_le_bytes([a, b, c, 0]),
    }
}

/// The `left` last bytes (at most three) of an id of at least one word, as the low bytes of a word.
#[inline]
pub(crate) fn tail_word(id: &[u8], left: usize) -> u32 {
    // One shifted read of the last word replaces a branch for each possible number of bytes.
    last_bytes(id.last_chunk().map_or(0, |word| u32::from_le_bytes(*word)), left)
}

/// Takes the `left` last bytes (at most three) of a word, as the low bytes of another.
#[inline]
pub(crate) fn last_bytes(word: u32, left: usize) -> u32 {
    let bits = [32, 24, 16, 8].get(left).copied().unwrap_or(0);
    word.checked_shr(bits).unwrap_or(0)
}

/// Mixes one whole word into the state.
#[inline]
pub(crate) const fn mix(state: u32, word: u32) -> u32 {
    (state ^ scramble(word)).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64)
}

/// Ends a hash: the bytes that filled no word (zero if there are none, which changes nothing), the
/// length of the whole input, and the avalanche.
#[inline]
pub(crate) const fn finish(state: u32, tail: u32, length: u32) -> u32 {
    let mut hash = state ^ scramble(tail) ^ length;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

/// The length as the algorithm mixes it in.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the algorithm takes the length modulo 2³²")]
pub(crate) const fn length(bytes: &[u8]) -> u32 {
    bytes.len() as u32
}

#[inline]
const fn scramble(word: u32) -> u32 {
    word.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593)
}

/// Bytes in a word of the hash.
pub(crate) const WORD: usize = 4;
