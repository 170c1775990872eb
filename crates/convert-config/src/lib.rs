//! Serving-config schema, validation and compilation for the Convert SDK.
//!
//! [`ProjectConfig::from_json`] reads what the service serves and turns it, once, into an immutable
//! snapshot in which everything that follows from the config alone is already worked out: lookup
//! tables, rule trees with normalised constants and compiled regexes, bucket ranges, cast feature
//! variables. Nothing here does I/O, takes a lock or reads a clock.
//!
//! Loading is strict at the root and tolerant below it. A config that is not an object, or that
//! lacks its account or project id, is an [`InvalidConfigError`] that names the JSON path. One
//! broken experience, rule or feature becomes a [`Diagnostic`], and the rest keeps working.
//!
//! ```
//! use convert_config::ProjectConfig;
//!
//! let config = ProjectConfig::from_json(
//!     r#"{"account_id": "1001", "project": {"id": 2002}, "experiences": [{"id": "1", "key": "hero"}]}"#,
//! )?;
//! assert_eq!(config.project_id(), "2002");
//! assert!(config.experiences().by_key("hero").is_some());
//! # Ok::<(), convert_config::InvalidConfigError>(())
//! ```

mod buckets;
mod catalog;
mod diagnostic;
pub mod ecma;
mod entity;
mod error;
#[doc(hidden)]
pub mod escape;
mod experience;
mod feature;
mod id_mark;
mod index;
mod load;
mod mark;
mod outline;
pub mod pattern;
mod project;
pub mod rule;
mod segment_names;
mod short_text;
mod value;
mod variation;
#[doc(hidden)]
pub mod work;

pub use buckets::{Buckets, Layout};
pub use catalog::{Catalog, Identified};
pub use diagnostic::{Diagnostic, Severity};
pub use entity::{Audience, Goal, Location, Segment};
pub use error::InvalidConfigError;
pub use experience::{Experience, LocationGate};
pub use feature::{Feature, VariableKind};
pub use id_mark::IdMark;
pub use load::json::repair_json;
pub use mark::Mark;
pub use outline::Outline;
pub use project::{EntityCounts, ProjectConfig, ProjectSettings};
pub use segment_names::{CUSTOM_SEGMENTS, is_segment_name};
pub use short_text::ShortText;
pub use value::{Text, Value, ValueError, ValueList, ValueMap, ValueRef};
pub use variation::{Change, FeatureChange, Variation};
