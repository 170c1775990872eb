//! Delivery over real connections, closing, and the spool.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected should stop at once")]
#![expect(clippy::indexing_slicing, reason = "a JSON member that is missing reads as null")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use convert_sdk::{
    BatchResponse, CloseReport, Conversion, ConversionResult, Core, Error, LifecycleEvent,
    ManualClock, RefreshConfig, Repeat, SdkConfig, Stats, TrackingConfig, TransportErrorKind,
};
use convert_tests::directory::Directory;
use convert_tests::sink::{PROJECT, Tracked, body, events_of, impatient};
use test_support::{
    BatchAnswer, ConfigAnswer, LoopbackServer, RecordingTransport, Reply, Step, wait_until,
};

const PATIENCE: Duration = Duration::from_secs(30);
/// Long enough for anything but the one thing that does not come.
const SHORT: Duration = Duration::from_millis(400);

fn signup(core: &Core, visitors: std::ops::Range<usize>) {
    for visitor in visitors {
        let visitor = core.create_context(format!("v{visitor}"));
        assert!(visitor.track_conversion("signup").is_queued());
    }
}

fn failing() -> BatchAnswer {
    BatchAnswer::Failure(TransportErrorKind::Network)
}

fn counts(report: CloseReport) -> (u64, u64, u64, u64) {
    (report.delivered(), report.dropped(), report.spooled(), report.left())
}

#[test]
fn whatever_the_server_does_each_event_is_accepted_once_and_in_order() {
    let drip = Duration::from_millis(20);
    let faults: [(&str, Step, bool); 15] = [
        ("closed at once", Step::CloseOnAccept, false),
        ("handshake hangs", Step::HangInHandshake, false),
        ("handshake drips", Step::DripInHandshake(drip), false),
        ("never reads", Step::NeverRead, false),
        ("plain HTTP", Step::PlainHttp, false),
        ("wrong name", Step::WrongName, false),
        ("expired", Step::Expired, false),
        ("hangs", Step::Hang, false),
        ("headers drip", Step::DripHeaders(drip), false),
        // The status has come: it is a success.
        ("body drips", Step::DripBody(drip), true),
        ("body cut", Step::CutBody, true),
        ("not HTTP", Step::Garbage, false),
        ("408", Reply::new(408).into(), false),
        ("429", Reply::new(429).header("retry-after", "0").into(), false),
        ("503", Reply::new(503).body("later").into(), false),
    ];
    for (name, fault, is_accepted) in faults {
        let server = LoopbackServer::start([fault, Reply::json("{}").into()]);
        let config = SdkConfig::from_json(PROJECT)
            .unwrap()
            .transport(server.transport_config().timeout(SHORT))
            .tracking(true)
            .tracking_config(impatient());
        let core = Core::initialize(config).unwrap();
        signup(&core, 0..25);
        core.flush(PATIENCE).unwrap();
        signup(&core, 25..30);
        assert!(core.close(PATIENCE).is_complete(), "{name}");

        let requests = server.ledger().requests();
        let posts: Vec<_> = requests.iter().filter(|request| request.method == "POST").collect();
        // A request that met the fault after it was read is in the ledger, but was not accepted.
        let is_read = matches!(name, "hangs" | "headers drip" | "not HTTP" | "408" | "429" | "503");
        let accepted = &posts[usize::from(is_read && !is_accepted)..];
        if is_read {
            assert_eq!(posts[0].body, posts[1].body, "{name}: unchanged");
        }
        let events: Vec<_> =
            accepted.iter().flat_map(|post| events_of(&body(&post.body))).collect();
        let expected: Vec<_> =
            (0..30).map(|visitor| (format!("v{visitor}"), "conversion 92".to_owned())).collect();
        assert_eq!(events, expected, "{name}");
        let post = accepted[0];
        assert_eq!(post.target, "/2002/v1/track/1001/2002", "{name}");
        assert_eq!(post.header("user-agent"), Some("ConvertAgent/1.0"), "{name}");
        assert_eq!(post.header("content-type"), Some("application/json"), "{name}");
        assert_eq!(core.stats().events_delivered, 30, "{name}");
    }
}

#[test]
fn closing_delivers_what_is_queued_and_nothing_is_sent_afterwards() {
    let tracked = Tracked::start().unwrap();
    signup(&tracked.core, 0..3);
    let report = tracked.core.close(PATIENCE);
    assert!(report.is_complete());
    assert_eq!(counts(report), (3, 0, 0, 0));
    let visitor = tracked.core.create_context("late");
    assert_eq!(visitor.track_conversion("signup"), ConversionResult::TrackingDisabled);
    tracked.core.set_tracking_enabled(true);
    assert_eq!(visitor.track_conversion("signup"), ConversionResult::TrackingDisabled);
    let again = tracked.core.close(PATIENCE);
    assert!(again.was_closed());
    assert_eq!(counts(again), (0, 0, 0, 0));
    assert_eq!(tracked.service.batch_requests().len(), 1);
}

#[test]
fn closing_during_a_request_breaks_it_off_when_the_timeout_has_elapsed() {
    let tracked = Tracked::start().unwrap();
    tracked.service.pause();
    signup(&tracked.core, 0..10);
    assert!(tracked.service.wait_for_batches(1, PATIENCE));
    signup(&tracked.core, 10..12);
    let report = tracked.core.close(SHORT);
    assert!(report.is_complete() && tracked.service.is_closed());
    assert_eq!(counts(report), (0, 0, 0, 12));
    assert_eq!(tracked.service.batch_requests().len(), 1);
}

#[test]
fn of_two_that_close_the_one_with_less_patience_ends_the_delivery() {
    let tracked = Tracked::start().unwrap();
    tracked.service.pause();
    signup(&tracked.core, 0..10);
    assert!(tracked.service.wait_for_batches(1, PATIENCE));
    signup(&tracked.core, 10..12);
    std::thread::scope(|scope| {
        let patient = scope.spawn(|| tracked.core.close(Duration::MAX));
        let probe = tracked.core.create_context("probe");
        while probe.track_conversion("no-such-goal") != ConversionResult::TrackingDisabled {
            std::thread::yield_now();
        }
        tracked.core.close(Duration::ZERO);
        assert_eq!(counts(patient.join().unwrap()), (0, 0, 0, 12));
    });
    assert_eq!(tracked.service.batch_requests().len(), 1);
}

#[test]
fn closing_while_backing_off_tries_once_more_at_once() {
    let tracked = Tracked::start().unwrap();
    tracked.service.script_batches([failing(), BatchAnswer::Response(BatchResponse::new(200))]);
    signup(&tracked.core, 0..10);
    assert!(tracked.service.wait_for_batches(1, PATIENCE));
    // The clock stands still, so that only closing can bring the second attempt.
    assert_eq!(counts(tracked.core.close(PATIENCE)), (10, 0, 0, 0));
    assert_eq!(tracked.service.batch_requests().len(), 2);
}

#[test]
fn closing_before_a_request_fails_tries_once_more_at_once_as_well() {
    let tracked = Tracked::start().unwrap();
    tracked.service.script_batches([failing(), BatchAnswer::Response(BatchResponse::new(200))]);
    tracked.service.pause();
    signup(&tracked.core, 0..10);
    assert!(tracked.service.wait_for_batches(1, PATIENCE));
    std::thread::scope(|scope| {
        let closing = scope.spawn(|| tracked.core.close(PATIENCE));
        let probe = tracked.core.create_context("probe");
        while probe.track_conversion("no-such-goal") != ConversionResult::TrackingDisabled {
            std::thread::yield_now();
        }
        // The request that is under way fails now, and the clock stands still.
        tracked.service.resume();
        assert_eq!(counts(closing.join().unwrap()), (10, 0, 0, 0));
    });
    assert_eq!(tracked.service.batch_requests().len(), 2);
}

#[test]
fn with_a_spool_nothing_goes_while_a_request_hangs() {
    let directory = Directory::new();
    let builder = TrackingConfig::builder().spool(directory.path()).queue_capacity(50);
    let settings = builder.build().unwrap();
    let tracked = Tracked::start_with(|config| config.tracking_config(settings)).unwrap();
    tracked.service.pause();
    signup(&tracked.core, 0..10);
    assert!(tracked.service.wait_for_batches(1, PATIENCE));
    // Two threads, each with visitors of its own that come back again and again.
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let core = &tracked.core;
            scope.spawn(move || {
                for number in 0..1_000 {
                    let visitor = core.create_context(format!("w{thread}-{}", number % 7));
                    let conversion = Conversion::new("purchase").transaction_id(number.to_string());
                    let conversion = conversion.repeat(Repeat::Every);
                    assert!(visitor.track_conversion(conversion).is_queued());
                }
            });
        }
    });
    let stats = tracked.core.stats();
    assert!(stats.dropped_queue_full == 0 && stats.queue_events <= 50, "{stats:?}");
    tracked.service.resume();
    let report = tracked.core.close(PATIENCE);
    assert!(report.is_complete());
    // Each visitor's first event is one without data.
    assert_eq!((report.delivered(), report.left(), report.spooled()), (10 + 2_000 + 14, 0, 0));
    for thread in 0..2 {
        for visitor in 0..7 {
            let ids = transactions(&tracked, &format!("w{thread}-{visitor}"));
            let expected = (0..1_000).filter(|number| number % 7 == visitor);
            assert_eq!(ids, expected.map(|number| number.to_string()).collect::<Vec<_>>());
        }
    }
}

/// Returns the transaction ids the service was sent of one visitor, in order.
fn transactions(tracked: &Tracked, visitor_id: &str) -> Vec<String> {
    let list = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
    let bodies = tracked.bodies();
    let visitors = bodies.iter().flat_map(|body| list(&body["visitors"]));
    let events = visitors
        .filter(|visitor| visitor["visitorId"] == visitor_id)
        .flat_map(|visitor| list(&visitor["events"]));
    let data = events.flat_map(|event| list(&event["data"]["goalData"]));
    data.filter_map(|datum| datum["value"].as_str().map(str::to_owned)).collect()
}

#[test]
fn a_project_that_changes_between_two_events_splits_the_batch_and_both_are_addressed() {
    let of = |project: &str| PROJECT.replace("2002", project);
    let service = Arc::new(RecordingTransport::default());
    service.script_configs([ConfigAnswer::body(of("2002")), ConfigAnswer::body(of("3003"))]);
    let (tell, updates) = std::sync::mpsc::channel();
    let config = SdkConfig::from_sdk_key("1001/2002")
        .unwrap()
        .transport_impl(Arc::clone(&service))
        .manual_clock(ManualClock::new())
        .refresh(RefreshConfig::default())
        .on_event(move |event: &LifecycleEvent| {
            if let LifecycleEvent::ConfigUpdated(_) = event {
                tell.send(()).unwrap();
            }
        });
    let core = Core::initialize(config).unwrap();
    let before = core.create_context("old");
    signup(&core, 0..2);
    core.refresh_now();
    updates.recv_timeout(PATIENCE).unwrap();
    signup(&core, 2..4);
    // A context keeps its config, and with it the project that its events belong to.
    assert!(before.track_conversion("signup").is_queued());
    assert_eq!(counts(core.close(PATIENCE)), (5, 0, 0, 0));
    let requests = service.batch_requests();
    let addressed: Vec<_> = requests
        .iter()
        .map(|request| {
            let body = body(request.body());
            let visitors = events_of(&body).into_iter().map(|(visitor, _)| visitor);
            let project = body["projectId"].as_str().unwrap().to_owned();
            assert_eq!(request.project_id(), project);
            (project, visitors.collect::<Vec<_>>().join(" "))
        })
        .collect();
    let expected = [("2002", "v0 v1"), ("3003", "v2 v3"), ("2002", "old")];
    assert_eq!(addressed, expected.map(|(project, who)| (project.to_owned(), who.to_owned())));
}

#[test]
fn closing_adds_up_whatever_the_service_does() {
    for answers in [
        vec![failing()],
        vec![BatchAnswer::Response(BatchResponse::new(200)), failing()],
        vec![BatchAnswer::Response(BatchResponse::new(400)), failing()],
        vec![BatchAnswer::Response(BatchResponse::new(400))],
    ] {
        for spools in [false, true] {
            let directory = Directory::new();
            let builder = TrackingConfig::builder().batch_size(1_000).flush_interval(None);
            let builder = if spools { builder.spool(directory.path()) } else { builder };
            let settings = builder.build().unwrap();
            let tracked = Tracked::start_with(|config| config.tracking_config(settings)).unwrap();
            tracked.service.script_batches(answers.clone());
            // Too much for one body.
            for number in 0..3 {
                let conversion = Conversion::new("purchase").transaction_id("x".repeat(600_000));
                let visitor = tracked.core.create_context(format!("v{number}"));
                assert!(visitor.track_conversion(conversion).is_queued());
            }
            let queued = tracked.core.stats().events_queued;
            let report = tracked.core.close(SHORT);
            let (delivered, dropped, spooled, left) = counts(report);
            assert_eq!(delivered + dropped + spooled + left, queued, "{answers:?} {report:?}");
            // A disk that takes its time may not be done by then.
            let is_safe = left == 0 || !report.is_complete();
            assert!(if spools { is_safe } else { spooled == 0 }, "{answers:?} {report:?}");
        }
    }
}

/// Checks that every event is somewhere, once.
fn assert_adds_up(stats: &Stats) {
    let dropped = stats.dropped_queue_full
        + stats.dropped_refused
        + stats.dropped_bot
        + stats.dropped_spool_damaged;
    let here = stats.queue_events + stats.events_under_way + stats.events_in_spool;
    let known = stats.events_queued + stats.events_restored;
    assert_eq!(stats.events_delivered + dropped + here, known, "{stats:?}");
}

#[test]
fn counters_add_up_at_any_moment_whatever_the_service_does() {
    for spools in [false, true] {
        let directory = Directory::new();
        for answer in [failing(), BatchAnswer::Response(BatchResponse::new(400)), failing()] {
            let builder = TrackingConfig::builder().queue_capacity(20);
            let builder = if spools { builder.spool(directory.path()) } else { builder };
            let settings = builder.build().unwrap();
            let tracked = Tracked::start_with(|config| config.tracking_config(settings)).unwrap();
            let ok = BatchAnswer::Response(BatchResponse::new(200));
            tracked.service.script_batches([ok, answer.clone(), failing()]);
            let mut visitors = 0..;
            let mut record = || {
                let visitor = visitors.next().unwrap_or_default();
                signup(&tracked.core, visitor..visitor + 1);
                assert_adds_up(&tracked.core.stats());
            };
            (0..100).for_each(|_| record());
            assert!(wait_until(PATIENCE, || {
                record();
                // There may be room for all of them in what was sent before the failure.
                let _ = tracked.core.flush(Duration::ZERO);
                let stats = tracked.core.stats();
                assert_adds_up(&stats);
                stats.delivery_retries > 0 && (stats.events_in_spool > 0) == spools
            }));
            let report = tracked.core.close(SHORT);
            assert_adds_up(&tracked.core.stats());
            assert_eq!(tracked.core.stats().events_in_spool, report.spooled());
        }
    }
}

#[test]
fn recording_switching_flushing_and_closing_at_once_lose_count_of_nothing() {
    for round in 0..30_usize {
        let tracked = Tracked::start().unwrap();
        let core = &tracked.core;
        let (queued, refused) = (AtomicU64::new(0), AtomicU64::new(0));
        let reports = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let (queued, refused) = (&queued, &refused);
                scope.spawn(move || {
                    for number in 0..60 {
                        let visitor = core.create_context(format!("v{thread}-{number}"));
                        match visitor.track_conversion("signup") {
                            ConversionResult::Queued => queued.fetch_add(1, Ordering::Relaxed),
                            ConversionResult::Dropped => refused.fetch_add(1, Ordering::Relaxed),
                            ConversionResult::TrackingDisabled => 0,
                            other => panic!("{other}"),
                        };
                    }
                });
            }
            scope.spawn(|| {
                for number in 0..20 {
                    core.set_tracking_enabled(number % 2 == 0 || number == 19);
                    let _ = core.flush(Duration::ZERO);
                }
            });
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..round * 100 {
                        std::thread::yield_now();
                    }
                    reports.lock().unwrap().push(core.close(PATIENCE));
                });
            }
        });
        let requests = tracked.service.batch_requests().len();
        core.set_tracking_enabled(true);
        let late = core.create_context("late").track_conversion("signup");
        assert_eq!(late, ConversionResult::TrackingDisabled);
        let _ = core.flush(Duration::ZERO);
        let (stats, mut sent) = (core.stats(), tracked.sent());
        assert_adds_up(&stats);
        assert_eq!(stats.events_queued, queued.into_inner());
        assert_eq!(stats.dropped_closed, refused.into_inner());
        assert_eq!(sent.len() as u64, stats.events_delivered);
        sent.sort();
        sent.dedup();
        assert_eq!(sent.len() as u64, stats.events_delivered, "nothing twice");
        assert_eq!(tracked.service.batch_requests().len(), requests, "nothing after closing");
        let reports = reports.into_inner().unwrap();
        assert_eq!(reports.iter().filter(|report| !report.was_closed()).count(), 1);
        let left = reports.iter().map(CloseReport::left).min();
        assert_eq!(left, Some(stats.queue_events + stats.events_under_way), "{stats:?}");
    }
}

#[test]
fn handlers_that_panic_harm_no_event() {
    let tracked = Tracked::start().unwrap();
    tracked.core.subscribe(|_| panic!("on purpose")).detach();
    signup(&tracked.core, 0..25);
    assert!(tracked.core.close(PATIENCE).is_complete());
    // What went out before closing and what closing sent: each event once.
    assert_eq!(tracked.sent().len(), 25);
    assert_eq!(tracked.core.stats().events_delivered, 25);
}

#[test]
fn a_handler_on_the_delivery_worker_may_flush_and_close() {
    let tracked = Tracked::start().unwrap();
    let (core, reports) =
        (Mutex::new(Some(tracked.core.clone())), Arc::new(Mutex::new(Vec::new())));
    let (seen, (sender, done)) = (Arc::clone(&reports), std::sync::mpsc::channel());
    let subscription = tracked.core.subscribe(move |event: &LifecycleEvent| {
        if let LifecycleEvent::QueueReleased(_) = event {
            if let Some(core) = core.lock().unwrap().take() {
                let flushed = core.flush(PATIENCE);
                seen.lock().unwrap().push((flushed.is_ok(), core.close(PATIENCE)));
                sender.send(()).unwrap();
            }
        }
    });
    signup(&tracked.core, 0..10);
    done.recv_timeout(PATIENCE).unwrap();
    drop(subscription);
    let (is_flushed, report) = reports.lock().unwrap()[0];
    assert!(is_flushed && !report.was_closed());
    assert!(tracked.core.close(PATIENCE).is_complete());
    assert_eq!(tracked.sent().len(), 10);
}

#[test]
fn dropping_the_last_handle_delivers_even_while_unwinding() {
    let tracked = Tracked::start().unwrap();
    let (service, core) = (Arc::clone(&tracked.service), tracked.core);
    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        signup(&core, 0..3);
        panic!("on purpose");
    }));
    assert!(unwound.is_err());
    assert_eq!(service.batch_requests().len(), 1);
}

#[test]
fn a_flush_that_is_in_vain_says_how_many_are_left() {
    let tracked = Tracked::start().unwrap();
    tracked.service.script_batches([failing()]);
    signup(&tracked.core, 0..7);
    let error = tracked.core.flush(SHORT).unwrap_err();
    assert_eq!((error.left(), error.spooled()), (7, 0));
    assert_eq!(counts(tracked.core.close(SHORT)), (0, 0, 0, 7));
}

#[test]
fn a_queue_that_is_full_drops_the_oldest_and_says_so() {
    let tracking = TrackingConfig::builder().queue_capacity(100).build().unwrap();
    let tracked = Tracked::start_with(|config| config.tracking_config(tracking)).unwrap();
    tracked.service.pause();
    signup(&tracked.core, 0..10);
    assert!(tracked.service.wait_for_batches(1, PATIENCE));
    let on_their_way = tracked.sent().len();
    signup(&tracked.core, on_their_way..500);
    let stats = tracked.core.stats();
    assert_eq!((stats.queue_events, stats.dropped_queue_full), (100, 400 - on_their_way as u64));
    tracked.service.resume();
    tracked.core.flush(PATIENCE).unwrap();
    let sent = tracked.sent();
    assert_eq!((sent.len(), sent[on_their_way].0.as_str()), (on_their_way + 100, "v400"));
    assert!(tracked.core.close(PATIENCE).is_complete());
    let told: u64 = tracked
        .events
        .all()
        .iter()
        .map(|event| match event {
            LifecycleEvent::EventsDropped(dropped) => dropped.count(),
            _ => 0,
        })
        .sum();
    assert_eq!(told, stats.dropped_queue_full);
}

fn spooling(directory: &Directory) -> Tracked {
    Tracked::start_with(|config| config.tracking_config(directory.settings().unwrap())).unwrap()
}

#[test]
fn what_the_spool_keeps_goes_first_after_a_restart_and_only_once() {
    let directory = Directory::new();
    let down = spooling(&directory);
    // Nobody waits for it, so that all the time is left for the disk.
    let later = BatchResponse::new(503).with_retry_after(Some(10 * PATIENCE));
    down.service.script_batches([BatchAnswer::Response(later)]);
    signup(&down.core, 0..25);
    let error = down.core.flush(PATIENCE).unwrap_err();
    assert_eq!((error.left(), error.spooled()), (25, 25));
    signup(&down.core, 25..30);
    let report = down.core.close(PATIENCE);
    assert!(report.is_complete());
    assert_eq!(counts(report), (0, 0, 30, 0));

    let up = spooling(&directory);
    signup(&up.core, 30..35);
    up.core.flush(PATIENCE).unwrap();
    let visitors: Vec<_> = up.sent().into_iter().map(|(visitor, _)| visitor).collect();
    assert_eq!(visitors, (0..35).map(|visitor| format!("v{visitor}")).collect::<Vec<_>>());
    assert!(up.core.close(PATIENCE).is_complete());

    let later = spooling(&directory);
    later.core.flush(PATIENCE).unwrap();
    assert!(later.core.close(PATIENCE).is_complete());
    assert!(later.service.batch_requests().is_empty());
}

#[test]
fn with_a_spool_an_outage_drops_nothing_however_small_the_queue() {
    let directory = Directory::new();
    let builder = TrackingConfig::builder().spool(directory.path()).queue_capacity(50);
    let settings = builder.build().unwrap();
    let tracked = Tracked::start_with(|config| config.tracking_config(settings)).unwrap();
    tracked.service.script_batches([failing()]);
    for batch in 0..40 {
        signup(&tracked.core, batch * 25..(batch + 1) * 25);
        let error = tracked.core.flush(Duration::from_millis(20)).unwrap_err();
        assert_eq!(error.left(), 25 * (batch as u64 + 1));
    }
    let stats = tracked.core.stats();
    assert_eq!(stats.dropped_queue_full, 0);
    tracked.service.script_batches([BatchAnswer::Response(BatchResponse::new(200))]);
    assert_eq!(counts(tracked.core.close(PATIENCE)), (1_000, 0, 0, 0));
    let sent = tracked.sent();
    let first = tracked.bodies().iter().take_while(|body| events_of(body)[0].0 == "v0").count();
    let visitors: Vec<_> = sent.iter().map(|(visitor, _)| visitor.clone()).collect();
    let again = (first - 1) * events_of(&tracked.bodies()[0]).len();
    assert_eq!(visitors[again..], (0..1_000).map(|one| format!("v{one}")).collect::<Vec<_>>());
}

#[test]
fn a_directory_in_use_is_a_clear_error_at_initialise() {
    let directory = Directory::new();
    let first = spooling(&directory);
    let config = SdkConfig::from_json(PROJECT)
        .unwrap()
        .transport_impl(RecordingTransport::default())
        .tracking(true)
        .tracking_config(directory.settings().unwrap());
    let Err(Error::Spool(error)) = Core::initialize(config.clone()) else {
        panic!("two cores must not share a directory")
    };
    assert!(error.is_in_use() && error.directory() == directory.path());
    assert!(first.core.close(PATIENCE).is_complete());
    drop(first);
    assert!(Core::initialize(config).is_ok());
}

/// Runs something that is to end although its own deadline is far away.
fn ends_at_once<T: Send>(work: impl FnOnce(Duration) -> T + Send) -> T {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| sender.send(work(10 * PATIENCE)).unwrap());
        receiver.recv_timeout(PATIENCE).unwrap()
    })
}

#[test]
fn nothing_waits_for_a_service_that_asked_for_more_time_than_there_is() {
    for spools in [false, true] {
        let directory = Directory::new();
        let builder = TrackingConfig::builder();
        let builder = if spools { builder.spool(directory.path()) } else { builder };
        let settings = builder.build().unwrap();
        let tracked = Tracked::start_with(|config| config.tracking_config(settings)).unwrap();
        let later = BatchResponse::new(429).with_retry_after(Some(12 * PATIENCE));
        tracked.service.script_batches([BatchAnswer::Response(later)]);
        signup(&tracked.core, 0..10);
        assert!(tracked.service.wait_for_batches(1, PATIENCE));
        signup(&tracked.core, 10..25);
        let error = ends_at_once(|timeout| tracked.core.flush(timeout)).unwrap_err();
        assert_eq!((error.left(), error.spooled()), (25, if spools { 25 } else { 0 }));
        let report = ends_at_once(|timeout| tracked.core.close(timeout));
        assert!(report.is_complete());
        assert_eq!(counts(report), if spools { (0, 0, 25, 0) } else { (0, 0, 0, 25) });
        assert_eq!(tracked.service.batch_requests().len(), 1);
    }
}

#[test]
fn a_date_that_has_passed_or_is_far_away_does_not_stop_delivery() {
    let tracked = Tracked::start().unwrap();
    let asked = |seconds| {
        let wait = Some(Duration::from_secs(seconds));
        BatchAnswer::Response(BatchResponse::new(503).with_retry_after(wait))
    };
    let ok = BatchAnswer::Response(BatchResponse::new(200));
    tracked.service.script_batches([asked(0), asked(u64::MAX), ok]);
    signup(&tracked.core, 0..10);
    assert!(tracked.service.wait_for_batches(1, PATIENCE));
    tracked.clock.advance_to_next_alarm();
    assert!(tracked.service.wait_for_batches(2, PATIENCE));
    let wait = tracked.clock.next_alarm().saturating_sub(tracked.clock.now());
    assert_eq!(wait, Duration::from_secs(600), "ten minutes at most");
    tracked.clock.advance_to_next_alarm();
    tracked.core.flush(PATIENCE).unwrap();
    assert_eq!(tracked.core.stats().events_delivered, 10);
}

#[test]
fn a_service_that_finds_a_body_too_large_for_now_is_left_alone_as_long_as_it_asks() {
    let tracked = Tracked::start().unwrap();
    let wait = Duration::from_secs(30);
    let too_large = BatchResponse::new(413).with_retry_after(Some(wait));
    let ok = BatchAnswer::Response(BatchResponse::new(200));
    tracked.service.script_batches([BatchAnswer::Response(too_large), ok]);
    signup(&tracked.core, 0..10);
    assert!(tracked.service.wait_for_batches(1, PATIENCE));
    assert_eq!(tracked.clock.next_alarm().saturating_sub(tracked.clock.now()), wait);
    let error = ends_at_once(|timeout| tracked.core.flush(timeout.min(wait / 2))).unwrap_err();
    assert_eq!(error.left(), 10);
    assert_eq!(tracked.service.batch_requests().len(), 1);
    tracked.clock.advance_to_next_alarm();
    tracked.core.flush(PATIENCE).unwrap();
    assert_eq!(tracked.core.stats().events_delivered, 10);
}

/// A service that takes no body longer than so many bytes.
struct Narrow {
    limit: usize,
    inner: RecordingTransport,
    refused: AtomicU64,
}

impl convert_sdk::Transport for Narrow {
    fn fetch_config(
        &self,
        request: &convert_sdk::ConfigRequest,
    ) -> Result<convert_sdk::ConfigResponse, convert_sdk::TransportError> {
        self.inner.fetch_config(request)
    }

    fn send_batch(
        &self,
        request: &convert_sdk::BatchRequest,
    ) -> Result<BatchResponse, convert_sdk::TransportError> {
        if request.body().len() > self.limit {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Ok(BatchResponse::new(413));
        }
        self.inner.send_batch(request)
    }
}

fn narrow(limit: usize, settings: TrackingConfig) -> (Core, Arc<Narrow>) {
    let inner = RecordingTransport::default();
    let service = Arc::new(Narrow { limit, inner, refused: AtomicU64::new(0) });
    let config = SdkConfig::from_json(PROJECT)
        .unwrap()
        .tracking(true)
        .transport_impl(Arc::clone(&service))
        .tracking_config(settings);
    (Core::initialize(config).unwrap(), service)
}

fn visitors(service: &RecordingTransport) -> Vec<String> {
    let requests = service.batch_requests();
    let bodies = requests.iter().map(|request| body(request.body()));
    bodies.flat_map(|body| events_of(&body)).map(|(visitor, _)| visitor).collect()
}

fn names(visitors: std::ops::Range<usize>) -> Vec<String> {
    visitors.map(|visitor| format!("v{visitor}")).collect()
}

#[test]
fn what_is_too_large_for_the_service_is_sent_in_smaller_bodies() {
    for spools in [false, true] {
        let directory = Directory::new();
        let builder = TrackingConfig::builder().batch_size(2_000).flush_interval(None);
        let builder = if spools { builder.spool(directory.path()) } else { builder };
        let (core, service) = narrow(5_000, builder.build().unwrap());
        signup(&core, 0..2_000);
        core.flush(PATIENCE).unwrap();
        assert_eq!(visitors(&service.inner), names(0..2_000));
        let stats = core.stats();
        assert_eq!((stats.events_delivered, stats.dropped_refused), (2_000, 0), "{stats:?}");
        let requests = service.inner.batch_requests();
        assert!(requests.iter().all(|request| request.body().len() <= 5_000));
        let refused = service.refused.load(Ordering::Relaxed);
        assert!((1..20).contains(&refused), "{refused} for {} bodies", requests.len());
        assert!(core.close(PATIENCE).is_complete());
    }
}

#[test]
fn an_event_that_alone_is_too_large_for_the_service_is_dropped_and_no_other() {
    let (core, service) = narrow(5_000, impatient());
    signup(&core, 0..5);
    let huge = core.create_context("h".repeat(10_000));
    assert!(huge.track_conversion("signup").is_queued());
    signup(&core, 5..10);
    core.flush(PATIENCE).unwrap();
    assert_eq!(visitors(&service.inner), names(0..10));
    let stats = core.stats();
    assert_eq!((stats.events_delivered, stats.dropped_refused), (10, 1), "{stats:?}");
    assert_adds_up(&stats);
}

#[test]
fn parts_of_a_spooled_batch_that_were_accepted_are_not_sent_again_after_a_restart() {
    let directory = Directory::new();
    let builder =
        || TrackingConfig::builder().spool(directory.path()).batch_size(1_000).flush_interval(None);
    let (core, service) = narrow(5_000, builder().build().unwrap());
    service.inner.script_batches([failing()]);
    let settings = builder().build().unwrap();
    // Too large at first, so that the parts are what fails; then some of them are accepted.
    signup(&core, 0..1_000);
    assert_eq!(core.flush(SHORT).unwrap_err().spooled(), 1_000);
    let ok = BatchAnswer::Response(BatchResponse::new(200));
    service.inner.script_batches([ok.clone(), ok.clone(), failing()]);
    let report = core.close(SHORT);
    assert_eq!(report.delivered() + report.spooled(), 1_000);
    assert!(report.delivered() > 0 && report.spooled() > 0, "{report:?}");
    drop(core);
    let accepted = usize::try_from(report.delivered()).unwrap();

    let (core, service) = narrow(usize::MAX, settings);
    core.flush(PATIENCE).unwrap();
    assert_eq!(visitors(&service.inner), names(accepted..1_000));
    assert!(core.close(PATIENCE).is_complete());
}

#[test]
fn ids_of_a_project_that_are_very_long_do_not_make_bodies_too_large() {
    let long = "9".repeat(300_000);
    let project = PROJECT.replace("1001", &long);
    let service = Arc::new(RecordingTransport::default());
    let settings = TrackingConfig::builder().batch_size(10).flush_interval(None).build().unwrap();
    let config = SdkConfig::from_json(&project)
        .unwrap()
        .tracking(true)
        .transport_impl(Arc::clone(&service))
        .tracking_config(settings);
    let core = Core::initialize(config).unwrap();
    for number in 0..10 {
        let conversion = Conversion::new("purchase").transaction_id("x".repeat(200_000));
        assert!(core.create_context(format!("v{number}")).track_conversion(conversion).is_queued());
    }
    core.flush(PATIENCE).unwrap();
    assert!(service.batch_requests().iter().all(|request| request.body().len() < 1 << 20));
}

#[test]
fn the_queue_is_bounded_in_bytes_whatever_is_long_in_an_event() {
    let tracked = Tracked::start().unwrap();
    tracked.service.pause();
    signup(&tracked.core, 0..10);
    assert!(tracked.service.wait_for_batches(1, PATIENCE));
    for number in 0..60 {
        let id = format!("{number}-{}", "v".repeat(100_000));
        let country = "c".repeat(100_000);
        let visitor = tracked
            .core
            .create_context(id)
            .with_attributes(convert_sdk::attributes! { "country" => country.as_str() });
        let conversion = Conversion::new("purchase").transaction_id("t".repeat(100_000));
        assert!(visitor.track_conversion(conversion).is_queued());
        assert!(tracked.core.stats().queue_bytes <= 8 << 20);
    }
    let stats = tracked.core.stats();
    assert!(stats.dropped_queue_full > 0, "{stats:?}");
    assert_adds_up(&stats);
    tracked.service.resume();
    assert!(tracked.core.close(PATIENCE).is_complete());
}
