//! The core of the Convert SDK: [`Core`], visitor [`Context`]s and visitor records.
//!
//! A [`Core`] holds a project's config and is shared by the whole application; a [`Context`] stands
//! for one visitor and answers what that visitor gets. Decisions are made by `convert-decision`
//! from an immutable snapshot: they do no I/O, and a context sees one snapshot for its whole life.
//!
//! ```
//! use convert_core::{Core, SdkConfig};
//!
//! let core = Core::initialize(SdkConfig::from_json(r#"{
//!     "account_id": "1", "project": {"id": "2"},
//!     "experiences": [{"id": "3", "key": "hero", "variations": [{"id": "30", "key": "blue"}]}]}"#)?)?;
//! let visitor = core.create_context("visitor-1");
//! let experience = visitor.run_experience("hero");
//! assert_eq!(experience.map(|result| result.variation_key()), Some("blue"));
//! # Ok::<(), convert_core::Error>(())
//! ```

mod clock;
mod config;
mod context;
mod entity;
mod error;
mod handle;
mod records;
mod tracking;

pub use config::SdkConfig;
pub use context::{
    Context, ExperienceResult, FeatureResult, OwnedExperienceResult, OwnedFeatureResult,
    RunOptions, VariableError,
};
pub use entity::{Entity, EntityKind};
pub use error::Error;
pub use handle::Core;
pub use tracking::{
    Conversion, ConversionResult, DropReason, GoalValue, InvalidGoalDataError, ReleaseReason,
    Repeat,
};
