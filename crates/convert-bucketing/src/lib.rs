//! Deterministic hashing and traffic allocation of the Convert SDK.
//!
//! Which variation a visitor sees is not drawn, it is computed: the same experience, the same
//! visitor and the same traffic allocation give the same variation on every machine, in every
//! SDK of the family, for ever. This crate is that computation and nothing else. It is
//! `no_std`, has no dependencies by default, never allocates, cannot panic and contains no `unsafe`; no
//! function blocks, and every one may be called from any thread.
//!
//! # From visitor to value
//!
//! 1. The UTF-8 bytes of the experience id and of the visitor id, one right after the other,
//!    are hashed with **MurmurHash3**, the 32-bit variant for x86 (`MurmurHash3_x86_32`), by
//!    Austin Appleby, who placed it in the public domain as part of
//!    [SMHasher](https://github.com/aappleby/smhasher). The seed is [`HASH_SEED`].
//! 2. The hash is scaled down to the **bucket value**, `trunc(hash / 2³² × 10000)`, an integer
//!    from 0 to 9999: a hundredth of a percent of the traffic each. See [`value_from_hash`].
//!
//! The two ids are never joined in memory. [`BucketHasher`] keeps the state of the hash after
//! the experience id, so that a config computes it once and each visitor pays for the visitor
//! id only; [`BucketHasher::bucket_values`] takes a whole column of visitor ids in lock step.
//!
//! # From value to arm
//!
//! An experience splits the 10,000 values among its arms in one of two layouts.
//!
//! **Packed** ([`packed_ranges`]): the arms lie side by side from zero, each as wide as its
//! allocation. It is simple, but a change of one allocation moves every arm behind it, and the
//! visitors in the way change variation.
//!
//! ```text
//! 5 % + 5 %     |AAAAA|BBBBB|                                   |
//! 10 % + 10 %   |AAAAAAAAAA|BBBBBBBBBB|                         |
//! ```
//!
//! **Anchored** ([`anchored_ranges`]): each arm owns a slot in proportion to its share of the
//! total and fills it from the left. When all allocations grow in proportion, the anchors stay
//! and every arm only admits visitors; an arm that is stopped keeps its slot, empty.
//!
//! ```text
//! 5 % + 5 %     |AAAAA.....................|BBBBB...............|
//! 10 % + 10 %   |AAAAAAAAAA................|BBBBBBBBBB..........|
//! ```
//!
//! # Why the ranges are integers
//!
//! The family defines both layouts by comparisons of double-precision numbers. A bucket value is
//! an integer, and for an integer `v` and any number `x`, `v < x` says the same as
//! `v < ceil(x)` and `v >= x` the same as `v >= ceil(x)`. The boundaries are therefore computed
//! in `f64`, rounding errors included, and rounded up once, when a config is loaded. What is left
//! for each visitor is to compare small integers ([`select`]), with the same answers.
//!
//! # Example
//!
//! ```
//! use convert_bucketing::{BucketHasher, BucketRange, packed_ranges, select};
//!
//! // Computed once, when the experience is loaded.
//! let hasher = BucketHasher::new("100218245");
//! let ranges: Vec<BucketRange> = packed_ranges([50.0, 50.0]).collect();
//!
//! // Computed for each visitor.
//! let value = hasher.bucket_value("visitor-1");
//! assert_eq!(value, 6514);
//! assert_eq!(select(&ranges, value), Some(1));
//! ```
//!
//! # Performance
//!
//! A hash is one pass over the bytes: two multiplications and two rotations for every four, each
//! four waiting for the four before. The bulk call computes visitors whose ids are equally long in
//! lock step instead. With the feature `simd` and on an x86-64 processor with AVX2, which is found
//! out when it is called, those are eight at a time: a column of UUIDs was measured to take 0.42
//! of the time of single calls. Otherwise they are 32, in loops that the compiler turns into vector
//! instructions where the target has them; the x86-64 baseline cannot multiply 32-bit lanes, and
//! little is gained there (0.95).
//!
//! # Features
//!
//! `simd` adds the crate [`pulp`](https://docs.rs/pulp), which finds out what the processor can do,
//! and needs `std`. It is off by default. The values are the same with and without it.

#![no_std]

#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx2;
mod hasher;
mod lanes;
mod layout;
mod murmur;
mod range;

pub use hasher::{BUCKETS, BucketHasher, HASH_SEED, bucket_value, value_from_hash};
pub use layout::{Arm, anchored_ranges, packed_ranges, select};
pub use murmur::murmur3_32;
pub use range::BucketRange;

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
