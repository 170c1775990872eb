//! What is lost is counted, logged and reported, and what only may be lost is logged as a warning.
//!
//! A program of its own, since it installs the process's logger.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should stop at once")]

use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use convert_sdk::{
    BatchResponse, Conversion, Core, DropReason, LifecycleEvent, TrackingConfig, TransportErrorKind,
};
use convert_tests::directory::Directory;
use convert_tests::live::Events;
use convert_tests::sink::Tracked;
use log::Level;
use test_support::{BatchAnswer, wait_until};

const PATIENCE: Duration = Duration::from_secs(30);
/// Long enough for anything but a service that is down.
const SHORT: Duration = Duration::from_millis(400);
const SECOND: Duration = Duration::from_secs(1);

/// Keeps what is logged of tracking.
struct Collector(Mutex<Vec<(Level, String)>>);

static COLLECTOR: Collector = Collector(Mutex::new(Vec::new()));
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
static INSTALL: Once = Once::new();

impl log::Log for Collector {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target() == "convert_sdk::tracking" && metadata.level() <= Level::Info
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            self.0.lock().unwrap().push((record.level(), record.args().to_string()));
        }
    }

    fn flush(&self) {}
}

/// Begins to collect, for one test at a time.
fn collect() -> MutexGuard<'static, ()> {
    let guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    INSTALL.call_once(|| {
        log::set_logger(&COLLECTOR).unwrap();
        log::set_max_level(log::LevelFilter::Info);
    });
    COLLECTOR.0.lock().unwrap().clear();
    guard
}

fn lines(level: Level) -> Vec<String> {
    let lines = COLLECTOR.0.lock().unwrap();
    lines.iter().filter(|(found, _)| *found == level).map(|(_, line)| line.clone()).collect()
}

fn signup(core: &Core, visitors: std::ops::Range<usize>) {
    for visitor in visitors {
        let visitor = core.create_context(format!("v{visitor}"));
        assert!(visitor.track_conversion("signup").is_queued());
    }
}

fn reported(events: &Events) -> Vec<(DropReason, u64)> {
    let dropped = events.all().into_iter().filter_map(|event| match event {
        LifecycleEvent::EventsDropped(dropped) => Some((dropped.reason(), dropped.count())),
        _ => None,
    });
    dropped.collect()
}

fn failing() -> BatchAnswer {
    BatchAnswer::Failure(TransportErrorKind::Network)
}

fn status(status: u16) -> BatchAnswer {
    BatchAnswer::Response(BatchResponse::new(status))
}

/// Asks for so much time that nobody waits for the next attempt.
fn later() -> BatchAnswer {
    BatchAnswer::Response(BatchResponse::new(503).with_retry_after(Some(500 * SECOND)))
}

fn spooling(directory: &Directory) -> Tracked {
    Tracked::start_with(|config| config.tracking_config(directory.settings().unwrap())).unwrap()
}

#[test]
fn an_outage_is_a_warning_a_minute_and_its_loss_an_error_when_the_core_closes() {
    let _guard = collect();
    let tracked = Tracked::start().unwrap();
    tracked.service.script_batches([status(503)]);
    signup(&tracked.core, 0..5_000);
    for attempt in 1..=12 {
        assert!(tracked.service.wait_for_batches(attempt, PATIENCE));
        tracked.clock.advance_to_next_alarm();
    }
    let warnings = lines(Level::Warn);
    let minutes = usize::try_from(tracked.clock.now().as_secs() / 60).unwrap();
    assert!((1..=minutes + 1).contains(&warnings.len()), "{minutes}: {warnings:?}");
    assert!(warnings[0].contains("status 503"), "{warnings:?}");
    assert!(warnings[0].contains("events wait in memory"), "{warnings:?}");
    assert_eq!(lines(Level::Error), Vec::<String>::new(), "nothing is lost yet");

    let report = tracked.core.close(SHORT);
    assert_eq!((report.delivered(), report.left()), (0, 5_000));
    tracked.core.close(SHORT);
    let errors = lines(Level::Error);
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].starts_with("5000 events are lost"), "{errors:?}");
    assert!(errors[0].ends_with("status 503"), "{errors:?}");
    assert_eq!(reported(&tracked.events), [(DropReason::Closed, 5_000)]);
}

#[test]
fn the_end_of_an_outage_is_logged_once() {
    let _guard = collect();
    let tracked = Tracked::start().unwrap();
    tracked.service.script_batches([failing(), failing(), status(200)]);
    signup(&tracked.core, 0..1);
    for attempt in 1..=2 {
        tracked.clock.advance_to_next_alarm();
        assert!(tracked.service.wait_for_batches(attempt, PATIENCE));
    }
    tracked.clock.advance_to_next_alarm();
    tracked.core.flush(PATIENCE).unwrap();
    signup(&tracked.core, 1..2);
    tracked.core.flush(PATIENCE).unwrap();
    let infos = lines(Level::Info);
    let ends = infos.iter().filter(|line| line.contains("takes events again")).count();
    assert_eq!(ends, 1, "{infos:?}");
    assert_eq!(lines(Level::Warn).len(), 1);
}

#[test]
fn what_the_service_refuses_is_an_error_with_the_status() {
    let _guard = collect();
    let tracked = Tracked::start().unwrap();
    tracked.service.script_batches([status(403)]);
    signup(&tracked.core, 0..3);
    tracked.core.flush(PATIENCE).unwrap();
    assert_eq!(tracked.core.stats().dropped_refused, 3);
    tracked.core.close(PATIENCE);
    assert_eq!(reported(&tracked.events), [(DropReason::Refused, 3)]);
    let errors = lines(Level::Error);
    assert!(errors.iter().any(|line| line.contains("status 403")), "{errors:?}");
    assert!(errors.iter().any(|line| line == "3 events are lost: refused"), "{errors:?}");
}

#[test]
fn what_is_taken_for_a_bot_is_an_error() {
    let _guard = collect();
    let tracked = Tracked::start().unwrap();
    let bot = BatchResponse::new(200).with_body(*br#"{"code": "BOT"}"#);
    tracked.service.script_batches([BatchAnswer::Response(bot)]);
    signup(&tracked.core, 0..3);
    tracked.core.flush(PATIENCE).unwrap();
    assert_eq!(tracked.core.stats().dropped_bot, 3);
    tracked.core.close(PATIENCE);
    assert_eq!(reported(&tracked.events), [(DropReason::Bot, 3)]);
    assert_eq!(lines(Level::Error), ["3 events are lost: bot"]);
}

#[test]
fn what_a_full_queue_drops_is_an_error() {
    let _guard = collect();
    let settings = TrackingConfig::builder().queue_capacity(20).build().unwrap();
    let tracked = Tracked::start_with(|config| config.tracking_config(settings)).unwrap();
    tracked.service.pause();
    signup(&tracked.core, 0..10);
    assert!(tracked.service.wait_for_batches(1, PATIENCE));
    signup(&tracked.core, 10..100);
    let lost = tracked.core.stats().dropped_queue_full;
    assert!(lost > 50, "{lost}");
    tracked.service.resume();
    tracked.core.close(PATIENCE);
    assert_eq!(reported(&tracked.events).iter().map(|(_, count)| count).sum::<u64>(), lost);
    let errors = lines(Level::Error);
    assert!(errors.iter().all(|line| line.ends_with("events are lost: queue_full")), "{errors:?}");
}

#[test]
fn events_that_are_too_large_or_too_late_are_errors() {
    let _guard = collect();
    let tracked = Tracked::start().unwrap();
    let visitor = tracked.core.create_context("v".repeat(1 << 20));
    assert!(!visitor.track_conversion(Conversion::new("signup")).is_queued());
    tracked.core.flush(PATIENCE).unwrap();
    assert_eq!(tracked.core.stats().dropped_too_large, 1);
    tracked.core.close(PATIENCE);
    assert_eq!(reported(&tracked.events), [(DropReason::TooLarge, 1)]);
    assert_eq!(lines(Level::Error), ["1 events are lost: too_large"]);
}

#[test]
fn a_spool_whose_directory_is_removed_reports_what_is_lost_and_keeps_what_comes_later() {
    let _guard = collect();
    let directory = Directory::new();
    let tracked = spooling(&directory);
    tracked.service.script_batches([later()]);
    signup(&tracked.core, 0..10);
    assert!(tracked.service.wait_for_batches(1, PATIENCE));
    signup(&tracked.core, 10..500);
    let error = tracked.core.flush(PATIENCE).unwrap_err();
    assert_eq!((error.left(), error.spooled()), (500, 500));
    let on_its_way = tracked.sent().len() as u64;
    std::fs::remove_dir_all(directory.path()).unwrap();

    // The batch that failed is still in memory, and goes to the spool again.
    let error = tracked.core.flush(PATIENCE).unwrap_err();
    assert_eq!(error.left(), on_its_way);
    let lost = 500 - on_its_way;
    assert_eq!(tracked.core.stats().dropped_spool_damaged, lost);
    signup(&tracked.core, 500..800);
    let error = tracked.core.flush(PATIENCE).unwrap_err();
    assert_eq!(error.left(), on_its_way + 300);
    let report = tracked.core.close(PATIENCE);
    assert_eq!((report.spooled(), report.left()), (on_its_way + 300, 0));
    assert_eq!(reported(&tracked.events), [(DropReason::SpoolDamaged, lost)]);
    let errors = lines(Level::Error);
    let expected = format!("{}: {lost} events are lost", directory.path().display());
    assert!(errors.iter().any(|line| line.ends_with(&expected)), "{errors:?}");

    let later = spooling(&directory);
    later.core.flush(PATIENCE).unwrap();
    let visitors: Vec<String> = later.sent().into_iter().map(|(visitor, _)| visitor).collect();
    let expected = (0..usize::try_from(on_its_way).unwrap()).chain(500..800);
    assert_eq!(visitors, expected.map(|number| format!("v{number}")).collect::<Vec<_>>());
}

#[test]
fn a_spool_whose_directory_disappears_before_closing_is_not_reported_as_kept() {
    let _guard = collect();
    let directory = Directory::new();
    let tracked = spooling(&directory);
    tracked.service.script_batches([later()]);
    signup(&tracked.core, 0..10);
    assert!(tracked.service.wait_for_batches(1, PATIENCE));
    signup(&tracked.core, 10..500);
    assert_eq!(tracked.core.flush(PATIENCE).unwrap_err().spooled(), 500);
    let on_its_way = tracked.sent().len() as u64;
    std::fs::remove_dir_all(directory.path()).unwrap();
    let report = tracked.core.close(PATIENCE);
    let kept = spooling(&directory).core.stats().events_restored;
    assert_eq!((report.spooled(), report.dropped()), (kept, 500 - on_its_way));
    assert_eq!(reported(&tracked.events), [(DropReason::SpoolDamaged, 500 - on_its_way)]);
}

#[test]
fn a_spool_that_cannot_be_made_again_leaves_events_in_memory_within_bounds() {
    let _guard = collect();
    let directory = Directory::new();
    let builder = TrackingConfig::builder().spool(directory.path()).queue_capacity(100);
    let settings = builder.build().unwrap();
    let tracked = Tracked::start_with(|config| config.tracking_config(settings)).unwrap();
    std::fs::remove_dir_all(directory.path()).unwrap();
    std::fs::write(directory.path(), "no directory").unwrap();
    tracked.service.script_batches([later()]);
    signup(&tracked.core, 0..500);
    let error = tracked.core.flush(SHORT).unwrap_err();
    assert_eq!(error.spooled(), 0);
    let stats = tracked.core.stats();
    assert!(stats.queue_events <= 100 && stats.spool_failures > 0, "{stats:?}");
    assert_eq!(stats.dropped_queue_full + error.left(), 500, "{stats:?}");
    let warnings = lines(Level::Warn);
    assert!(
        warnings.iter().any(|line| line.contains("the spool could not be written")),
        "{warnings:?}"
    );
    // It is tried again every second.
    std::fs::remove_file(directory.path()).unwrap();
    tracked.clock.advance(2 * SECOND);
    let report = tracked.core.close(PATIENCE);
    assert_eq!((report.spooled(), report.left()), (error.left(), 0));
}

#[test]
fn a_spool_file_that_is_damaged_while_the_core_runs_is_an_error() {
    let _guard = collect();
    let directory = Directory::new();
    let tracked = spooling(&directory);
    tracked.service.script_batches([later()]);
    signup(&tracked.core, 0..25);
    assert_eq!(tracked.core.flush(PATIENCE).unwrap_err().spooled(), 25);
    let report = tracked.core.close(PATIENCE);
    assert_eq!(report.spooled(), 25);

    let later = Tracked::start_with(|config| {
        config.tracking(false).tracking_config(directory.settings().unwrap())
    })
    .unwrap();
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "batches") {
            let mut bytes = std::fs::read(&path).unwrap();
            bytes.iter_mut().skip(60).for_each(|byte| *byte ^= 1);
            std::fs::write(&path, bytes).unwrap();
        }
    }
    later.core.set_tracking_enabled(true);
    later.core.flush(PATIENCE).unwrap();
    assert_eq!(later.core.stats().dropped_spool_damaged, 25);
    later.core.close(PATIENCE);
    let lost: u64 = reported(&later.events).iter().map(|(_, count)| count).sum();
    assert_eq!(lost, 25);
    let errors = lines(Level::Error);
    assert!(
        errors.iter().any(|line| line.contains("cannot be read back and is lost:")),
        "{errors:?}"
    );
}

#[cfg(unix)]
#[test]
fn a_spool_file_that_cannot_be_read_is_given_up_after_eight_attempts() {
    let _guard = collect();
    let directory = Directory::new();
    let tracked = spooling(&directory);
    tracked.service.script_batches([later()]);
    signup(&tracked.core, 0..25);
    assert_eq!(tracked.core.close(PATIENCE).spooled(), 25);

    let later = Tracked::start_with(|config| {
        config.tracking(false).tracking_config(directory.settings().unwrap())
    })
    .unwrap();
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "batches") {
            std::fs::remove_file(&path).unwrap();
            std::os::unix::fs::symlink(&path, &path).unwrap();
        }
    }
    later.core.set_tracking_enabled(true);
    for attempt in 1..8 {
        let wait = later.clock.next_alarm();
        assert_eq!(later.core.stats().spool_failures, attempt);
        assert_eq!(later.core.stats().dropped_spool_damaged, 0);
        later.clock.advance(wait.saturating_sub(later.clock.now()));
    }
    let lost = wait_until(PATIENCE, || later.core.stats().dropped_spool_damaged > 0);
    assert!(lost, "{:?}", later.core.stats());
    later.core.flush(PATIENCE).unwrap();
    later.core.close(PATIENCE);
    assert_eq!(reported(&later.events).iter().map(|(_, count)| count).sum::<u64>(), 25);
    let errors = lines(Level::Error);
    assert!(
        errors.iter().any(|line| line.contains("cannot be read back and is lost:")),
        "{errors:?}"
    );
}

#[test]
fn a_spool_file_that_is_found_damaged_at_the_start_is_put_aside_with_an_error() {
    let _guard = collect();
    let directory = Directory::new();
    std::fs::create_dir_all(directory.path()).unwrap();
    std::fs::write(directory.path().join("0000000000000001.batches"), "of another kind").unwrap();
    let tracked = spooling(&directory);
    assert_eq!(tracked.core.stats().spool_failures, 1);
    let errors = lines(Level::Error);
    assert!(errors.len() == 1 && errors[0].contains("put aside"), "{errors:?}");
}
