//! Convert Experiences (FullStack) SDK: A/B tests and feature flags for Rust.
