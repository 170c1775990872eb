//! Serving-config schema, validation and compilation of the Convert SDK.

pub mod pattern;
