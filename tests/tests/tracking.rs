//! What is recorded, and what of it reaches the service.

use std::time::Duration;

use convert_sdk::{
    BatchResponse, Conversion, ConversionResult, Core, DropReason, LifecycleEvent, Preview,
    ReleaseReason, Repeat, RunOptions, SdkConfig, TransportErrorKind, VisitorRecord, attributes,
};
use convert_tests::sink::{PROJECT, Tracked, body, events_of};
use test_support::{BatchAnswer, RecordingTransport};

const PATIENCE: Duration = Duration::from_secs(30);
const SECOND: Duration = Duration::from_secs(1);

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(one, two)| ((*one).to_owned(), (*two).to_owned())).collect()
}

fn status(status: u16) -> BatchAnswer {
    BatchAnswer::Response(BatchResponse::new(status))
}

#[test]
fn a_new_assignment_is_exposed_once() {
    let tracked = Tracked::start().unwrap();
    let visitor = tracked.core.create_context("v");
    assert!(visitor.run_experience("hero").is_some());
    assert!(visitor.run_experience("hero").is_some());
    assert_eq!(tracked.core.create_context("v").run_experiences().len(), 2);
    tracked.core.flush(PATIENCE).unwrap();
    assert_eq!(tracked.sent(), pairs(&[("v", "bucketing 3 30"), ("v", "bucketing 4 40")]));
}

#[test]
fn a_forced_arm_is_exposed_when_it_is_another_one() {
    let tracked = Tracked::start().unwrap();
    let visitor = tracked.core.create_context("v");
    let forced = |id| visitor.run_experience_with("menu", &RunOptions::new().force_variation(id));
    for id in ["40", "40", "41", "41"] {
        assert_eq!(forced(id).map(|result| result.variation_id()), Some(id));
    }
    tracked.core.flush(PATIENCE).unwrap();
    assert_eq!(tracked.sent(), pairs(&[("v", "bucketing 4 40"), ("v", "bucketing 4 41")]));
}

#[test]
fn sticky_answers_previews_and_untracked_calls_are_not_exposed() {
    let tracked = Tracked::start().unwrap();
    let mut record = VisitorRecord::new();
    record.assign("3", "30");
    let sticky = tracked.core.create_context("sticky").with_record(record);
    assert!(sticky.run_experience("hero").is_some());

    let mut previewing = tracked.core.create_context("previewing");
    previewing.set_preview(Preview::new("3", "30")).unwrap();
    assert!(previewing.run_experience("hero").is_some());
    assert_eq!(previewing.track_conversion("signup"), ConversionResult::PreviewSuppressed);

    let untracked = tracked.core.create_context("untracked");
    assert!(untracked.run_experience_with("hero", &RunOptions::new().tracking(false)).is_some());
    let nobody = tracked.core.create_context("");
    assert!(nobody.run_experience("hero").is_none());
    assert_eq!(nobody.track_conversion("signup"), ConversionResult::EmptyVisitorId);

    assert_eq!(tracked.core.stats().events_queued, 0);
    assert!(tracked.core.close(PATIENCE).is_complete());
    assert!(tracked.service.batch_requests().is_empty());
}

#[test]
fn without_storage_every_decision_is_exposed() {
    let tracked = Tracked::start().unwrap();
    let visitor = tracked.core.create_context("v");
    let options = RunOptions::new().storage(false);
    visitor.run_experience_with("hero", &options);
    visitor.run_experience_with("hero", &options);
    assert_eq!(tracked.core.stats().events_queued, 2);
}

#[test]
fn threads_that_decide_at_once_expose_once() {
    let tracked = Tracked::start().unwrap();
    for round in 0..50 {
        let id = format!("v{round}");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let visitor = tracked.core.create_context(&id);
                scope.spawn(move || assert!(visitor.run_experience("hero").is_some()));
            }
        });
    }
    assert_eq!(tracked.core.stats().events_queued, 50);
}

#[test]
fn experiences_that_share_an_id_are_exposed_once_in_one_pass() {
    let project = r#"{"account_id": "1001", "project": {"id": "2002"}, "experiences": [
        {"id": "3", "key": "hero", "variations": [{"id": "30", "key": "blue"}]},
        {"id": "3", "key": "twin", "variations": [{"id": "31", "key": "red"}]},
        {"id": "4", "key": "menu", "variations": [{"id": "40", "key": "wide"}]}]}"#;
    let service = std::sync::Arc::new(RecordingTransport::default());
    let config = SdkConfig::from_json(project).unwrap().tracking(true);
    let core = Core::initialize(config.transport_impl(std::sync::Arc::clone(&service))).unwrap();
    let visitor = core.create_context("v");
    // The later one has the first one's arms, or both would be assigned anew again and again.
    for _ in 0..2 {
        let arms: Vec<_> =
            visitor.run_experiences().iter().map(|one| one.variation_id().to_owned()).collect();
        assert_eq!(arms, ["30", "30", "40"]);
    }
    assert_eq!(visitor.run_experience("twin").map(|one| one.variation_id()), Some("30"));
    core.flush(PATIENCE).unwrap();
    let requests = service.batch_requests();
    let sent: Vec<_> =
        requests.iter().flat_map(|request| events_of(&body(request.body()))).collect();
    assert_eq!(sent, pairs(&[("v", "bucketing 3 30"), ("v", "bucketing 4 40")]));
    assert_eq!(core.stats().exposures, 2);
}

#[test]
fn a_goal_counts_once_and_its_data_once_or_every_time() {
    let tracked = Tracked::start().unwrap();
    let visitor = tracked.core.create_context("v");
    let purchase = || Conversion::new("purchase").revenue(10.5).transaction_id("t");
    assert_eq!(visitor.track_conversion(purchase()), ConversionResult::Queued);
    assert_eq!(visitor.track_conversion(purchase()), ConversionResult::Deduplicated);
    assert_eq!(
        visitor.track_conversion(purchase().repeat(Repeat::Every)),
        ConversionResult::Queued
    );
    let bare = Conversion::new("purchase").repeat(Repeat::Every);
    assert_eq!(visitor.track_conversion(bare), ConversionResult::Deduplicated);
    assert_eq!(visitor.track_conversion("signup"), ConversionResult::Queued);
    assert_eq!(
        tracked.core.create_context("v").track_conversion("signup"),
        ConversionResult::Deduplicated
    );
    assert_eq!(visitor.track_conversion("no-such-goal"), ConversionResult::GoalNotFound);
    tracked.core.flush(PATIENCE).unwrap();
    let expected = ["conversion 91", "conversion 91 data", "conversion 91 data", "conversion 92"];
    assert_eq!(tracked.sent(), pairs(&expected.map(|what| ("v", what))));
    assert_eq!(tracked.events.count("conversion"), 3);
}

#[test]
fn a_mark_under_the_goals_id_counts() {
    let tracked = Tracked::start().unwrap();
    let mut record = VisitorRecord::new();
    record.reach("91");
    let visitor = tracked.core.create_context("v").with_record(record);
    assert_eq!(visitor.track_conversion("purchase"), ConversionResult::Deduplicated);
    assert_eq!(visitor.track_conversion("91"), ConversionResult::Deduplicated, "found by id");
}

#[test]
fn goal_rules_see_the_attributes_of_the_conversion_alone() {
    let tracked = Tracked::start().unwrap();
    let visitor = tracked.core.create_context("v").with_attributes(attributes! { "age" => 40 });
    let adult = |age: i32| Conversion::new("adult").attributes(attributes! { "age" => age });
    let other = Conversion::new("adult").attributes(attributes! { "size" => 40 });
    assert_eq!(visitor.track_conversion(other), ConversionResult::RuleNotMatched);
    assert_eq!(visitor.track_conversion(adult(12)), ConversionResult::RuleNotMatched);
    assert_eq!(visitor.track_conversion(adult(21)), ConversionResult::Queued);
    let ruleless = Conversion::new("signup").attributes(attributes! { "age" => 40 });
    assert_eq!(visitor.track_conversion(ruleless), ConversionResult::RuleNotMatched);
}

#[test]
fn refused_data_mark_nothing() {
    let tracked = Tracked::start().unwrap();
    let visitor = tracked.core.create_context("v");
    let refused = Conversion::new("purchase").revenue(f64::NAN);
    assert_eq!(visitor.track_conversion(refused), ConversionResult::InvalidGoalData);
    assert_eq!(visitor.track_conversion("purchase"), ConversionResult::Queued);
}

#[test]
fn of_sixteen_threads_exactly_one_converts() {
    let tracked = Tracked::start().unwrap();
    for round in 0..20 {
        let id = format!("v{round}");
        let queued: usize = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..16)
                .map(|_| {
                    let visitor = tracked.core.create_context(&id);
                    scope.spawn(move || usize::from(visitor.track_conversion("signup").is_queued()))
                })
                .collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).sum()
        });
        assert_eq!(queued, 1);
    }
    assert_eq!(tracked.core.stats().events_queued, 20);
}

#[test]
fn a_conversion_carries_what_the_visitor_was_assigned_to_and_the_segments() {
    let tracked = Tracked::start().unwrap();
    let visitor = tracked
        .core
        .create_context("v")
        .with_attributes(attributes! { "country" => "DE", "secret" => "hidden" });
    visitor.run_experience("hero");
    let dimensions = Conversion::new("purchase").revenue(10.0).custom_dimension(2, ["a", "b"]);
    assert!(visitor.track_conversion(dimensions).is_queued());
    tracked.core.flush(PATIENCE).unwrap();
    let request = &tracked.service.batch_requests()[0];
    assert_eq!((request.path().as_str(), request.project_id()), ("/track/1001/2002", "2002"));
    assert_eq!(
        String::from_utf8(request.body().to_vec()).unwrap(),
        concat!(
            r#"{"accountId":"1001","projectId":"2002","enrichData":true,"source":"rust-sdk","#,
            r#""visitors":[{"visitorId":"v","segments":{"country":"DE"},"events":["#,
            r#"{"eventType":"bucketing","data":{"experienceId":"3","variationId":"30"}},"#,
            r#"{"eventType":"conversion","data":{"goalId":"91","bucketingData":{"3":"30"}}},"#,
            r#"{"eventType":"conversion","data":{"goalId":"91","goalData":["#,
            r#"{"key":"amount","value":10},{"key":"customDimension2","value":["a","b"]}],"#,
            r#""bucketingData":{"3":"30"}}}]}]}"#,
        )
    );
}

#[test]
fn direct_data_is_not_tracked_unless_asked_for() {
    let tracked = Tracked::start_with(|config| config.tracking(false)).unwrap();
    let visitor = tracked.core.create_context("v");
    visitor.run_experience("hero");
    assert_eq!(visitor.track_conversion("signup"), ConversionResult::TrackingDisabled);
    assert_eq!(tracked.core.flush(PATIENCE), Ok(()));
    tracked.core.set_tracking_enabled(true);
    assert_eq!(visitor.track_conversion("signup"), ConversionResult::Queued, "not marked before");
    tracked.core.flush(PATIENCE).unwrap();
    assert_eq!(tracked.sent(), pairs(&[("v", "conversion 92")]));

    let offline = Core::initialize(SdkConfig::from_json(PROJECT).unwrap()).unwrap();
    let result = offline.create_context("v").track_conversion("signup");
    assert_eq!(result, ConversionResult::TrackingDisabled);
}

#[test]
fn switched_off_what_is_queued_stays_and_goes_once_it_is_on_again() {
    let tracked = Tracked::start().unwrap();
    let visitor = tracked.core.create_context("v");
    assert!(visitor.track_conversion("signup").is_queued());
    tracked.core.set_tracking_enabled(false);
    assert_eq!(visitor.track_conversion("purchase"), ConversionResult::TrackingDisabled);
    assert_eq!(tracked.core.flush(PATIENCE).unwrap_err().left(), 1, "and does not wait for it");
    tracked.clock.advance(1_000 * SECOND);
    assert!(tracked.service.batch_requests().is_empty());
    tracked.core.set_tracking_enabled(true);
    tracked.core.flush(PATIENCE).unwrap();
    assert_eq!(tracked.sent(), pairs(&[("v", "conversion 92")]));
}

#[test]
fn events_go_when_they_are_old_enough_or_enough() {
    let tracked = Tracked::start().unwrap();
    assert!(tracked.core.create_context("v").track_conversion("signup").is_queued());
    assert_eq!(tracked.clock.next_alarm(), SECOND);
    tracked.clock.advance(SECOND);
    assert!(tracked.service.wait_for_batches(1, PATIENCE));
    for visitor in 0..10 {
        let visitor = tracked.core.create_context(format!("w{visitor}"));
        assert!(visitor.track_conversion("signup").is_queued());
    }
    assert!(tracked.service.wait_for_batches(2, PATIENCE), "without the clock");
    assert!(tracked.core.close(PATIENCE).is_complete());
    let reasons: Vec<_> = tracked
        .events
        .all()
        .iter()
        .filter_map(|event| match event {
            LifecycleEvent::QueueReleased(released) => {
                Some((released.reason(), released.events(), released.attempts(), released.status()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        reasons,
        [(ReleaseReason::Timeout, 1, 1, Some(200)), (ReleaseReason::Size, 10, 1, Some(200))]
    );
}

#[test]
fn what_fails_is_sent_again_unchanged_and_before_anything_newer() {
    let tracked = Tracked::start().unwrap();
    let retry_after = BatchResponse::new(429).with_retry_after(Some(100 * SECOND));
    tracked.service.script_batches([
        status(503),
        BatchAnswer::Failure(TransportErrorKind::Network),
        BatchAnswer::Failure(TransportErrorKind::Tls),
        BatchAnswer::Response(retry_after),
        status(200),
    ]);
    assert!(tracked.core.create_context("a").track_conversion("signup").is_queued());
    for attempt in 1..=4 {
        tracked.clock.advance_to_next_alarm();
        assert!(tracked.service.wait_for_batches(attempt, PATIENCE));
    }
    assert!(tracked.core.create_context("b").track_conversion("signup").is_queued());
    assert_eq!(tracked.core.stats().delivery_retries.min(4), tracked.core.stats().delivery_retries);
    let retry_at = tracked.clock.next_alarm();
    assert_eq!(retry_at.saturating_sub(tracked.clock.now()), 100 * SECOND, "as it was asked to");
    tracked.clock.advance_to_next_alarm();
    tracked.core.flush(PATIENCE).unwrap();
    let bodies = tracked.service.batch_requests();
    assert!(bodies[..5].iter().all(|request| request.body() == bodies[0].body()));
    assert_eq!(tracked.sent()[4..], pairs(&[("a", "conversion 92"), ("b", "conversion 92")]));
    let stats = tracked.core.stats();
    assert_eq!((stats.delivery_retries, stats.events_delivered), (4, 2));
}

#[test]
fn what_the_service_refuses_is_dropped_and_told() {
    let bot = BatchResponse::new(200).with_body(*br#"{"code": "BOT"}"#);
    for (answer, expected) in
        [(status(400), DropReason::Refused), (BatchAnswer::Response(bot), DropReason::Bot)]
    {
        let tracked = Tracked::start().unwrap();
        tracked.service.script_batches([answer, status(200)]);
        assert!(tracked.core.create_context("a").track_conversion("signup").is_queued());
        tracked.core.flush(PATIENCE).unwrap();
        assert!(tracked.core.create_context("b").track_conversion("signup").is_queued());
        tracked.core.flush(PATIENCE).unwrap();
        let stats = tracked.core.stats();
        assert_eq!((stats.events_delivered, stats.dropped_refused + stats.dropped_bot), (1, 1));
        let dropped = tracked.events.all().into_iter().find_map(|event| match event {
            LifecycleEvent::EventsDropped(dropped) => Some((dropped.reason(), dropped.count())),
            _ => None,
        });
        assert_eq!(dropped, Some((expected, 1)));
    }
}

#[test]
fn a_conversion_too_large_for_any_batch_is_refused() {
    let tracked = Tracked::start().unwrap();
    let huge = Conversion::new("purchase").transaction_id("x".repeat(1 << 20));
    assert_eq!(tracked.core.create_context("v").track_conversion(huge), ConversionResult::Dropped);
    assert_eq!(tracked.core.stats().dropped_too_large, 1);
}

#[test]
fn a_backlog_goes_out_in_few_bodies_under_a_mebibyte() {
    let tracked = Tracked::start().unwrap();
    tracked.service.pause();
    let count: u64 = 9_000;
    for visitor in 0..count {
        let visitor = tracked.core.create_context(format!("visitor-{visitor}"));
        assert!(visitor.track_conversion("signup").is_queued());
    }
    tracked.service.resume();
    tracked.core.flush(PATIENCE).unwrap();
    let requests = tracked.service.batch_requests();
    assert!(requests.len() < 12, "{}", requests.len());
    assert!(requests.iter().all(|request| request.body().len() < 1 << 20));
    assert_eq!(tracked.sent().len() as u64, count);
    assert_eq!(tracked.core.stats().events_delivered, count);
}

#[test]
fn a_transport_that_panics_is_tried_again() {
    struct Nervous(RecordingTransport, std::sync::atomic::AtomicBool);
    impl convert_sdk::Transport for Nervous {
        fn fetch_config(
            &self,
            request: &convert_sdk::ConfigRequest,
        ) -> Result<convert_sdk::ConfigResponse, convert_sdk::TransportError> {
            self.0.fetch_config(request)
        }

        fn send_batch(
            &self,
            request: &convert_sdk::BatchRequest,
        ) -> Result<BatchResponse, convert_sdk::TransportError> {
            let is_first = !self.1.swap(true, std::sync::atomic::Ordering::SeqCst);
            assert!(!is_first, "the first call panics");
            self.0.send_batch(request)
        }
    }
    let nervous = std::sync::Arc::new(Nervous(RecordingTransport::default(), false.into()));
    let transport = std::sync::Arc::clone(&nervous);
    let tracked = Tracked::start_with(|config| config.transport_impl(transport)).unwrap();
    assert!(tracked.core.create_context("v").track_conversion("signup").is_queued());
    tracked.clock.advance_to_next_alarm();
    tracked.clock.advance_to_next_alarm();
    tracked.core.flush(PATIENCE).unwrap();
    assert_eq!(nervous.0.batch_requests().len(), 1);
    assert_eq!(tracked.core.stats().delivery_retries, 1);
}
