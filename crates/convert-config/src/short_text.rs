//! Short texts, compared as numbers.

use crate::mark::Mark;

/// A text of at most sixteen ASCII bytes, none of them a bar, held in three words: what most
/// attributes are.
///
/// Rules compare such a text without reading it. A bar parts the values of `isIn`, so that a text
/// with one has to be read.
///
/// ```
/// use convert_config::ShortText;
///
/// assert_eq!(ShortText::of("DE"), ShortText::of("DE"));
/// assert_ne!(ShortText::of("DE"), ShortText::of("de"));
/// for long in ["a text of many bytes", "é", "de|fr"] {
///     assert_eq!(ShortText::of(long), None);
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShortText {
    mark: Mark,
}

/// A lower-case text, to be compared with texts of any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Folded {
    mark: Mark,
    /// The bit that makes a capital small, in the place of every letter.
    case: (u64, u64),
}

impl ShortText {
    /// Returns the text in this form, if it has one.
    #[inline]
    pub fn of(text: &str) -> Option<Self> {
        let mark = Mark::of(text);
        let (tail, head) = mark.words();
        let is_plain = (tail | head) & NO_ASCII == 0 && !has_bar(tail) && !has_bar(head);
        (mark.is_whole() && is_plain).then_some(ShortText { mark })
    }
}

impl Folded {
    /// Prepares a lower-case text; `None` if it is no short one.
    pub(crate) fn of(lower: &str) -> Option<Self> {
        let mark = ShortText::of(lower)?.mark;
        let (tail, head) = mark.words();
        Some(Folded { mark, case: (case_bits(tail), case_bits(head)) })
    }

    /// Returns whether `text` is this one in any case.
    #[inline]
    pub(crate) fn equals(&self, text: ShortText) -> bool {
        self.marks(text.mark)
    }

    /// Returns whether `bytes` are this text in any case.
    #[inline]
    pub(crate) fn equals_bytes(&self, bytes: &[u8]) -> bool {
        self.marks(Mark::of_bytes(bytes))
    }

    #[inline]
    fn marks(&self, mark: Mark) -> bool {
        mark.with_bits(self.case) == self.mark
    }
}

/// Returns whether there are only ASCII bytes. Made for short texts, which the standard library reads
/// byte by byte.
#[inline]
pub(crate) fn is_ascii(bytes: &[u8]) -> bool {
    fold_words(bytes, |word| word).map_or_else(|| bytes.is_ascii(), |all| all & NO_ASCII == 0)
}

/// Returns whether there are only ASCII bytes, and no capital among them: whether nothing changes when
/// they are lower-cased. As [`is_ascii`], made for short texts.
#[inline]
pub(crate) fn is_lower_ascii(bytes: &[u8]) -> bool {
    // Sets the high bit of every byte from `A` on, and of every one beyond `Z`.
    let capitals = |word: u64| {
        let low = word & !NO_ASCII;
        (low + every(0x80 - b'A')) & !(low + every(0x7F - b'Z'))
    };
    let slow = || bytes.iter().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    fold_words(bytes, |word| word | capitals(word)).map_or_else(slow, |all| all & NO_ASCII == 0)
}

/// Reads bytes eight at a time, the last eight perhaps in part again, and joins what is made of them;
/// `None` where they are fewer or many.
#[inline]
fn fold_words(bytes: &[u8], read: impl Fn(u64) -> u64) -> Option<u64> {
    let (Some(end), ..=LONGEST) = (bytes.last_chunk(), bytes.len()) else {
        return None;
    };
    let words = bytes.chunks_exact(8).filter_map(|word| word.first_chunk());
    let end = read(u64::from_le_bytes(*end));
    Some(words.fold(end, |all, word| all | read(u64::from_le_bytes(*word))))
}

/// Sets the case bit in the place of every letter of a word.
fn case_bits(word: u64) -> u64 {
    let bit = |byte: u8| if byte.is_ascii_lowercase() { CASE_BIT } else { 0 };
    u64::from_le_bytes(word.to_le_bytes().map(bit))
}

/// Whether one of the bytes of a word is a bar.
#[inline]
fn has_bar(word: u64) -> bool {
    has_zero(word ^ every(b'|'))
}

/// Returns a word with the high bit of its first zero byte set, and perhaps of later bytes; zero if
/// no byte is.
///
/// Source: Henry S. Warren, Hacker's Delight, 2nd edition, section 6-1.
#[inline]
pub(crate) fn zeros(word: u64) -> u64 {
    word.wrapping_sub(every(1)) & !word & NO_ASCII
}

#[inline]
fn has_zero(word: u64) -> bool {
    zeros(word) != 0
}

/// Returns a word of eight times this byte.
#[inline]
pub(crate) const fn every(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Of how many bytes [`fold_words`] makes something.
const LONGEST: usize = 64;
/// What sets a lower-case ASCII letter apart from its capital.
pub(crate) const CASE_BIT: u8 = 0x20;
/// The bits that no ASCII byte has.
const NO_ASCII: u64 = every(0x80);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_is_told_apart_in_every_place() {
        for length in 0..=16 {
            let plain = "k".repeat(length);
            let short = ShortText::of(&plain).unwrap();
            let folded = Folded::of(&plain).unwrap();
            assert!(folded.equals(short) && folded.equals_bytes(plain.to_uppercase().as_bytes()));
            for at in 0..length {
                for other in ["K", "\0", "+", "\u{b}"] {
                    let changed = [&plain[..at], other, &plain[at + 1..]].concat();
                    let changed = ShortText::of(&changed).unwrap();
                    assert_ne!(changed, short);
                    assert_eq!(folded.equals(changed), other == "K", "{plain} {at}");
                }
                let barred = [&plain[..at], "|", &plain[at + 1..]].concat();
                assert_eq!(ShortText::of(&barred), None);
            }
            let wide = [&plain[..length.saturating_sub(2)], "é"].concat();
            assert_eq!(ShortText::of(&wide), None);
        }
        assert_eq!(ShortText::of(&"k".repeat(17)), None);
    }

    #[test]
    fn only_letters_have_a_case() {
        let folded = Folded::of("[a]0@").unwrap();
        let equals = |text: &str| ShortText::of(text).is_some_and(|text| folded.equals(text));
        assert!(equals("[a]0@") && equals("[A]0@"));
        for other in ["{a]0@", "[a}0@", "[a]\u{10}@", "[a]0`", "[!]0@"] {
            assert!(!equals(other), "{other}");
        }
    }

    #[test]
    fn a_byte_that_is_not_ascii_is_seen_in_every_place() {
        for length in 0..80 {
            let plain = vec![b'k'; length];
            assert!(is_ascii(&plain));
            for at in 0..length {
                let mut changed = plain.clone();
                changed[at] = 0x80;
                assert!(!is_ascii(&changed), "{at} of {length}");
            }
        }
    }

    #[test]
    fn a_capital_is_seen_in_every_place() {
        for length in 1..80 {
            for at in 0..length {
                for byte in 0..=u8::MAX {
                    let mut bytes = vec![b'z'; length];
                    bytes[at] = byte;
                    let is_lower = byte.is_ascii() && !byte.is_ascii_uppercase();
                    assert_eq!(is_lower_ascii(&bytes), is_lower, "{byte} at {at} of {length}");
                }
            }
        }
    }

    #[test]
    fn the_first_zero_is_found() {
        for (word, first) in [(0x1122, 2), (0x11_0022, 1), (0, 0), (u64::MAX, 8)] {
            assert_eq!((zeros(word).trailing_zeros() / 8).min(8), first);
        }
    }
}
