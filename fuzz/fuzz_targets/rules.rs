//! Matches rule trees and compares their elements with attributes.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| convert_fuzz::rules(input));
