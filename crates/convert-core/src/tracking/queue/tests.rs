//! The queue with time in the test's hands.

use std::collections::HashMap;

use convert_decision::Segments;

use super::*;
use crate::tracking::event::{Origin, Payload};

mod reference;
mod spool;

const SECOND: Duration = Duration::from_secs(1);

fn limits() -> Limits {
    Limits {
        batch_size: 10,
        age: Some(SECOND),
        events: 10_000,
        bytes: 8 << 20,
        body: 1 << 20,
        spools: false,
    }
}

fn queue(limits: Limits) -> Queue {
    Queue::new(limits, Backoff::new(SECOND, Duration::from_secs(60)), true)
}

fn origin(project_id: &str) -> Arc<Origin> {
    Arc::new(Origin::new("1", project_id))
}

/// An event that differs from others by its number.
fn numbered(number: u64, project_id: &str, at: Duration) -> Event {
    let (experience_id, variation_id) = (number.to_string().into(), "1".into());
    let payload = Payload::Exposure { experience_id, variation_id };
    Event::new(origin(project_id), &format!("v{}", number % 3), Segments::default(), payload, at)
}

fn number_of(event: &Event) -> u64 {
    match &event.payload {
        Payload::Exposure { experience_id, .. } => experience_id.parse().unwrap(),
        Payload::Conversion(_) => unreachable!("tests make exposures"),
    }
}

fn event(at: Duration) -> Event {
    numbered(0, "2", at)
}

fn push(queue: &mut Queue, count: usize, at: Duration) {
    for _ in 0..count {
        assert!(queue.push(event(at)).is_queued);
    }
}

/// Takes and sends what is due, and answers it; returns how many events went.
fn deliver(queue: &mut Queue, now: Duration, outcome: Outcome) -> usize {
    assert!(matches!(queue.step(now), Step::Release(_)));
    let count = queue.take().len();
    assert_eq!(queue.step(now), Step::Send);
    queue.acknowledge(outcome, now, 1.0);
    count
}

#[test]
fn the_tenth_event_is_released_at_once_with_the_nine_before_it() {
    let mut queue = queue(limits());
    push(&mut queue, 9, Duration::ZERO);
    assert_eq!(queue.step(Duration::ZERO), Step::Rest(Some(SECOND)));
    assert!(queue.push(event(Duration::ZERO)).matters);
    assert_eq!(queue.step(Duration::ZERO), Step::Release(ReleaseReason::Size));
    assert_eq!(deliver(&mut queue, Duration::ZERO, Outcome::Delivered), 10);
    assert_eq!(queue.step(Duration::ZERO), Step::Rest(None));
    assert_eq!(queue.counters().delivered, 10);
}

#[test]
fn the_first_event_is_released_when_it_is_old_enough_and_not_before() {
    let mut queue = queue(limits());
    assert_eq!(queue.step(SECOND), Step::Rest(None));
    assert!(queue.push(event(SECOND)).matters, "the worker must set an alarm");
    assert_eq!(queue.step(SECOND), Step::Rest(Some(2 * SECOND)));
    assert!(!queue.push(event(2 * SECOND)).matters, "the alarm is set already");
    let just_before = Duration::from_millis(1_999);
    assert_eq!(queue.step(just_before), Step::Rest(Some(2 * SECOND)));
    assert_eq!(queue.step(2 * SECOND), Step::Release(ReleaseReason::Timeout));
    assert_eq!(queue.take().len(), 2);
}

#[test]
fn without_an_age_events_wait_for_company_or_a_flush() {
    let mut queue = queue(Limits { age: None, ..limits() });
    push(&mut queue, 9, Duration::ZERO);
    assert_eq!(queue.step(1_000 * SECOND), Step::Rest(None));
    let ticket = queue.flush(ReleaseReason::Explicit);
    assert_eq!(queue.left_before(ticket), 9);
    assert_eq!(queue.step(1_000 * SECOND), Step::Release(ReleaseReason::Explicit));
    deliver(&mut queue, 1_000 * SECOND, Outcome::Delivered);
    assert_eq!(queue.left_before(ticket), 0);
}

/// Delivers as fast as the queue asks for it, and returns how many events of so many came through.
fn pass_through(queue: &mut Queue, count: u64, visitor_bytes: usize) -> u64 {
    let visitor_id = "v".repeat(visitor_bytes);
    for _ in 0..count {
        let payload = Payload::Exposure { experience_id: "1".into(), variation_id: "2".into() };
        let (segments, at) = (Segments::default(), Duration::ZERO);
        let pushed = queue.push(Event::new(origin("2"), &visitor_id, segments, payload, at));
        while pushed.matters && matches!(queue.step(at), Step::Release(_)) {
            queue.take();
            assert_eq!(queue.step(at), Step::Send);
            queue.acknowledge(Outcome::Delivered, at, 1.0);
        }
    }
    queue.counters().delivered + queue.waiting.len() as u64
}

#[test]
fn a_service_that_is_up_costs_no_event_however_large_batches_are_to_be() {
    let patient = Limits { age: None, batch_size: 9_000, ..limits() };
    // Ten thousand such events take more than the queue may hold in bytes.
    assert_eq!(pass_through(&mut queue(patient.clone()), 20_000, 2_000), 20_000);
    // A batch that is never full, since the queue holds fewer events.
    let greedy = Limits { batch_size: 20_000, ..patient };
    assert_eq!(pass_through(&mut queue(greedy), 30_000, 4), 30_000);
}

#[test]
fn a_flush_waits_for_what_came_before_it_alone() {
    let mut queue = queue(limits());
    push(&mut queue, 3, Duration::ZERO);
    let ticket = queue.flush(ReleaseReason::Explicit);
    push(&mut queue, 2, Duration::ZERO);
    assert_eq!(queue.left_before(ticket), 3);
    queue.step(Duration::ZERO);
    assert_eq!(queue.take().len(), 5, "what waits goes along");
    assert_eq!(queue.left_before(ticket), 3, "on its way is not delivered");
    queue.step(Duration::ZERO);
    queue.acknowledge(Outcome::Lost(DropReason::Refused), Duration::ZERO, 1.0);
    assert_eq!((queue.left_before(ticket), queue.counters().refused), (0, 5));
}

#[test]
fn a_failed_batch_stays_at_the_head_until_its_time_has_come() {
    let mut queue = queue(limits());
    push(&mut queue, 10, Duration::ZERO);
    deliver(&mut queue, Duration::ZERO, Outcome::Failed(None));
    push(&mut queue, 10, Duration::ZERO);
    assert_eq!(queue.step(Duration::ZERO), Step::Rest(Some(SECOND)));
    assert_eq!(queue.step(SECOND), Step::Send, "the same batch again, before newer events");
    queue.acknowledge(Outcome::Failed(Some(30 * SECOND)), SECOND, 1.0);
    assert_eq!(queue.step(SECOND), Step::Rest(Some(31 * SECOND)), "the service asked for it");
    assert_eq!(queue.step(31 * SECOND), Step::Send);
    assert_eq!(
        queue.acknowledge(Outcome::Delivered, SECOND, 1.0).map(|batch| batch.events),
        Some(10)
    );
    assert_eq!(queue.counters().retried, 2);
    assert_eq!(deliver(&mut queue, SECOND, Outcome::Delivered), 10);
}

#[test]
fn closing_tries_once_more_at_once_unless_the_service_asked_to_be_left_alone() {
    for (asked, expected) in
        [(None, Step::Send), (Some(30 * SECOND), Step::Rest(Some(30 * SECOND)))]
    {
        let mut queue = queue(limits());
        push(&mut queue, 10, Duration::ZERO);
        deliver(&mut queue, Duration::ZERO, Outcome::Failed(asked));
        queue.close();
        assert_eq!(queue.step(Duration::ZERO), expected);
        assert!(!queue.push(event(Duration::ZERO)).is_queued);
        assert_eq!(queue.counters().closed, 1);
    }
}

#[test]
fn a_service_that_asks_for_no_time_is_not_waited_for_when_closing() {
    let mut queue = queue(limits());
    push(&mut queue, 10, Duration::ZERO);
    deliver(&mut queue, Duration::ZERO, Outcome::Failed(Some(Duration::ZERO)));
    assert!(matches!(queue.step(Duration::ZERO), Step::Rest(Some(_))));
    queue.close();
    assert_eq!(queue.step(Duration::ZERO), Step::Send);
}

#[test]
fn a_failure_that_is_about_to_happen_when_closing_begins_is_no_reason_to_wait_either() {
    for (asked, expected) in
        [(None, Step::Send), (Some(30 * SECOND), Step::Rest(Some(30 * SECOND)))]
    {
        let mut queue = queue(limits());
        push(&mut queue, 10, Duration::ZERO);
        queue.step(Duration::ZERO);
        queue.take_first();
        assert_eq!(queue.step(Duration::ZERO), Step::Send);
        queue.close();
        queue.acknowledge(Outcome::Failed(asked), Duration::ZERO, 1.0);
        assert_eq!(queue.step(Duration::ZERO), expected);
        queue.close();
        queue.acknowledge(Outcome::Failed(None), Duration::ZERO, 1.0);
        assert_eq!(queue.step(Duration::ZERO), Step::Rest(Some(2 * SECOND)), "but once");
    }
}

#[test]
fn batches_are_split_by_project_and_by_length() {
    let mut projects = queue(limits());
    for (number, project) in ["2", "2", "3", "2"].into_iter().enumerate() {
        projects.push(numbered(number as u64, project, Duration::ZERO));
    }
    projects.flush(ReleaseReason::Explicit);
    let sizes: Vec<usize> =
        (0..3).map(|_| deliver(&mut projects, Duration::ZERO, Outcome::Delivered)).collect();
    assert_eq!(sizes, [2, 1, 1]);

    let size = event(Duration::ZERO).size;
    let mut lengths = queue(Limits { body: 4 * size + size / 2 + origin("2").size, ..limits() });
    push(&mut lengths, 10, Duration::ZERO);
    let sizes: Vec<usize> =
        (0..3).map(|_| deliver(&mut lengths, Duration::ZERO, Outcome::Delivered)).collect();
    assert_eq!(sizes, [4, 4, 2]);
}

#[test]
fn an_event_too_large_for_any_body_is_refused_and_counted() {
    let mut queue = queue(Limits { body: 100, ..limits() });
    assert!(!queue.push(event(Duration::ZERO)).is_queued);
    assert_eq!((queue.counters().too_large, queue.counters().queued), (1, 0));
    let Step::Report(losses) = queue.step(Duration::ZERO) else { panic!("the loss is reported") };
    assert_eq!(losses.too_large, 1);
}

#[test]
fn an_event_larger_than_the_queue_goes_alone() {
    let limits = Limits { bytes: 4_096, ..limits() };
    let huge = || {
        let name = "x".repeat(5_000);
        Event { visitor_id: name.into(), size: 5_000, ..event(Duration::ZERO) }
    };
    let mut small = queue(limits.clone());
    push(&mut small, 5, Duration::ZERO);
    assert!(!small.push(huge()).is_queued);
    assert_eq!((small.depth().waiting, small.counters().too_large), (5, 1));
    // The spool has room for it.
    let mut spooling = queue(Limits { spools: true, ..limits });
    let pushed = spooling.push(huge());
    assert!(pushed.is_queued && pushed.is_over);
}

#[test]
fn past_the_bound_the_oldest_go_but_never_those_on_their_way() {
    let mut queue = queue(Limits { events: 20, ..limits() });
    for number in 0..10 {
        queue.push(numbered(number, "2", Duration::ZERO));
    }
    queue.step(Duration::ZERO);
    let on_their_way: Vec<u64> = queue.take().iter().map(number_of).collect();
    queue.step(Duration::ZERO);
    for number in 10..40 {
        assert!(queue.push(numbered(number, "2", Duration::ZERO)).is_queued);
    }
    assert_eq!(on_their_way, (0..10).collect::<Vec<_>>());
    assert_eq!((queue.depth().waiting, queue.counters().queue_full), (20, 10));
    queue.acknowledge(Outcome::Delivered, Duration::ZERO, 1.0);
    queue.step(Duration::ZERO);
    let rest: Vec<u64> = queue.take().iter().map(number_of).collect();
    assert_eq!(rest, (20..40).collect::<Vec<_>>());
}

#[test]
fn losses_are_reported_at_most_once_a_minute_and_add_up() {
    let mut queue = queue(Limits { events: 1, ..limits() });
    let report = |queue: &mut Queue, at| match queue.step(at) {
        Step::Report(losses) => Some(losses.queue_full),
        _ => None,
    };
    push(&mut queue, 3, Duration::ZERO);
    assert_eq!(report(&mut queue, Duration::ZERO), Some(2));
    assert_eq!(report(&mut queue, Duration::ZERO), None);
    push(&mut queue, 5, 10 * SECOND);
    assert_eq!(report(&mut queue, 59 * SECOND), None);
    push(&mut queue, 5, 60 * SECOND);
    assert_eq!(report(&mut queue, 60 * SECOND), Some(10));
    assert_eq!(queue.counters().queue_full, 12);
}

#[test]
fn switched_off_nothing_is_sent_and_nothing_discarded() {
    let mut queue = queue(limits());
    push(&mut queue, 50, Duration::ZERO);
    queue.enable(false);
    queue.flush(ReleaseReason::Explicit);
    assert_eq!(queue.step(1_000 * SECOND), Step::Rest(None));
    assert_eq!(queue.depth().waiting, 50);
    queue.enable(true);
    assert_eq!(deliver(&mut queue, 1_000 * SECOND, Outcome::Delivered), 50);
}

#[test]
fn an_outage_of_an_hour_keeps_memory_bounded_and_counts_what_goes() {
    let mut queue = queue(limits());
    let mut attempts = 0;
    let mut now = Duration::ZERO;
    while now < 3_600 * SECOND {
        // 20 events a second.
        push(&mut queue, 1, now);
        loop {
            match queue.step(now) {
                Step::Release(_) => drop(queue.take()),
                Step::Send => {
                    attempts += 1;
                    queue.acknowledge(Outcome::Failed(None), now, 0.5);
                }
                _ => break,
            }
        }
        now += Duration::from_millis(50);
    }
    let QueueDepth { waiting: events, bytes, .. } = queue.depth();
    assert!(events == 10_000 && bytes <= 8 << 20, "{events} {bytes}");
    let on_its_way = queue.head().unwrap().events;
    assert_eq!(queue.counters().queue_full, 72_000 - 10_000 - on_its_way);
    assert!((100..200).contains(&attempts), "{attempts}");
}
