//! Numbers: reading them out of texts.

use crate::ecma::text::{is_whitespace, trim};
use crate::value::ValueRef;

/// Returns whether two doubles are equal as `===` has it: exactly, and NaN to nothing.
///
/// ```
/// use convert_config::ecma::numbers_equal;
///
/// assert!(numbers_equal(0.0, -0.0) && !numbers_equal(f64::NAN, f64::NAN));
/// ```
#[expect(clippy::float_cmp, reason = "ECMAScript compares doubles exactly")]
pub fn numbers_equal(left: f64, right: f64) -> bool {
    left == right
}

/// Returns whether the family's rules take `text` for a number: digits, commas between groups of
/// three, a fraction, a leading minus; and finite.
///
/// ```
/// use convert_config::ecma::is_numeric;
///
/// assert!(is_numeric("-1,234.5") && is_numeric(".5"));
/// assert!(!is_numeric("1,23") && !is_numeric("1.") && !is_numeric("+1") && !is_numeric("1e3"));
/// ```
pub fn is_numeric(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (unsigned, None),
    };
    let fraction_fits = fraction.is_none_or(is_digits);
    let whole_fits =
        is_digits(whole) || is_grouped(whole) || (whole.is_empty() && fraction.is_some());
    whole_fits && fraction_fits && parse_float(&without_commas(text)).is_finite()
}

/// Returns the number the order operators read from `value`, if they take it for one.
///
/// ```
/// use convert_config::{ValueRef, ecma::as_rule_number};
///
/// assert_eq!(as_rule_number(ValueRef::Text("1,000")), Some(1000.0));
/// assert_eq!(as_rule_number(ValueRef::Text("0,500")), Some(0.5));
/// assert_eq!(as_rule_number(ValueRef::Text("ten")), None);
/// assert_eq!(as_rule_number(ValueRef::Bool(true)), None);
/// ```
pub fn as_rule_number(value: ValueRef<'_>) -> Option<f64> {
    match value {
        ValueRef::Text(text) if is_numeric(text) => Some(numeric_value(text)),
        ValueRef::Text(_) => None,
        other => other.as_number().filter(|number| number.is_finite()),
    }
}

/// Reads the longest number at the head of `text`, as the global `parseFloat` (§19.2.4).
///
/// Gives NaN where there is none.
///
/// ```
/// use convert_config::ecma::parse_float;
///
/// assert_eq!(parse_float(" 12.5 EUR"), 12.5);
/// assert!(parse_float("EUR").is_nan());
/// ```
pub fn parse_float(text: &str) -> f64 {
    let text = text.trim_start_matches(is_whitespace);
    let bytes = text.as_bytes();
    let sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let unsigned = text.get(sign..).unwrap_or_default();
    if unsigned.starts_with("Infinity") {
        return if bytes.first() == Some(&b'-') { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    let length = decimal_length(unsigned.as_bytes());
    if length == 0 {
        return f64::NAN;
    }
    text.get(..sign + length).and_then(|number| number.parse().ok()).unwrap_or(f64::NAN)
}

/// Reads the integer at the head of `text`, as the global `parseInt` (§19.2.5) without a radix.
///
/// Gives NaN where there is none; `0x` introduces hexadecimal digits.
///
/// ```
/// use convert_config::ecma::parse_int;
///
/// assert_eq!((parse_int("12.5"), parse_int("0x1F")), (12.0, 31.0));
/// assert!(parse_int("EUR").is_nan());
/// ```
pub fn parse_int(text: &str) -> f64 {
    let text = text.trim_start_matches(is_whitespace);
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    };
    let hexadecimal = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X"));
    let magnitude = match hexadecimal {
        Some(digits) => parse_hexadecimal(digits),
        None => {
            let length = digits_length(unsigned.as_bytes());
            unsigned.get(..length).and_then(|digits| digits.parse().ok()).unwrap_or(f64::NAN)
        }
    };
    if negative { -magnitude } else { magnitude }
}

/// Converts a value as the abstract operation `ToNumber` (§7.1.4), maps to NaN.
///
/// ```
/// use convert_config::ValueRef;
/// use convert_config::ecma::to_number;
///
/// assert_eq!((to_number(ValueRef::Text(" 0x10 ")), to_number(ValueRef::Null)), (16.0, 0.0));
/// assert!(to_number(ValueRef::Text("12.5 EUR")).is_nan());
/// ```
pub fn to_number(value: ValueRef<'_>) -> f64 {
    match value {
        ValueRef::Null => 0.0,
        ValueRef::Bool(value) => f64::from(u8::from(value)),
        ValueRef::Integer(_) | ValueRef::Float(_) => value.as_number().unwrap_or(f64::NAN),
        ValueRef::Text(text) => text_to_number(text),
        ValueRef::List(_) => value.with_text(text_to_number),
        ValueRef::Map(_) => f64::NAN,
    }
}

/// `StringToNumber` (§7.1.4.1.1): unlike `parseFloat`, the whole text must be a number.
fn text_to_number(text: &str) -> f64 {
    let text = trim(text);
    for (prefixes, radix) in [(["0x", "0X"], 16), (["0o", "0O"], 8), (["0b", "0B"], 2)] {
        let digits = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix));
        if let Some(digits) = digits {
            return whole_in_radix(digits, radix);
        }
    }
    if text.is_empty() {
        return 0.0;
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned == "Infinity" || decimal_length(unsigned.as_bytes()) == unsigned.len() {
        return parse_float(text);
    }
    f64::NAN
}

/// Reads digits of a radix that is a power of two. The number is rounded once, however long it is:
/// what does not fit is kept as whether there was any of it.
fn whole_in_radix(digits: &str, radix: u32) -> f64 {
    if digits.is_empty() {
        return f64::NAN;
    }
    let (mut head, mut scale, mut is_inexact) = (0_u64, 1.0, false);
    for digit in digits.chars() {
        let Some(digit) = digit.to_digit(radix) else { return f64::NAN };
        if head < HEAD_LIMIT {
            head = head * u64::from(radix) + u64::from(digit);
        } else {
            scale *= f64::from(radix);
            is_inexact |= digit != 0;
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "this is the one rounding")]
    let head = (head | u64::from(is_inexact)) as f64;
    head * scale
}

/// The value of a text that [`is_numeric`] accepts: a lone zero before the first comma makes the
/// commas decimal points, otherwise they only part groups.
fn numeric_value(text: &str) -> f64 {
    match text.split_once(',') {
        Some(("0", _)) => parse_float(&text.replace(',', ".")),
        Some(_) => parse_float(&without_commas(text)),
        None => parse_float(text),
    }
}

fn without_commas(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains(',') { text.replace(',', "").into() } else { text.into() }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// One to three digits, then at least one group of a comma and three digits.
fn is_grouped(text: &str) -> bool {
    let Some((head, groups)) = text.split_once(',') else {
        return false;
    };
    (1..=3).contains(&head.len())
        && is_digits(head)
        && groups.split(',').all(|group| group.len() == 3 && is_digits(group))
}

/// The length of the longest unsigned decimal literal at the head of `bytes`; 0 if there is none.
fn decimal_length(bytes: &[u8]) -> usize {
    let whole = digits_length(bytes);
    let mut length = whole;
    if bytes.get(length) == Some(&b'.') {
        let fraction = digits_length(bytes.get(length + 1..).unwrap_or_default());
        if whole + fraction == 0 {
            return 0;
        }
        length += 1 + fraction;
    }
    if length > 0 && matches!(bytes.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
        let exponent = digits_length(bytes.get(length + 1 + sign..).unwrap_or_default());
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    length
}

fn digits_length(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

fn parse_hexadecimal(text: &str) -> f64 {
    let length = text.bytes().take_while(u8::is_ascii_hexdigit).count();
    whole_in_radix(text.get(..length).unwrap_or_default(), 16)
}

/// Up to here, one more digit of radix 16 fits into 64 bits; from here on, there are more bits than
/// a double holds, and one to round by.
const HEAD_LIMIT: u64 = 1 << 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(read: fn(&str) -> f64, text: &str, expected: f64) {
        let found = read(text);
        assert!(
            found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan()),
            "{text:?}: {found} instead of {expected}"
        );
    }

    #[test]
    fn parse_float_reads_the_longest_prefix() {
        for (text, expected) in [
            ("12.75abc", 12.75),
            (" \u{feff}\n1e3x", 1000.0),
            ("1e", 1.0),
            ("1e+", 1.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("-.5e1", -5.0),
            ("-0", -0.0),
            (".", f64::NAN),
            ("-", f64::NAN),
            ("", f64::NAN),
            ("e5", f64::NAN),
            ("0x10", 0.0),
            ("-Infinityx", f64::NEG_INFINITY),
            ("1e400", f64::INFINITY),
            ("0.500.000", 0.5),
        ] {
            check(parse_float, text, expected);
        }
    }

    #[test]
    fn parse_int_reads_decimal_and_hexadecimal() {
        for (text, expected) in [
            ("12.75", 12.0),
            ("  12px", 12.0),
            ("0x1F", 31.0),
            ("-0x1g", -1.0),
            // Halfway but for the last digit, which decides though it is cut off.
            ("0x1000000000000081", 1_152_921_504_606_847_232.0),
            ("0x1000000000000080000000001", 7.922_816_251_426_436e28),
            ("0x", f64::NAN),
            ("1e21", 1.0),
            ("5e-7", 5.0),
            ("-0", -0.0),
            ("+7", 7.0),
            ("null", f64::NAN),
            ("", f64::NAN),
            ("123456789012345678901234567890", 123_456_789_012_345_678_901_234_567_890.0),
        ] {
            check(parse_int, text, expected);
        }
    }

    #[test]
    fn text_to_number_wants_the_whole_text() {
        for (text, expected) in [
            ("", 0.0),
            (" \t", 0.0),
            (" 50 ", 50.0),
            ("0x1f", 31.0),
            ("0b101", 5.0),
            ("0o17", 15.0),
            ("-0x1", f64::NAN),
            ("1px", f64::NAN),
            ("1,000", f64::NAN),
            ("Infinity", f64::INFINITY),
            ("+.5e1", 5.0),
            ("0b2", f64::NAN),
            ("0x1000000000000081", 1_152_921_504_606_847_232.0),
        ] {
            check(text_to_number, text, expected);
        }
    }

    #[test]
    fn numeric_texts_are_those_of_the_family() {
        for text in ["0", "1,000,000", "12,345.678", "-.5", "007", "0,500", "-0,500"] {
            assert!(is_numeric(text), "{text}");
        }
        let huge = "9".repeat(400);
        for text in ["", "-", ".", "1.", "1,00", "1,0000", "1234,567", ",123", "1 ", "١", &huge] {
            assert!(!is_numeric(text), "{text}");
        }
        assert!((numeric_value("-0,500") - -500.0).abs() < f64::EPSILON);
    }
}
