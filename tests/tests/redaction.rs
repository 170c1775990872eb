//! Nothing the SDK says shows a secret, an attribute or a visitor's id.
//!
//! A program of its own with one test, since it installs the process's logger. Every error, event,
//! log line and `Debug` output of a life full of trouble is searched for what was put in.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should stop at once")]

use std::error::Error as _;
use std::fmt::Debug;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use convert_redis::RedisStore;
use convert_sdk::{
    Core, Error, HttpsUrl, LifecycleEvent, ManualClock, Preview, ProxyUrl, RecordDelta,
    RefreshConfig, RunOptions, SdkConfig, Secret, StoreConfig, TransportConfig, VisitorRecord,
    WriteMode, attributes,
};
use test_support::{LoopbackServer, RefusedPort, Reply, Step};

const KEY: &str = "90017777/90028888";
const SECRET: &str = "s3cret-0123456789-bearer";
const TOKEN: &str = "t0ken-0123456789-debug";
const HEADER: &str = "h3ader-0123456789-value";
const PROXY: &str = "pr0xy-0123456789-password";
const VISITOR: &str = "visitor-jane.doe@example.com";
const ATTRIBUTE: &str = "attribute-jane-doe-born-1970";
const SEGMENT: &str = "segment-value-of-jane";
const PLANTED: [&str; 8] = [KEY, SECRET, TOKEN, HEADER, PROXY, VISITOR, ATTRIBUTE, SEGMENT];

/// Keeps everything that is logged.
struct Collector(Mutex<Vec<(String, String)>>);

static COLLECTOR: Collector = Collector(Mutex::new(Vec::new()));

impl log::Log for Collector {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        // Where it is traced the HTTP library beneath logs whole URLs, as its transport's docs say.
        metadata.target().starts_with("convert_sdk") || metadata.level() < log::Level::Trace
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            let line = format!("{} {}", record.level(), record.args());
            let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            lines.push((record.target().to_owned(), line));
        }
    }

    fn flush(&self) {}
}

/// Everything said, with where it was said.
#[derive(Default)]
struct Said(Mutex<Vec<(String, String)>>);

impl Said {
    fn add(&self, place: &str, text: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((place.to_owned(), text));
    }

    fn debug(&self, place: &str, value: &dyn Debug) {
        self.add(place, format!("{value:?} {value:#?}"));
    }

    fn error(&self, place: &str, error: &Error) {
        self.debug(place, error);
        self.add(place, error.to_string());
        let mut source = error.source();
        while let Some(error) = source {
            self.add(place, format!("{error} {error:?}"));
            source = error.source();
        }
    }
}

/// A config of which everything about it can be told; its service repeats what it was asked.
fn body(version: u32) -> String {
    format!(
        r#"{{"account_id": "1", "project": {{"id": "2", "settings": {{"version": "{version}"}}}},
            "audiences": [{{"id": "9", "rules": {{"OR": [{{"AND": [{{"OR_WHEN": [{{
                "rule_type": "generic_text_key_value", "key": "birth", "value": "(a+)+$",
                "matching": {{"match_type": "regexMatches", "negated": true}}}}]}}]}}]}}}}],
            "segments": [{{"id": "8", "key": "all", "rules": {{"OR": [{{"AND": [{{"OR_WHEN": [{{
                "rule_type": "generic_text_key_value", "key": "birth", "value": "x",
                "matching": {{"match_type": "equals", "negated": true}}}}]}}]}}]}}}}],
            "experiences": [{{"id": "3", "key": "hero", "audiences": ["9"], "variations": [
                {{"id": "30", "key": "blue"}}]}}, {{"key": "without an id"}}]}}"#
    )
}

fn script() -> Vec<Step> {
    let echo = format!(r#"{{"error": "no project for {KEY} with {TOKEN}"}}"#);
    vec![
        Reply::json(body(1)).etag("\"1\"").into(),
        Reply::new(401).into(),
        Reply::json(echo).into(),
        Step::CutBody,
        Step::Garbage,
        Step::WrongName,
        Reply::new(302).header("location", &format!("https://localhost/{KEY}?t={TOKEN}")).into(),
        Reply::json("<html>").into(),
        Reply::json(body(2)).etag("\"2\"").into(),
    ]
}

fn settings(transport: TransportConfig) -> SdkConfig {
    let transport = transport
        .timeout(Duration::from_secs(5))
        .auth_secret(Secret::new(SECRET))
        .header("x-team", HEADER)
        .unwrap();
    SdkConfig::from_sdk_key(KEY).unwrap().transport(transport).debug_token(TOKEN)
}

fn decide(core: &Core, said: &Said) {
    let mut visitor = core
        .create_context(VISITOR)
        .with_attributes(attributes! { "birth" => ATTRIBUTE, "country" => SEGMENT })
        .with_location(attributes! { "page" => ATTRIBUTE });
    visitor.set_segments(attributes! { "browser" => SEGMENT });
    let overlay = [("birth", ATTRIBUTE.into())];
    let options = RunOptions::new().attributes(&overlay);
    said.debug("options", &options);
    said.debug("result", &visitor.run_experience_with("hero", &options).unwrap());
    visitor.run_experiences();
    visitor.run_custom_segments(&["all"]).unwrap();
    said.debug("explanation", &visitor.explain_experience("hero"));
    said.debug("context", &visitor);
    said.debug("preview error", &visitor.set_preview(Preview::new("77", "1")));
}

/// Initialises in vain, in several ways.
fn fail(said: &Said) {
    let refused = RefusedPort::reserve();
    let url = HttpsUrl::parse(format!("https://localhost:{}", refused.port())).unwrap();
    let away = TransportConfig::default().base_url(url);
    let proxy_url = format!("http://user:{PROXY}@127.0.0.1:{}", refused.port());
    let proxied = away.clone().proxy(ProxyUrl::parse(proxy_url).unwrap());
    for transport in [away, proxied] {
        let settings = settings(transport);
        said.debug("settings", &settings);
        said.error("initialise", &Core::initialize(settings).unwrap_err());
    }
    for step in script().into_iter().skip(1).take(7) {
        let server = LoopbackServer::start([step]);
        let outcome = Core::initialize(settings(server.transport_config()));
        said.error("initialise", &outcome.unwrap_err());
    }
    said.error("key", &SdkConfig::from_sdk_key(format!("{KEY} {TOKEN}")).unwrap_err());
    said.debug("url", &HttpsUrl::parse(format!("http://user:{PROXY}@host")).unwrap_err());
}

/// Decides with a store that cannot be reached.
fn lose_the_store(said: &'static Said) {
    let refused = RefusedPort::reserve();
    let builder = RedisStore::builder(format!("redis://user:{PROXY}@127.0.0.1:{}", refused.port()));
    said.debug("store settings", &builder);
    let store = builder.build().unwrap();
    said.debug("store", &store);
    let settings = SdkConfig::from_json(&body(1))
        .unwrap()
        .data_store(store)
        .store_config(StoreConfig::default().assignments(WriteMode::Wait))
        .on_event(|event: &LifecycleEvent| said.debug(event.name(), event));
    said.debug("settings", &settings);
    let core = Core::initialize(settings).unwrap();
    decide(&core, said);
    let delta = RecordDelta::new().segments(attributes! { "country" => SEGMENT });
    said.debug("delta", &delta);
    said.debug("merged", &delta.merge_into(VisitorRecord::new()));
    said.debug("flush", &core.flush(Duration::ZERO));
    said.debug("stats", &core.stats());
    said.debug("close", &core.close(Duration::from_secs(30)));
    let broken = RedisStore::builder(format!("http://user:{PROXY}@127.0.0.1")).build();
    said.debug("store error", &broken);
}

#[test]
fn what_the_sdk_says_holds_nothing_that_was_to_stay_secret() {
    log::set_logger(&COLLECTOR).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let said: &'static Said = Box::leak(Box::default());
    fail(said);
    lose_the_store(said);

    let cache = std::env::temp_dir().join(format!("convert-redaction-{}", std::process::id()));
    let server = LoopbackServer::start(script());
    let clock = ManualClock::new();
    let settings = settings(server.transport_config())
        .cache_file(&cache)
        .tracking(false)
        .refresh(RefreshConfig::default())
        .manual_clock(clock.clone())
        .on_event(|event: &LifecycleEvent| {
            said.debug(event.name(), event);
            if let LifecycleEvent::RefreshFailed(failed) = event {
                said.error(event.name(), failed.error());
            }
        });
    let core = Core::initialize(settings.clone()).unwrap();
    core.subscribe(|event| assert_ne!(event.name(), "bucketing", "on purpose")).detach();
    decide(&core, said);
    for _ in 2..script().len() {
        clock.advance_to_next_alarm();
        clock.next_alarm();
        said.debug("health", &core.health());
    }
    decide(&core, said);
    said.debug("core", &core);
    said.debug("close", &core.close(Duration::from_secs(30)));
    said.add("cache", std::fs::read_to_string(&cache).unwrap());
    drop(server);
    let refused = Core::initialize(settings).unwrap();
    said.debug("health", &refused.health());
    drop(refused);
    std::fs::remove_file(cache).unwrap();

    let logged = COLLECTOR.0.lock().unwrap().clone();
    for target in
        ["core", "config", "decisions", "events", "preview", "records", "refresh", "transport"]
    {
        let target = format!("convert_sdk::{target}");
        assert!(logged.iter().any(|(other, _)| *other == target), "{target} logged nothing");
    }
    let told = said.0.lock().unwrap();
    for place in
        ["ready", "bucketing", "segments", "refresh.failed", "config.updated", "store.failed"]
    {
        assert!(told.iter().any(|(other, _)| other == place), "{place} was not told");
    }
    for (place, text) in logged.iter().chain(told.iter()) {
        for planted in PLANTED {
            assert!(!text.contains(planted), "{place} shows {planted}: {text}");
        }
    }
}
