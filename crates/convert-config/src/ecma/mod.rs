//! The few ECMAScript conversions that decisions depend on.
//!
//! The published JavaScript SDK is the reference for every decision, and it compares attributes
//! after ECMAScript has turned them into texts and numbers. These functions give the same results;
//! section numbers refer to ECMA-262.

mod number;
mod text;

pub use self::number::{
    as_rule_number, is_numeric, numbers_equal, parse_float, parse_int, to_number,
};
pub use self::text::{Lowered, compare_utf16, is_whitespace, lower, trim};
