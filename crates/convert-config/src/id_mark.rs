//! Telling ids apart at a glance.

/// A number that stands for an id, to look assignments up with.
///
/// An id that is a plain decimal number, as nearly all are, has that number for its mark, which no
/// other id shares. Every other id has a mark above all of those, which several may share.
///
/// ```
/// use convert_config::IdMark;
///
/// assert!(IdMark::of("9") < IdMark::of("10") && IdMark::of("10") < IdMark::of("hero"));
/// assert!(IdMark::of("10").is_own() && !IdMark::of("hero").is_own());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct IdMark(u64);

impl IdMark {
    /// Returns the mark of an id.
    pub fn of(id: &str) -> Self {
        let bytes = id.as_bytes();
        let is_plain = match bytes {
            [b'0'] => true,
            [b'1'..=b'9', rest @ ..] => {
                rest.len() < MOST_DIGITS && rest.iter().all(u8::is_ascii_digit)
            }
            _ => false,
        };
        if is_plain {
            let digits = bytes.iter().map(|digit| u64::from(digit & 0x0F));
            return IdMark(digits.fold(0, |number, digit| 10 * number + digit));
        }
        let mix = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME);
        IdMark(bytes.iter().fold(FNV_OFFSET, mix) | SHARED)
    }

    /// Returns whether no other id has this mark.
    #[inline]
    pub fn is_own(self) -> bool {
        self.0 < SHARED
    }
}

/// What marks that ids may share begin at; more than any number of so few digits.
const SHARED: u64 = 1 << 63;
const MOST_DIGITS: usize = 18;
const FNV_OFFSET: u64 = 0xCBF2_9CE4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01B3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_numbers_have_marks_of_their_own() {
        for (id, mark) in [("0", 0), ("7", 7), ("100334665", 100_334_665)] {
            assert_eq!(IdMark::of(id), IdMark(mark));
        }
        assert_eq!(IdMark::of("999999999999999999"), IdMark(999_999_999_999_999_999));
        for other in ["", "00", "01", "-1", "1.0", " 1", "9999999999999999999", "x"] {
            assert!(!IdMark::of(other).is_own(), "{other}");
        }
    }
}
