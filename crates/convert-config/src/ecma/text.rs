//! Texts: lower-casing, white space and order.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::short_text::{CASE_BIT, Folded, ShortText, every, is_ascii, is_lower_ascii, zeros};

/// A constant text, lower-cased once, to be compared with texts of any case.
///
/// Comparisons allocate only for a text that is neither ASCII nor lower-case already, or to look for
/// a constant of more than 64 bytes in a text with capitals.
///
/// ```
/// use convert_config::ecma::Lowered;
///
/// let pro = Lowered::new("Pro");
/// assert!(pro.equals("PRO"));
/// assert!(pro.is_within("the pRo plan"));
/// assert!(pro.starts("PROFESSIONAL") && pro.ends("like a pro"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lowered {
    text: Box<str>,
    folded: Option<Folded>,
}

impl Lowered {
    /// Lower-cases `text` for later comparisons.
    pub fn new(text: &str) -> Self {
        let text: Box<str> = lower(text).into();
        Lowered { folded: Folded::of(&text), text }
    }

    /// Returns the lower-cased text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns whether `text`, lower-cased, equals this.
    pub fn equals(&self, text: &str) -> bool {
        if text.is_ascii() {
            return text.eq_ignore_ascii_case(&self.text);
        }
        lower(text) == *self.text
    }

    /// Returns whether `text`, lower-cased, equals this.
    #[inline]
    pub(crate) fn equals_short(&self, text: ShortText) -> bool {
        // A short text lower-cased is a short text.
        self.folded.as_ref().is_some_and(|folded| folded.equals(text))
    }

    /// Returns whether `text`, lower-cased, begins with this.
    pub fn starts(&self, text: &str) -> bool {
        if text.is_ascii() {
            let head = text.as_bytes().get(..self.text.len());
            return head.is_some_and(|head| head.eq_ignore_ascii_case(self.text.as_bytes()));
        }
        lower(text).starts_with(&*self.text)
    }

    /// Returns whether `text`, lower-cased, ends with this.
    pub fn ends(&self, text: &str) -> bool {
        if text.is_ascii() {
            let start = text.len().checked_sub(self.text.len());
            let tail = start.and_then(|start| text.as_bytes().get(start..));
            return tail.is_some_and(|tail| tail.eq_ignore_ascii_case(self.text.as_bytes()));
        }
        lower(text).ends_with(&*self.text)
    }

    /// Returns whether this occurs anywhere in `text`, lower-cased.
    #[inline]
    pub fn is_within(&self, text: &str) -> bool {
        if self.text.len() > SCANNED {
            return self.is_within_lowered(text);
        }
        // What is there in any ASCII case is there in lower case, whatever surrounds it.
        self.is_within_bytes(text.as_bytes())
            || (!is_ascii(text.as_bytes()) && self.is_within_lowered(text))
    }

    #[cold]
    fn is_within_lowered(&self, text: &str) -> bool {
        lower(text).contains(&*self.text)
    }

    /// Looks for this in any ASCII case, at eight places at a time.
    fn is_within_bytes(&self, text: &[u8]) -> bool {
        let needle = self.text.as_bytes();
        let (Some(first), Some(last)) = (needle.first(), text.len().checked_sub(needle.len()))
        else {
            return needle.is_empty();
        };
        let Some(end) = text.len().checked_sub(8) else {
            return text.windows(needle.len()).any(|place| self.is_place(place));
        };
        let case = if first.is_ascii_lowercase() { every(CASE_BIT) } else { 0 };
        let first = every(*first);
        let mut at = 0;
        while let Some(word) = text.get(at..).and_then(|rest| rest.first_chunk()) {
            let mut alike = zeros((u64::from_le_bytes(*word) | case) ^ first);
            while alike != 0 {
                let from = at + alike.trailing_zeros() as usize / 8;
                if text.get(from..from + needle.len()).is_some_and(|place| self.is_place(place)) {
                    return true;
                }
                alike &= alike - 1;
            }
            if at + 8 > last {
                return false;
            }
            at = end.min(at + 8);
        }
        false
    }

    /// Returns whether bytes, as many as this has, are this in any ASCII case.
    #[inline]
    fn is_place(&self, place: &[u8]) -> bool {
        match &self.folded {
            Some(folded) => folded.equals_bytes(place),
            None => place.eq_ignore_ascii_case(self.text.as_bytes()),
        }
    }
}

/// Lower-cases `text` as `String.prototype.toLowerCase` does (§22.1.3.28), final sigma included.
///
/// ```
/// use convert_config::ecma::lower;
///
/// assert_eq!(lower("ΌΔΟΣ"), "όδος");
/// assert!(matches!(lower("plain"), std::borrow::Cow::Borrowed(_)));
/// ```
pub fn lower(text: &str) -> Cow<'_, str> {
    if is_lower_ascii(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    let changes = text.is_ascii() || text.chars().any(|c| !c.to_lowercase().eq([c]));
    if changes { Cow::Owned(text.to_lowercase()) } else { Cow::Borrowed(text) }
}

/// Returns whether `c` is white space or a line terminator (§12.2, §12.3).
///
/// ```
/// use convert_config::ecma::is_whitespace;
///
/// assert!(is_whitespace('\u{feff}') && !is_whitespace('\u{200b}'));
/// ```
pub fn is_whitespace(c: char) -> bool {
    matches!(
        c,
        '\t'..='\r'
            | ' '
            | '\u{a0}'
            | '\u{1680}'
            | '\u{2000}'..='\u{200a}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{202f}'
            | '\u{205f}'
            | '\u{3000}'
            | '\u{feff}'
    )
}

/// Returns `text` without white space at either end, as `String.prototype.trim` (§22.1.3.32).
///
/// ```
/// assert_eq!(convert_config::ecma::trim("\u{feff} a b\n"), "a b");
/// ```
pub fn trim(text: &str) -> &str {
    text.trim_matches(is_whitespace)
}

/// Orders two texts by their UTF-16 code units, as `<` does (§7.2.13).
///
/// ```
/// use std::cmp::Ordering;
///
/// use convert_config::ecma::compare_utf16;
///
/// // A surrogate comes before the end of the Basic Multilingual Plane.
/// assert_eq!(compare_utf16("\u{10000}", "\u{ffff}"), Ordering::Less);
/// ```
pub fn compare_utf16(left: &str, right: &str) -> Ordering {
    if left.is_ascii() && right.is_ascii() {
        return left.cmp(right);
    }
    left.encode_utf16().cmp(right.encode_utf16())
}

/// Longer constants are searched for in linear time; of shorter ones every place is tried.
const SCANNED: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_casing_follows_unicode_beyond_ascii() {
        for (text, expected) in [
            ("İ", "i\u{307}"),
            ("ẞ", "ß"),
            ("\u{212a}", "k"),
            ("ΣΑΣ", "σας"),
            ("ǅ", "ǆ"),
            ("𐐀", "𐐨"),
        ] {
            assert_eq!(lower(text), expected);
            assert!(Lowered::new(expected).equals(text));
        }
        assert!(!Lowered::new("s").equals("ſ"));
    }

    #[test]
    fn the_order_is_that_of_utf16_units() {
        assert_eq!(compare_utf16("\u{ffff}", "\u{10000}"), Ordering::Greater);
        assert_eq!(compare_utf16("a", "b"), Ordering::Less);
        assert_eq!(compare_utf16("é", "é"), Ordering::Equal);
    }

    #[test]
    fn a_needle_longer_than_the_text_is_not_found() {
        let needle = Lowered::new("aab");
        assert!(!needle.is_within("aa") && !needle.starts("aa") && !needle.ends("ab"));
        assert!(needle.is_within("aAaAaB"));
        assert!(Lowered::new("").is_within("") && Lowered::new("").ends("x"));
        assert!(!Lowered::new("é").is_within("e"));
    }

    proptest::proptest! {
        #[test]
        fn comparisons_agree_with_lower_casing_both_sides(
            text in "[a-cA-CéÉΣσς]{0,8}",
            needle in "[a-cA-CéÉΣσς]{0,3}",
        ) {
            let lowered = Lowered::new(&needle);
            let (text_lower, needle) = (text.to_lowercase(), needle.to_lowercase());
            assert_eq!(lowered.equals(&text), text_lower == needle);
            assert_eq!(lowered.starts(&text), text_lower.starts_with(&needle));
            assert_eq!(lowered.ends(&text), text_lower.ends_with(&needle));
            assert_eq!(lowered.is_within(&text), text_lower.contains(&needle));
        }
    }
}
