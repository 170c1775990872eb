//! With a spool.

#![expect(clippy::single_range_in_vec_init, reason = "one range is what is meant")]

use super::*;

#[test]
fn with_a_spool_nothing_goes_while_a_request_hangs() {
    let mut queue = queue(Limits { events: 20, spools: true, ..limits() });
    let mut spooled: Vec<u64> = Vec::new();
    for number in 0..200 {
        let pushed = queue.push(numbered(number, "2", Duration::ZERO));
        assert!(pushed.is_queued);
        if number == 9 {
            // Taken, and on its way from here on.
            queue.step(Duration::ZERO);
            queue.take_first();
            assert_eq!(queue.step(Duration::ZERO), Step::Send);
        }
        while let Some(step) = queue.next_spill(Duration::ZERO).filter(|_| pushed.is_over) {
            match (step, spooled.is_empty()) {
                // The one on its way must not come after what comes after it.
                (Step::Store, true) => spooled.extend(0..10),
                (Step::Spill, false) => spooled.extend(queue.take().iter().map(number_of)),
                _ => panic!("{step:?} after {spooled:?}"),
            }
            queue.stored(step, false);
        }
    }
    let waiting = queue.depth().waiting;
    assert!(waiting <= 20 && queue.counters().dropped() == 0);
    assert_eq!(spooled, (0..200 - waiting).collect::<Vec<_>>());
    assert_eq!(queue.step(Duration::ZERO), Step::Sync, "the worker makes it last");
}

#[test]
fn where_the_spool_fails_the_oldest_go_after_all() {
    let mut queue = queue(Limits { events: 20, spools: true, ..limits() });
    push(&mut queue, 21, Duration::ZERO);
    assert_eq!(queue.next_spill(Duration::ZERO), Some(Step::Spill));
    let events = queue.take();
    queue.not_stored(events, Duration::ZERO);
    assert_eq!((queue.depth().waiting, queue.counters().queue_full), (20, 1));
    let pushed = queue.push(event(Duration::ZERO));
    assert!(!pushed.is_over && queue.next_spill(Duration::ZERO).is_none());
    assert_eq!((queue.depth().waiting, queue.counters().queue_full), (20, 2));
}

#[test]
fn with_a_spool_an_outage_of_an_hour_loses_nothing() {
    let mut queue = queue(Limits { spools: true, ..limits() });
    let mut now = Duration::ZERO;
    while now < 3_600 * SECOND {
        push(&mut queue, 1, now);
        loop {
            match queue.step(now) {
                Step::Release(_) => drop(queue.take()),
                Step::Spill => {
                    queue.take();
                    queue.stored(Step::Spill, true);
                }
                Step::Store => queue.stored(Step::Store, true),
                Step::Send => {
                    queue.acknowledge(Outcome::Failed(None), now, 0.5);
                }
                Step::Report(_) | Step::Sync => unreachable!("nothing is lost or unsynced"),
                Step::Rest(_) | Step::Stop => break,
            }
        }
        let waiting = queue.depth().waiting;
        assert!(waiting <= 21, "no more than a second's worth is at stake: {waiting}");
        now += Duration::from_millis(50);
    }
    assert_eq!(queue.counters().dropped(), 0);
    assert_eq!(queue.spooled() + queue.depth().waiting, 72_000);
}

#[test]
fn a_spool_that_fails_is_left_alone_for_a_while_and_the_events_stay() {
    let mut queue = queue(Limits { spools: true, ..limits() });
    push(&mut queue, 10, Duration::ZERO);
    deliver(&mut queue, Duration::ZERO, Outcome::Failed(Some(100 * SECOND)));
    assert_eq!(queue.step(Duration::ZERO), Step::Store);
    queue.stored(Step::Store, true);
    push(&mut queue, 5, Duration::ZERO);
    assert_eq!(queue.step(SECOND), Step::Spill);
    let events = queue.take();
    queue.not_stored(events, SECOND);
    assert_eq!(queue.depth().waiting, 5);
    assert_eq!(queue.step(SECOND), Step::Rest(Some(2 * SECOND)));
    assert_eq!(queue.step(2 * SECOND), Step::Spill);
    assert_eq!(queue.left_before(queue.next_number()), 15);
}

#[test]
fn what_is_left_in_the_end_goes_to_the_spool() {
    let mut queue = queue(Limits { spools: true, ..limits() });
    push(&mut queue, 12, Duration::ZERO);
    queue.step(Duration::ZERO);
    queue.take();
    queue.step(Duration::ZERO);
    push(&mut queue, 3, Duration::ZERO);
    queue.stop();
    assert_eq!(queue.step(Duration::ZERO), Step::Store);
    queue.stored(Step::Store, true);
    assert_eq!(queue.step(Duration::ZERO), Step::Spill);
    assert_eq!(queue.take().len(), 3);
    queue.stored(Step::Spill, true);
    assert_eq!((queue.step(Duration::ZERO), queue.spooled()), (Step::Stop, 15));
}

#[test]
fn what_an_earlier_run_left_goes_first() {
    let mut queue = queue(Limits { spools: true, ..limits() });
    queue.restore(7);
    push(&mut queue, 10, Duration::ZERO);
    assert_eq!(queue.step(Duration::ZERO), Step::Send);
    let batch = queue.acknowledge(Outcome::Delivered, Duration::ZERO, 0.0).unwrap();
    assert_eq!((batch.events, batch.is_spooled), (7, true));
    assert_eq!(deliver(&mut queue, Duration::ZERO, Outcome::Delivered), 10);
}

#[test]
fn while_the_disk_does_not_answer_the_oldest_go_after_all() {
    let mut queue = queue(Limits { events: 20, spools: true, ..limits() });
    push(&mut queue, 25, Duration::ZERO);
    assert_eq!((queue.depth().waiting, queue.counters().queue_full), (25, 0));
    queue.block_spool(Duration::ZERO);
    assert_eq!((queue.depth().waiting, queue.counters().queue_full), (20, 5));
    assert_eq!(queue.next_spill(Duration::ZERO), None);
    assert!(!queue.push(event(Duration::ZERO)).is_over);
    assert!(queue.push(event(2 * SECOND)).is_over, "it is tried again");
}

#[test]
fn files_that_disappear_cost_what_is_not_in_memory() {
    let mut queue = queue(Limits { spools: true, ..limits() });
    for events in [5, 7, 9] {
        queue.restore(events);
    }
    assert_eq!(queue.step(Duration::ZERO), Step::Send);
    // The first one is on its way, and the last one has been lost before it could be read.
    assert_eq!(queue.lose_spooled(&[0..5, 12..21], 1, Duration::ZERO), 9);
    let depth = queue.depth();
    assert_eq!((depth.under_way, depth.spooled, queue.counters().spool_damaged), (5, 7, 9));
    assert_eq!(queue.next_to_store(), None, "it would come behind the other one");
    queue.acknowledge(Outcome::Failed(None), Duration::ZERO, 1.0);
    assert!(matches!(queue.step(Duration::ZERO), Step::Report(_)));
    assert_eq!(queue.lose_spooled(&[0..7], 1, Duration::ZERO), 7);
    assert_eq!(queue.step(Duration::ZERO), Step::Store, "it is safe in memory, and stored again");
}
