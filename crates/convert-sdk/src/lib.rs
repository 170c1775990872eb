//! Convert Experiences (`FullStack`) for Rust: A/B tests and feature flags, decided locally.
//!
//! An application makes one [`Core`] from a project's config, makes a [`Context`] for each visitor,
//! and asks it which variation of an experience, or which feature variables, the visitor gets.
//! Decisions are hashes and comparisons on the caller's thread: no I/O, no lock, no surprise.
//!
//! # Quick start
//!
//! ```
//! use convert_sdk::{Core, SdkConfig, attributes};
//!
//! let config = r#"{
//!     "account_id": "1001",
//!     "project": {"id": "2002"},
//!     "features": [{"id": "7", "key": "banner", "variables": [{"key": "enabled", "type": "boolean"}]}],
//!     "experiences": [{
//!         "id": "3003", "key": "checkout",
//!         "variations": [
//!             {"id": "1", "key": "original", "traffic_allocation": 50},
//!             {"id": "2", "key": "one-page", "traffic_allocation": 50, "changes": [{
//!                 "type": "fullStackFeature",
//!                 "data": {"feature_id": 7, "variables_data": {"enabled": "true"}}}]}]}]}"#;
//!
//! let core = Core::initialize(SdkConfig::from_json(config)?)?;
//!
//! let visitor = core
//!     .create_context("visitor-001")
//!     .with_attributes(attributes! { "country" => "DE", "plan" => "pro", "age" => 42 });
//!
//! if let Some(experience) = visitor.run_experience("checkout") {
//!     println!("show {}", experience.variation_key());
//! }
//! if let Some(banner) = visitor.run_feature("banner") {
//!     let enabled: bool = banner.variable("enabled")?;
//!     println!("banner enabled: {enabled}");
//! }
//! println!("{}", visitor.explain_experience("checkout"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What an answer depends on
//!
//! A decision follows from the config, the visitor's id, the attributes and the visitor's record,
//! and from nothing else: no environment variable, feature flag or platform changes it. A visitor
//! keeps the variation of an experience as long as the record remembers it ([`Context`]).
//!
//! The gates stand in this order: the experience exists and is not archived; its environment is the
//! SDK's; a location matches; the audiences match; the visitor is in a segment, where there are
//! any; there are variations. Then the forced variation is taken, else the remembered one, else the
//! one that the visitor's hash falls on. [`Context::explain_experience`] shows each step.
//!
//! # Missing answers are not errors
//!
//! `run_experience` and `run_feature` return `None` for a visitor who is not part of it. Errors are
//! for mistakes at set-up: an unusable config, say, with the JSON path of what is wrong.

pub use convert_config::{
    Audience, Buckets, Catalog, Change, Diagnostic, EntityCounts, Experience, Feature,
    FeatureChange, Goal, Identified, InvalidConfigError, Layout, Location, LocationGate,
    ProjectConfig, Segment, Severity, Value, ValueError, ValueRef, VariableKind, Variation,
    repair_json,
};
pub use convert_core::{
    Context, Core, Entity, EntityKind, Error, ExperienceResult, FeatureResult,
    OwnedExperienceResult, OwnedFeatureResult, RunOptions, SdkConfig, VariableError,
};
pub use convert_decision::{
    Answer, AttributeProvider, Attributes, ClockFace, ExplainedOutcome, Explanation, Moment,
    Preview, PreviewError, Reason, Segments, Source, Step, Subject, VisitorRecord, WallClock,
    attributes,
};
