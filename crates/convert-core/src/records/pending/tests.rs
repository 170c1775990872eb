//! The waiting changes, step by step.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn pending(capacity: usize) -> Pending {
    Pending::new(&StoreConfig::default().queue_capacity(capacity).backoff(SECOND, 4 * SECOND))
}

fn goal(key: &'static str) -> RecordDelta<'static> {
    RecordDelta::new().reach(key)
}

/// Returns the key of what is to be written next.
fn next(pending: &mut Pending, now: Duration) -> Option<String> {
    match pending.step(now) {
        Step::Write(key, _) => Some(key.to_string()),
        Step::Rest(_) | Step::Stop => None,
    }
}

#[test]
fn the_changes_of_a_visitor_become_one() {
    let mut pending = pending(10);
    assert!(pending.push("a", goal("1")));
    assert!(!pending.push("a", goal("2")));
    assert!(pending.push("b", goal("1")));
    assert_eq!(pending.depth(), 2);
    let Step::Write(key, delta) = pending.step(Duration::ZERO) else { panic!() };
    assert_eq!((&*key, &*delta), ("a", &goal("1").then(goal("2"))));
    // What comes while it is being written is written after it.
    assert!(!pending.push("a", goal("3")));
    assert_eq!(pending.unwritten("a"), Some(goal("1").then(goal("2")).then(goal("3"))));
    pending.settle(Outcome::Written, Duration::ZERO, 1.0);
    assert_eq!(pending.unwritten("a"), Some(goal("3")));
    assert_eq!(next(&mut pending, Duration::ZERO).as_deref(), Some("b"));
    pending.settle(Outcome::Written, Duration::ZERO, 1.0);
    assert_eq!(next(&mut pending, Duration::ZERO).as_deref(), Some("a"));
    pending.settle(Outcome::Written, Duration::ZERO, 1.0);
    assert!(matches!(pending.step(Duration::ZERO), Step::Rest(None)));
    assert_eq!(pending.tally(), WriteTally { written: 3, ..WriteTally::default() });
}

#[test]
fn a_failed_write_is_tried_again_after_the_others_with_what_came_since() {
    let mut pending = pending(10);
    pending.push("a", goal("1"));
    pending.push("b", goal("1"));
    assert_eq!(next(&mut pending, Duration::ZERO).as_deref(), Some("a"));
    pending.push("a", RecordDelta::new().force("x", "late"));
    pending.settle(Outcome::Failed, Duration::ZERO, 1.0);
    assert!(matches!(pending.step(Duration::ZERO), Step::Rest(Some(at)) if at == SECOND));
    assert_eq!(next(&mut pending, SECOND).as_deref(), Some("b"));
    pending.settle(Outcome::Failed, SECOND, 1.0);
    // The second pause is twice as long.
    assert!(matches!(pending.step(2 * SECOND), Step::Rest(Some(at)) if at == 3 * SECOND));
    let Step::Write(key, delta) = pending.step(3 * SECOND) else { panic!() };
    assert_eq!((&*key, &*delta), ("a", &goal("1").then(RecordDelta::new().force("x", "late"))));
    pending.settle(Outcome::Written, 3 * SECOND, 1.0);
    assert_eq!(next(&mut pending, 3 * SECOND).as_deref(), Some("b"));
    assert_eq!(pending.tally().retried, 2);
}

#[test]
fn past_the_capacity_the_oldest_are_lost_and_counted() {
    let mut pending = pending(2);
    for key in ["a", "b", "c"] {
        pending.push(key, goal("1"));
    }
    assert!(pending.unwritten("a").is_none());
    assert_eq!((pending.depth(), pending.tally().dropped), (2, 1));
    // One that failed takes the place of the oldest, too.
    assert_eq!(next(&mut pending, Duration::ZERO).as_deref(), Some("b"));
    pending.push("d", goal("1"));
    pending.settle(Outcome::Failed, Duration::ZERO, 1.0);
    assert_eq!((pending.depth(), pending.tally().dropped), (2, 2));
    assert!(pending.unwritten("c").is_none() && pending.unwritten("b").is_some());
}

#[test]
fn what_will_never_be_taken_is_lost_and_holds_nothing_up() {
    let mut pending = pending(10);
    pending.push("a", goal("1"));
    pending.push("b", goal("1"));
    assert_eq!(next(&mut pending, Duration::ZERO).as_deref(), Some("a"));
    pending.settle(Outcome::Refused, Duration::ZERO, 1.0);
    assert_eq!(next(&mut pending, Duration::ZERO).as_deref(), Some("b"));
    assert_eq!(pending.tally().dropped, 1);
}

#[test]
fn what_waits_can_be_taken_out_unless_something_older_is_being_written() {
    let mut pending = pending(10);
    pending.push("a", goal("1"));
    let ahead = pending.take("a");
    assert!(!ahead.is_writing && ahead.unwritten == Some(goal("1")));
    assert!(pending.take("a").unwritten.is_none() && pending.depth() == 0);
    pending.push("a", goal("2"));
    pending.give_back("a", goal("1"));
    assert_eq!(pending.unwritten("a"), Some(goal("1").then(goal("2"))));
    next(&mut pending, Duration::ZERO);
    pending.push("a", goal("3"));
    let ahead = pending.take("a");
    assert!(ahead.is_writing && pending.depth() == 2);
    assert_eq!(ahead.unwritten, Some(goal("1").then(goal("2")).then(goal("3"))));
}

#[test]
fn a_flush_waits_for_what_is_older_alone() {
    let mut pending = pending(10);
    pending.push("a", goal("1"));
    let number = pending.number();
    pending.push("b", goal("1"));
    assert!(pending.has_before(number) && pending.count_before(number) == 1);
    next(&mut pending, Duration::ZERO);
    assert!(pending.has_before(number));
    pending.settle(Outcome::Failed, Duration::ZERO, 0.0);
    assert!(pending.has_before(number));
    assert_eq!(next(&mut pending, Duration::ZERO).as_deref(), Some("b"));
    pending.settle(Outcome::Written, Duration::ZERO, 0.0);
    assert_eq!(next(&mut pending, Duration::ZERO).as_deref(), Some("a"));
    pending.settle(Outcome::Written, Duration::ZERO, 0.0);
    assert!(!pending.has_before(number));
}

#[test]
fn losses_are_told_of_once_a_minute_and_in_the_end() {
    let mut pending = pending(1);
    assert_eq!(pending.losses_to_report(Duration::ZERO, true), None);
    for key in ["a", "b", "c"] {
        pending.push(key, goal("1"));
    }
    assert_eq!(pending.losses_to_report(Duration::ZERO, false), Some(2));
    pending.push("d", goal("1"));
    assert_eq!(pending.losses_to_report(59 * SECOND, false), None);
    assert_eq!(pending.losses_to_report(60 * SECOND, false), Some(1));
    pending.stop();
    assert_eq!(pending.losses_to_report(61 * SECOND, false), None);
    assert_eq!(pending.losses_to_report(61 * SECOND, true), Some(1));
}

#[test]
fn closing_tries_everything_once_without_pauses() {
    let mut pending = pending(10);
    for key in ["a", "b"] {
        pending.push(key, goal("1"));
    }
    next(&mut pending, Duration::ZERO);
    pending.settle(Outcome::Failed, Duration::ZERO, 1.0);
    pending.close();
    assert_eq!(next(&mut pending, Duration::ZERO).as_deref(), Some("b"));
    pending.settle(Outcome::Written, Duration::ZERO, 1.0);
    assert_eq!(next(&mut pending, Duration::ZERO).as_deref(), Some("a"));
    pending.settle(Outcome::Failed, Duration::ZERO, 1.0);
    assert!(matches!(pending.step(Duration::ZERO), Step::Rest(None)));
    pending.push("c", goal("1"));
    assert_eq!(pending.stop(), 2);
    assert!(matches!(pending.step(Duration::ZERO), Step::Stop));
    assert!(!pending.push("d", goal("1")));
    assert_eq!(pending.depth(), 0);
}
