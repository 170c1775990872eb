//! Answers the command line's request lines.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| convert_fuzz::request_line(input));
