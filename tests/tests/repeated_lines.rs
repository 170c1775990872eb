//! What happens again and again is not logged again and again.
//!
//! A program of its own with one test, since it installs the process's logger.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should stop at once")]

use std::sync::Mutex;
use std::time::Duration;

use convert_sdk::{BatchResponse, TrackingConfig};
use convert_tests::sink::Tracked;
use test_support::BatchAnswer;

const PATIENCE: Duration = Duration::from_secs(30);
const BATCHES: usize = 64;

/// Keeps what is logged of tracking, as a warning at least.
struct Collector(Mutex<Vec<(log::Level, String)>>);

static COLLECTOR: Collector = Collector(Mutex::new(Vec::new()));

impl log::Log for Collector {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target() == "convert_sdk::tracking" && metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            let line = record.args().to_string();
            self.0.lock().unwrap().push((record.level(), line));
        }
    }

    fn flush(&self) {}
}

fn lines_after(answer: &BatchResponse) -> Vec<(log::Level, String)> {
    let settings = TrackingConfig::builder().batch_size(1).build().unwrap();
    let tracked = Tracked::start_with(|config| config.tracking_config(settings)).unwrap();
    tracked.service.script_batches(vec![BatchAnswer::Response(answer.clone()); BATCHES]);
    for visitor in 0..BATCHES {
        let visitor = tracked.core.create_context(format!("v{visitor}"));
        assert!(visitor.track_conversion("signup").is_queued());
        tracked.core.flush(PATIENCE).unwrap();
    }
    // The clock stands still, so that it is the same minute until the last of it is told.
    let lines = std::mem::take(&mut *COLLECTOR.0.lock().unwrap());
    let stats = tracked.core.stats();
    assert_eq!(stats.dropped_refused + stats.dropped_bot, BATCHES as u64);
    tracked.core.close(PATIENCE);
    COLLECTOR.0.lock().unwrap().clear();
    lines
}

#[test]
fn losses_are_logged_ever_more_seldom() {
    log::set_logger(&COLLECTOR).unwrap();
    log::set_max_level(log::LevelFilter::Warn);
    let count = |lines: &[(log::Level, String)], level| {
        lines.iter().filter(|(found, _)| *found == level).count()
    };

    let lines = lines_after(&BatchResponse::new(403));
    // The cause for the 1st, 2nd, 4th … batch, and how many events are lost once a minute.
    assert!((2..=8).contains(&count(&lines, log::Level::Error)), "{lines:?}");
    assert!(lines[0].1.contains("status 403"), "{lines:?}");
    assert_eq!(count(&lines, log::Level::Warn), 0, "{lines:?}");

    let lines = lines_after(&BatchResponse::new(200).with_body(*br#"{"code":"BOT"}"#));
    assert_eq!(count(&lines, log::Level::Error), 1, "{lines:?}");
    assert_eq!(count(&lines, log::Level::Warn), 0, "{lines:?}");
}
