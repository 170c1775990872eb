//! What may be shared between threads, checked by the compiler.

use convert_sdk::{
    Attributes, Context, Conversion, ConversionResult, Core, Diagnostic, Entity, Error,
    ExperienceResult, Explanation, FeatureResult, Health, LifecycleEvent, OwnedExperienceResult,
    OwnedFeatureResult, Preview, ProjectConfig, RefreshConfig, RunOptions, SdkConfig, Segments,
    Stats, StoreConfig, Subscription, TrackingConfig, TransportConfig, Value, VisitorRecord,
};

fn shared<T: Send + Sync>() -> usize {
    size_of::<T>()
}

fn kept<T: Send + Sync + 'static>() -> usize {
    shared::<T>()
}

#[test]
fn every_public_type_can_be_shared_between_threads() {
    let kept = [
        kept::<Core>(),
        kept::<Context>(),
        kept::<SdkConfig>(),
        kept::<ProjectConfig>(),
        kept::<Attributes>(),
        kept::<Segments>(),
        kept::<VisitorRecord>(),
        kept::<Preview>(),
        kept::<Conversion>(),
        kept::<ConversionResult>(),
        kept::<Explanation>(),
        kept::<Diagnostic>(),
        kept::<OwnedExperienceResult>(),
        kept::<OwnedFeatureResult>(),
        kept::<LifecycleEvent>(),
        kept::<Subscription>(),
        kept::<Health>(),
        kept::<Stats>(),
        kept::<Error>(),
        kept::<RefreshConfig>(),
        kept::<TrackingConfig>(),
        kept::<TransportConfig>(),
        kept::<StoreConfig>(),
    ];
    let borrowed = [
        shared::<ExperienceResult<'_>>(),
        shared::<FeatureResult<'_>>(),
        shared::<RunOptions<'_>>(),
        shared::<Entity<'_>>(),
        shared::<Value<'_>>(),
    ];
    assert!(kept.iter().chain(&borrowed).all(|size| *size > 0));
}
