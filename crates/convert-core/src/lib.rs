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
mod close;
mod config;
mod context;
mod entity;
mod error;
mod event;
mod handle;
mod health;
mod log;
mod snapshot;
mod stats;
mod striped;
mod sync;
mod tracking;
mod visitor_store;
mod worker;

#[cfg(any(test, feature = "test-util"))]
pub use clock::ManualClock;
pub use close::CloseReport;
pub use config::{CacheLevel, SdkConfig};
pub use context::{
    Context, ExperienceResult, FeatureResult, OwnedExperienceResult, OwnedFeatureResult,
    RunOptions, VariableError,
};
pub use entity::{Entity, EntityKind};
pub use error::{ConfigLoadError, Error};
pub use event::{
    BucketingEvent, ConfigSource, ConfigUpdatedEvent, ConversionEvent, DroppedEvent,
    LifecycleEvent, LocationEvent, ReadyEvent, RefreshFailedEvent, RefreshSkippedEvent,
    ReleasedEvent, SegmentsEvent, SkipReason, StoreFailedEvent, StoreOperation, Subscription,
};
pub use handle::Core;
pub use health::Health;
pub use snapshot::{RefreshConfig, RefreshConfigBuilder};
pub use stats::Stats;
pub use tracking::{
    Conversion, ConversionResult, DropReason, FlushError, GoalValue, InvalidGoalDataError,
    ReleaseReason, Repeat, SpoolError, TrackingConfig, TrackingConfigBuilder,
};
pub use visitor_store::{
    DataStore, MemoryStore, Merged, RecordDelta, StoreConfig, StoreError, StoreErrorKind, WriteMode,
};
