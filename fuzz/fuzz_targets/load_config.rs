//! Loads any bytes as a config, and decides from what loads.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| convert_fuzz::load_config(input));
