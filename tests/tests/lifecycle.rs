//! Events, subscriptions, counters and closing.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should stop at once")]

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use convert_sdk::{
    Context, Conversion, Core, FeatureResult, LifecycleEvent, Preview, RefreshConfig, RunOptions,
    SdkConfig, Subscription, attributes, visitor_fingerprint,
};
use convert_tests::live::{Events, Refreshed, config};
use convert_tests::sink::Tracked;
use test_support::ConfigAnswer;

const PATIENCE: Duration = Duration::from_secs(30);

/// Two experiences at one location, a feature that the first one carries, two segments.
const SHOP: &str = r#"{
    "account_id": "1", "project": {"id": "2"},
    "features": [{"id": "7", "key": "banner"}],
    "locations": [{"id": "5", "key": "home", "name": "Home page", "rules": {"OR": [{"AND": [{"OR_WHEN": [{
        "rule_type": "generic_text_key_value", "key": "page", "value": "home",
        "matching": {"match_type": "equals", "negated": false}}]}]}]}}],
    "segments": [{"id": "8", "key": "buyers", "rules": {"OR": [{"AND": [{"OR_WHEN": [{
        "rule_type": "generic_text_key_value", "key": "plan", "value": "pro",
        "matching": {"match_type": "equals", "negated": false}}]}]}]}}],
    "experiences": [
        {"id": "3", "key": "hero", "locations": ["5"], "variations": [{"id": "30", "key": "blue",
            "changes": [{"type": "fullStackFeature", "data": {"feature_id": 7, "variables_data": {}}}]}]},
        {"id": "4", "key": "footer", "locations": ["5"], "variations": [{"id": "40", "key": "wide"}]}]}"#;

fn shop() -> (Core, Events) {
    let events = Events::default();
    let settings = SdkConfig::from_json(SHOP).unwrap().on_event(events.handler());
    (Core::initialize(settings).unwrap(), events)
}

fn at(page: &str) -> convert_sdk::Attributes {
    attributes! { "page" => page.to_owned() }
}

/// Returns a handler that counts, and its count.
fn counting() -> (impl Fn(&LifecycleEvent) + Send + Sync + 'static, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let handler = move |_: &LifecycleEvent| {
        counted.fetch_add(1, SeqCst);
    };
    (handler, count)
}

#[test]
fn exposures_and_conversions_are_counted_apart() {
    let tracked = Tracked::start().unwrap();
    let visitor = tracked.core.create_context("visitor-1");
    visitor.run_experiences();
    visitor.run_experiences();
    visitor.run_experience_with("hero", &RunOptions::new().tracking(false));
    let other = tracked.core.create_context("visitor-2");
    other.run_experience("hero");
    // Two events, and one conversion all the same.
    let purchase = || Conversion::new("purchase").revenue(10.5);
    assert!(visitor.track_conversion(purchase()).is_queued());
    assert!(!visitor.track_conversion(purchase()).is_queued());
    assert!(other.track_conversion("signup").is_queued());
    assert!(!other.track_conversion("no-such-goal").is_queued());
    let stats = tracked.core.stats();
    assert_eq!((stats.exposures, stats.conversions, stats.events_queued), (3, 2, 6));
    tracked.core.set_tracking_enabled(false);
    tracked.core.create_context("visitor-3").run_experience("hero");
    assert_eq!(tracked.core.stats().exposures, 3);
}

#[test]
fn an_experience_is_told_with_keys_and_a_fingerprint() {
    let (core, events) = shop();
    let visitor = core.create_context("visitor-1").with_location(at("home"));
    visitor.run_experience("footer");
    visitor.run_experience("footer");
    visitor.run_experience("no-such-experience");
    assert_eq!(events.names(), ["ready", "location.activated", "bucketing", "bucketing"]);
    let told = events.all();
    let LifecycleEvent::Bucketing(told) = &told[3] else { panic!("{told:?}") };
    assert_eq!(told.visitor(), visitor_fingerprint("visitor-1"));
    assert_eq!((told.experience_id(), told.experience_key()), ("4", "footer"));
    assert_eq!((told.variation_id(), told.variation_key()), ("40", "wide"));
    assert_eq!(told.feature_key(), None);
}

#[test]
fn every_way_to_decide_tells_each_answer_once() {
    type Case = (fn(&Context), &'static [(&'static str, Option<&'static str>)]);
    let cases: [Case; 5] = [
        (|visitor| drop(visitor.run_experiences()), &[("hero", None), ("footer", None)]),
        (
            |visitor| drop(visitor.run_feature("banner").map(FeatureResult::into_owned)),
            &[("hero", Some("banner"))],
        ),
        (|visitor| drop(visitor.run_features()), &[("hero", Some("banner"))]),
        (|visitor| drop(visitor.run_feature_all("banner")), &[("hero", Some("banner"))]),
        (|visitor| drop(visitor.explain_experience("hero")), &[]),
    ];
    for (run, expected) in cases {
        let (core, events) = shop();
        run(&core.create_context("visitor-1").with_location(at("home")));
        let told: Vec<(String, Option<String>)> = events
            .all()
            .iter()
            .filter_map(|event| match event {
                LifecycleEvent::Bucketing(told) => {
                    let feature = told.feature_key().map(str::to_owned);
                    Some((told.experience_key().to_owned(), feature))
                }
                _ => None,
            })
            .collect();
        let expected: Vec<(String, Option<String>)> = expected
            .iter()
            .map(|(experience, feature)| ((*experience).to_owned(), feature.map(str::to_owned)))
            .collect();
        assert_eq!(told, expected);
    }
}

#[test]
fn a_location_is_told_once_when_the_visitor_comes_and_once_when_they_go() {
    let (core, events) = shop();
    let (home, away) = (at("home"), at("elsewhere"));
    let visitor = core.create_context("visitor-1");
    for location in [&home, &home, &away, &away, &home] {
        visitor.run_experiences_with(&RunOptions::new().location(location));
    }
    let told = events.all();
    let moves: Vec<_> = told
        .iter()
        .filter_map(|event| match event {
            LifecycleEvent::LocationActivated(told) | LifecycleEvent::LocationDeactivated(told) => {
                assert_eq!((told.location_id(), told.location_key()), ("5", "home"));
                assert_eq!(told.location_name(), "Home page");
                assert_eq!(told.visitor(), visitor_fingerprint("visitor-1"));
                Some(event.name())
            }
            _ => None,
        })
        .collect();
    assert_eq!(moves, ["location.activated", "location.deactivated", "location.activated"]);
}

#[test]
fn segments_are_told_by_name_and_never_by_value() {
    let (core, events) = shop();
    let visitor = core.create_context("visitor-1");
    visitor.set_segments(attributes! { "country" => "DE", "shoe_size" => 43 });
    visitor.set_segments(attributes! { "shoe_size" => 43 });
    let buyer = [("plan", "pro".into())];
    let options = RunOptions::new().attributes(&buyer);
    visitor.run_custom_segments_with(&["buyers"], &options).unwrap();
    visitor.run_custom_segments_with(&["buyers"], &options).unwrap();
    let told = events.all();
    let [_, LifecycleEvent::Segments(set), LifecycleEvent::Segments(joined)] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(set.names().collect::<Vec<_>>(), ["country"]);
    assert_eq!(set.custom_segment_ids().count(), 0);
    assert_eq!(joined.custom_segment_ids().collect::<Vec<_>>(), ["8"]);
    assert_eq!(joined.visitor(), visitor_fingerprint("visitor-1"));
    assert!(!format!("{told:?}").contains("DE"));
}

#[test]
fn a_preview_tells_nothing_and_neither_does_nobody() {
    let (core, events) = shop();
    let mut visitor = core.create_context("visitor-1").with_location(at("home"));
    visitor.set_preview(Preview::new("3", "30")).unwrap();
    visitor.run_experiences();
    visitor.run_features();
    visitor.set_segments(attributes! { "country" => "DE" });
    visitor.set_attributes(attributes! { "browser" => "firefox" });
    assert!(visitor.visitor_record().is_empty());
    core.create_context("").with_location(at("home")).run_experiences();
    assert_eq!(events.names(), ["ready"]);
    visitor.clear_preview();
    visitor.run_experience("hero");
    assert_eq!(events.names(), ["ready", "location.activated", "bucketing"]);
}

#[test]
fn readiness_is_replayed_to_a_late_subscriber_alone() {
    let (core, events) = shop();
    let late = Events::default();
    core.subscribe(late.handler()).detach();
    assert_eq!(late.names(), ["ready"]);
    assert_eq!(events.names(), ["ready"]);
    core.create_context("v").set_segments(attributes! { "country" => "DE" });
    assert_eq!(late.names(), ["ready", "segments"]);
    assert_eq!(events.names(), ["ready", "segments"]);
}

#[test]
fn dropping_a_subscription_ends_it_and_detaching_keeps_it() {
    let (core, _) = shop();
    let ((handler, dropped), (other, kept)) = (counting(), counting());
    let subscription = core.subscribe(handler);
    core.subscribe(other).detach();
    let set = || core.create_context("v").set_segments(attributes! { "country" => "DE" });
    set();
    drop(subscription);
    set();
    assert_eq!((dropped.load(SeqCst), kept.load(SeqCst)), (2, 3));
}

#[test]
fn a_handler_that_panics_is_counted_and_the_others_run() {
    let (core, _) = shop();
    core.subscribe(|_| panic!("on purpose")).detach();
    let (handler, count) = counting();
    core.subscribe(handler).detach();
    core.create_context("v").set_segments(attributes! { "country" => "DE" });
    assert_eq!((core.stats().handler_panics, count.load(SeqCst)), (2, 2));
    let answer =
        core.create_context("v").with_location(at("home")).run_experience("hero").is_some();
    assert!(answer && core.is_ready());
}

#[test]
fn a_handler_that_panics_with_something_that_panics_is_isolated_too() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("on purpose, again");
        }
    }
    let (core, _) = shop();
    core.subscribe(|_| std::panic::panic_any(Bomb)).detach();
    assert_eq!(core.stats().handler_panics, 1);
}

#[test]
fn a_handler_may_subscribe_unsubscribe_decide_and_close() {
    let (core, _) = shop();
    let inner_count = Arc::new(AtomicUsize::new(0));
    let slot: Arc<Mutex<Option<Subscription>>> = Arc::default();
    let (kept, inner, own) = (core.clone(), Arc::clone(&inner_count), Arc::clone(&slot));
    let subscription = core.subscribe(move |event: &LifecycleEvent| {
        if event.name() != "segments" {
            return;
        }
        let counted = Arc::clone(&inner);
        let count = move |_: &LifecycleEvent| {
            counted.fetch_add(1, SeqCst);
        };
        kept.subscribe(count).detach();
        let visitor = kept.create_context("inner").with_location(attributes! { "page" => "home" });
        assert!(visitor.run_experience("hero").is_some());
        drop(own.lock().unwrap().take());
        kept.close(PATIENCE);
        assert!(!kept.is_ready());
    });
    *slot.lock().unwrap() = Some(subscription);
    core.create_context("v").set_segments(attributes! { "country" => "DE" });
    // Readiness, the location and the decision; of what the outer handler causes it hears nothing.
    assert_eq!(inner_count.load(SeqCst), 3);
    assert_eq!(core.stats().handler_panics, 0);
    assert!(!core.is_ready());
}

#[test]
fn a_handler_that_decides_does_not_call_itself_for_ever() {
    let (core, _) = shop();
    let decided = Arc::new(AtomicUsize::new(0));
    for _ in 0..2 {
        let (inner, count) = (core.clone(), Arc::clone(&decided));
        core.subscribe(move |event: &LifecycleEvent| {
            if event.name() == "bucketing" {
                count.fetch_add(1, SeqCst);
                let visitor = inner.create_context("inner");
                visitor.run_experience_with("hero", &RunOptions::new().ignore_location(true));
            }
        })
        .detach();
    }
    let visitor = core.create_context("outer");
    visitor.run_experience_with("hero", &RunOptions::new().ignore_location(true));
    // Each of the two is told of the decision, and of the one that the other makes.
    assert_eq!(decided.load(SeqCst), 4);
    core.close(PATIENCE);
}

#[test]
fn nothing_is_told_after_close_and_deciding_goes_on() {
    let (core, events) = shop();
    let visitor = core.create_context("visitor-1").with_location(at("home"));
    let report = core.close(PATIENCE);
    assert!(report.is_complete() && !report.was_closed());
    assert!(!core.is_ready());
    assert!(visitor.run_experience("hero").is_some());
    assert!(
        core.create_context("visitor-2").with_location(at("home")).run_experience("hero").is_some()
    );
    let (handler, count) = counting();
    core.subscribe(handler).detach();
    assert_eq!((events.names(), count.load(SeqCst)), (vec!["ready"], 0));
    assert!(core.close(PATIENCE).was_closed());
}

#[test]
fn a_handler_that_closes_is_the_last_to_be_told() {
    let (core, _) = shop();
    let closing = core.clone();
    core.subscribe(move |event: &LifecycleEvent| {
        if event.name() == "segments" {
            closing.close(PATIENCE);
        }
    })
    .detach();
    let (handler, count) = counting();
    core.subscribe(handler).detach();
    core.create_context("v").set_segments(attributes! { "country" => "DE" });
    // Readiness, and nothing of the event during which the core was closed.
    assert_eq!(count.load(SeqCst), 1);
}

#[test]
fn close_waits_for_a_handler_on_another_thread_no_longer_than_it_may() {
    let (core, _) = shop();
    let (entered, has_entered) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    core.subscribe(move |event: &LifecycleEvent| {
        if event.name() == "segments" {
            entered.send(()).unwrap();
            released.lock().unwrap().recv().unwrap();
        }
    })
    .detach();
    std::thread::scope(|scope| {
        let visitor = core.create_context("v");
        scope.spawn(move || visitor.set_segments(attributes! { "country" => "DE" }));
        has_entered.recv().unwrap();
        assert!(!core.close(Duration::ZERO).is_complete());
        release.send(()).unwrap();
        assert!(core.close(PATIENCE).is_complete());
    });
}

#[test]
fn closing_in_a_handler_on_the_refresh_worker_ends_the_worker() {
    let answers = [config("1"), config("2")].map(ConfigAnswer::body);
    let refresh = |config: SdkConfig| config.refresh(RefreshConfig::default());
    let live = Refreshed::start_with(answers, refresh).unwrap();
    let (told, reports) = mpsc::channel();
    let core = live.core.clone();
    live.core
        .subscribe(move |event: &LifecycleEvent| {
            if event.name() == "config.updated" {
                told.send(core.close(PATIENCE)).unwrap();
            }
        })
        .detach();
    live.clock.advance_to_next_alarm();
    let report = reports.recv().unwrap();
    // It cannot have waited for itself.
    assert!(!report.is_complete() && !report.is_worker_ended());
    assert!(live.core.close(PATIENCE).is_complete());
}

#[test]
fn a_fetch_under_way_is_broken_off_by_close() {
    let answers = [config("1"), config("2")].map(ConfigAnswer::body);
    let refresh = |config: SdkConfig| config.refresh(RefreshConfig::default());
    let live = Refreshed::start_with(answers, refresh).unwrap();
    live.service.pause();
    live.core.refresh_now();
    assert!(live.service.wait_for_configs(2, PATIENCE));
    let report = live.core.close(Duration::from_millis(400));
    assert!(report.is_complete(), "{report:?}");
    assert!(live.service.is_closed());
    assert_eq!(live.events.names(), ["ready"]);
}

#[test]
fn dropping_the_last_core_closes_and_contexts_go_on() {
    let answers = [config("1"), config("2")].map(ConfigAnswer::body);
    let refresh = |config: SdkConfig| config.refresh(RefreshConfig::default());
    let Refreshed { core, service, clock, events } =
        Refreshed::start_with(answers, refresh).unwrap();
    let visitor = core.create_context("visitor-1");
    let other = core.clone();
    drop(core);
    clock.advance_to_next_alarm();
    clock.next_alarm();
    assert_eq!(service.config_requests().len(), 2);
    drop(other);
    clock.advance(Duration::from_secs(1_000_000));
    assert_eq!(service.config_requests().len(), 2);
    assert!(visitor.run_experience("hero").is_some());
    assert_eq!(events.names(), ["ready", "config.updated"]);
}

#[test]
fn a_core_can_be_dropped_by_its_own_worker() {
    let answers = [config("1"), config("2")].map(ConfigAnswer::body);
    let refresh = |config: SdkConfig| config.refresh(RefreshConfig::default());
    let Refreshed { core, clock, .. } = Refreshed::start_with(answers, refresh).unwrap();
    let slot: Arc<Mutex<Option<Core>>> = Arc::default();
    let (own, (told, dropped)) = (Arc::clone(&slot), mpsc::channel());
    core.subscribe(move |event: &LifecycleEvent| {
        if event.name() == "config.updated" {
            let core = own.lock().unwrap().take();
            drop(core);
            told.send(()).unwrap();
        }
    })
    .detach();
    *slot.lock().unwrap() = Some(core);
    clock.advance_to_next_alarm();
    dropped.recv().unwrap();
}

#[test]
fn counters_count_what_was_decided() {
    let (core, _) = shop();
    let visitor = core.create_context("visitor-1").with_location(at("home"));
    visitor.run_experience("hero");
    visitor.run_experience("no-such-experience");
    visitor.run_experiences();
    visitor.run_feature("banner");
    visitor.explain_experience("hero");
    assert_eq!(core.stats().decisions, 5);
    assert_eq!(core.health().stats(), core.stats());
}
