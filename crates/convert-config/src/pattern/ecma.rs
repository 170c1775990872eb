//! What ECMAScript says about characters: its classes, and how it ignores case.
//!
//! Without the `u` flag a pattern sees code units, and `i` compares them by `Canonicalize`: the
//! upper-case form, but only where that is one code unit and not an ASCII one for a character
//! beyond ASCII. So `k` does not match the Kelvin sign, nor `s` the long s.

use std::sync::LazyLock;

/// `\d`.
pub(super) const DIGIT: &[(u16, u16)] = &[(0x30, 0x39)];

/// `\w`, the same with and without the `i` flag.
pub(super) const WORD: &[(u16, u16)] = &[(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)];

/// `\s`: `WhiteSpace` and `LineTerminator`.
pub(super) const SPACE: &[(u16, u16)] = &[
    (0x09, 0x0D),
    (0x20, 0x20),
    (0xA0, 0xA0),
    (0x1680, 0x1680),
    (0x2000, 0x200A),
    (0x2028, 0x2029),
    (0x202F, 0x202F),
    (0x205F, 0x205F),
    (0x3000, 0x3000),
    (0xFEFF, 0xFEFF),
];

/// What `.` does not match.
pub(super) const LINE_TERMINATOR: &[(u16, u16)] = &[(0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029)];

/// Returns whether a code unit is a word character, for `\b` and `\B`.
pub(super) fn is_word(unit: u16) -> bool {
    ascii(unit).is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Returns what a code unit is compared by when case is ignored.
pub(super) fn canonicalize(unit: u16) -> u16 {
    if let Some(byte) = ascii(unit) {
        return u16::from(byte.to_ascii_uppercase());
    }
    let Some(character) = char::from_u32(u32::from(unit)) else {
        return unit;
    };
    let mut upper = character.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(single), None) if !single.is_ascii() => {
            u16::try_from(u32::from(single)).unwrap_or(unit)
        }
        _ => unit,
    }
}

/// Returns the code units of a lower-cased text that `unit` matches when case is ignored, as
/// ranges; never empty.
pub(super) fn matched_by(unit: u16) -> Vec<(u16, u16)> {
    if let Some(byte) = ascii(unit) {
        let lower = u16::from(byte.to_ascii_lowercase());
        return vec![(lower, lower)];
    }
    let mut ranges = equivalents(unit, unit);
    if ranges.is_empty() || is_lower(unit) {
        ranges.push((unit, unit));
    }
    ranges
}

/// Adds to `ranges` the code units of a lower-cased text that are equal, ignoring case, to one
/// already there.
pub(super) fn close_over_case(ranges: &mut Vec<(u16, u16)>) {
    let mut added = Vec::new();
    for &(low, high) in ranges.iter() {
        let (upper_low, upper_high) = (low.max(0x41), high.min(0x5A));
        if upper_low <= upper_high {
            added.push((upper_low + 0x20, upper_high + 0x20));
        }
        if high >= 0x80 {
            added.extend(equivalents(low, high));
        }
    }
    ranges.append(&mut added);
}

/// Returns what the code units from `low` to `high` are equal to, beyond themselves.
fn equivalents(low: u16, high: u16) -> Vec<(u16, u16)> {
    let start = EQUIVALENTS.partition_point(|&(unit, _)| unit < low);
    EQUIVALENTS
        .iter()
        .skip(start)
        .take_while(|&&(unit, _)| unit <= high)
        .filter(|&&(_, equivalent)| !(low..=high).contains(&equivalent))
        .map(|&(_, equivalent)| (equivalent, equivalent))
        .collect()
}

fn ascii(unit: u16) -> Option<u8> {
    u8::try_from(unit).ok().filter(u8::is_ascii)
}

/// Returns whether a code unit can be left over by lower-casing.
fn is_lower(unit: u16) -> bool {
    char::from_u32(u32::from(unit)).is_none_or(|character| character.to_lowercase().eq([character]))
}

/// Pairs of a code unit beyond ASCII and another one that it equals when case is ignored, where
/// that other one can occur in a lower-cased text; sorted. Made from the Unicode tables of the
/// standard library on first use, about a millisecond once per process.
static EQUIVALENTS: LazyLock<Vec<(u16, u16)>> = LazyLock::new(|| {
    let mut classes: Vec<(u16, u16)> = Vec::new();
    for unit in 0x80..=u16::MAX {
        let canonical = canonicalize(unit);
        if canonical != unit {
            classes.push((canonical, unit));
            if canonicalize(canonical) == canonical {
                classes.push((canonical, canonical));
            }
        }
    }
    classes.sort_unstable();
    classes.dedup();
    let mut pairs = Vec::new();
    for class in classes.chunk_by(|left, right| left.0 == right.0) {
        for &(_, unit) in class {
            let others = class.iter().map(|&(_, other)| other);
            pairs.extend(
                others.filter(|&other| other != unit && is_lower(other)).map(|other| (unit, other)),
            );
        }
    }
    pairs.sort_unstable();
    pairs
});

#[cfg(test)]
mod tests {
    use super::super::units::UnitSet;
    use super::*;

    #[test]
    fn canonicalize_keeps_ascii_and_the_rest_apart() {
        let cases = [
            ('k', 'K'),
            ('\u{212A}', '\u{212A}'),
            ('ſ', 'ſ'),
            ('ß', 'ß'),
            ('µ', 'Μ'),
            ('ÿ', 'Ÿ'),
            ('ı', 'ı'),
            ('ς', 'Σ'),
            ('ŉ', 'ŉ'),
        ];
        for (from, to) in cases {
            let (from, to) = (from as u32, to as u32);
            assert_eq!(u32::from(canonicalize(u16::try_from(from).unwrap())), to, "{from:x}");
        }
    }

    #[test]
    fn matched_by_is_the_definition_on_lower_cased_text() {
        let canonical: Vec<u16> = (0..=u16::MAX).map(canonicalize).collect();
        let lower: Vec<u16> = (0..=u16::MAX).filter(|&unit| is_lower(unit)).collect();
        // Every unit of the cased scripts, and a sample of the others.
        let units = (0..0x600).chain(0x1E00..0x2200).chain((0x2200..=u16::MAX).step_by(997));
        for unit in units {
            let expected = lower
                .iter()
                .copied()
                .filter(|&other| canonical[usize::from(other)] == canonical[usize::from(unit)]);
            let matched = UnitSet::new(matched_by(unit));
            let actual = matched.ranges().iter().flat_map(|&(low, high)| low..=high);
            assert!(actual.filter(|&other| is_lower(other)).eq(expected), "{unit:x}");
        }
    }

    #[test]
    fn class_escapes_are_closed_over_case() {
        for ranges in [DIGIT, WORD, SPACE, LINE_TERMINATOR] {
            for set in [UnitSet::new(ranges.to_vec()), UnitSet::new(ranges.to_vec()).complement()] {
                let mut closed = set.ranges().to_vec();
                close_over_case(&mut closed);
                assert_eq!(UnitSet::new(closed), set);
            }
        }
    }

    #[test]
    fn lower_casing_leaves_only_lower_units() {
        for character in '\0'..=char::MAX {
            for lower in character.to_lowercase() {
                assert!(lower.to_lowercase().eq([lower]), "{character:?}");
            }
        }
    }

    #[test]
    fn word_characters_are_the_word_class() {
        let word = UnitSet::new(WORD.to_vec());
        assert!((0..=u16::MAX).all(|unit| word.contains(unit) == is_word(unit)));
    }
}
