//! Closing, dropping and flushing a core whose external store is slow, fails, hangs or panics.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should stop at once")]

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use convert_sdk::{
    Context, Core, DataStore, LifecycleEvent, ManualClock, Merged, RecordDelta, SdkConfig,
    StoreConfig, StoreError, StoreErrorKind, VisitorRecord,
};
use convert_tests::live::Events;
use test_support::{RecordingStore, RecordingTransport, StoreCall, wait_until};

const PROJECT: &str = r#"{"account_id": "1", "project": {"id": "2"}, "experiences": [
    {"id": "3", "key": "hero", "variations": [{"id": "30", "key": "blue"}]}]}"#;
const PATIENCE: Duration = Duration::from_secs(30);
/// The timeout with which most cores here are closed; also that of dropping a core.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A store that is so far away that every exchange takes a while.
struct Distant {
    store: RecordingStore,
    exchange: Duration,
    /// Nothing is ever received.
    never: Mutex<(Sender<()>, Receiver<()>)>,
}

impl Distant {
    fn new(exchange: Duration) -> Arc<Self> {
        let never = Mutex::new(channel());
        Arc::new(Distant { store: RecordingStore::default(), exchange, never })
    }

    fn travel(&self) {
        let _ = self.never.lock().unwrap().1.recv_timeout(self.exchange);
    }

    fn written(&self, visitors: usize) -> usize {
        let is_written = |visitor: &usize| self.store.record(&format!("1-2-v{visitor}")).is_some();
        (0..visitors).filter(is_written).count()
    }
}

impl DataStore for Distant {
    fn load(&self, key: &str) -> Result<Option<VisitorRecord>, StoreError> {
        self.store.load(key)
    }

    fn merge(&self, key: &str, delta: &RecordDelta<'_>) -> Result<Merged, StoreError> {
        self.travel();
        self.store.merge(key, delta)
    }

    fn merge_all(&self, changes: &[(&str, &RecordDelta<'_>)]) -> Vec<Result<(), StoreError>> {
        self.travel();
        changes.iter().map(|(key, delta)| self.store.merge(key, delta).map(drop)).collect()
    }
}

/// Hides how the store writes several changes.
struct OneByOne(Arc<Distant>);

impl DataStore for OneByOne {
    fn load(&self, key: &str) -> Result<Option<VisitorRecord>, StoreError> {
        self.0.load(key)
    }

    fn merge(&self, key: &str, delta: &RecordDelta<'_>) -> Result<Merged, StoreError> {
        self.0.merge(key, delta)
    }
}

/// Takes a minute for each call, by a clock that a test moves.
struct Slow(RecordingStore, ManualClock);

impl DataStore for Slow {
    fn load(&self, key: &str) -> Result<Option<VisitorRecord>, StoreError> {
        self.1.advance(Duration::from_secs(60));
        self.0.load(key)
    }

    fn merge(&self, key: &str, delta: &RecordDelta<'_>) -> Result<Merged, StoreError> {
        self.0.merge(key, delta)
    }
}

fn core(store: Arc<impl DataStore + 'static>) -> (Core, Events) {
    let events = Events::default();
    let config = SdkConfig::from_json(PROJECT).unwrap().data_store(store).tracking(true);
    let config = config.transport_impl(Arc::new(RecordingTransport::default()));
    let config = config.on_event(events.handler()).manual_clock(ManualClock::new());
    (Core::initialize(config).unwrap(), events)
}

/// Changes so many visitors.
fn change(core: &Core, visitors: usize) -> Vec<Context> {
    let contexts: Vec<Context> =
        (0..visitors).map(|visitor| core.create_context(format!("v{visitor}"))).collect();
    assert!(contexts.iter().all(|context| context.run_experience("hero").is_some()));
    contexts
}

/// Collects what is logged at warn and error.
struct Lines;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl log::Log for Lines {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            LINES.lock().unwrap().push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

/// Begins to collect log lines; other tests of this process may have begun before.
fn collect_lines() {
    let _ = log::set_logger(&Lines);
    log::set_max_level(log::LevelFilter::Warn);
}

fn has_line(text: &str) -> bool {
    LINES.lock().unwrap().iter().any(|line| line.contains(text))
}

/// Returns how many losses were reported as events.
fn lost(events: &Events) -> u64 {
    let lost = |event: &LifecycleEvent| match event {
        LifecycleEvent::StoreFailed(failed) => failed.lost(),
        _ => 0,
    };
    events.all().iter().map(lost).sum()
}

fn merges(store: &RecordingStore) -> usize {
    store.calls().iter().filter(|call| matches!(call, StoreCall::Merge(..))).count()
}

#[test]
fn closing_gives_records_the_time_that_events_do_not_need() {
    let store = Distant::new(Duration::from_millis(20));
    let (core, events) = core(Arc::clone(&store));
    let _contexts = change(&core, 2_000);
    let report = core.close(TIMEOUT);
    assert_eq!((report.records_lost(), report.records_unconfirmed()), (0, 0), "{report:?}");
    assert!(report.is_complete());
    assert_eq!((store.written(2_000), lost(&events)), (2_000, 0));
}

#[test]
fn dropping_the_core_gives_records_the_time_that_events_do_not_need() {
    let store = Distant::new(Duration::from_millis(20));
    let core = core(Arc::clone(&store)).0;
    let contexts = change(&core, 2_000);
    drop(core);
    drop(contexts);
    assert_eq!(store.written(2_000), 2_000);
}

#[test]
fn a_store_without_batches_is_written_to_until_the_timeout_elapses() {
    let store = Distant::new(Duration::from_millis(10));
    let (core, events) = core(Arc::new(OneByOne(Arc::clone(&store))));
    let _contexts = change(&core, 1_000);
    let report = core.close(TIMEOUT);
    let stats = core.stats();
    assert_eq!(report.records_lost(), stats.store_dropped);
    assert_eq!(report.records_unconfirmed(), stats.store_waiting);
    assert_eq!(report.records_lost(), lost(&events));
    let accounted = stats.store_writes + stats.store_dropped + stats.store_waiting;
    assert_eq!(accounted, 1_000, "{stats:?}");
    // An eighth of the timeout would do for 25.
    assert!(stats.store_writes > 50, "{stats:?}");
    assert_eq!(report.is_complete(), stats.store_waiting == 0);
}

#[test]
fn a_write_that_fails_while_the_core_closes_is_in_the_report_the_counters_the_events_and_the_log() {
    collect_lines();
    let store = Arc::new(RecordingStore::default());
    let (core, events) = core(Arc::clone(&store));
    let contexts: Vec<Context> =
        (0..60).map(|visitor| core.create_context(format!("v{visitor}"))).collect();
    store.pause();
    assert!(contexts.iter().all(|context| context.run_experience("hero").is_some()));
    assert!(wait_until(PATIENCE, || merges(&store) == 1));
    store.fail(StoreErrorKind::Unavailable);
    let report = std::thread::scope(|scope| {
        let closing = scope.spawn(|| core.close(TIMEOUT));
        // Longer than the eighth of the timeout that records used to have.
        let never = channel::<()>();
        let _ = never.1.recv_timeout(Duration::from_millis(400));
        store.resume();
        closing.join().unwrap()
    });
    let stats = core.stats();
    assert!(report.is_complete(), "{report:?}");
    assert_eq!((report.records_lost(), report.records_unconfirmed()), (60, 0), "{report:?}");
    assert_eq!((stats.store_dropped, lost(&events)), (60, 60));
    assert!(has_line("changes of 60 visitor records are lost"));
    assert!(has_line("changes of 60 visitor records lost, 0 unconfirmed"));
}

#[test]
fn a_store_that_hangs_past_the_timeout_is_reported_as_unconfirmed() {
    let store = Arc::new(RecordingStore::default());
    let (core, events) = core(Arc::clone(&store));
    let visitor = core.create_context("v0");
    store.pause();
    visitor.run_experience("hero").unwrap();
    assert!(wait_until(PATIENCE, || merges(&store) == 1));
    let report = core.close(Duration::from_millis(50));
    assert_eq!((report.records_lost(), report.records_unconfirmed()), (0, 1), "{report:?}");
    assert!(!report.is_complete());
    assert_eq!(core.stats().store_waiting, 1);
    store.resume();
    assert!(wait_until(PATIENCE, || core.stats().store_waiting == 0));
    assert_eq!((core.stats().store_dropped, lost(&events)), (0, 0));
}

#[test]
fn a_store_that_is_known_to_be_down_is_tried_once_more_and_does_not_delay_closing() {
    let store = Arc::new(RecordingStore::default());
    let config = SdkConfig::from_json(PROJECT).unwrap().data_store(Arc::clone(&store));
    let clock = ManualClock::new();
    let core = Core::initialize(config.manual_clock(clock.clone())).unwrap();
    let contexts = change(&core, 1);
    core.flush(PATIENCE).unwrap();
    store.fail(StoreErrorKind::Unavailable);
    contexts.first().unwrap().set_segments(convert_sdk::attributes! { "country" => "DE" });
    for retries in 1..=5 {
        assert!(wait_until(PATIENCE, || core.stats().store_retries == retries));
        if retries < 5 {
            clock.advance(Duration::from_secs(60));
        }
    }
    let before = merges(&store);
    let report = core.close(PATIENCE);
    assert_eq!(merges(&store) - before, 1);
    assert!(report.is_complete());
    assert_eq!((report.records_lost(), core.stats().store_dropped), (1, 1));
}

#[test]
fn a_store_that_is_slow_is_logged() {
    let clock = ManualClock::new();
    collect_lines();
    let store = Slow(RecordingStore::default(), clock.clone());
    let config = SdkConfig::from_json(PROJECT).unwrap().data_store(store);
    let core = Core::initialize(config.manual_clock(clock)).unwrap();
    core.create_context("v0");
    assert!(has_line("the store took 60000 ms for one load"));
}

#[test]
fn a_flush_writes_records_while_events_are_delivered() {
    let store = Arc::new(RecordingStore::default());
    let (core, _) = core(Arc::clone(&store));
    let service = Arc::new(RecordingTransport::default());
    let config = SdkConfig::from_json(PROJECT).unwrap().tracking(true);
    let config = config.data_store(Arc::clone(&store)).transport_impl(Arc::clone(&service));
    let flushing = Core::initialize(config.manual_clock(ManualClock::new())).unwrap();
    drop(core);
    store.fail(StoreErrorKind::Unavailable);
    let _contexts = change(&flushing, 1);
    assert!(wait_until(PATIENCE, || flushing.stats().store_retries == 1));
    store.fail(None);
    service.pause();
    // The events take the whole timeout; the clock stands still, so that only the flush ends the pause.
    let left = flushing.flush(Duration::from_millis(200)).unwrap_err();
    assert!(left.left() > 0);
    assert!(wait_until(PATIENCE, || store.record("1-2-v0").is_some()));
    service.resume();
}

#[test]
fn changes_of_visitors_with_long_ids_are_bounded_in_bytes_and_their_loss_is_reported() {
    let store = Arc::new(RecordingStore::default());
    collect_lines();
    let (service, clock) = (Arc::new(RecordingTransport::default()), ManualClock::new());
    let events = Events::default();
    let settings = StoreConfig::default().queue_bytes(4 << 20);
    let config = SdkConfig::from_json(PROJECT).unwrap().data_store(Arc::clone(&store));
    let config = config.store_config(settings).transport_impl(service).tracking(false);
    let config = config.on_event(events.handler()).manual_clock(clock);
    let core = Core::initialize(config).unwrap();
    store.fail(StoreErrorKind::Unavailable);
    for visitor in 0..100 {
        let context = core.create_context(format!("{visitor:05}").repeat(20_000));
        assert!(context.run_experience("hero").is_some());
    }
    let stats = core.stats();
    assert!(stats.store_dropped >= 50 && stats.store_waiting <= 50, "{stats:?}");
    assert_eq!(stats.store_dropped + stats.store_waiting, 100);
    core.close(PATIENCE);
    assert_eq!((core.stats().store_dropped, lost(&events)), (100, 100));
    assert!(has_line("visitor records are lost"));
}

#[test]
fn records_in_memory_are_bounded_in_bytes() {
    let config = SdkConfig::from_json(PROJECT).unwrap().record_bytes(4 << 20);
    let core = Core::initialize(config).unwrap();
    let ids: Vec<String> = (0..100).map(|visitor| format!("{visitor:05}").repeat(20_000)).collect();
    for id in &ids {
        assert!(core.create_context(id.as_str()).run_experience("hero").is_some());
    }
    let is_known = |id: &&String| !core.create_context(id.as_str()).visitor_record().is_empty();
    let known = ids.iter().filter(is_known).count();
    assert!((1..=50).contains(&known), "{known}");
    assert_eq!(core.stats().records_evicted, 100 - known as u64);
}
