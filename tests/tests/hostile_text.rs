//! Text of a config, a service or a visitor cannot start a log line of its own or steer a terminal.
//!
//! A program of its own with one test, since it installs the process's logger.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should stop at once")]

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use convert_sdk::{
    BatchRequest, BatchResponse, ConfigBody, ConfigRequest, ConfigResponse, Core, LifecycleEvent,
    ManualClock, Preview, RefreshConfig, SdkConfig, Transport, TransportError, TransportErrorKind,
    attributes,
};
use convert_tests::live::KEY;

const PATIENCE: Duration = Duration::from_secs(30);

/// Ends a line, sets a colour, turns the direction of text, ends a paragraph.
const HOSTILE: &str = "x\r\n\u{1b}[31m\u{202e}\u{2066}\u{2028}\u{85}y";

struct Collector(Mutex<Vec<(String, String)>>);

static COLLECTOR: Collector = Collector(Mutex::new(Vec::new()));

impl log::Log for Collector {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target().starts_with("convert_sdk")
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            lines.push((record.target().to_owned(), record.args().to_string()));
        }
    }

    fn flush(&self) {}
}

/// Answers with hostile configs, errors and batches, in turn.
struct Hostile(Mutex<u32>);

impl Transport for Hostile {
    fn fetch_config(&self, request: &ConfigRequest) -> Result<ConfigResponse, TransportError> {
        let mut count = self.0.lock().unwrap();
        *count += 1;
        match *count {
            1 | 5 => Ok(ConfigResponse::Modified(ConfigBody::new(config(*count)))),
            2 => {
                let error = serde_json::json!({"error": HOSTILE}).to_string();
                Ok(ConfigResponse::Modified(ConfigBody::new(error)))
            }
            3 => Ok(ConfigResponse::Modified(ConfigBody::new(HOSTILE))),
            _ => Err(refused(request.error_from(TransportErrorKind::Network, &hostile_error()))),
        }
    }

    fn send_batch(&self, request: &BatchRequest) -> Result<BatchResponse, TransportError> {
        Err(refused(request.error_from(TransportErrorKind::Network, &hostile_error())))
    }
}

fn hostile_error() -> io::Error {
    io::Error::other(HOSTILE)
}

fn refused(error: TransportError) -> TransportError {
    error.with_status(403)
}

/// A config in which every text is hostile, and much has no effect.
fn config(version: u32) -> String {
    let text = |name: &str| format!("{name}{HOSTILE}");
    serde_json::json!({
        "account_id": text("account"),
        "project": {"id": text("project"), "settings": {"version": format!("{version}{HOSTILE}")}},
        "audiences": [{"id": text("audience"), "rules": {"OR": [{"AND": [{"OR_WHEN": [{
            "rule_type": "generic_text_key_value", "key": text("key"), "value": format!("({HOSTILE}"),
            "matching": {"match_type": "regexMatches", "negated": true}}]}]}]}}],
        "goals": [{"id": text("goal"), "key": text("goal")}],
        "experiences": [
            {"id": text("1"), "key": text("hero"), "status": HOSTILE, "audiences": [text("none")],
             "variations": [{"id": text("2"), "key": text("blue")}]},
            {"id": "3", "key": "plain", "variations": [{"id": text("2"), "key": text("blue")}]},
            {"key": HOSTILE}
        ]
    })
    .to_string()
}

fn check(place: &str, text: &str) {
    let is_hostile = |character: char| {
        character.is_control()
            || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
    };
    assert!(!text.contains(is_hostile), "{place}: {text:?}");
}

fn check_event(event: &LifecycleEvent) {
    match event {
        LifecycleEvent::RefreshFailed(failed) => {
            check("refresh.failed", &failed.error().to_string());
        }
        LifecycleEvent::QueueReleased(released) => check("released", &released.to_string()),
        _ => {}
    }
    check(event.name(), &format!("{event:?}"));
}

fn track() {
    let settings = SdkConfig::from_sdk_key(KEY).unwrap().transport_impl(Hostile(Mutex::new(0)));
    let core = Core::initialize(settings.on_event(check_event)).unwrap();
    let visitor = core.create_context(format!("visitor{HOSTILE}"));
    assert!(visitor.track_conversion(format!("goal{HOSTILE}").as_str()).is_queued());
    assert_eq!(core.close(PATIENCE).dropped(), 1);
}

#[test]
fn no_text_from_outside_reaches_a_log_line_or_an_error_unescaped() {
    log::set_logger(&COLLECTOR).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let clock = ManualClock::new();
    let core = Core::initialize(
        SdkConfig::from_sdk_key(KEY)
            .unwrap()
            .transport_impl(Hostile(Mutex::new(0)))
            .refresh(RefreshConfig::default())
            .tracking(false)
            .cache_file(format!("/no/such/folder/{HOSTILE}"))
            .manual_clock(clock.clone())
            .on_event(check_event),
    )
    .unwrap();
    core.subscribe(|event| assert_ne!(event.name(), "bucketing", "on purpose")).detach();
    let mut visitor = core
        .create_context(format!("visitor{HOSTILE}"))
        .with_attributes(attributes! {"key" => HOSTILE});
    assert!(visitor.run_experience("plain").is_some());
    visitor.run_experience(HOSTILE);
    let explanation = visitor.explain_experience(&format!("hero{HOSTILE}")).to_string();
    explanation.lines().for_each(|line| check("explanation", line));
    for _ in 2..=5 {
        clock.advance_to_next_alarm();
        clock.next_alarm();
        if let Some(error) = core.health().last_error() {
            check("health", &error.to_string());
        }
    }
    assert_eq!(core.stats().config_updates, 1);
    let error = visitor.set_preview(Preview::new(HOSTILE, HOSTILE)).unwrap_err();
    check("preview", &error.to_string());
    check("context", &format!("{visitor:?} {core:?} {:?}", core.health()));
    core.close(PATIENCE);
    track();

    let lines = COLLECTOR.0.lock().unwrap();
    for target in ["cache", "core", "decisions", "preview", "refresh", "tracking", "transport"] {
        let target = format!("convert_sdk::{target}");
        assert!(lines.iter().any(|(other, _)| *other == target), "{target} logged nothing");
    }
    for (target, line) in &*lines {
        check(target, line);
    }
}
