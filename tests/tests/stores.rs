//! A core with an external store of visitor records, which works, fails, hangs and comes back.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop at once"
)]

use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::time::Duration;

use convert_sdk::{
    Context, ConversionResult, Core, LifecycleEvent, ManualClock, RunOptions, SdkConfig, Source,
    StoreConfig, StoreErrorKind, StoreOperation, TrackingConfig, VisitorRecord, WriteMode,
    attributes,
};
use convert_tests::live::Events;
use convert_tests::sink::PROJECT;
use serde_json::Value;
use test_support::{RecordingStore, RecordingTransport, StoreAnswer, StoreCall, wait_until};

const KEY: &str = "1001-2002-v";
const PATIENCE: Duration = Duration::from_secs(30);
/// How often threads meet.
const ROUNDS: u64 = 1_000;

/// A machine: a core whose store, service and clock a test controls.
struct Machine {
    core: Core,
    store: Arc<RecordingStore>,
    service: Arc<RecordingTransport>,
    clock: ManualClock,
    events: Events,
}

impl Machine {
    fn new(settings: StoreConfig) -> Self {
        Machine::on(&Arc::default(), settings)
    }

    fn on(store: &Arc<RecordingStore>, settings: StoreConfig) -> Self {
        let (service, clock) = (Arc::new(RecordingTransport::default()), ManualClock::new());
        let events = Events::default();
        let tracking = TrackingConfig::builder().batch_size(1).build().unwrap();
        let config = SdkConfig::from_json(PROJECT)
            .unwrap()
            .data_store(Arc::clone(store))
            .store_config(settings)
            .transport_impl(Arc::clone(&service))
            .tracking(true)
            .tracking_config(tracking)
            .manual_clock(clock.clone())
            .on_event(events.handler());
        let core = Core::initialize(config).unwrap();
        Machine { core, store: Arc::clone(store), service, clock, events }
    }

    fn visitor(&self) -> Context {
        self.core.create_context("v")
    }

    /// Waits until everything is written and delivered.
    fn settle(&self) {
        self.core.flush(PATIENCE).unwrap();
    }

    /// Waits until this many writes have failed and wait for their time to come.
    fn wait_for_retries(&self, count: u64) {
        assert!(wait_until(PATIENCE, || self.core.stats().store_retries == count));
    }

    /// Returns how many losses have been told of.
    fn lost(&self) -> u64 {
        let events = self.events.all();
        let lost = events.iter().filter_map(|event| match event {
            LifecycleEvent::StoreFailed(failed) => Some(failed.lost()),
            _ => None,
        });
        lost.sum()
    }

    fn merges(&self) -> usize {
        let calls = self.store.calls();
        calls.iter().filter(|call| matches!(call, StoreCall::Merge(..))).count()
    }

    /// Returns the type and the id of the variation or goal of every event sent.
    fn sent(&self) -> Vec<(String, String)> {
        let bodies = self.service.batch_requests();
        let bodies = bodies.iter().map(|request| serde_json::from_slice(request.body()).unwrap());
        let mut sent = Vec::new();
        for body in bodies {
            let body: Value = body;
            for visitor in body["visitors"].as_array().unwrap() {
                for event in visitor["events"].as_array().unwrap() {
                    let id = &event["data"]["variationId"].as_str();
                    let id = id.or(event["data"]["goalId"].as_str()).unwrap();
                    sent.push((event["eventType"].as_str().unwrap().to_owned(), id.to_owned()));
                }
            }
        }
        sent
    }
}

fn record(json: &str) -> VisitorRecord {
    serde_json::from_str(json).unwrap()
}

/// Returns whether a context remembers this variation of the menu.
fn sees(context: &Context, variation_id: &str) -> bool {
    context.visitor_record().assignment("4") == Some(variation_id)
}

fn waiting() -> StoreConfig {
    StoreConfig::default().assignments(WriteMode::Wait)
}

#[test]
fn what_is_decided_is_written_in_the_background() {
    let machine = Machine::new(StoreConfig::default());
    let visitor = machine.visitor();
    assert_eq!(visitor.run_experience("hero").unwrap().variation_id(), "30");
    machine.settle();
    assert_eq!(machine.store.record(KEY).unwrap().assignment("3"), Some("30"));
    let expected = [
        StoreCall::Load(KEY.to_owned()),
        StoreCall::Merge(KEY.to_owned(), "convert-sdk-records".to_owned()),
    ];
    assert_eq!(machine.store.calls(), expected);
    // A remembered decision asks nobody.
    assert_eq!(visitor.run_experience("hero").unwrap().source(), Source::Sticky);
    assert_eq!(machine.store.calls().len(), 2);
    let stats = machine.core.stats();
    assert_eq!((stats.store_writes, stats.store_waiting, stats.store_failures), (1, 0, 0));
}

#[test]
fn what_a_visitor_does_while_another_change_is_written_is_written_at_once() {
    let machine = Machine::new(StoreConfig::default());
    let visitor = machine.visitor();
    machine.store.pause();
    visitor.run_experience("hero").unwrap();
    assert!(machine.store.wait_for_calls(2, PATIENCE));
    visitor.run_experience("menu").unwrap();
    visitor.set_segments(attributes! { "country" => "DE" });
    visitor.set_segments(attributes! { "country" => "FR" });
    assert_eq!(machine.core.stats().store_waiting, 2);
    let left = machine.core.flush(Duration::ZERO).unwrap_err();
    assert_eq!((left.records(), left.to_string().contains("2 visitor records")), (2, true));
    machine.store.resume();
    machine.settle();
    assert_eq!(machine.merges(), 2);
    let written = machine.store.record(KEY).unwrap();
    assert_eq!(written.assignments().count(), 2);
    assert_eq!(serde_json::to_string(written.segments()).unwrap(), r#"{"country":"FR"}"#);
}

#[test]
fn a_machine_knows_what_it_has_yet_to_write() {
    let machine = Machine::new(StoreConfig::default());
    let first = machine.visitor();
    machine.store.fail(StoreErrorKind::Unavailable);
    let options = RunOptions::new().force_variation("41");
    assert_eq!(first.run_experience_with("menu", &options).unwrap().variation_id(), "41");
    // The store cannot be read, and the change is not in it.
    let second = machine.visitor();
    let found = second.run_experience("menu").unwrap();
    assert_eq!((found.variation_id(), found.source()), ("41", Source::Sticky));
}

#[test]
fn of_two_machines_the_second_shows_the_firsts_variation_if_it_waits() {
    let machine = Machine::new(waiting());
    let visitor = machine.visitor();
    // Another machine, with another split, is faster.
    machine.store.put(KEY, record(r#"{"bucketing":{"4":"41"},"theirs":1}"#));
    let found = visitor.run_experience("menu").unwrap();
    assert_eq!((found.variation_id(), found.source()), ("41", Source::Sticky));
    assert_eq!(visitor.run_experience("hero").unwrap().variation_id(), "30");
    machine.settle();
    // The exposure is the other machine's to report.
    assert_eq!(machine.sent(), [("bucketing".to_owned(), "30".to_owned())]);
    let written = serde_json::to_string(&machine.store.record(KEY).unwrap()).unwrap();
    assert_eq!(written, r#"{"bucketing":{"3":"30","4":"41"},"theirs":1}"#);
}

#[test]
fn of_two_machines_that_do_not_wait_the_store_keeps_the_first() {
    let machine = Machine::new(StoreConfig::default());
    let visitor = machine.visitor();
    machine.store.put(KEY, record(r#"{"bucketing":{"4":"41"}}"#));
    assert_eq!(visitor.run_experience("menu").unwrap().variation_id(), "40");
    machine.settle();
    let later =
        machine.visitor().run_experience("menu").map(|found| found.variation_id().to_owned());
    assert_eq!(later.as_deref(), Some("41"));
}

#[test]
fn a_goal_counts_once_on_all_machines() {
    let store = Arc::default();
    let first = Machine::on(&store, StoreConfig::default());
    let second = Machine::on(&store, StoreConfig::default());
    let (one, other) = (first.visitor(), second.visitor());
    one.set_segments(attributes! { "country" => "DE" });
    assert_eq!(one.track_conversion("purchase"), ConversionResult::Queued);
    assert_eq!(other.track_conversion("purchase"), ConversionResult::Deduplicated);
    assert_eq!(one.track_conversion("purchase"), ConversionResult::Deduplicated);
    // The store's answer has brought the other machine up to date.
    assert!(other.visitor_record().segments().find("country").is_some());
}

#[test]
fn in_the_optimistic_mode_no_conversion_waits() {
    let optimistic = StoreConfig::default().conversions(WriteMode::Background);
    let machine = Machine::new(optimistic);
    let (one, other) = (machine.visitor(), machine.visitor());
    machine.store.pause();
    assert_eq!(one.track_conversion("purchase"), ConversionResult::Queued);
    assert_eq!(one.track_conversion("purchase"), ConversionResult::Deduplicated);
    // Of another context, too, since the mark is known to be on its way.
    assert_eq!(other.track_conversion("purchase"), ConversionResult::Deduplicated);
    machine.store.resume();
    machine.settle();
    assert!(machine.store.record(KEY).unwrap().has_reached("purchase"));
}

#[test]
fn two_contexts_of_a_visitor_count_once_on_one_machine_even_if_nothing_waits() {
    let optimistic = StoreConfig::default().conversions(WriteMode::Background);
    let machine = Machine::new(optimistic);
    let (one, other) = (machine.visitor(), machine.visitor());
    assert!(one.run_experience("hero").is_some());
    assert_eq!(one.track_conversion("purchase"), ConversionResult::Queued);
    machine.settle();
    // What the other has read is older than what the store has meanwhile.
    assert!(other.run_experience("hero").is_some());
    assert_eq!(other.track_conversion("purchase"), ConversionResult::Deduplicated);
    machine.settle();
    let sent = machine.sent();
    let count = |what: &str| sent.iter().filter(|(kind, _)| kind == what).count();
    assert_eq!((count("bucketing"), count("conversion")), (1, 1), "{sent:?}");
}

#[test]
fn a_conversion_the_store_does_not_answer_counts_and_is_marked_later() {
    let machine = Machine::new(StoreConfig::default());
    let visitor = machine.visitor();
    machine.store.fail(StoreErrorKind::Timeout);
    assert_eq!(visitor.track_conversion("purchase"), ConversionResult::Queued);
    assert_eq!(visitor.track_conversion("purchase"), ConversionResult::Deduplicated);
    assert_eq!(machine.visitor().track_conversion("purchase"), ConversionResult::Deduplicated);
    machine.store.fail(None);
    machine.clock.advance(Duration::from_secs(60));
    machine.settle();
    assert!(machine.store.record(KEY).unwrap().has_reached("purchase"));
    // Once it is written, it does not become new by that.
    assert_eq!(machine.visitor().track_conversion("purchase"), ConversionResult::Deduplicated);
    assert_eq!(machine.sent().len(), 1);
}

#[test]
fn a_machine_whose_store_fails_remembers_what_the_store_answered_before() {
    let machine = Machine::new(waiting());
    let (one, other, third) = (machine.visitor(), machine.visitor(), machine.visitor());
    assert_eq!(one.track_conversion("purchase"), ConversionResult::Queued);
    assert!(one.run_experience("hero").is_some());
    machine.store.fail(StoreErrorKind::Unavailable);
    assert_eq!(other.track_conversion("purchase"), ConversionResult::Deduplicated);
    assert!(third.run_experience("hero").is_some());
    machine.wait_for_retries(1);
    machine.store.fail(None);
    machine.clock.advance(Duration::from_secs(60));
    machine.settle();
    let sent = machine.sent();
    let count = |what: &str| sent.iter().filter(|(kind, _)| kind == what).count();
    assert_eq!((count("bucketing"), count("conversion")), (1, 1), "{sent:?}");
}

#[test]
fn of_contexts_whose_store_fails_at_the_same_moment_one_converts() {
    let machine = Machine::new(StoreConfig::default());
    let contexts: Vec<_> = (0..8).map(|_| machine.visitor()).collect();
    let loads = machine.store.calls().len();
    machine.store.pause();
    machine.store.fail(StoreErrorKind::Unavailable);
    let results: Vec<ConversionResult> = std::thread::scope(|scope| {
        let convert = |context: &Context| context.track_conversion("purchase");
        let threads: Vec<_> =
            contexts.iter().map(|context| scope.spawn(move || convert(context))).collect();
        // There is one call for the visitor at a time.
        assert!(machine.store.wait_for_calls(loads + 1, PATIENCE));
        machine.store.resume();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let queued = results.iter().filter(|result| result.is_queued()).count();
    assert_eq!(queued, 1, "{results:?}");
}

#[test]
fn an_answer_that_gets_lost_does_no_harm() {
    let machine = Machine::new(waiting());
    let visitor = machine.visitor();
    machine.store.script([StoreAnswer::Lost(StoreErrorKind::Timeout)]);
    assert_eq!(visitor.run_experience("hero").unwrap().variation_id(), "30");
    machine.store.script([StoreAnswer::Lost(StoreErrorKind::Timeout)]);
    assert_eq!(visitor.track_conversion("purchase"), ConversionResult::Queued);
    machine.settle();
    let expected = [("bucketing", "30"), ("conversion", "91")];
    assert_eq!(machine.sent(), expected.map(|(kind, id)| (kind.to_owned(), id.to_owned())));
    let written = machine.store.record(KEY).unwrap();
    assert_eq!((written.assignments().count(), written.goals().count()), (1, 1));
}

#[test]
fn an_outage_is_told_and_does_not_make_everybody_wait() {
    let machine = Machine::new(StoreConfig::default());
    machine.store.fail(StoreErrorKind::Timeout);
    for _ in 0..10 {
        let visitor = machine.visitor();
        assert!(visitor.visitor_record().is_empty());
    }
    // Three found out, and the others did not ask.
    assert_eq!(machine.store.calls().len(), 3);
    let stats = machine.core.stats();
    assert_eq!((stats.store_failures, stats.store_skipped), (3, 7));
    let told: Vec<_> = machine.events.all();
    let told = told.iter().filter_map(|event| match event {
        LifecycleEvent::StoreFailed(failed) => Some(failed),
        _ => None,
    });
    let told: Vec<_> =
        told.map(|one| (one.operation(), one.error().kind(), one.consecutive_failures())).collect();
    let expected = |number| (StoreOperation::Load, StoreErrorKind::Timeout, number);
    assert_eq!(told, [1, 2, 3].map(expected));
    machine.store.fail(None);
    machine.store.put(KEY, record(r#"{"bucketing":{"4":"41"}}"#));
    assert_eq!(machine.visitor().run_experience("menu").unwrap().variation_id(), "40");
    machine.clock.advance(Duration::from_secs(1));
    let found = machine.visitor().run_experience("menu").unwrap().variation_id().to_owned();
    // What the machine showed meanwhile was first, as far as it knew; the store knows better.
    assert!(["40", "41"].contains(&&*found));
    machine.settle();
    assert_eq!(machine.store.record(KEY).unwrap().assignment("4"), Some("41"));
}

#[test]
fn what_too_many_visitors_did_in_an_outage_is_lost_and_counted() {
    let machine = Machine::new(StoreConfig::default().queue_capacity(2));
    let contexts: Vec<Context> =
        (0..5).map(|number| machine.core.create_context(format!("v{number}"))).collect();
    machine.store.pause();
    machine.store.fail(StoreErrorKind::Unavailable);
    contexts[0].run_experience("hero").unwrap();
    assert!(machine.store.wait_for_calls(6, PATIENCE));
    for context in &contexts[1..] {
        context.run_experience("hero").unwrap();
    }
    assert_eq!(machine.core.stats().store_dropped, 2);
    machine.store.resume();
    // The write that failed takes the place of the oldest that waits.
    machine.wait_for_retries(1);
    let stats = machine.core.stats();
    assert_eq!((stats.store_waiting, stats.store_dropped), (2, 3), "{stats:?}");
    machine.store.fail(None);
    machine.clock.advance(Duration::from_secs(60));
    machine.settle();
    let written =
        (0..5).filter(|number| machine.store.record(&format!("1001-2002-v{number}")).is_some());
    assert_eq!(written.count(), 2);
    machine.core.close(PATIENCE);
    assert_eq!(machine.lost(), 3);
}

#[test]
fn what_the_store_refuses_is_not_tried_again() {
    let machine = Machine::new(StoreConfig::default());
    let visitor = machine.visitor();
    machine.store.script([StoreAnswer::Failure(StoreErrorKind::Refused)]);
    visitor.run_experience("hero").unwrap();
    machine.settle();
    let stats = machine.core.stats();
    assert_eq!((machine.merges(), stats.store_dropped, stats.store_retries), (1, 1, 0));
}

#[test]
fn a_conversion_the_store_refuses_is_not_tried_again_but_what_waited_is() {
    let machine = Machine::new(StoreConfig::default());
    let visitor = machine.visitor();
    machine
        .store
        .script([StoreErrorKind::Unavailable, StoreErrorKind::Refused].map(StoreAnswer::Failure));
    visitor.run_experience("hero").unwrap();
    machine.wait_for_retries(1);
    assert_eq!(visitor.track_conversion("purchase"), ConversionResult::Queued);
    machine.clock.advance(Duration::from_secs(60));
    machine.settle();
    let record = machine.store.record(KEY).unwrap();
    assert_eq!((record.assignments().count(), record.goals().count()), (1, 0));
    let stats = machine.core.stats();
    assert_eq!((machine.merges(), stats.store_failures, stats.store_dropped), (3, 2, 1));
    assert_eq!(machine.lost(), 1);
    // It has been counted, though the store does not know of it.
    assert_eq!(visitor.track_conversion("purchase"), ConversionResult::Deduplicated);
    for _ in 0..3 {
        // Nor does it ever, as long as there is room to remember it.
        machine.clock.advance(Duration::from_secs(3_600));
        machine.store.put(KEY, VisitorRecord::default());
        let other = machine.visitor();
        assert_eq!(other.track_conversion("purchase"), ConversionResult::Deduplicated);
    }
}

#[test]
fn what_a_context_has_counted_does_not_count_again_if_the_record_is_gone() {
    let machine = Machine::new(StoreConfig::default());
    let visitor = machine.visitor();
    assert_eq!(visitor.track_conversion("purchase"), ConversionResult::Queued);
    machine.clock.advance(Duration::from_secs(3_600));
    machine.store.put(KEY, VisitorRecord::default());
    assert_eq!(visitor.track_conversion("purchase"), ConversionResult::Deduplicated);
    // A record that somebody removes is as good as new to everybody else.
    machine.clock.advance(Duration::from_secs(3_600));
    machine.store.put(KEY, VisitorRecord::default());
    assert_eq!(machine.visitor().track_conversion("purchase"), ConversionResult::Queued);
}

#[test]
fn a_handler_on_the_writers_thread_may_wait_for_somebody_who_flushes() {
    let machine = Machine::new(StoreConfig::default());
    let (core, (sender, receiver)) = (machine.core.clone(), mpsc::channel());
    let _subscription = machine.core.subscribe(move |event| {
        if matches!(event, LifecycleEvent::StoreFailed(failed) if failed.lost() == 0) {
            let flushed = std::thread::scope(|scope| scope.spawn(|| core.flush(PATIENCE)).join());
            sender.send(flushed.unwrap().is_ok()).unwrap();
        }
    });
    let visitor = machine.visitor();
    machine.store.script([StoreAnswer::Failure(StoreErrorKind::Refused)]);
    visitor.run_experience("hero").unwrap();
    assert_eq!(receiver.recv_timeout(2 * PATIENCE), Ok(true));
}

#[test]
fn whoever_is_told_of_a_failure_may_wait_for_the_change_to_be_written() {
    let machine = Machine::new(StoreConfig::default());
    let visitor = machine.visitor();
    let failure = StoreAnswer::Failure(StoreErrorKind::Unavailable);
    machine.store.script([failure, failure]);
    visitor.run_experience("hero").unwrap();
    machine.wait_for_retries(1);
    let (core, clock) = (machine.core.clone(), machine.clock.clone());
    let flushed = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&flushed);
    let _subscription = machine.core.subscribe(move |event| {
        if matches!(event, LifecycleEvent::StoreFailed(_)) {
            clock.advance(Duration::from_secs(60));
            *seen.lock().unwrap() = Some(core.flush(PATIENCE).is_ok());
        }
    });
    assert_eq!(visitor.track_conversion("purchase"), ConversionResult::Queued);
    assert_eq!(*flushed.lock().unwrap(), Some(true));
}

#[test]
fn a_store_that_panics_has_failed() {
    let machine = Machine::new(waiting());
    machine.store.script([StoreAnswer::Panic, StoreAnswer::Panic]);
    let visitor = machine.visitor();
    assert_eq!(visitor.run_experience("hero").unwrap().variation_id(), "30");
    machine.settle();
    assert_eq!(machine.core.stats().store_failures, 2);
    assert_eq!(machine.store.record(KEY).unwrap().assignment("3"), Some("30"));
}

#[test]
fn one_change_that_makes_the_store_panic_does_not_hold_up_the_others() {
    let machine = Machine::new(StoreConfig::default());
    let contexts: Vec<Context> =
        (0..4).map(|number| machine.core.create_context(format!("v{number}"))).collect();
    machine.store.pause();
    contexts[0].run_experience("hero").unwrap();
    assert!(machine.store.wait_for_calls(5, PATIENCE));
    for context in &contexts[1..] {
        context.run_experience("hero").unwrap();
    }
    // The second one panics as one of three, and again alone.
    machine.store.script([StoreAnswer::Success, StoreAnswer::Panic, StoreAnswer::Panic]);
    machine.store.resume();
    machine.wait_for_retries(1);
    let has = |number: usize| machine.store.record(&format!("1001-2002-v{number}")).is_some();
    assert_eq!([0, 1, 2, 3].map(has), [true, false, true, true]);
    machine.clock.advance(Duration::from_secs(60));
    machine.settle();
    assert!(has(1));
    assert_eq!(machine.core.stats().store_failures, 1);
}

#[test]
fn a_store_that_fails_is_not_asked_for_each_of_many_changes() {
    let machine = Machine::new(StoreConfig::default());
    let contexts: Vec<Context> =
        (0..21).map(|number| machine.core.create_context(format!("v{number}"))).collect();
    machine.store.pause();
    contexts[0].run_experience("hero").unwrap();
    assert!(machine.store.wait_for_calls(22, PATIENCE));
    for context in &contexts[1..] {
        context.run_experience("hero").unwrap();
    }
    let timeout = StoreAnswer::Failure(StoreErrorKind::Timeout);
    machine.store.script([StoreAnswer::Success, StoreAnswer::Success, timeout]);
    machine.store.resume();
    machine.wait_for_retries(19);
    assert_eq!((machine.merges(), machine.core.stats().store_failures), (3, 1));
    machine.clock.advance(Duration::from_secs(60));
    machine.settle();
    assert_eq!(machine.core.stats().store_writes, 21);
    // The one that timed out came last.
    let last = StoreCall::Merge("1001-2002-v2".to_owned(), "convert-sdk-records".to_owned());
    assert_eq!(machine.store.calls().last(), Some(&last));
}

#[test]
fn what_a_conversion_takes_along_does_not_undo_what_comes_after_it() {
    let machine = Machine::new(StoreConfig::default());
    let (visitor, other) = (machine.visitor(), machine.visitor());
    machine.store.script([StoreAnswer::Failure(StoreErrorKind::Contended)]);
    visitor.set_segments(attributes! { "country" => "DE" });
    machine.wait_for_retries(1);
    machine.store.pause();
    let calls = machine.store.calls().len();
    let (flushed, meanwhile) = std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(visitor.track_conversion("purchase"), ConversionResult::Queued);
        });
        assert!(machine.store.wait_for_calls(calls + 1, PATIENCE));
        // Only the conversion is under way; the newer change waits for it, though the writer may go on.
        machine.clock.advance(Duration::from_secs(60));
        other.set_segments(attributes! { "country" => "FR" });
        let flushed = machine.core.flush(Duration::from_millis(50));
        let meanwhile = machine.store.calls().len();
        machine.store.script([StoreAnswer::Failure(StoreErrorKind::Timeout)]);
        machine.store.resume();
        (flushed, meanwhile)
    });
    assert!(flushed.is_err());
    assert_eq!(meanwhile, calls + 1);
    machine.settle();
    let written = serde_json::to_string(&machine.store.record(KEY).unwrap()).unwrap();
    assert_eq!(written, r#"{"segments":{"country":"FR"},"goals":{"purchase":true}}"#);
}

#[test]
fn a_change_that_waits_does_not_overtake_an_older_one() {
    let machine = Machine::new(waiting());
    let visitor = machine.visitor();
    machine.store.pause();
    visitor.set_segments(attributes! { "country" => "DE" });
    assert!(machine.store.wait_for_calls(2, PATIENCE));
    visitor.set_segments(attributes! { "country" => "FR" });
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(visitor.track_conversion("purchase"), ConversionResult::Queued);
        });
        assert!(wait_until(PATIENCE, || visitor.visitor_record().has_reached("purchase")));
        machine.store.resume();
    });
    machine.settle();
    let expected = r#"{"segments":{"country":"FR"},"goals":{"purchase":true}}"#;
    let written = serde_json::to_string(&machine.store.record(KEY).unwrap()).unwrap();
    assert_eq!(written, expected);
    let seen = visitor.visitor_record();
    assert_eq!(serde_json::to_string(&seen).unwrap(), expected);
}

#[test]
fn a_conversion_takes_along_what_waits() {
    let machine = Machine::new(StoreConfig::default());
    let visitor = machine.visitor();
    machine.store.script([StoreAnswer::Failure(StoreErrorKind::Contended)]);
    visitor.run_experience("menu").unwrap();
    // The writer pauses after the failure.
    machine.wait_for_retries(1);
    assert_eq!(visitor.track_conversion("purchase"), ConversionResult::Queued);
    let written = serde_json::to_string(&machine.store.record(KEY).unwrap()).unwrap();
    assert_eq!(written, r#"{"bucketing":{"4":"40"},"goals":{"purchase":true}}"#);
    assert_eq!(machine.core.stats().store_waiting, 0);
    machine.settle();
    let conversion = machine.service.batch_requests().pop().unwrap();
    let body = String::from_utf8(conversion.body().to_vec()).unwrap();
    assert!(body.contains(r#""bucketingData":{"4":"40"}"#), "{body}");
}

#[test]
fn a_flush_waits_for_what_a_conversion_has_taken_along() {
    let machine = Machine::new(StoreConfig::default());
    let visitor = machine.visitor();
    machine.store.script([StoreAnswer::Failure(StoreErrorKind::Contended)]);
    visitor.run_experience("menu").unwrap();
    machine.wait_for_retries(1);
    machine.store.pause();
    let calls = machine.store.calls().len();
    std::thread::scope(|scope| {
        scope.spawn(|| visitor.track_conversion("purchase"));
        assert!(machine.store.wait_for_calls(calls + 1, PATIENCE));
        let flushed = machine.core.flush(Duration::from_millis(50));
        let waiting = machine.core.stats().store_waiting;
        machine.store.resume();
        assert!(flushed.is_err());
        assert_eq!(waiting, 1);
    });
    machine.settle();
    assert_eq!(machine.store.record(KEY).unwrap().assignment("4"), Some("40"));
    assert_eq!(machine.core.stats().store_waiting, 0);
}

#[test]
fn whatever_the_store_does_changes_stay_in_order_and_goals_count_once() {
    let answers = [StoreAnswer::Success, StoreAnswer::Panic]
        .into_iter()
        .chain([StoreErrorKind::Timeout, StoreErrorKind::Contended].map(StoreAnswer::Failure))
        .chain([StoreErrorKind::Timeout, StoreErrorKind::Full].map(StoreAnswer::Lost));
    let answers: Vec<StoreAnswer> = answers.collect();
    for round in 0..20 {
        let machine = Machine::new(StoreConfig::default().conversions(WriteMode::Wait));
        let script = (0..600).map(|turn| answers[(turn * 7 + turn / 11 + round) % answers.len()]);
        machine.store.script(script);
        let visitors: Vec<String> = (0..12).map(|number| format!("v{number}")).collect();
        let counted: usize = std::thread::scope(|scope| {
            let racers: Vec<_> = visitors
                .iter()
                .flat_map(|id| {
                    let changer = scope.spawn(|| {
                        let context = machine.core.create_context(id.as_str());
                        for turn in 0..8 {
                            context.set_segments(attributes! { "country" => turn.to_string() });
                            machine.clock.advance(Duration::from_secs(1));
                        }
                        0
                    });
                    let converter = || {
                        let context = machine.core.create_context(id.as_str());
                        context.run_experience("menu").unwrap();
                        usize::from(context.track_conversion("purchase").is_queued())
                    };
                    [changer, scope.spawn(converter), scope.spawn(converter)]
                })
                .collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).sum()
        });
        assert_eq!(counted, visitors.len(), "round {round}");
        machine.store.script([]);
        let is_written = wait_until(PATIENCE, || {
            machine.clock.advance(Duration::from_secs(60));
            machine.core.flush(Duration::from_millis(20)).is_ok()
        });
        assert!(is_written, "round {round}: {:?}", machine.core.stats());
        for id in &visitors {
            let record = machine.store.record(&format!("1001-2002-{id}")).unwrap();
            assert_eq!(
                serde_json::to_string(&record).unwrap(),
                r#"{"bucketing":{"4":"40"},"segments":{"country":"7"},"goals":{"purchase":true}}"#,
                "round {round}, {id}"
            );
        }
    }
}

/// Has three threads use a context at the same moment, again and again.
fn race(core: &Core, check: impl Fn(&Context)) {
    for round in 0..ROUNDS {
        let context = core.create_context(format!("v{round}"));
        let start = Barrier::new(3);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                context.run_experience("hero");
            });
            scope.spawn(|| {
                start.wait();
                context.run_experience("menu");
                context.set_segments(attributes! { "country" => "DE" });
            });
            start.wait();
            assert!(context.track_conversion("purchase").is_queued());
        });
        check(&context);
    }
}

#[test]
fn what_threads_do_with_one_context_at_once_is_reported_once_each() {
    let machine = Machine::new(StoreConfig::default().conversions(WriteMode::Background));
    race(&machine.core, |_| ());
    let stats = machine.core.stats();
    assert_eq!((stats.exposures, stats.conversions), (2 * ROUNDS, ROUNDS));
}

#[test]
fn what_threads_do_with_one_context_at_once_all_stays_in_its_view() {
    for store in [None, Some(Arc::<RecordingStore>::default())] {
        let config = SdkConfig::from_json(PROJECT).unwrap().tracking(true);
        let config = config.transport_impl(Arc::new(RecordingTransport::default()));
        let config = match store {
            Some(store) => config.data_store(store),
            None => config,
        };
        race(&Core::initialize(config).unwrap(), |context| {
            let record = context.visitor_record();
            assert_eq!(record.assignments().count(), 2, "{record:?}");
            assert!(record.has_reached("purchase") && !record.segments().is_empty(), "{record:?}");
        });
    }
}

#[test]
fn a_context_knows_its_visitor_after_the_memory_has_forgotten_them() {
    let config = SdkConfig::from_json(PROJECT).unwrap().tracking(true).record_capacity(1);
    let config = config.transport_impl(Arc::new(RecordingTransport::default()));
    let core = Core::initialize(config).unwrap();
    let visitor = core.create_context("v");
    visitor.run_experience("hero").unwrap();
    assert!(visitor.track_conversion("purchase").is_queued());
    for other in 0..100 {
        core.create_context(format!("v{other}")).run_experience("hero");
    }
    visitor.run_experience("menu").unwrap();
    assert_eq!(visitor.visitor_record().assignments().count(), 2);
    assert_eq!(visitor.track_conversion("purchase"), ConversionResult::Deduplicated);
}

#[test]
fn a_visitor_whom_the_memory_has_forgotten_and_met_again_is_whole_again() {
    let service = Arc::new(RecordingTransport::default());
    let config = SdkConfig::from_json(PROJECT).unwrap().tracking(true).record_capacity(1);
    let core = Core::initialize(config.transport_impl(Arc::clone(&service))).unwrap();
    let visitor = core.create_context("v").with_attributes(attributes! { "country" => "DE" });
    visitor.run_experience("hero").unwrap();
    assert!(visitor.track_conversion("purchase").is_queued());
    for other in 0..100 {
        core.create_context(format!("v{other}")).run_experience("hero");
    }
    // To another context they are new, and it makes a record of its own.
    let other = core.create_context("v");
    assert!(other.visitor_record().is_empty());
    other.run_experience("menu").unwrap();
    assert_eq!(visitor.track_conversion("purchase"), ConversionResult::Deduplicated);
    for record in [visitor.visitor_record(), core.create_context("v").visitor_record()] {
        assert_eq!(record.assignments().count(), 2, "{record:?}");
        assert!(record.has_reached("purchase"), "{record:?}");
        assert!(record.segments().find("country").is_some(), "{record:?}");
    }
}

#[test]
fn a_context_keeps_what_it_has_done_if_the_store_loses_the_record() {
    let machine = Machine::new(StoreConfig::default());
    let visitor = machine.visitor();
    visitor.set_segments(attributes! { "country" => "DE", "source" => "mail" });
    visitor.run_experience("hero").unwrap();
    machine.settle();
    // It has expired, and another machine has met the visitor since.
    machine.store.put(KEY, record(r#"{"bucketing":{"4":"41"},"segments":{"country":"FR"}}"#));
    assert!(visitor.track_conversion("purchase").is_queued());
    let seen = serde_json::to_value(visitor.visitor_record()).unwrap();
    let expected = serde_json::json!({
        "bucketing": {"3": "30", "4": "41"}, "goals": {"purchase": true},
        "segments": {"country": "FR", "source": "mail"}});
    assert_eq!(seen, expected);
    machine.settle();
    let body = machine.service.batch_requests().pop().unwrap();
    let body: Value = serde_json::from_slice(body.body()).unwrap();
    let bucketing = &body["visitors"][0]["events"][0]["data"]["bucketingData"];
    assert_eq!(*bucketing, serde_json::json!({"3": "30", "4": "41"}));
}

#[test]
fn a_forced_variation_stands_although_another_change_is_on_its_way() {
    let machine = Machine::new(waiting());
    machine.store.put(KEY, record(r#"{"bucketing":{"4":"40"}}"#));
    let visitor = machine.visitor();
    machine.store.pause();
    visitor.set_segments(attributes! { "country" => "DE" });
    assert!(machine.store.wait_for_calls(2, PATIENCE));
    let shown = std::thread::scope(|scope| {
        let forced = scope.spawn(|| {
            let options = RunOptions::new().force_variation("41");
            visitor.run_experience_with("menu", &options).unwrap().variation_id().to_owned()
        });
        assert!(wait_until(PATIENCE, || sees(&visitor, "41")));
        machine.store.resume();
        forced.join().unwrap()
    });
    assert_eq!(shown, "41");
    machine.settle();
    assert_eq!(visitor.run_experience("menu").unwrap().variation_id(), "41");
    assert_eq!(machine.store.record(KEY).unwrap().assignment("4"), Some("41"));
    assert_eq!(machine.sent(), [("bucketing".to_owned(), "41".to_owned())]);
}

#[test]
fn a_forced_variation_on_its_way_is_shown_to_those_who_come_after() {
    let machine = Machine::new(waiting());
    let (first, second) = (machine.visitor(), machine.visitor());
    machine.store.pause();
    first.set_segments(attributes! { "country" => "DE" });
    assert!(machine.store.wait_for_calls(3, PATIENCE));
    let options = RunOptions::new().force_variation("41");
    let (forced, decided) = std::thread::scope(|scope| {
        let forced = scope.spawn(|| {
            first.run_experience_with("menu", &options).unwrap().variation_id().to_owned()
        });
        // It waits behind the segments.
        assert!(wait_until(PATIENCE, || sees(&first, "41")));
        let decided =
            scope.spawn(|| second.run_experience("menu").unwrap().variation_id().to_owned());
        assert!(wait_until(PATIENCE, || sees(&second, "41")));
        machine.store.resume();
        (forced.join().unwrap(), decided.join().unwrap())
    });
    assert_eq!((forced.as_str(), decided.as_str()), ("41", "41"));
    machine.settle();
    assert_eq!(machine.store.record(KEY).unwrap().assignment("4"), Some("41"));
    assert_eq!(machine.sent(), [("bucketing".to_owned(), "41".to_owned())]);
}

#[test]
fn a_variation_that_is_forced_back_to_an_earlier_one_is_reported_again() {
    for settings in [StoreConfig::default(), waiting()] {
        let machine = Machine::new(settings);
        let visitor = machine.visitor();
        assert_eq!(visitor.run_experience("menu").unwrap().variation_id(), "40");
        for id in ["41", "40"] {
            let options = RunOptions::new().force_variation(id);
            assert_eq!(visitor.run_experience_with("menu", &options).unwrap().variation_id(), id);
        }
        machine.settle();
        let shown: Vec<String> = machine.sent().into_iter().map(|(_, id)| id).collect();
        assert_eq!(shown, ["40", "41", "40"]);
    }
}

#[test]
fn a_forced_variation_stands_although_an_earlier_one_comes_back_from_a_store_that_fails() {
    // Which of the two threads goes on first is left to chance.
    for _ in 0..20 {
        let machine = Machine::new(waiting());
        let visitor = machine.visitor();
        machine.store.pause();
        machine.store.script([StoreAnswer::Failure(StoreErrorKind::Contended)]);
        std::thread::scope(|scope| {
            for id in ["41", "40"] {
                let visitor = &visitor;
                scope.spawn(move || {
                    let options = RunOptions::new().force_variation(id);
                    visitor.run_experience_with("menu", &options);
                });
                assert!(wait_until(PATIENCE, || sees(visitor, id)));
            }
            machine.store.resume();
        });
        machine.settle();
        assert_eq!(machine.store.record(KEY).unwrap().assignment("4"), Some("40"));
        assert_eq!(visitor.visitor_record().assignment("4"), Some("40"));
    }
}

/// Has two threads change a context in ways that undo each other, and compares what it sees in the end
/// with what is remembered.
fn contradict(core: &Core, rounds: u64) {
    for round in 0..rounds {
        let context = core.create_context(format!("v{round}"));
        let start = Barrier::new(2);
        std::thread::scope(|scope| {
            for (country, variation) in [("DE", "40"), ("FR", "41")] {
                let (context, start) = (&context, &start);
                scope.spawn(move || {
                    let options = RunOptions::new().force_variation(variation);
                    // The last of several changes would put right what those before it did wrong.
                    start.wait();
                    if round % 2 == 0 {
                        context.set_segments(attributes! { "country" => country });
                    } else {
                        context.run_experience_with("menu", &options);
                    }
                });
            }
        });
        core.flush(PATIENCE).unwrap();
        let remembered = core.create_context(format!("v{round}")).visitor_record();
        assert_eq!(context.visitor_record(), remembered, "round {round}");
    }
}

#[test]
fn what_threads_contradict_each_other_about_a_context_sees_as_the_memory_does() {
    let config = SdkConfig::from_json(PROJECT).unwrap().tracking(true);
    let config = config.transport_impl(Arc::new(RecordingTransport::default()));
    contradict(&Core::initialize(config).unwrap(), 10 * ROUNDS);
}

#[test]
fn what_threads_contradict_each_other_about_a_context_sees_as_the_store_does() {
    let optimistic = StoreConfig::default().conversions(WriteMode::Background);
    contradict(&Machine::new(optimistic).core, ROUNDS);
}

#[test]
fn what_threads_contradict_each_other_about_a_context_sees_as_the_store_does_if_it_waits() {
    contradict(&Machine::new(waiting()).core, ROUNDS);
}

#[test]
fn whoever_flushes_has_what_failed_tried_again_at_once() {
    let machine = Machine::new(StoreConfig::default());
    machine.store.fail(StoreErrorKind::Unavailable);
    machine.visitor().run_experience("hero").unwrap();
    machine.wait_for_retries(1);
    machine.store.fail(None);
    // The clock stands still, so that no pause ends by itself.
    machine.settle();
    assert_eq!(machine.store.record(KEY).unwrap().assignment("3"), Some("30"));
}

#[test]
fn a_store_that_answers_about_one_record_is_not_left_alone() {
    let machine = Machine::new(StoreConfig::default());
    machine.store.fail(StoreErrorKind::Unavailable);
    for _ in 0..3 {
        machine.visitor();
    }
    machine.visitor();
    assert_eq!((machine.store.calls().len(), machine.core.stats().store_skipped), (3, 1));
    machine.clock.advance(Duration::from_secs(60));
    // One finds out: the store is there again, although it cannot read this record.
    machine.store.fail(StoreErrorKind::Unreadable);
    for _ in 0..2 {
        machine.visitor();
    }
    assert_eq!((machine.store.calls().len(), machine.core.stats().store_skipped), (5, 1));
}

#[test]
fn the_service_is_told_to_leave_the_visitors_alone() {
    let machine = Machine::new(StoreConfig::default());
    machine.visitor().run_experience("hero").unwrap();
    machine.settle();
    let request = machine.service.batch_requests().pop().unwrap();
    let body: Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(body["enrichData"], Value::Bool(false));
}

#[test]
fn closing_writes_what_waits_or_says_what_is_lost() {
    let machine = Machine::new(StoreConfig::default());
    let visitor = machine.visitor();
    machine.store.script([StoreAnswer::Failure(StoreErrorKind::Unavailable)]);
    visitor.run_experience("hero").unwrap();
    machine.wait_for_retries(1);
    let report = machine.core.close(PATIENCE);
    assert!(report.is_complete() && report.records_lost() == 0, "{report:?}");
    assert_eq!(machine.store.record(KEY).unwrap().assignment("3"), Some("30"));
    // Contexts go on deciding, and nothing hangs; but nobody writes any more.
    assert_eq!(visitor.run_experience("menu").unwrap().variation_id(), "40");
    assert_eq!(machine.core.close(PATIENCE).records_lost(), 1);
    assert_eq!(machine.core.close(PATIENCE).records_lost(), 0);

    let machine = Machine::new(StoreConfig::default());
    let visitor = machine.visitor();
    machine.store.fail(StoreErrorKind::Unavailable);
    visitor.run_experience("hero").unwrap();
    let report = machine.core.close(PATIENCE);
    assert!(report.is_complete() && report.records_lost() == 1, "{report:?}");
    assert_eq!(machine.lost(), 1);
}

#[test]
fn a_store_that_hangs_does_not_keep_a_core_from_closing() {
    let machine = Machine::new(StoreConfig::default());
    let visitor = machine.visitor();
    machine.store.pause();
    visitor.run_experience("hero").unwrap();
    assert!(machine.store.wait_for_calls(2, PATIENCE));
    let report = machine.core.close(Duration::from_millis(50));
    assert!(!report.is_complete());
    machine.store.resume();
}

#[test]
fn previews_and_calls_without_storage_leave_the_store_alone() {
    let machine = Machine::new(waiting());
    let mut visitor = machine.visitor();
    let options = RunOptions::new().storage(false);
    visitor.run_experience_with("hero", &options).unwrap();
    visitor.set_preview(convert_sdk::Preview::parse("4.41").unwrap()).unwrap();
    visitor.run_experiences();
    visitor.set_segments(attributes! { "country" => "DE" });
    assert_eq!(visitor.track_conversion("purchase"), ConversionResult::PreviewSuppressed);
    machine.settle();
    assert_eq!(machine.store.calls(), [StoreCall::Load(KEY.to_owned())]);
}
