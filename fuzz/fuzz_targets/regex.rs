//! Compiles patterns and searches texts with them.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| convert_fuzz::regex(input));
