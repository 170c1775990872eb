//! Nothing the SDK says shows a secret, an attribute or a visitor's id.
//!
//! A program of its own with one test, since it installs the process's logger. Every error, event,
//! log line and `Debug` output of a life full of trouble is searched for what was put in.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should stop at once")]

use std::error::Error as _;
use std::fmt::Debug;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use convert_redis::RedisStore;
use convert_sdk::{
    BatchRequest, BatchResponse, ConfigBody, ConfigRequest, ConfigResponse, Conversion, Core,
    Error, HttpsUrl, HttpsUrlTemplate, LifecycleEvent, ManualClock, Preview, ProxyUrl, RecordDelta,
    RefreshConfig, RunOptions, SdkConfig, Secret, StoreConfig, TrackingConfig, Transport,
    TransportConfig, TransportError, TransportErrorKind, VisitorRecord, WriteMode, attributes,
};
use convert_tests::sink::impatient;
use test_support::{ConnectProxy, LoopbackServer, RefusedPort, Reply, Step};

const KEY: &str = "90017777/90028888";
const SECRET: &str = "s3cret-0123456789-bearer";
const TOKEN: &str = "t0ken-0123456789-debug";
const HEADER: &str = "h3ader-0123456789-value";
const PROXY: &str = "pr0xy-0123456789-password";
const PROXY_USER: &str = "pr0xy-0123456789-user";
const VISITOR: &str = "visitor-jane.doe@example.com";
const ATTRIBUTE: &str = "attribute-jane-doe-born-1970";
const SEGMENT: &str = "segment-value-of-jane";
const DATUM: &str = "order-of-jane-4711";
const PLANTED: [&str; 10] =
    [KEY, SECRET, TOKEN, HEADER, PROXY, PROXY_USER, VISITOR, ATTRIBUTE, SEGMENT, DATUM];
const PATIENCE: Duration = Duration::from_secs(60);

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
            "goals": [{{"id": "7", "key": "purchase"}}, {{"id": "6", "key": "adult", "rules": {{"OR": [
                {{"AND": [{{"OR_WHEN": [{{
                    "rule_type": "generic_text_key_value", "key": "birth", "value": "x",
                    "matching": {{"match_type": "equals", "negated": false}}}}]}}]}}]}}}}],
            "segments": [{{"id": "8", "key": "all", "rules": {{"OR": [{{"AND": [{{"OR_WHEN": [{{
                "rule_type": "generic_text_key_value", "key": "birth", "value": "x",
                "matching": {{"match_type": "equals", "negated": true}}}}]}}]}}]}}}}],
            "experiences": [{{"id": "3", "key": "hero", "audiences": ["9"], "variations": [
                {{"id": "30", "key": "blue"}}]}}, {{"key": "without an id"}}]}}"#
    )
}

fn script() -> Vec<Step> {
    let echo = format!(r#"{{"error": "no {KEY} with {TOKEN}, {SECRET}, {HEADER}"}}"#);
    // As much of it is told as ends within the key.
    let cut = format!(r#"{{"error": "{}{KEY}"}}"#, "x".repeat(195));
    vec![
        Reply::json(body(1)).etag("\"1\"").into(),
        Reply::new(401).into(),
        Reply::json(echo).into(),
        Reply::json(cut).into(),
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
    said.debug("record", &visitor.visitor_record());
    said.debug("preview error", &visitor.set_preview(Preview::new("77", "1")));
}

/// Tracks a conversion with everything that one can carry.
fn convert(core: &Core, goal: &str, said: &Said) {
    let visitor = core
        .create_context(VISITOR)
        .with_attributes(attributes! { "birth" => ATTRIBUTE, "country" => SEGMENT });
    visitor.run_experience("hero");
    let mut conversion = Conversion::new(goal)
        .transaction_id(DATUM)
        .custom_dimension(1, DATUM)
        .repeat(convert_sdk::Repeat::Every);
    if goal == "adult" {
        conversion = conversion.attributes(attributes! { "birth" => ATTRIBUTE });
    }
    said.debug("conversion", &conversion);
    said.debug("conversion result", &visitor.track_conversion(conversion));
    said.debug("flush", &core.flush(Duration::ZERO));
}

/// Initialises in vain, in several ways.
fn fail(said: &Said) {
    let refused = RefusedPort::reserve();
    let url = HttpsUrl::parse(format!("https://localhost:{}", refused.port())).unwrap();
    let away = TransportConfig::default().base_url(url);
    let proxy_url = format!("http://{PROXY_USER}:{PROXY}@127.0.0.1:{}", refused.port());
    let proxied = away.clone().proxy(ProxyUrl::parse(proxy_url).unwrap());
    let strict = ConnectProxy::refusing(407);
    let strict = ProxyUrl::parse(strict.url_with_credentials(PROXY_USER, PROXY)).unwrap();
    said.debug("proxy", &strict);
    let refused_by_proxy = away.clone().proxy(strict);
    for transport in [away, proxied, refused_by_proxy] {
        let settings = settings(transport);
        said.debug("settings", &settings);
        said.error("initialise", &Core::initialize(settings).unwrap_err());
    }
    for step in script().into_iter().skip(1).take(8) {
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

/// Starts a core that tracks, by way of a proxy, and tells everything it is told.
fn tracking_core(
    config: &LoopbackServer,
    track: &LoopbackServer,
    proxy: &ConnectProxy,
    tracking: TrackingConfig,
    said: &'static Said,
) -> Result<Core, Error> {
    let transport = config
        .transport_config()
        .track_base_url(HttpsUrlTemplate::parse(format!("{}/[project_id]", track.url())).unwrap())
        .proxy(ProxyUrl::parse(proxy.url_with_credentials(PROXY_USER, PROXY)).unwrap());
    let settings =
        settings(transport).tracking_config(tracking).on_event(|event| tell(said, event));
    said.debug("tracking settings", &settings);
    Core::initialize(settings)
}

fn tell(said: &Said, event: &LifecycleEvent) {
    said.debug(event.name(), event);
    match event {
        LifecycleEvent::RefreshFailed(failed) => said.error(event.name(), failed.error()),
        LifecycleEvent::QueueReleased(released) => {
            said.add(event.name(), released.to_string());
            if let Some(error) = released.error() {
                said.error(event.name(), &Error::from(error.clone()));
            }
        }
        _ => {}
    }
}

/// Delivers in vain in every way there is, until the service takes something.
fn track(said: &'static Said) {
    let echo = format!(r#"{{"key": "{KEY}", "visitor": "{VISITOR}", "token": "{SECRET}"}}"#);
    let again = |status| Step::from(Reply::new(status).body(echo.as_str()));
    let track = LoopbackServer::start([
        again(500),
        Step::CloseOnAccept,
        Step::Garbage,
        Step::WrongName,
        Reply::new(302).header("location", &format!("https://localhost/{KEY}")).into(),
        Reply::new(429).header("retry-after", "0").body(echo.as_str()).into(),
        again(400),
        Reply::json(format!(r#"{{"code": "BOT", "visitor": "{VISITOR}"}}"#)).into(),
        Reply::json(echo.as_str()).into(),
    ]);
    let (config, proxy) = (LoopbackServer::start([Reply::json(body(1))]), ConnectProxy::start());
    let core = tracking_core(&config, &track, &proxy, impatient(), said).unwrap();
    // Refused for good, taken for a bot, and accepted.
    for goal in ["purchase", "adult", "purchase", "purchase"] {
        convert(&core, goal, said);
        core.flush(PATIENCE).unwrap();
    }
    let stats = core.stats();
    said.debug("stats", &stats);
    assert!(stats.dropped_refused > 0 && stats.dropped_bot > 0 && stats.events_delivered > 0);
    assert!(stats.delivery_retries >= 6, "{stats:?}");
    assert!(!proxy.requests().is_empty(), "the proxy was asked");
    said.debug("close", &core.close(PATIENCE));

    // More than the queue holds, and nobody who takes it.
    let away = LoopbackServer::start([Reply::new(503)]);
    let small = TrackingConfig::builder().queue_capacity(2).build().unwrap();
    let core = tracking_core(&config, &away, &proxy, small, said).unwrap();
    for _ in 0..20 {
        convert(&core, "purchase", said);
    }
    assert!(core.stats().dropped_queue_full > 0);
    said.debug("close", &core.close(Duration::ZERO));
}

/// Troubles with the directory for undelivered events.
fn spool(said: &'static Said) {
    let folder = std::env::temp_dir().join(format!("convert-spool-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let away = LoopbackServer::start([Reply::new(503)]);
    let (config, proxy) = (LoopbackServer::start([Reply::json(body(1))]), ConnectProxy::start());
    let start = |directory: &Path| {
        let tracking = TrackingConfig::builder().spool(directory).build().unwrap();
        tracking_core(&config, &away, &proxy, tracking, said)
    };
    fs::write(folder.join("file"), "").unwrap();
    said.error("spool", &start(&folder.join("file")).unwrap_err());

    let core = start(&folder.join("kept")).unwrap();
    said.error("spool", &start(&folder.join("kept")).unwrap_err());
    convert(&core, "purchase", said);
    let report = core.close(Duration::from_secs(1));
    said.debug("close", &report);
    assert!(report.spooled() > 0, "{report:?}");
    let other_key = SdkConfig::from_sdk_key("90017777/90029999").unwrap();
    let tracking = TrackingConfig::builder().spool(folder.join("kept")).build().unwrap();
    let other_key = other_key.transport(config.transport_config()).tracking_config(tracking);
    said.error("spool", &Core::initialize(other_key).unwrap_err());

    // Damaged in the middle of what is kept.
    for file in fs::read_dir(folder.join("kept")).unwrap() {
        let path = file.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        if let Some(byte) = bytes.iter_mut().rev().nth(4) {
            *byte ^= 1;
            fs::write(&path, bytes).unwrap();
        }
    }
    drop(start(&folder.join("kept")));

    // Gone before anything could be written, and not to be made again.
    let core = start(&folder.join("gone")).unwrap();
    fs::remove_dir_all(folder.join("gone")).unwrap();
    fs::write(folder.join("gone"), "").unwrap();
    convert(&core, "purchase", said);
    said.debug("close", &core.close(Duration::from_secs(1)));
    assert!(core.stats().spool_failures > 0);
    fs::remove_dir_all(folder).unwrap();
}

/// A transport of the application's whose library puts everything into its messages.
struct Talkative;

impl Transport for Talkative {
    fn fetch_config(&self, request: &ConfigRequest) -> Result<ConfigResponse, TransportError> {
        if request.experience().is_some() {
            let source = io::Error::other(format!("GET {} failed", request.path_and_query()));
            return Err(request.error_from(TransportErrorKind::Network, &source));
        }
        Ok(ConfigResponse::Modified(ConfigBody::new(body(1))))
    }

    fn send_batch(&self, request: &BatchRequest) -> Result<BatchResponse, TransportError> {
        let source = io::Error::other(format!("POST {} failed", request.path()));
        Err(request.error_from(TransportErrorKind::Network, &source))
    }
}

fn talk(said: &'static Said) {
    let settings = settings(TransportConfig::default())
        .transport_impl(Talkative)
        .tracking_config(impatient())
        .on_event(|event| tell(said, event));
    let core = Core::initialize(settings).unwrap();
    decide(&core, said);
    convert(&core, "purchase", said);
    said.debug("flush", &core.flush(Duration::from_millis(50)));
    said.debug("close", &core.close(Duration::ZERO));
}

#[test]
fn what_the_sdk_says_holds_nothing_that_was_to_stay_secret() {
    log::set_logger(&COLLECTOR).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let said: &'static Said = Box::leak(Box::default());
    fail(said);
    track(said);
    spool(said);
    talk(said);
    lose_the_store(said);

    let cache = std::env::temp_dir().join(format!("convert-redaction-{}", std::process::id()));
    let server = LoopbackServer::start(script());
    let clock = ManualClock::new();
    let settings = settings(server.transport_config())
        .cache_file(&cache)
        .tracking(false)
        .refresh(RefreshConfig::default())
        .manual_clock(clock.clone())
        .on_event(|event| tell(said, event));
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
    for target in [
        "core",
        "config",
        "decisions",
        "events",
        "preview",
        "records",
        "refresh",
        "tracking",
        "transport",
    ] {
        let target = format!("convert_sdk::{target}");
        assert!(logged.iter().any(|(other, _)| *other == target), "{target} logged nothing");
    }
    let told = said.0.lock().unwrap();
    for place in [
        "ready",
        "bucketing",
        "segments",
        "refresh.failed",
        "config.updated",
        "conversion",
        "api.queue.released",
        "events.dropped",
        "spool",
        "store.failed",
    ] {
        assert!(told.iter().any(|(other, _)| other == place), "{place} was not told");
    }
    for lost in ["the service refused them", "the spool could not be written", "is damaged"] {
        assert!(logged.iter().any(|(_, line)| line.contains(lost)), "{lost} was not logged");
    }
    for (place, text) in logged.iter().chain(told.iter()) {
        for planted in PLANTED {
            assert!(!text.contains(planted), "{place} shows {planted}: {text}");
        }
    }
}
