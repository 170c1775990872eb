//! Children of a process that forks while its threads use the SDK.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should stop at once")]

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use convert_sdk::{
    ConversionResult, Core, MemoryStore, Preview, PreviewError, ProjectConfig, RefreshConfig,
    SdkConfig,
};
use convert_tests::live::KEY;
use fork::{Fork, fork, waitpid};
use test_support::{ConfigAnswer, RecordingTransport};

const PATIENCE: Duration = Duration::from_secs(30);

const CONFIG: &str = r#"{"account_id": "10012345", "project": {"id": "10067890"},
    "goals": [{"id": "9", "key": "purchase"}],
    "experiences": [{"id": "1", "key": "hero", "variations": [{"id": "2", "key": "blue"}]}]}"#;

/// Counts errors without a lock, which a thread of the parent could hold for ever.
struct ErrorCount(AtomicUsize);

static ERRORS: ErrorCount = ErrorCount(AtomicUsize::new(0));

impl log::Log for ErrorCount {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.level() == log::Level::Error {
            self.0.fetch_add(1, SeqCst);
        }
    }

    fn flush(&self) {}
}

fn settings() -> SdkConfig {
    let service = RecordingTransport::default();
    service.script_configs([ConfigAnswer::body(CONFIG)]);
    SdkConfig::from_sdk_key(KEY)
        .unwrap()
        .bootstrap(ProjectConfig::from_json(CONFIG).unwrap())
        .transport_impl(service)
        .refresh(RefreshConfig::default())
}

/// Takes, again and again, every lock that a child may meet.
fn keep_busy(core: &Core, name: &str, stop: &AtomicBool) {
    let mut number = 0;
    while !stop.load(SeqCst) {
        number += 1;
        let visitor = core.create_context(format!("{name}-{number}"));
        assert!(visitor.run_experience("hero").is_some());
        let _ = visitor.track_conversion("purchase");
        drop(core.subscribe(|_| {}));
        core.refresh_now();
        let _ = (core.stats(), core.health(), core.is_ready());
        let _ = core.flush(Duration::ZERO);
    }
}

/// Uses the parent's core in every way, and then one of its own.
fn act_as_child(core: Core) {
    let errors = ERRORS.0.load(SeqCst);
    let mut visitor = core.create_context("visitor-1");
    assert_eq!(visitor.run_experience("hero").unwrap().variation_key(), "blue");
    assert_eq!(visitor.track_conversion("purchase"), ConversionResult::TrackingDisabled);
    let preview = visitor.set_preview(Preview::new("7", "8"));
    assert!(matches!(preview, Err(PreviewError::FetchFailed { .. })));
    core.subscribe(|_| {}).detach();
    core.set_tracking_enabled(true);
    core.refresh_now();
    assert!(core.is_ready() && core.health().last_error().is_none());
    assert!(core.stats().refused_after_fork >= 2);
    assert_eq!(ERRORS.0.load(SeqCst), errors + 1, "it is logged once");
    assert!(core.flush(PATIENCE).is_ok());
    let report = core.close(PATIENCE);
    assert_eq!((report.delivered(), report.dropped(), report.left()), (0, 0, 0));
    drop((visitor, core));

    let own = Core::initialize(settings()).unwrap();
    assert!(own.create_context("visitor-1").track_conversion("purchase").is_queued());
    assert!(own.close(PATIENCE).delivered() > 0);
}

/// Forks, and returns what the child reports; an empty answer if it hangs or ends early.
fn outcome_of_child(core: &Core) -> Vec<u8> {
    let (mut reader, mut writer) = UnixStream::pair().unwrap();
    reader.set_read_timeout(Some(PATIENCE)).unwrap();
    match fork().unwrap() {
        Fork::Child => {
            let core = core.clone();
            let outcome = catch_unwind(AssertUnwindSafe(|| act_as_child(core)));
            let report: &[u8] = if outcome.is_ok() { b"ok" } else { b"failed" };
            let _ = writer.write_all(report);
            std::process::exit(0);
        }
        Fork::Parent(child) => {
            drop(writer);
            let mut outcome = Vec::new();
            if reader.read_to_end(&mut outcome).is_err() {
                let kill = ["-9".to_owned(), child.to_string()];
                std::process::Command::new("kill").args(kill).status().unwrap();
            }
            waitpid(child).unwrap();
            outcome
        }
    }
}

fn check(core: &Core) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for name in ["one", "two"] {
            let stop = &stop;
            scope.spawn(move || keep_busy(core, name, stop));
        }
        let outcomes: Vec<_> = (0..30).map(|_| outcome_of_child(core)).collect();
        stop.store(true, SeqCst);
        for (child, outcome) in outcomes.iter().enumerate() {
            assert_eq!(outcome, b"ok", "child {child}: {}", String::from_utf8_lossy(outcome));
        }
    });
    assert_eq!(core.stats().refused_after_fork, 0, "the parent goes on as before");
    assert!(core.create_context("last").track_conversion("purchase").is_queued());
    assert!(core.close(PATIENCE).is_complete());
}

#[test]
fn no_child_of_a_busy_process_hangs_and_each_can_have_a_core_of_its_own() {
    log::set_logger(&ERRORS).unwrap();
    log::set_max_level(log::LevelFilter::Error);
    // With room for one visitor there is one lock, which the busy threads hold most of the time.
    check(&Core::initialize(settings().record_capacity(1)).unwrap());
    check(&Core::initialize(settings().data_store(MemoryStore::default())).unwrap());
}
