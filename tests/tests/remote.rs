//! Initialising with an SDK key: what the service answers, the cache file, bootstrap, previews.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets the unexpected should stop at once"
)]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use convert_sdk::{
    CacheLevel, ConfigLoadError, ConfigRequest, ConfigSource, Core, Error, HttpsUrl,
    LifecycleEvent, ManualClock, Moment, Preview, PreviewError, ProjectConfig, RefreshConfig,
    SdkConfig, TransportConfig, TransportErrorKind, WallClock,
};
use convert_tests::live::{Events, KEY, Refreshed, config, hero};
use test_support::{ConfigAnswer, LoopbackServer, RecordingTransport, RefusedPort, Reply, Step};

const PATIENCE: Duration = Duration::from_secs(30);

/// Initialises against a server that does one thing.
fn initialise(step: impl Into<Step>) -> Result<Core, Error> {
    let server = LoopbackServer::start([step.into()]);
    let transport = server.transport_config().timeout(Duration::from_millis(700));
    Core::initialize(SdkConfig::from_sdk_key(KEY)?.transport(transport))
}

fn load_error(step: impl Into<Step>) -> ConfigLoadError {
    match initialise(step) {
        Err(Error::ConfigLoad(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// A core whose service is a double that answers this.
fn answered(
    answer: ConfigAnswer,
    settings: impl FnOnce(SdkConfig) -> SdkConfig,
) -> Result<Core, Error> {
    Refreshed::start_with([answer], settings).map(|live| live.core)
}

/// A path in the folder for temporary files that no other test has.
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("convert-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        TemporaryFile(folder.join("config"))
    }

    fn files(&self) -> usize {
        fs::read_dir(self.0.parent().unwrap()).unwrap().count()
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // A folder that stays behind is a nuisance and no failure.
        let _ = fs::remove_dir_all(self.0.parent().unwrap());
    }
}

/// A clock on the wall that a test sets.
#[derive(Clone, Default)]
struct Wall(Arc<AtomicI64>);

impl WallClock for Wall {
    fn now(&self) -> Moment {
        Moment::new(self.0.load(Ordering::SeqCst), 0)
    }
}

#[test]
fn initialising_returns_a_core_with_the_service_s_config() {
    let server = LoopbackServer::start([Reply::json(config("7")).gzip()]);
    let events = Events::default();
    let settings = SdkConfig::from_sdk_key(KEY)
        .unwrap()
        .transport(server.transport_config())
        .on_event(events.handler());
    let core = Core::initialize(settings).unwrap();
    assert!(core.is_ready());
    assert_eq!(hero(&core).as_deref(), Some("7"));
    let told = events.all();
    let LifecycleEvent::Ready(ready) = &told[0] else { panic!("{told:?}") };
    assert_eq!((ready.account_id(), ready.project_id()), ("10012345", "10067890"));
    assert_eq!((ready.source(), ready.age()), (ConfigSource::Network, Duration::ZERO));
    assert_eq!((ready.version(), ready.entity_counts().experiences), (Some("7"), 1));
    assert!(ready.failure().is_none());
    let [request] = &server.ledger().requests()[..] else { panic!("one request") };
    assert_eq!(request.target, "/api/v1/config/10012345/10067890");
    assert_eq!(request.header("user-agent"), Some("ConvertAgent/1.0"));
}

#[test]
fn the_query_names_environment_cache_level_and_debug_token_in_order() {
    type Settings = fn(SdkConfig) -> SdkConfig;
    let cases: [(Settings, &str); 4] = [
        (|config| config, ""),
        (|config| config.environment("my staging"), "?environment=my%20staging"),
        (|config| config.cache_level(CacheLevel::Low), "?_conv_low_cache=1"),
        (
            |config| config.debug_token("a&b").cache_level(CacheLevel::Low).environment("e"),
            "?environment=e&_conv_low_cache=1&debug_token=a%26b",
        ),
    ];
    for (settings, query) in cases {
        let live = Refreshed::start_with([ConfigAnswer::body(config("1"))], settings).unwrap();
        let targets: Vec<_> =
            live.service.config_requests().iter().map(ConfigRequest::path_and_query).collect();
        assert_eq!(targets, [format!("/api/v1/config/{KEY}{query}")]);
    }
}

#[test]
fn the_secret_is_sent_as_a_bearer_token() {
    let server = LoopbackServer::start([Reply::json(config("1"))]);
    let transport = server.transport_config().auth_secret(convert_sdk::Secret::new("hush-hush"));
    let settings = SdkConfig::from_sdk_key(KEY).unwrap().transport(transport);
    Core::initialize(settings).unwrap();
    let requests = server.ledger().requests();
    assert_eq!(requests[0].header("authorization"), Some("Bearer hush-hush"));
}

#[test]
fn statuses_are_told_with_the_redacted_endpoint() {
    for (status, retryable) in [
        (302, false),
        (304, false),
        (401, false),
        (403, false),
        (404, false),
        (429, true),
        (500, true),
        (503, true),
    ] {
        let error = load_error(Reply::new(status));
        assert_eq!((error.status(), error.is_retryable()), (Some(status), retryable));
        let endpoint = error.endpoint().unwrap();
        assert!(endpoint.ends_with("/api/v1/config/1001****7890"), "{endpoint}");
        let text = error.to_string();
        assert!(text.contains(&status.to_string()) && text.contains(endpoint), "{text}");
    }
    let patient = load_error(Reply::new(429).header("retry-after", "30"));
    assert_eq!(patient.retry_after(), Some(Duration::from_secs(30)));
}

#[test]
fn broken_exchanges_are_told_by_kind_and_end_in_time() {
    use TransportErrorKind::{BodyTooLarge, InvalidResponse, Network, Timeout, Tls};
    let second = Duration::from_secs(1);
    for (step, kind, retryable) in [
        (Step::CloseOnAccept, Network, true),
        (Step::HangInHandshake, Timeout, true),
        (Step::Hang, Timeout, true),
        (Step::DripHeaders(second), Timeout, true),
        (Step::DripBody(second), Timeout, true),
        (Step::CutBody, Network, true),
        (Step::Garbage, InvalidResponse, false),
        (Step::WrongName, Tls, false),
        (Step::Expired, Tls, false),
        (Step::PlainHttp, Tls, false),
        (Reply::json(config("1")).announcing(100_000).into(), Network, true),
        (Reply::gzip_bomb(64 * 1024 * 1024).into(), BodyTooLarge, false),
        (Reply::filler(100_000_000).into(), BodyTooLarge, false),
    ] {
        let name = format!("{step:?}");
        let error = load_error(step);
        assert_eq!(error.transport_error().kind(), kind, "{name}");
        assert_eq!((error.status(), error.is_retryable()), (None, retryable), "{name}");
        assert_eq!(error.is_timeout(), kind == Timeout, "{name}");
    }
}

#[test]
fn a_refused_connection_is_retryable_and_says_what_lies_under_it() {
    let port = RefusedPort::reserve();
    let url = HttpsUrl::parse(format!("https://localhost:{}", port.port())).unwrap();
    let transport = TransportConfig::default().base_url(url);
    let settings = SdkConfig::from_sdk_key(KEY).unwrap().transport(transport);
    let Err(Error::ConfigLoad(error)) = Core::initialize(settings) else { panic!("it loaded") };
    assert!(error.is_retryable());
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn an_unusable_config_is_told_by_its_json_path() {
    for (body, path) in [
        ("<html>", ""),
        ("[]", ""),
        (r#"{"account_id": "1", "project": {}}"#, "project.id"),
        (r#"{"account_id": "1", "project": {"id": "2"}, "goals": 7}"#, "goals"),
        (r#"{"error": "gone"}"#, "error"),
        (r#"{"data": {"error": "gone"}}"#, "data.error"),
    ] {
        let Err(Error::InvalidConfig(error)) = initialise(Reply::json(body)) else {
            panic!("{body}")
        };
        assert_eq!(error.path(), path, "{body}: {error}");
    }
}

#[test]
fn a_web_page_in_place_of_a_config_is_named_by_its_content_type() {
    let page = Reply::new(200).header("Content-Type", "text/html; charset=utf-8");
    let Err(error) = initialise(page.body("<html>Log in first</html>")) else {
        panic!("a web page is no config");
    };
    let expected = "the service answered with status 200 and content type text/html; charset=utf-8";
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn what_cannot_work_is_refused_before_anything_is_sent() {
    let url = HttpsUrl::parse("http://cdn.example.com").map_err(Error::from);
    assert!(matches!(url, Err(Error::Transport(_))));
    for key in ["", " ", "a b", "../x"] {
        assert!(matches!(SdkConfig::from_sdk_key(key), Err(Error::InvalidConfig(_))), "{key}");
    }
    let transport = TransportConfig::default().root_certificates("no certificate");
    let settings = SdkConfig::from_sdk_key(KEY).unwrap().transport(transport);
    let Err(Error::Transport(error)) = Core::initialize(settings) else { panic!("it was built") };
    assert_eq!(error.kind(), TransportErrorKind::InvalidInput);
}

#[test]
fn a_failed_initialise_can_be_tried_again() {
    let service = Arc::new(RecordingTransport::default());
    service.script_configs([ConfigAnswer::Status(503), ConfigAnswer::body(config("1"))]);
    let events = Events::default();
    let settings = SdkConfig::from_sdk_key(KEY)
        .unwrap()
        .transport_impl(Arc::clone(&service))
        .refresh(RefreshConfig::default())
        .on_event(events.handler());
    assert!(Core::initialize(settings.clone()).is_err());
    assert!(events.all().is_empty() && !service.is_closed());
    let core = Core::initialize(settings).unwrap();
    assert_eq!(events.names(), ["ready"]);
    drop(core);
}

#[test]
fn a_transport_that_answers_not_modified_unasked_is_not_believed() {
    let outcome = answered(ConfigAnswer::NotModified, |config| config);
    let Err(Error::ConfigLoad(error)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(error.transport_error().kind(), TransportErrorKind::InvalidResponse);
    let text = error.to_string();
    assert!(text.ends_with("not modified, although the request held no config"), "{text}");
}

#[test]
fn the_endpoint_is_known_whatever_the_transport_says() {
    struct Terse;
    impl convert_sdk::Transport for Terse {
        fn fetch_config(
            &self,
            _: &ConfigRequest,
        ) -> Result<convert_sdk::ConfigResponse, convert_sdk::TransportError> {
            Err(convert_sdk::TransportError::new(TransportErrorKind::Network))
        }
        fn send_batch(
            &self,
            _: &convert_sdk::BatchRequest,
        ) -> Result<convert_sdk::BatchResponse, convert_sdk::TransportError> {
            Ok(convert_sdk::BatchResponse::new(200))
        }
    }
    let outcome = Core::initialize(SdkConfig::from_sdk_key(KEY).unwrap().transport_impl(Terse));
    let Err(Error::ConfigLoad(error)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(error.endpoint(), Some("/api/v1/config/1001****7890"));
    let expected = "the config could not be loaded: the service could not be reached \
                    (/api/v1/config/1001****7890)";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn the_last_good_config_stands_in_for_a_service_that_is_away() {
    let (file, wall) = (TemporaryFile::new("stand-in"), Wall::default());
    let settings = |config: SdkConfig| config.cache_file(&file.0).wall_clock(wall.clone());
    wall.0.store(1_000, Ordering::SeqCst);
    let tagged =
        ConfigAnswer::Body { bytes: config("1").into_bytes(), etag: Some("\"one\"".to_owned()) };
    answered(tagged, settings).unwrap();
    assert_eq!(file.files(), 1);

    wall.0.store(1_090, Ordering::SeqCst);
    let answers = [ConfigAnswer::Status(503), ConfigAnswer::NotModified];
    let live = Refreshed::start_with(answers, settings).unwrap();
    assert_eq!(hero(&live.core).as_deref(), Some("1"));
    let told = live.events.all();
    let LifecycleEvent::Ready(ready) = &told[0] else { panic!("{told:?}") };
    assert_eq!((ready.source(), ready.age()), (ConfigSource::Cache, Duration::from_secs(90)));
    assert!(
        matches!(ready.failure(), Some(Error::ConfigLoad(error)) if error.status() == Some(503))
    );
    let health = live.core.health();
    assert_eq!((health.source(), health.age()), (ConfigSource::Cache, Duration::from_secs(90)));
    assert_eq!(health.consecutive_failures(), 1);
    assert!(health.last_error().is_some() && health.next_refresh_in().is_some());

    // Nobody asked for refresh, but the service is asked until it has answered once.
    live.clock.advance_to_next_alarm();
    assert!(live.service.wait_for_configs(2, PATIENCE));
    assert!(live.core.close(PATIENCE).is_complete());
    assert_eq!(live.service.config_requests()[1].validators().etag(), Some("\"one\""));
}

#[test]
fn temporary_files_that_a_kill_left_behind_are_replaced() {
    let file = TemporaryFile::new("left-behind");
    let settings = |config: SdkConfig| config.cache_file(&file.0);
    let temporary = file.0.with_file_name("config.tmp");
    fs::write(&temporary, "a part of a config").unwrap();
    let core = answered(ConfigAnswer::body(config("1")), settings).unwrap();
    assert_eq!(core.stats().cache_failures, 0);
    assert_eq!(file.files(), 1, "the cache alone is left");
    assert!(answered(ConfigAnswer::Status(503), settings).is_ok());
    // What a link of that name leads to is left alone.
    #[cfg(unix)]
    {
        let other = file.0.with_file_name("other");
        fs::write(&other, "somebody else's").unwrap();
        std::os::unix::fs::symlink("other", &temporary).unwrap();
        answered(ConfigAnswer::body(config("2")), settings).unwrap();
        assert_eq!(fs::read_to_string(&other).unwrap(), "somebody else's");
        assert_eq!(file.files(), 2);
        let core = answered(ConfigAnswer::Status(503), settings).unwrap();
        assert_eq!(hero(&core).as_deref(), Some("2"));
    }
}

#[test]
fn a_service_that_comes_back_takes_over_from_the_cache_and_ends_the_asking() {
    let file = TemporaryFile::new("comes-back");
    let settings = |config: SdkConfig| config.cache_file(&file.0);
    answered(ConfigAnswer::body(config("1")), settings).unwrap();
    let answers =
        [ConfigAnswer::Status(503), ConfigAnswer::Status(500), ConfigAnswer::body(config("2"))];
    let live = Refreshed::start_with(answers, settings).unwrap();
    let (told, updates) = std::sync::mpsc::channel();
    let subscription = live.core.subscribe(move |event| told.send(event.name()).unwrap());
    live.clock.advance_to_next_alarm();
    live.clock.advance_to_next_alarm();
    let names: Vec<_> = updates.iter().take(3).collect();
    assert_eq!(names, ["ready", "refresh.failed", "config.updated"]);
    drop(subscription);
    assert_eq!(hero(&live.core).as_deref(), Some("2"));
    let health = live.core.health();
    assert_eq!((health.source(), health.age()), (ConfigSource::Network, Duration::ZERO));
    assert!(live.core.close(PATIENCE).is_complete());
    assert_eq!(live.service.config_requests().len(), 3);
    // The file has followed.
    let core = answered(ConfigAnswer::Failure(TransportErrorKind::Network), settings).unwrap();
    assert_eq!(hero(&core).as_deref(), Some("2"));
}

#[test]
fn a_good_config_stands_in_whatever_the_service_answers_and_ready_says_why() {
    let second = Duration::from_secs(1);
    let (file, wall) = (TemporaryFile::new("whatever"), Wall::default());
    let settings = |server: &LoopbackServer| {
        let transport = server.transport_config().timeout(Duration::from_millis(700));
        let config = SdkConfig::from_sdk_key(KEY).unwrap().transport(transport).tracking(false);
        config.cache_file(&file.0).wall_clock(wall.clone())
    };
    wall.0.store(1_000, Ordering::SeqCst);
    let good = LoopbackServer::start([Reply::json(config("1"))]);
    Core::initialize(settings(&good)).unwrap();
    wall.0.store(1_090, Ordering::SeqCst);
    let answers: Vec<(&str, Step)> = vec![
        ("closed at once", Step::CloseOnAccept),
        ("silent in the handshake", Step::HangInHandshake),
        ("silent", Step::Hang),
        ("dripping", Step::DripBody(second)),
        ("cut", Step::CutBody),
        ("short", Reply::json(config("9")).announcing(100_000).into()),
        ("not HTTP", Step::Garbage),
        ("plain HTTP", Step::PlainHttp),
        ("a certificate of another host", Step::WrongName),
        ("an expired certificate", Step::Expired),
        ("redirect", Reply::new(302).header("location", "https://localhost/").into()),
        ("moved", Reply::new(301).header("location", "https://localhost/").into()),
        ("204", Reply::new(204).into()),
        ("unasked 304", Reply::new(304).into()),
        ("400", Reply::new(400).into()),
        ("401", Reply::new(401).into()),
        ("403", Reply::new(403).into()),
        ("404", Reply::new(404).into()),
        ("407", Reply::new(407).into()),
        ("429", Reply::new(429).header("retry-after", "30").into()),
        ("500", Reply::new(500).into()),
        ("503", Reply::new(503).into()),
        ("empty", Reply::json("").into()),
        ("a web page", Reply::json("<html>sign in</html>").into()),
        ("an error", Reply::json(r#"{"error": "no such project"}"#).into()),
        ("another document", Reply::json("[]").into()),
        ("a config without a project", Reply::json(r#"{"account_id": "1"}"#).into()),
        ("a part of a config", Reply::json(&config("9")[..60]).into()),
        ("a bomb", Reply::gzip_bomb(64 * 1024 * 1024).into()),
    ];
    for (name, answer) in answers {
        let server = LoopbackServer::start([answer]);
        let events = Events::default();
        let core = Core::initialize(settings(&server).on_event(events.handler()));
        let core = core.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(hero(&core).as_deref(), Some("1"), "{name}");
        let told = events.all();
        let LifecycleEvent::Ready(ready) = &told[0] else { panic!("{name}: {told:?}") };
        assert_eq!((ready.source(), ready.age()), (ConfigSource::Cache, second * 90), "{name}");
        assert!(ready.failure().is_some(), "{name}");
        assert!(core.health().last_error().is_some(), "{name}");
        assert!(core.health().next_refresh_in().is_some(), "{name}: it is asked again");
    }
}

#[test]
fn a_key_that_never_got_a_config_fails_although_there_is_a_file() {
    let file = TemporaryFile::new("other-key");
    let settings = |config: SdkConfig| config.cache_file(&file.0);
    answered(ConfigAnswer::body(config("1")), settings).unwrap();
    for status in [401, 403, 404] {
        let other_key = SdkConfig::from_sdk_key("10012345/10067891").unwrap();
        let service = Arc::new(RecordingTransport::default());
        service.script_configs([ConfigAnswer::Status(status)]);
        let outcome = Core::initialize(settings(other_key).transport_impl(service));
        let Err(Error::ConfigLoad(error)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(error.status(), Some(status));
    }
}

#[test]
#[cfg(unix)]
fn what_is_no_regular_file_is_neither_read_nor_replaced_as_a_cache() {
    let file = TemporaryFile::new("kinds");
    let away = || ConfigAnswer::Status(503);
    let folder = file.0.parent().unwrap();
    let path = |name: &str| folder.join(name);
    assert!(std::process::Command::new("mkfifo").arg(path("fifo")).status().unwrap().success());
    fs::create_dir(path("directory")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", path("link-to-device")).unwrap();
    for name in ["fifo", "directory", "link-to-device"] {
        let kind = fs::symlink_metadata(path(name)).unwrap().file_type();
        let settings = |config: SdkConfig| config.cache_file(path(name));
        assert!(answered(away(), settings).is_err(), "{name}");
        let core = answered(ConfigAnswer::body(config("1")), settings).unwrap();
        assert_eq!(core.stats().cache_failures, 1, "{name}");
        assert_eq!(fs::symlink_metadata(path(name)).unwrap().file_type(), kind, "{name}");
    }
    // A link to a regular file is followed, both ways.
    fs::write(path("linked"), "").unwrap();
    std::os::unix::fs::symlink("linked", path("link")).unwrap();
    let settings = |config: SdkConfig| config.cache_file(path("link"));
    answered(ConfigAnswer::body(config("1")), settings).unwrap();
    assert!(fs::symlink_metadata(path("link")).unwrap().is_symlink());
    assert_eq!(hero(&answered(away(), settings).unwrap()).as_deref(), Some("1"));
}

#[test]
fn a_cache_from_the_future_is_as_young_as_can_be() {
    let (file, wall) = (TemporaryFile::new("future"), Wall::default());
    let settings = |config: SdkConfig| config.cache_file(&file.0).wall_clock(wall.clone());
    for (stored, now) in [(2_000, 1_000), (i64::MAX, i64::MIN), (0, i64::MIN)] {
        wall.0.store(stored, Ordering::SeqCst);
        answered(ConfigAnswer::body(config("1")), settings).unwrap();
        wall.0.store(now, Ordering::SeqCst);
        let core = answered(ConfigAnswer::Status(503), settings).unwrap();
        assert_eq!(core.health().age(), Duration::ZERO, "{stored} {now}");
    }
}

#[test]
fn a_cache_that_is_damaged_or_somebody_else_s_is_ignored() {
    let file = TemporaryFile::new("foreign");
    let settings = |config: SdkConfig| config.cache_file(&file.0).environment("production");
    let away = || ConfigAnswer::Status(503);
    assert!(answered(away(), settings).is_err(), "there is no file");
    answered(ConfigAnswer::body(config("1")), settings).unwrap();
    let good = fs::read(&file.0).unwrap();
    assert!(answered(away(), settings).is_ok());

    assert!(answered(away(), |config| settings(config).environment("staging")).is_err());
    assert!(answered(away(), |config| settings(config).debug_token("token")).is_err());
    let other_key = SdkConfig::from_sdk_key("10012345/10067891").unwrap();
    let service = Arc::new(RecordingTransport::default());
    service.script_configs([away()]);
    assert!(Core::initialize(settings(other_key).transport_impl(service)).is_err());

    let head = good.iter().position(|byte| *byte == b'\n').unwrap();
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for damaged in [&good[..good.len() - 1], &good[..head], &good[head..], b"", b"\n", &flipped] {
        fs::write(&file.0, damaged).unwrap();
        assert!(answered(away(), settings).is_err());
    }
    fs::write(&file.0, &good).unwrap();
    assert!(answered(away(), settings).is_ok());
}

#[test]
fn the_cache_holds_no_key_and_no_token() {
    let file = TemporaryFile::new("secrets");
    let settings = |config: SdkConfig| config.cache_file(&file.0).debug_token("tok-0123456789");
    let body = r#"{"account_id": "1", "project": {"id": "2"}}"#;
    answered(ConfigAnswer::body(body), settings).unwrap();
    let text = fs::read_to_string(&file.0).unwrap();
    assert!(text.ends_with(body));
    assert!(!text.contains(KEY) && !text.contains("tok-0123456789"), "{text}");
}

#[test]
fn a_cache_that_cannot_be_written_is_counted_and_harms_nobody() {
    let settings = |config: SdkConfig| config.cache_file("/no/such/folder/config");
    let core = answered(ConfigAnswer::body(config("1")), settings).unwrap();
    assert_eq!(core.stats().cache_failures, 1);
    assert_eq!(hero(&core).as_deref(), Some("1"));
}

#[test]
fn bootstrap_starts_at_once_and_the_service_takes_over() {
    let service = Arc::new(RecordingTransport::default());
    service.script_configs([ConfigAnswer::body(config("2"))]);
    service.pause();
    let settings = SdkConfig::from_sdk_key(KEY)
        .unwrap()
        .transport_impl(Arc::clone(&service))
        .bootstrap(ProjectConfig::from_json(&config("1")).unwrap());
    // The service does not answer, and yet this returns.
    let core = Core::initialize(settings).unwrap();
    assert_eq!(hero(&core).as_deref(), Some("1"));
    assert_eq!(core.health().source(), ConfigSource::Bootstrap);
    let (told, updates) = std::sync::mpsc::channel();
    core.subscribe(move |event| told.send(event.name()).unwrap()).detach();
    service.resume();
    let names: Vec<_> = updates.iter().take(2).collect();
    assert_eq!(names, ["ready", "config.updated"]);
    assert_eq!(hero(&core).as_deref(), Some("2"));
    assert_eq!(core.health().source(), ConfigSource::Network);
}

#[test]
fn a_bootstrap_that_is_current_is_confirmed_without_an_event() {
    let bootstrap = ProjectConfig::from_json(&config("1")).unwrap();
    let settings = |sdk: SdkConfig| sdk.bootstrap(bootstrap).refresh(RefreshConfig::default());
    let live = Refreshed::start_with([ConfigAnswer::body(config("1"))], settings).unwrap();
    assert!(live.service.wait_for_configs(1, PATIENCE));
    live.clock.next_alarm();
    assert_eq!(live.events.names(), ["ready"]);
    assert_eq!(live.core.health().source(), ConfigSource::Network);
}

fn draft(id: &str) -> String {
    format!(
        r#"{{"account_id": "10012345", "project": {{"id": "10067890"}}, "experiences": [
            {{"id": "{id}", "key": "draft", "variations": [{{"id": "20", "key": "bold"}}]}}]}}"#
    )
}

#[test]
fn a_preview_of_a_draft_is_fetched_once_a_minute() {
    let answers = [config("1"), draft("9"), draft("9")].map(ConfigAnswer::body);
    let live = Refreshed::start_with(answers, |config| config).unwrap();
    let preview = || Preview::new("9", "20");
    let mut visitor = live.core.create_context("visitor-1");
    visitor.set_preview(preview()).unwrap();
    let shown = visitor.run_experience("draft").map(|draft| draft.variation_key().to_owned());
    assert_eq!(shown.as_deref(), Some("bold"));
    // What is live goes on as before, and nothing leaves a trace.
    assert!(visitor.run_experience("hero").is_some());
    assert!(visitor.visitor_record().is_empty());
    assert_eq!(live.events.names(), ["ready"]);
    let target = live.service.config_requests()[1].path_and_query();
    assert_eq!(target, format!("/api/v1/config/{KEY}?exp=9&_conv_low_cache=1"));

    live.core.create_context("visitor-2").set_preview(preview()).unwrap();
    assert_eq!(live.core.stats().preview_fetches, 1);
    live.clock.advance(Duration::from_secs(60));
    live.core.create_context("visitor-3").set_preview(preview()).unwrap();
    assert_eq!(live.core.stats().preview_fetches, 2);
}

#[test]
fn a_preview_that_is_not_there_says_why() {
    let answers = [
        ConfigAnswer::body(config("1")),
        ConfigAnswer::body(draft("9")),
        ConfigAnswer::Status(500),
        ConfigAnswer::body(draft("9")),
    ];
    let live = Refreshed::start_with(answers, |config| config).unwrap();
    let mut visitor = live.core.create_context("visitor-1");
    let mut preview = |experience: &str, variation: &str| {
        visitor.set_preview(Preview::new(experience, variation))
    };
    assert_eq!(preview("1", "404"), Err(PreviewError::VariationNotFound));
    assert_eq!(preview("8", "20"), Err(PreviewError::ExperienceNotFound));
    let error = preview("7", "20").unwrap_err().to_string();
    assert!(error.contains("could not be fetched: ") && error.contains("500"), "{error}");
    assert_eq!(preview("9", "404"), Err(PreviewError::VariationNotFound));
    assert_eq!(preview("9", "20"), Ok(()));
    assert_eq!((live.core.stats().preview_fetches, live.core.stats().preview_failures), (3, 1));
    live.core.close(PATIENCE);
    let error = preview("6", "20").unwrap_err().to_string();
    assert!(error.ends_with("the core is closed"), "{error}");
    assert_eq!(live.core.stats().preview_fetches, 3);
}

#[test]
fn a_preview_never_leaves_direct_data() {
    let core = Core::initialize(SdkConfig::from_json(&config("1")).unwrap()).unwrap();
    let mut visitor = core.create_context("visitor-1");
    let outcome = visitor.set_preview(Preview::new("9", "20"));
    assert_eq!(outcome, Err(PreviewError::ExperienceNotFound));
    assert_eq!(core.stats().preview_fetches, 0);
}

#[test]
fn many_who_open_one_link_cost_one_fetch() {
    let answers = [config("1"), draft("9")].map(ConfigAnswer::body);
    let live = Refreshed::start_with(answers, |config| config).unwrap();
    live.service.pause();
    std::thread::scope(|scope| {
        let open = |index: usize| {
            let core = &live.core;
            let visitor = move || core.create_context(format!("visitor-{index}"));
            scope.spawn(move || visitor().set_preview(Preview::new("9", "20")))
        };
        let opened: Vec<_> = (0..8).map(open).collect();
        assert!(live.service.wait_for_configs(2, PATIENCE));
        live.service.resume();
        for one in opened {
            assert_eq!(one.join().unwrap(), Ok(()));
        }
    });
    assert_eq!(live.core.stats().preview_fetches, 1);
}

#[test]
fn a_manual_clock_tells_how_long_initialising_took() {
    struct Slow(ManualClock);
    impl convert_sdk::Transport for Slow {
        fn fetch_config(
            &self,
            _: &ConfigRequest,
        ) -> Result<convert_sdk::ConfigResponse, convert_sdk::TransportError> {
            self.0.advance(Duration::from_secs(3));
            let body = convert_sdk::ConfigBody::new(config("1"));
            Ok(convert_sdk::ConfigResponse::Modified(body))
        }
        fn send_batch(
            &self,
            _: &convert_sdk::BatchRequest,
        ) -> Result<convert_sdk::BatchResponse, convert_sdk::TransportError> {
            Ok(convert_sdk::BatchResponse::new(200))
        }
    }
    let (clock, events) = (ManualClock::new(), Events::default());
    let settings = SdkConfig::from_sdk_key(KEY)
        .unwrap()
        .transport_impl(Slow(clock.clone()))
        .manual_clock(clock)
        .on_event(events.handler());
    let core = Core::initialize(settings).unwrap();
    let told = events.all();
    let LifecycleEvent::Ready(ready) = &told[0] else { panic!("{told:?}") };
    assert_eq!(ready.elapsed(), Duration::from_secs(3));
    assert_eq!(core.health().elapsed(), Duration::from_secs(3));
}
