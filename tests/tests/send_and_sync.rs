//! What may be shared between threads, checked by the compiler.

use std::collections::BTreeSet;

use convert_sdk::{
    Answer, AttributeProvider, Attributes, AttributesIter, Audience, BatchRequest, BatchResponse,
    BucketingEvent, Buckets, CacheLevel, Catalog, Change, ClockFace, CloseReport, ConfigBody,
    ConfigLoadError, ConfigRequest, ConfigResponse, ConfigSource, ConfigUpdatedEvent, Context,
    Conversion, ConversionEvent, ConversionResult, Core, DataStore, Diagnostic, DropReason,
    DroppedEvent, Entity, EntityCounts, EntityKind, Error, Experience, ExperienceResult,
    ExplainedOutcome, Explanation, Feature, FeatureChange, FeatureResult, FlushError, Goal,
    GoalValue, Health, HttpsTransport, HttpsUrl, HttpsUrlTemplate, InvalidConfigError,
    InvalidGoalDataError, Layout, LifecycleEvent, Location, LocationEvent, LocationGate,
    ManualClock, MemoryStore, Merged, Moment, OwnedExperienceResult, OwnedFeatureResult, Preview,
    PreviewError, ProjectConfig, ProjectSettings, ProxyUrl, ReadyEvent, Reason, RecordDelta,
    RefreshConfig, RefreshConfigBuilder, RefreshFailedEvent, RefreshSkippedEvent, ReleaseReason,
    ReleasedEvent, Repeat, RunOptions, SdkConfig, SdkKey, Secret, Segment, Segments, SegmentsEvent,
    Severity, SkipReason, Source, SpoolError, Stats, Step, StoreConfig, StoreError, StoreErrorKind,
    StoreFailedEvent, StoreOperation, Subject, Subscription, Text, TrackingConfig,
    TrackingConfigBuilder, Transport, TransportConfig, TransportError, TransportErrorKind,
    Validators, Value, ValueError, ValueList, ValueMap, ValueRef, VariableError, VariableKind,
    Variation, VisitorRecord, WallClock, WriteMode,
};

/// Takes the name of a type that may be shared between threads; no other compiles.
fn shared<T: Send + Sync + ?Sized>() -> &'static str {
    std::any::type_name::<T>()
}

/// Returns the bare name of each type.
macro_rules! names_of {
    ($($shared:ty),* $(,)?) => {
        [$((shared::<$shared>(), stringify!($shared)).1),*]
    };
}

/// The public types, those of errors and events included, and the traits that applications
/// implement.
fn types() -> BTreeSet<&'static str> {
    let written = [
        &names_of![
            Answer,
            Attributes,
            AttributesIter<'_>,
            Audience,
            BatchRequest,
            BatchResponse,
            BucketingEvent,
            Buckets,
            CacheLevel,
            Catalog<Experience>,
            Change,
            ClockFace,
            CloseReport,
            ConfigBody,
            ConfigLoadError,
            ConfigRequest,
            ConfigResponse,
            ConfigSource,
            ConfigUpdatedEvent,
            Context,
            Conversion,
            ConversionEvent,
            ConversionResult,
            Core,
            Diagnostic,
            DropReason,
            DroppedEvent,
            Entity<'_>,
            EntityCounts,
            EntityKind,
            Error,
            Experience,
            ExperienceResult<'_>,
            ExplainedOutcome,
            Explanation,
            Feature,
            FeatureChange,
            FeatureResult<'_>,
            FlushError,
            Goal,
            GoalValue,
            Health,
            HttpsTransport,
            HttpsUrl,
            HttpsUrlTemplate,
            InvalidConfigError,
            InvalidGoalDataError,
            Layout,
            LifecycleEvent,
            Location,
            LocationEvent,
            LocationGate,
            ManualClock,
            MemoryStore,
            Merged,
            Moment,
            OwnedExperienceResult,
            OwnedFeatureResult,
            Preview,
            PreviewError,
            ProjectConfig,
            ProjectSettings,
            ProxyUrl,
            ReadyEvent,
            Reason,
            RecordDelta<'_>,
            RefreshConfig,
            RefreshConfigBuilder,
            RefreshFailedEvent,
            RefreshSkippedEvent,
            ReleaseReason,
            ReleasedEvent,
            Repeat,
            RunOptions<'_>,
            SdkConfig,
            SdkKey,
            Secret,
            Segment,
            Segments,
            SegmentsEvent,
            Severity,
            SkipReason,
            Source,
            SpoolError,
            Stats,
            Step,
            StoreConfig,
            StoreError,
            StoreErrorKind,
            StoreFailedEvent,
            StoreOperation,
            Subject,
            Subscription,
            Text<'_>,
            TrackingConfig,
            TrackingConfigBuilder,
            TransportConfig,
            TransportError,
            TransportErrorKind,
            Validators,
            Value<'_>,
            ValueError,
            ValueList<'_>,
            ValueMap<'_>,
            ValueRef<'_>,
            VariableError,
            VariableKind,
            Variation,
            VisitorRecord,
            WriteMode,
        ][..],
        &names_of![dyn AttributeProvider, dyn DataStore, dyn Transport, dyn WallClock],
    ];
    let bare = |name: &'static str| name.trim_start_matches("dyn ").split('<').next();
    written.into_iter().flatten().filter_map(|name| bare(name)).map(str::trim).collect()
}

#[test]
fn every_public_type_can_be_shared_between_threads() {
    let facade = include_str!("../../crates/convert-sdk/src/lib.rs");
    let exports = facade.split("pub use ").skip(1).filter_map(|export| export.split_once(';'));
    let names = exports.flat_map(|(export, _)| {
        export.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
    });
    let exported: BTreeSet<&str> =
        names.filter(|name| name.starts_with(|first: char| first.is_ascii_uppercase())).collect();
    assert!(exported.len() > 100, "the exports were read: {exported:?}");
    // A bound of generic code: there are no values of it to share.
    let expected: BTreeSet<&str> =
        exported.into_iter().filter(|name| *name != "Identified").collect();
    let missing: Vec<_> = expected.symmetric_difference(&types()).copied().collect();
    assert_eq!(missing, Vec::<&str>::new(), "in one list and not in the other");
}

#[test]
fn what_is_kept_borrows_nothing() {
    fn kept<T: Send + Sync + 'static>() -> &'static str {
        shared::<T>()
    }
    let kept = [
        kept::<Core>(),
        kept::<Context>(),
        kept::<SdkConfig>(),
        kept::<Explanation>(),
        kept::<OwnedExperienceResult>(),
        kept::<OwnedFeatureResult>(),
        kept::<VisitorRecord>(),
        kept::<Subscription>(),
        kept::<Error>(),
    ];
    assert!(kept.iter().all(|name| name.starts_with("convert_")), "{kept:?}");
}
