//! Settings at the ends of their ranges: refused, or sensible, and never a panic or a hang.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should stop at once")]

use std::sync::Arc;
use std::time::Duration;

use convert_sdk::{
    Core, MemoryStore, RefreshConfig, SdkConfig, StoreConfig, TrackingConfig, TransportConfig,
};
use convert_tests::live::{KEY, config, hero};
use test_support::{ConfigAnswer, RecordingTransport};

const DURATIONS: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_nanos(1),
    Duration::from_secs(1),
    Duration::from_secs(u64::MAX / 1_000),
    Duration::MAX,
];

/// Leads a short life with these settings.
fn live(name: &str, settings: impl FnOnce(SdkConfig) -> SdkConfig) {
    let service = RecordingTransport::default();
    service.script_configs([ConfigAnswer::body(config("1"))]);
    let sdk = SdkConfig::from_sdk_key(KEY).unwrap().transport_impl(Arc::new(service));
    let core = Core::initialize(settings(sdk)).unwrap();
    assert_eq!(hero(&core).as_deref(), Some("1"), "{name}");
    let _ = (core.health(), core.stats());
    core.refresh_now();
    let _ = core.flush(Duration::ZERO);
    assert!(core.flush(Duration::MAX).is_ok(), "{name}");
    let report = core.close(Duration::MAX);
    assert!(report.is_complete() && report.left() == 0, "{name}: {report:?}");
}

#[test]
fn durations_of_any_length_are_refused_or_work() {
    for one in DURATIONS {
        for other in DURATIONS {
            let name = format!("{one:?} {other:?}");
            let refresh = RefreshConfig::builder().interval(one).jitter(other).backoff_max(one);
            if let Ok(refresh) = refresh.build() {
                live(&name, |config| config.refresh(refresh));
            }
            let refresh = RefreshConfig::builder().backoff_factor(f64::MAX).backoff_max(one);
            if let Ok(refresh) = refresh.build() {
                live(&name, |config| config.refresh(refresh));
            }
            let tracking = TrackingConfig::builder().flush_interval(Some(one)).backoff(one, other);
            if let Ok(tracking) = tracking.build() {
                live(&name, |config| config.tracking_config(tracking));
            }
            let store = StoreConfig::default().backoff(one, other);
            live(&name, |config| config.data_store(MemoryStore::default()).store_config(store));
            let transport = TransportConfig::default().timeout(one).connect_timeout(other);
            live(&name, |config| config.transport(transport));
        }
    }
}

#[test]
fn sizes_from_nothing_to_all_there_is_are_refused_or_work() {
    for size in [0, 1, usize::MAX] {
        let name = size.to_string();
        live(&name, |config| config.record_capacity(size));
        let store = StoreConfig::default().queue_capacity(size);
        live(&name, |config| config.data_store(MemoryStore::new(size)).store_config(store));
        live(&name, |config| config.transport(TransportConfig::default().max_body(size)));
        let tracking = TrackingConfig::builder();
        for tracking in [
            tracking.clone().batch_size(size),
            tracking.clone().queue_capacity(size),
            tracking.queue_bytes(size),
        ] {
            if let Ok(tracking) = tracking.build() {
                // Without room for events there are none to deliver.
                live(&name, |config| config.tracking_config(tracking));
            }
        }
    }
}
