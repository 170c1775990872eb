//! What may be shared between threads, checked by the compiler.

use std::collections::BTreeSet;

use convert_sdk::{
    Context, Core, Error, Explanation, OwnedExperienceResult, OwnedFeatureResult, SdkConfig,
    Subscription, VisitorRecord,
};

/// Takes a type that may be shared between threads; no other compiles.
fn shared<T: Send + Sync + ?Sized>() -> &'static str {
    std::any::type_name::<T>()
}

/// Checks types of the facade and returns their names.
macro_rules! checked {
    (dyn $($name:ident)+) => {
        [$((shared::<dyn convert_sdk::$name>(), stringify!($name)).1),+]
    };
    ($($name:ident $([$parameter:tt])?)+) => {
        [$((shared::<convert_sdk::$name $(<$parameter>)?>(), stringify!($name)).1),+]
    };
}

/// Returns the public types, and the traits that applications implement.
fn types() -> BTreeSet<&'static str> {
    let types = checked! {
        Answer Attributes AttributesIter['_] Audience BatchRequest BatchResponse BucketingEvent
        Buckets CacheLevel Catalog[u8] Change ClockFace CloseReport ConfigBody ConfigLoadError
        ConfigRequest ConfigResponse ConfigSource ConfigUpdatedEvent Context Conversion
        ConversionEvent ConversionResult Core Diagnostic DropReason DroppedEvent Entity['_]
        EntityCounts EntityKind Error Experience ExperienceResult['_] ExplainedOutcome Explanation
        Feature FeatureChange FeatureResult['_] FlushError Goal GoalValue Health HttpsTransport
        HttpsUrl HttpsUrlTemplate InvalidConfigError InvalidGoalDataError Layout LifecycleEvent
        Location LocationEvent LocationGate ManualClock MemoryStore Merged Moment
        OwnedExperienceResult OwnedFeatureResult Preview PreviewError ProjectConfig
        ProjectSettings ProxyUrl ReadyEvent Reason RecordDelta['_] RefreshConfig
        RefreshConfigBuilder RefreshFailedEvent RefreshSkippedEvent ReleaseReason ReleasedEvent
        Repeat RunOptions['_] SdkConfig SdkKey Secret Segment Segments SegmentsEvent Severity
        SkipReason Source SpoolError Stats Step StepRef['_] Steps['_] StoreConfig StoreError StoreErrorKind
        StoreFailedEvent StoreOperation Subject Subscription Text['_] TrackingConfig
        TrackingConfigBuilder TransportConfig TransportError TransportErrorKind Validators
        Value['_] ValueError ValueList['_] ValueMap['_] ValueRef['_] VariableError VariableKind
        Variation VisitorRecord WriteMode
    };
    let traits = checked! { dyn AttributeProvider DataStore Transport WallClock };
    types.into_iter().chain(traits).collect()
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
