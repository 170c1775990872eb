//! Background refresh on a clock that the test moves.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should stop at once")]

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use convert_sdk::{
    BatchRequest, BatchResponse, ConfigBody, ConfigRequest, ConfigResponse, ConfigSource, Core,
    Error, LifecycleEvent, ManualClock, Moment, ProjectConfig, RefreshConfig, SdkConfig,
    SkipReason, Transport, TransportError, TransportErrorKind, Validators, WallClock,
};
use convert_tests::live::{Events, KEY, Refreshed, config, hero};
use test_support::{ConfigAnswer, LoopbackServer, Reply, Step};

const PATIENCE: Duration = Duration::from_secs(30);

fn tagged(version: &str) -> ConfigAnswer {
    ConfigAnswer::Body { bytes: config(version).into_bytes(), etag: Some(format!("\"{version}\"")) }
}

/// Returns after how many seconds the next attempt comes.
fn wait(live: &Refreshed) -> f64 {
    live.core.health().next_refresh_in().unwrap().as_secs_f64()
}

#[test]
fn nothing_runs_unless_refresh_is_asked_for() {
    let live = Refreshed::start_with([tagged("1")], |config| config).unwrap();
    assert!(live.core.health().next_refresh_in().is_none());
    live.core.refresh_now();
    live.clock.advance(Duration::from_secs(1_000_000));
    assert!(live.core.close(PATIENCE).is_complete());
    assert_eq!(live.service.config_requests().len(), 1);
    assert_eq!(live.events.names(), ["ready"]);
}

#[test]
fn another_config_takes_over_and_is_told_once() {
    let live = Refreshed::start([tagged("1"), tagged("2")]).unwrap();
    let before = live.core.create_context("visitor-1");
    assert_eq!(hero(&live.core).as_deref(), Some("1"));
    live.refresh();
    let told = live.events.all();
    let updates: Vec<_> = told
        .iter()
        .filter_map(|event| match event {
            LifecycleEvent::ConfigUpdated(updated) => Some(updated),
            _ => None,
        })
        .collect();
    let [update] = updates[..] else { panic!("{told:?}") };
    assert_eq!((update.account_id(), update.project_id()), ("10012345", "10067890"));
    assert_eq!((update.version(), update.entity_counts().experiences), (Some("2"), 1));
    // A context keeps the config it was made with.
    let kept = before.run_experience("hero").map(|hero| hero.variation_key());
    assert_eq!(kept, Some("1"));
    let fresh = live.core.create_context("visitor-2");
    assert_eq!(fresh.run_experience("hero").map(|hero| hero.variation_key()), Some("2"));
}

#[test]
fn the_same_config_is_success_and_tells_nothing() {
    let same_version = config("1").replace("hero", "other");
    let unversioned = config("1").replace("\"version\"", "\"ignored\"");
    for (first, second) in [
        (tagged("1"), ConfigAnswer::NotModified),
        (tagged("1"), tagged("1")),
        (tagged("1"), ConfigAnswer::body(same_version)),
        (ConfigAnswer::body(unversioned.clone()), ConfigAnswer::body(unversioned.clone())),
    ] {
        let live = Refreshed::start([first, second]).unwrap();
        live.clock.advance(Duration::from_secs(5));
        assert_eq!(live.core.health().age(), Duration::from_secs(5));
        live.refresh();
        assert_eq!(live.events.names(), ["ready"]);
        let health = live.core.health();
        assert_eq!((health.age(), health.consecutive_failures()), (Duration::ZERO, 0));
        assert_eq!((health.stats().refreshes, health.stats().config_updates), (1, 0));
    }
    let changed = unversioned.replace("hero", "other");
    let answers = [ConfigAnswer::body(unversioned), ConfigAnswer::body(changed)];
    let live = Refreshed::start(answers).unwrap();
    live.refresh();
    assert_eq!(live.events.names(), ["ready", "config.updated"]);
}

#[test]
fn what_the_service_said_of_a_config_is_said_back() {
    let live = Refreshed::start([tagged("1"), ConfigAnswer::NotModified, tagged("2")]).unwrap();
    for _ in 0..3 {
        live.refresh();
    }
    let etags: Vec<_> = live
        .service
        .config_requests()
        .into_iter()
        .map(|request| request.validators().etag().map(str::to_owned))
        .collect();
    let one = Some("\"1\"".to_owned());
    assert_eq!(etags, [None, one.clone(), one, Some("\"2\"".to_owned())]);
}

#[test]
fn a_config_that_is_the_same_under_another_tag_is_asked_for_by_the_new_one() {
    let retagged =
        || ConfigAnswer::Body { bytes: config("1").into_bytes(), etag: Some("\"b\"".to_owned()) };
    let live = Refreshed::start([tagged("1"), retagged(), ConfigAnswer::NotModified]).unwrap();
    live.refresh();
    live.refresh();
    let requests = live.service.config_requests();
    assert_eq!(requests[2].validators().etag(), Some("\"b\""));
    assert_eq!(live.events.names(), ["ready"]);
}

#[test]
fn waits_follow_interval_jitter_and_backoff() {
    let failure = || ConfigAnswer::Status(503);
    let answers = [tagged("1"), failure(), failure(), failure(), tagged("2"), failure()];
    let policy = RefreshConfig::builder()
        .interval(Duration::from_secs(100))
        .jitter(Duration::from_secs(10))
        .backoff_factor(1.5)
        .backoff_max(Duration::from_secs(300))
        .build()
        .unwrap();
    let live = Refreshed::start_with(answers, |config| config.refresh(policy)).unwrap();
    for (base, failures) in [(100.0, 0), (150.0, 1), (225.0, 2), (300.0, 3), (100.0, 0), (150.0, 1)]
    {
        live.clock.next_alarm();
        let wait = wait(&live);
        assert!((base..=base + 10.0).contains(&wait), "{wait} {base}");
        assert_eq!(live.core.health().consecutive_failures(), failures);
        live.refresh();
    }
}

fn every_second() -> RefreshConfig {
    let second = Duration::from_secs(1);
    RefreshConfig::builder().interval(second).jitter(Duration::ZERO).build().unwrap()
}

#[test]
fn a_service_that_asks_to_be_left_alone_is_left_alone_even_by_refresh_now() {
    let busy = |seconds| ConfigAnswer::Busy(Duration::from_secs(seconds));
    let answers = [tagged("1"), busy(20), busy(1_000_000), tagged("2")];
    let live = Refreshed::start_with(answers, |config| config.refresh(every_second())).unwrap();
    live.refresh();
    assert_eq!(live.core.health().next_refresh_in(), Some(Duration::from_secs(20)));
    live.core.refresh_now();
    live.clock.advance(Duration::from_secs(19));
    assert!(!live.service.wait_for_configs(3, Duration::from_millis(100)));
    live.clock.advance(Duration::from_secs(1));
    assert!(live.service.wait_for_configs(3, PATIENCE));
    live.clock.next_alarm();
    // Nobody is granted more than ten minutes.
    assert_eq!(live.core.health().next_refresh_in(), Some(Duration::from_secs(600)));
    live.refresh();
    assert_eq!(hero(&live.core).as_deref(), Some("2"));
    assert_eq!(live.service.config_requests().len(), 4);
}

#[test]
fn the_first_fetch_beside_a_bootstrap_or_a_cache_honours_retry_after() {
    let busy = || ConfigAnswer::Busy(Duration::from_secs(450));
    let bootstrap = || ProjectConfig::from_json(&config("1")).unwrap();
    let settings = |config: SdkConfig| config.bootstrap(bootstrap()).refresh(every_second());
    let live = Refreshed::start_with([busy(), tagged("2")], settings).unwrap();
    assert!(live.service.wait_for_configs(1, PATIENCE));
    live.clock.next_alarm();
    assert_eq!(live.core.health().next_refresh_in(), Some(Duration::from_secs(450)));

    let file = std::env::temp_dir().join(format!("convert-busy-{}", std::process::id()));
    let settings = |config: SdkConfig| config.cache_file(&file).refresh(every_second());
    drop(Refreshed::start_with([tagged("1")], settings).unwrap());
    let live = Refreshed::start_with([busy(), tagged("2")], settings).unwrap();
    assert_eq!(live.core.health().next_refresh_in(), Some(Duration::from_secs(450)));
    std::fs::remove_file(file).unwrap();
}

#[test]
fn no_attempt_comes_before_its_time() {
    let live = Refreshed::start([tagged("1"), tagged("2")]).unwrap();
    let due = live.clock.next_alarm();
    live.clock.advance(due.checked_sub(Duration::from_nanos(1)).unwrap());
    // The worker has been asked nothing: closing it is the first thing that wakes it.
    assert!(live.core.close(PATIENCE).is_complete());
    assert_eq!(live.service.config_requests().len(), 1);
}

#[test]
fn what_will_not_change_soon_goes_to_the_ceiling_and_refresh_goes_on() {
    let refusals = [
        ConfigAnswer::Status(401),
        ConfigAnswer::Status(403),
        ConfigAnswer::Status(404),
        ConfigAnswer::Failure(TransportErrorKind::Tls),
    ];
    let policy = RefreshConfig::builder().backoff_max(Duration::from_secs(5_000)).build().unwrap();
    for refusal in refusals {
        let answers = [tagged("1"), refusal, tagged("2")];
        let live = Refreshed::start_with(answers, |config| config.refresh(policy)).unwrap();
        live.refresh();
        assert!((5_000.0..=5_030.0).contains(&wait(&live)), "{}", wait(&live));
        assert_eq!(hero(&live.core).as_deref(), Some("1"));
        live.refresh();
        assert_eq!(hero(&live.core).as_deref(), Some("2"));
    }
}

#[test]
fn a_failure_keeps_the_config_and_is_told_counted_and_shown() {
    let broken = ConfigAnswer::body("{\"account_id\": 1}");
    let live =
        Refreshed::start([tagged("1"), ConfigAnswer::Status(500), broken, tagged("2")]).unwrap();
    live.refresh();
    live.refresh();
    let told = live.events.all();
    let [_, LifecycleEvent::RefreshFailed(first), LifecycleEvent::RefreshFailed(second)] =
        &told[..]
    else {
        panic!("{told:?}")
    };
    assert!(matches!(first.error(), Error::ConfigLoad(error) if error.status() == Some(500)));
    assert!(matches!(second.error(), Error::InvalidConfig(error) if error.path() == "project.id"));
    assert_eq!((first.consecutive_failures(), second.consecutive_failures()), (1, 2));
    assert!(second.next_refresh_in() >= Duration::from_secs(600));
    let health = live.core.health();
    assert_eq!(health.last_error().unwrap().to_string(), second.error().to_string());
    assert_eq!((health.stats().refresh_failures, health.version()), (2, Some("1")));
    live.refresh();
    assert!(live.core.health().last_error().is_none());
    assert_eq!(live.core.health().version(), Some("2"));
}

#[test]
fn refresh_now_returns_at_once_and_coalesces() {
    let live = Refreshed::start([tagged("1"), tagged("2")]).unwrap();
    live.service.pause();
    live.core.refresh_now();
    assert!(live.service.wait_for_configs(2, PATIENCE));
    // One fetch is under way; all of these ask for the same one more.
    for _ in 0..100 {
        live.core.refresh_now();
    }
    live.service.resume();
    assert!(live.service.wait_for_configs(3, PATIENCE));
    live.clock.next_alarm();
    assert_eq!(live.service.config_requests().len(), 3);
    assert_eq!(live.events.count("config.updated"), 1);
    live.core.close(PATIENCE);
    live.core.refresh_now();
    assert_eq!(live.service.config_requests().len(), 3);
}

#[test]
fn direct_data_says_once_that_it_skips_refresh() {
    let events = Events::default();
    let config = SdkConfig::from_json(&config("1")).unwrap().on_event(events.handler());
    let core = Core::initialize(config.refresh(RefreshConfig::default())).unwrap();
    core.refresh_now();
    let told = events.all();
    let [LifecycleEvent::Ready(ready), LifecycleEvent::RefreshSkipped(skipped)] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(ready.source(), ConfigSource::Direct);
    assert_eq!(skipped.reason(), SkipReason::DirectData);
    assert!(core.health().next_refresh_in().is_none());
}

#[test]
fn a_transport_that_panics_does_not_end_refresh() {
    struct Panics(Mutex<u32>);
    impl Transport for Panics {
        fn fetch_config(&self, _: &ConfigRequest) -> Result<ConfigResponse, TransportError> {
            let mut count = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            *count += 1;
            assert_ne!(*count, 2, "the second fetch panics");
            Ok(ConfigResponse::Modified(ConfigBody::new(config(&count.to_string()))))
        }
        fn send_batch(&self, _: &BatchRequest) -> Result<BatchResponse, TransportError> {
            Ok(BatchResponse::new(200))
        }
    }
    let (clock, events) = (ManualClock::new(), Events::default());
    let settings = SdkConfig::from_sdk_key(KEY)
        .unwrap()
        .transport_impl(Panics(Mutex::new(0)))
        .manual_clock(clock.clone())
        .refresh(RefreshConfig::default())
        .on_event(events.handler());
    let core = Core::initialize(settings).unwrap();
    for _ in 0..2 {
        clock.advance_to_next_alarm();
        clock.next_alarm();
    }
    assert_eq!(events.names(), ["ready", "refresh.failed", "config.updated"]);
    let told = events.all();
    let LifecycleEvent::RefreshFailed(failed) = &told[1] else { panic!("{told:?}") };
    let text = failed.error().to_string();
    assert!(text.ends_with("the transport panicked"), "{text}");
    assert_eq!(core.health().version(), Some("3"));
}

/// A panic that panics once more when it is thrown away.
struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "thrown away");
    }
}

#[test]
fn a_panic_that_panics_again_does_not_end_refresh() {
    struct Throws(AtomicU32);
    impl Transport for Throws {
        fn fetch_config(&self, _: &ConfigRequest) -> Result<ConfigResponse, TransportError> {
            let count = self.0.fetch_add(1, SeqCst) + 1;
            if count == 2 {
                std::panic::panic_any(Grenade);
            }
            Ok(ConfigResponse::Modified(ConfigBody::new(config(&count.to_string()))))
        }
        fn send_batch(&self, _: &BatchRequest) -> Result<BatchResponse, TransportError> {
            Ok(BatchResponse::new(200))
        }
    }
    let clock = ManualClock::new();
    let settings = SdkConfig::from_sdk_key(KEY)
        .unwrap()
        .transport_impl(Throws(AtomicU32::new(0)))
        .manual_clock(clock.clone())
        .refresh(RefreshConfig::default());
    let core = Core::initialize(settings).unwrap();
    for _ in 0..2 {
        clock.advance_to_next_alarm();
        clock.next_alarm();
    }
    assert_eq!((core.stats().refresh_failures, core.health().version()), (1, Some("3")));
}

#[test]
fn a_clock_of_the_application_s_that_panics_does_not_end_refresh() {
    struct Broken(AtomicU32);
    impl WallClock for Broken {
        fn now(&self) -> Moment {
            assert_ne!(self.0.fetch_add(1, SeqCst), 1, "the clock panics the second time");
            Moment::new(0, 0)
        }
    }
    let file = std::env::temp_dir().join(format!("convert-clock-{}", std::process::id()));
    let live = Refreshed::start_with(["1", "2", "3"].map(tagged), |config| {
        config
            .wall_clock(Broken(AtomicU32::new(0)))
            .cache_file(&file)
            .refresh(RefreshConfig::default())
    })
    .unwrap();
    live.refresh();
    assert_eq!(live.events.names(), ["ready", "config.updated"]);
    assert_eq!(live.core.stats().clock_panics, 1);
    live.refresh();
    assert_eq!(hero(&live.core).as_deref(), Some("3"));
    std::fs::remove_file(file).unwrap();
}

/// Every fault of a server, met by a refresh: the config stays, and the next one comes.
#[test]
fn no_fault_of_the_server_takes_the_config_away() {
    let second = Duration::from_secs(1);
    let faults: Vec<(&str, Step)> = vec![
        ("closed at once", Step::CloseOnAccept),
        ("silent", Step::Hang),
        ("dripping", Step::DripBody(second)),
        ("cut", Step::CutBody),
        ("wrong name", Step::WrongName),
        ("expired", Step::Expired),
        ("plain HTTP", Step::PlainHttp),
        ("not HTTP", Step::Garbage),
        ("redirect", Reply::new(302).header("location", "https://localhost/").into()),
        ("unexpected 304", Reply::new(304).into()),
        ("401", Reply::new(401).into()),
        ("403", Reply::new(403).into()),
        ("404", Reply::new(404).into()),
        ("429", Reply::new(429).header("retry-after", "30").into()),
        ("500", Reply::new(500).into()),
        ("503", Reply::new(503).into()),
        ("short", Reply::json(config("9")).announcing(100_000).into()),
        ("bomb", Reply::gzip_bomb(64 * 1024 * 1024).into()),
        ("huge", Reply::filler(100_000_000).into()),
        ("not JSON", Reply::json("<html>").into()),
        ("not a config", Reply::json("[]").into()),
        ("an error", Reply::json(r#"{"error": "no such project"}"#).into()),
    ];
    for (name, fault) in faults {
        let server = LoopbackServer::start([
            Step::from(Reply::json(config("1"))),
            fault,
            Reply::json(config("2")).into(),
        ]);
        let (clock, events) = (ManualClock::new(), Events::default());
        let settings = SdkConfig::from_sdk_key(KEY)
            .unwrap()
            .transport(server.transport_config().timeout(Duration::from_millis(700)))
            .refresh(RefreshConfig::default())
            .tracking(false)
            .manual_clock(clock.clone())
            .on_event(events.handler());
        let core = Core::initialize(settings).unwrap();
        clock.advance_to_next_alarm();
        clock.next_alarm();
        assert_eq!(events.names(), ["ready", "refresh.failed"], "{name}");
        assert_eq!(hero(&core).as_deref(), Some("1"), "{name}");
        // The machine may be too busy for one attempt to be in time.
        for _ in 0..20 {
            if events.count("config.updated") == 0 {
                clock.advance_to_next_alarm();
                clock.next_alarm();
            }
        }
        assert_eq!(events.count("config.updated"), 1, "{name}: {:?}", core.health());
        assert!(core.close(PATIENCE).is_complete(), "{name}");
    }
}

/// Answers at random: another config, the same one, nothing new, or one of many faults.
struct Moody {
    state: Mutex<Mood>,
}

struct Mood {
    random: u64,
    version: u32,
    changes: usize,
    failures: u64,
}

impl Mood {
    fn next(&mut self, below: u64) -> u64 {
        // A generator of one line (Knuth's constants) keeps the run the same everywhere.
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % below
    }
}

impl Transport for Moody {
    fn fetch_config(&self, request: &ConfigRequest) -> Result<ConfigResponse, TransportError> {
        let mut mood = self.state.lock().unwrap();
        let body = |version: u32| {
            let tag = format!("\"{version}\"");
            let body = ConfigBody::new(config(&version.to_string()));
            ConfigResponse::Modified(body.with_validators(Validators::new(Some(&tag), None)))
        };
        let first = mood.version == 0;
        let choice = if first { 0 } else { mood.next(8) };
        if choice > 3 {
            mood.failures += 1;
        }
        match choice {
            0 | 1 => {
                mood.version += 1;
                mood.changes += usize::from(!first);
                Ok(body(mood.version))
            }
            2 => Ok(body(mood.version)),
            3 => {
                let known = request.validators().etag().unwrap().to_owned();
                assert_eq!(known, format!("\"{}\"", mood.version));
                Ok(ConfigResponse::NotModified)
            }
            4 => Ok(ConfigResponse::Modified(ConfigBody::new("no config"))),
            5 => Err(request.error(TransportErrorKind::Network)),
            6 => Err(request.error(TransportErrorKind::Status).with_status(404)),
            _ => Err(request.error(TransportErrorKind::Timeout)),
        }
    }

    fn send_batch(&self, _: &BatchRequest) -> Result<BatchResponse, TransportError> {
        Ok(BatchResponse::new(200))
    }
}

#[test]
fn ten_thousand_refreshes_serve_what_was_served_and_keep_nothing() {
    let service = Arc::new(Moody {
        state: Mutex::new(Mood { random: 1, version: 0, changes: 0, failures: 0 }),
    });
    let (clock, updates) = (ManualClock::new(), Arc::new(Mutex::new(Vec::new())));
    let told = Arc::clone(&updates);
    let settings = SdkConfig::from_sdk_key(KEY)
        .unwrap()
        .transport_impl(Arc::clone(&service))
        .refresh(RefreshConfig::default())
        .manual_clock(clock.clone())
        .on_event(move |event: &LifecycleEvent| {
            if let LifecycleEvent::ConfigUpdated(update) = event {
                told.lock().unwrap().push(update.version().unwrap_or_default().to_owned());
            }
        });
    let core = Core::initialize(settings).unwrap();
    let mut snapshots: Vec<Weak<ProjectConfig>> = Vec::new();
    for _ in 0..10_000 {
        clock.advance_to_next_alarm();
        clock.next_alarm();
        let version = service.state.lock().unwrap().version.to_string();
        let config = core.current_config();
        assert_eq!(config.version(), Some(version.as_str()));
        if snapshots.last().is_none_or(|last| last.as_ptr() != Arc::as_ptr(&config)) {
            snapshots.push(Arc::downgrade(&config));
        }
    }
    let mood = service.state.lock().unwrap();
    assert!(mood.changes > 1_000 && mood.failures > 1_000);
    let expected: Vec<String> = (2..=mood.version).map(|version| version.to_string()).collect();
    assert_eq!(*updates.lock().unwrap(), expected);
    assert_eq!(snapshots.iter().filter(|one| one.strong_count() > 0).count(), 1);
    let stats = core.stats();
    assert_eq!(stats.refreshes + stats.refresh_failures, 10_000);
    assert_eq!(
        (stats.config_updates, stats.refresh_failures),
        (mood.changes as u64, mood.failures)
    );
}
