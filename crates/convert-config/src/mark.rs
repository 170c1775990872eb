//! Telling texts apart at a glance.

/// A text's ends and length: what tells most texts apart without reading them.
///
/// Looking for a text among a few others is then comparing words. Texts with different marks
/// differ; equal marks settle it for texts of at most sixteen bytes, and the others must be read.
///
/// ```
/// use convert_config::Mark;
///
/// assert_eq!(Mark::of("country"), Mark::of("country"));
/// assert_ne!(Mark::of("country"), Mark::of("county"));
/// assert!(Mark::of("country").is_whole() && !Mark::of("country of residence").is_whole());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    tail: u64,
    head: u64,
    length: usize,
}

impl Mark {
    /// Returns the mark of `text`.
    #[inline]
    pub fn of(text: &str) -> Self {
        Self::of_bytes(text.as_bytes())
    }

    /// Returns the length of the text in bytes.
    #[inline]
    pub fn length(self) -> usize {
        self.length
    }

    /// Returns the mark of a text's bytes.
    #[inline]
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        let length = bytes.len();
        match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
            (Some(head), Some(tail)) => {
                Mark { tail: u64::from_le_bytes(*tail), head: u64::from_le_bytes(*head), length }
            }
            _ => Mark { tail: short(bytes), head: 0, length },
        }
    }

    /// Returns the words that hold the text's end and beginning.
    #[inline]
    pub(crate) fn words(self) -> (u64, u64) {
        (self.tail, self.head)
    }

    /// Sets bits of the words.
    #[inline]
    pub(crate) fn with_bits(self, (tail, head): (u64, u64)) -> Self {
        Mark { tail: self.tail | tail, head: self.head | head, ..self }
    }

    /// Returns whether the mark holds the whole text, so that equal marks mean equal texts.
    #[inline]
    pub fn is_whole(self) -> bool {
        self.length <= 16
    }
}

/// Packs fewer than eight bytes into a word.
#[inline]
fn short(bytes: &[u8]) -> u64 {
    if let (Some(head), Some(tail)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return u64::from(u32::from_le_bytes(*head)) | u64::from(u32::from_le_bytes(*tail)) << 32;
    }
    bytes.iter().fold(0, |packed, byte| packed << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_has_marks_of_its_own() {
        for text in
            ["abcdefghijklmnopqrstuvwxyz", "aaaaaaaaaaaaaaaaaaaaaaaa", "\0\0\0\0\0\0\0\0\0\0"]
        {
            let ends = 0..=text.len();
            let marks: Vec<Mark> = ends.filter_map(|end| text.get(..end)).map(Mark::of).collect();
            for (index, mark) in marks.iter().enumerate() {
                assert_eq!(marks.iter().position(|other| other == mark), Some(index));
            }
        }
    }

    #[test]
    fn a_whole_mark_holds_every_byte() {
        for length in 1..=16 {
            for at in 0..length {
                let plain = "x".repeat(length);
                let changed = [&plain[..at], "y", &plain[at + 1..]].concat();
                assert!(Mark::of(&plain).is_whole());
                assert_ne!(Mark::of(&plain), Mark::of(&changed));
            }
        }
    }
}
