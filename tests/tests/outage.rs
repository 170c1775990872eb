//! A service that is down for an hour.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should stop at once")]

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use convert_sdk::{
    BatchRequest, BatchResponse, ConfigRequest, ConfigResponse, Core, LifecycleEvent, ManualClock,
    SdkConfig, TrackingConfig, TrackingConfigBuilder, Transport, TransportError,
    TransportErrorKind,
};
use convert_tests::directory::Directory;
use convert_tests::sink::{PROJECT, body, events_of};

const PATIENCE: Duration = Duration::from_secs(60);
/// As often as the clock is moved on, and what happens in between.
const STEP: Duration = Duration::from_secs(10);
const STEPS: usize = 360;
const EVENTS: usize = 200;
/// The bounds of the queue, as by default.
const MOST_EVENTS: u64 = 10_000;
const MOST_BYTES: u64 = 8 << 20;

/// A service that is down at first.
#[derive(Default)]
struct Service {
    is_up: AtomicBool,
    attempts: AtomicUsize,
    accepted: Mutex<Vec<String>>,
}

impl Transport for Service {
    fn fetch_config(&self, request: &ConfigRequest) -> Result<ConfigResponse, TransportError> {
        Err(request.error(TransportErrorKind::Network))
    }

    fn send_batch(&self, request: &BatchRequest) -> Result<BatchResponse, TransportError> {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        if !self.is_up.load(Ordering::Relaxed) {
            return Err(request.error(TransportErrorKind::Network));
        }
        let visitors = events_of(&body(request.body())).into_iter().map(|(visitor, _)| visitor);
        self.accepted.lock().unwrap().extend(visitors);
        Ok(BatchResponse::new(200))
    }
}

struct Outage {
    core: Core,
    service: Arc<Service>,
    clock: ManualClock,
    told: Arc<AtomicU64>,
}

impl Outage {
    /// Lets an hour pass in which every visitor is new, and checks the bounds all the while.
    fn pass(settings: impl FnOnce(TrackingConfigBuilder) -> TrackingConfigBuilder) -> Self {
        let (service, clock) = (Arc::new(Service::default()), ManualClock::new());
        let told = Arc::new(AtomicU64::new(0));
        let dropped = Arc::clone(&told);
        let config = SdkConfig::from_json(PROJECT).unwrap().tracking(true);
        let config = config
            .transport_impl(Arc::clone(&service))
            .manual_clock(clock.clone())
            .tracking_config(settings(TrackingConfig::builder()).build().unwrap())
            .on_event(move |event| {
                if let LifecycleEvent::EventsDropped(event) = event {
                    dropped.fetch_add(event.count(), Ordering::Relaxed);
                }
            });
        let core = Core::initialize(config).unwrap();
        for step in 0..STEPS {
            for number in 0..EVENTS {
                let visitor = core.create_context(name(step * EVENTS + number));
                assert!(visitor.run_experience("hero").is_some());
            }
            let stats = core.stats();
            assert!(stats.queue_events <= MOST_EVENTS, "{stats:?}");
            assert!(stats.queue_bytes <= MOST_BYTES, "{stats:?}");
            // The worker waits for the next attempt, or for more events.
            clock.next_alarm();
            clock.advance(STEP);
        }
        assert_eq!(core.stats().events_queued, all());
        let attempts = service.attempts.load(Ordering::Relaxed);
        assert!((50..400).contains(&attempts), "{attempts}");
        Outage { core, service, clock, told }
    }

    /// Has the service come back, and returns who arrived.
    fn end(&self) -> Vec<String> {
        self.service.is_up.store(true, Ordering::Relaxed);
        self.clock.advance(Duration::from_secs(120));
        self.core.flush(PATIENCE).unwrap();
        std::mem::take(&mut *self.service.accepted.lock().unwrap())
    }
}

fn name(number: usize) -> String {
    format!("visitor-{number}")
}

fn all() -> u64 {
    (STEPS * EVENTS) as u64
}

#[test]
fn without_a_spool_the_oldest_go_and_are_counted() {
    let outage = Outage::pass(|settings| settings);
    let arrived = outage.end();
    let stats = outage.core.stats();
    assert_eq!(stats.dropped_queue_full + arrived.len() as u64, all(), "{stats:?}");
    assert_eq!(stats.events_delivered, arrived.len() as u64);
    assert!((9_000..=11_000).contains(&arrived.len()), "{}", arrived.len());
    // Apart from the batch that was on its way, which the bound does not count, what arrives is the newest, in order.
    let newest = arrived.get(arrived.len() - 9_000..).unwrap();
    let from = STEPS * EVENTS - newest.len();
    assert!(newest.iter().zip(from..).all(|(visitor, number)| *visitor == name(number)));
    outage.core.close(PATIENCE);
    assert_eq!(outage.told.load(Ordering::Relaxed), stats.dropped_queue_full);
}

#[test]
fn with_a_spool_everyone_arrives_once_and_in_order() {
    let directory = Directory::new();
    let outage = Outage::pass(|settings| settings.spool(directory.path()));
    let stats = outage.core.stats();
    assert!(stats.events_spooled > 60_000, "{stats:?}");
    let arrived = outage.end();
    assert_eq!(arrived.len() as u64, all(), "{:?}", outage.core.stats());
    assert!(arrived.iter().enumerate().all(|(number, visitor)| *visitor == name(number)));
    let stats = outage.core.stats();
    assert_eq!((stats.events_delivered, stats.dropped_queue_full), (all(), 0));
    assert_eq!(outage.told.load(Ordering::Relaxed), 0);
}
