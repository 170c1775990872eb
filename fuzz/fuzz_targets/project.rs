//! Loads configs that are nearly what the service serves, and decides from them.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| convert_fuzz::project(input));
