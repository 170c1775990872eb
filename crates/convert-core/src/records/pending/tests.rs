//! The waiting changes, step by step.

use convert_decision::attributes;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn pending(capacity: usize) -> Pending {
    Pending::new(&StoreConfig::default().queue_capacity(capacity).backoff(SECOND, 4 * SECOND))
}

fn goal(key: &'static str) -> RecordDelta<'static> {
    RecordDelta::new().reach(key)
}

/// Returns the changes that are to be written next.
fn next(pending: &mut Pending, now: Duration) -> Vec<Change> {
    match pending.step(now) {
        Step::Write(changes) => changes,
        Step::Rest(_) | Step::Stop => Vec::new(),
    }
}

fn keys(changes: &[Change]) -> Vec<&str> {
    changes.iter().map(|change| &*change.key).collect()
}

fn settle(pending: &mut Pending, changes: Vec<Change>, outcome: Outcome, now: Duration) {
    let settled: Vec<_> = changes.into_iter().map(|change| (change, outcome)).collect();
    pending.settle(&settled, now, 1.0);
}

#[test]
fn the_changes_of_a_visitor_become_one_and_those_of_several_go_together() {
    let mut pending = pending(10);
    assert!(pending.push("a", goal("1")));
    assert!(!pending.push("a", goal("2")));
    assert!(pending.push("b", goal("1")));
    assert_eq!(pending.depth(), 2);
    let changes = next(&mut pending, Duration::ZERO);
    assert_eq!(keys(&changes), ["a", "b"]);
    assert_eq!(changes[0].delta, goal("1").then(goal("2")));
    // What comes while it is being written is written after it.
    assert!(!pending.push("a", goal("3")));
    assert_eq!(pending.unwritten("a"), Some(goal("1").then(goal("2")).then(goal("3"))));
    settle(&mut pending, changes, Outcome::Written, Duration::ZERO);
    assert_eq!(pending.unwritten("a"), Some(goal("3")));
    let changes = next(&mut pending, Duration::ZERO);
    assert_eq!(keys(&changes), ["a"]);
    settle(&mut pending, changes, Outcome::Written, Duration::ZERO);
    assert!(matches!(pending.step(Duration::ZERO), Step::Rest(None)));
    assert_eq!(pending.tally(), WriteTally { written: 3, ..WriteTally::default() });
}

#[test]
fn no_more_are_written_at_once_than_is_said() {
    let mut pending = pending(10_000);
    for visitor in 0..150 {
        pending.push(&visitor.to_string(), goal("1"));
    }
    for expected in [64, 64, 22, 0] {
        let changes = next(&mut pending, Duration::ZERO);
        assert_eq!(changes.len(), expected);
        settle(&mut pending, changes, Outcome::Written, Duration::ZERO);
    }
}

#[test]
fn a_failed_write_is_tried_again_after_the_others_with_what_came_since() {
    let mut pending = pending(10);
    for key in ["a", "b", "c"] {
        pending.push(key, goal("1"));
    }
    let changes = next(&mut pending, Duration::ZERO);
    pending.push("a", RecordDelta::new().force("x", "late"));
    let outcomes = [Outcome::Written, Outcome::Failed, Outcome::Failed];
    pending.settle(&changes.into_iter().rev().zip(outcomes).collect::<Vec<_>>(), SECOND, 1.0);
    assert!(matches!(pending.step(SECOND), Step::Rest(Some(at)) if at == 2 * SECOND));
    let changes = next(&mut pending, 2 * SECOND);
    assert_eq!(keys(&changes), ["a", "b"]);
    assert_eq!(changes[0].delta, goal("1").then(RecordDelta::new().force("x", "late")));
    settle(&mut pending, changes, Outcome::Failed, 2 * SECOND);
    // The second pause is twice as long, and the one that failed first comes last.
    assert!(matches!(pending.step(3 * SECOND), Step::Rest(Some(at)) if at == 4 * SECOND));
    assert_eq!(keys(&next(&mut pending, 4 * SECOND)), ["b", "a"]);
    assert_eq!(pending.tally().retried, 4);
}

#[test]
fn past_the_capacity_the_oldest_are_lost_and_counted() {
    let mut pending = pending(2);
    for key in ["a", "b", "c"] {
        pending.push(key, goal("1"));
    }
    assert!(pending.unwritten("a").is_none());
    assert_eq!((pending.depth(), pending.tally().dropped), (2, 1));
    // Those that failed take the place of the oldest, too.
    let changes = next(&mut pending, Duration::ZERO);
    pending.push("d", goal("1"));
    settle(&mut pending, changes, Outcome::Failed, Duration::ZERO);
    assert_eq!((pending.depth(), pending.tally().dropped), (2, 2));
    assert!(pending.unwritten("d").is_none() && pending.unwritten("b").is_some());
}

#[test]
fn what_will_never_be_taken_is_lost_and_holds_nothing_up() {
    let mut pending = pending(10);
    pending.push("a", goal("1"));
    pending.push("b", goal("1"));
    let changes = next(&mut pending, Duration::ZERO);
    let outcomes = [Outcome::Refused, Outcome::Written];
    let settled: Vec<_> = changes.into_iter().zip(outcomes).collect();
    pending.settle(&settled, Duration::ZERO, 1.0);
    assert!(matches!(pending.step(Duration::ZERO), Step::Rest(None)));
    assert_eq!((pending.tally().dropped, pending.tally().written), (1, 1));
    assert_eq!(pending.depth(), 0);
}

#[test]
fn what_waits_can_be_taken_out_unless_something_older_is_on_its_way() {
    let mut pending = pending(10);
    pending.push("a", goal("1"));
    let ahead = pending.take("a");
    assert!(!ahead.is_behind && ahead.unwritten == Some(goal("1")));
    // Others know of it until the store is known to have it, and whoever flushes waits for it.
    assert_eq!(pending.unwritten("a"), Some(goal("1")));
    let number = pending.number();
    assert!(pending.has_before(number) && pending.depth() == 1);
    let second = pending.take("a");
    assert!(second.is_behind && second.unwritten == Some(goal("1")));
    pending.push("a", goal("2"));
    pending.give_back("a", goal("3"), goal("3"), false, &second, Duration::ZERO);
    assert_eq!(pending.claimed("a"), Some(goal("3")));
    assert!(pending.give_back("a", goal("1"), RecordDelta::new(), false, &ahead, Duration::ZERO));
    assert!(pending.has_before(number) && pending.depth() == 1 && pending.claimed("a").is_none());
    assert_eq!(pending.unwritten("a"), Some(goal("1").then(goal("3")).then(goal("2"))));
    let changes = next(&mut pending, Duration::ZERO);
    pending.push("a", goal("4"));
    let ahead = pending.take("a");
    assert!(ahead.is_behind && pending.depth() == 2);
    settle(&mut pending, changes, Outcome::Written, Duration::ZERO);
    assert_eq!(pending.unwritten("a"), Some(goal("4")));
    assert!(
        pending.answer("a", RecordDelta::new(), &ahead, Duration::ZERO) && pending.depth() == 1
    );
}

#[test]
fn nothing_overtakes_a_change_that_is_to_be_answered() {
    let mut pending = pending(10);
    let early = pending.take("a");
    pending.push("a", RecordDelta::new().force("x", "late"));
    pending.push("b", goal("1"));
    let changes = next(&mut pending, Duration::ZERO);
    assert_eq!(keys(&changes), ["b"]);
    settle(&mut pending, changes, Outcome::Written, Duration::ZERO);
    assert!(matches!(pending.step(Duration::ZERO), Step::Rest(None)));
    // The writer, which has nothing to do by now, is told.
    assert!(pending.answer("a", RecordDelta::new(), &early, Duration::ZERO));
    assert_eq!(keys(&next(&mut pending, Duration::ZERO)), ["a"]);
}

#[test]
fn what_waits_is_taken_along_however_many_calls_follow_each_other() {
    let mut pending = pending(10);
    let mut last = pending.take("a");
    let behind = pending.take("a");
    assert!(!last.is_behind && behind.is_behind);
    pending.push("a", RecordDelta::new().enter("home"));
    for turn in 0..10 {
        // Another call is always under way, so that the writer has nothing to do.
        pending.answer("a", RecordDelta::new(), &last, Duration::ZERO);
        assert!(next(&mut pending, Duration::ZERO).is_empty());
        let number = pending.number();
        assert_eq!(pending.has_before(number), turn == 0);
        last = pending.take("a");
        assert!(!last.is_behind && last.unwritten.is_some() == (turn == 0));
        assert!(pending.take("a").is_behind);
    }
}

#[test]
fn a_flush_waits_for_what_is_older_alone() {
    let mut pending = pending(10);
    pending.push("a", goal("1"));
    let number = pending.number();
    pending.push("b", goal("1"));
    assert!(pending.has_before(number) && pending.count_before(number) == 1);
    let changes = next(&mut pending, Duration::ZERO);
    assert!(pending.has_before(number));
    let outcomes = [Outcome::Failed, Outcome::Written];
    let settled: Vec<_> = changes.into_iter().zip(outcomes).collect();
    pending.settle(&settled, Duration::ZERO, 0.0);
    assert!(pending.has_before(number));
    let changes = next(&mut pending, Duration::ZERO);
    assert_eq!(keys(&changes), ["a"]);
    settle(&mut pending, changes, Outcome::Written, Duration::ZERO);
    assert!(!pending.has_before(number));
}

#[test]
fn a_flush_waits_for_what_a_change_that_came_back_was_put_before() {
    let mut pending = pending(10);
    let ahead = pending.take("a");
    pending.push("a", goal("1"));
    let number = pending.number();
    pending.give_back("a", goal("2"), goal("2"), false, &ahead, Duration::ZERO);
    assert!(pending.has_before(number) && pending.depth() == 1);
    let changes = next(&mut pending, Duration::ZERO);
    assert_eq!(changes[0].delta, goal("2").then(goal("1")));
    settle(&mut pending, changes, Outcome::Written, Duration::ZERO);
    assert!(!pending.has_before(number) && pending.depth() == 0);
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
fn losses_that_nobody_was_told_of_wake_the_writer() {
    let mut pending = pending(1);
    let rest = |pending: &mut Pending| match pending.step(SECOND) {
        Step::Rest(until) => until,
        step => panic!("{step:?}"),
    };
    let lose = |pending: &mut Pending| {
        pending.push("a", goal("1"));
        let changes = next(pending, SECOND);
        settle(pending, changes, Outcome::Refused, SECOND);
    };
    lose(&mut pending);
    assert_eq!(pending.losses_to_report(SECOND, false), Some(1));
    assert_eq!(rest(&mut pending), None);
    lose(&mut pending);
    assert_eq!(pending.losses_to_report(SECOND, false), None);
    assert_eq!(rest(&mut pending), Some(61 * SECOND));
    assert_eq!(pending.losses_to_report(61 * SECOND, false), Some(1));
    assert_eq!(rest(&mut pending), None);
}

#[test]
fn closing_tries_everything_again_without_pauses_until_nothing_is_written() {
    let mut pending = pending(10);
    for key in ["a", "b"] {
        pending.push(key, goal("1"));
    }
    let changes = next(&mut pending, Duration::ZERO);
    pending.close();
    // What was on its way when closing began, too.
    settle(&mut pending, changes, Outcome::Failed, Duration::ZERO);
    let changes = next(&mut pending, Duration::ZERO);
    assert_eq!(keys(&changes), ["b", "a"]);
    let outcomes = [Outcome::Written, Outcome::Failed];
    let settled: Vec<_> = changes.into_iter().zip(outcomes).collect();
    pending.settle(&settled, Duration::ZERO, 1.0);
    for _ in 0..3 {
        let changes = next(&mut pending, Duration::ZERO);
        assert_eq!(keys(&changes), ["a"]);
        settle(&mut pending, changes, Outcome::Failed, Duration::ZERO);
    }
    assert!(matches!(pending.step(Duration::ZERO), Step::Rest(None)));
    pending.push("c", goal("1"));
    assert_eq!(pending.stop(), 2);
    assert!(matches!(pending.step(Duration::ZERO), Step::Stop));
    assert!(!pending.push("d", goal("1")));
    assert_eq!(pending.depth(), 0);
}

#[test]
fn what_was_on_its_way_when_nobody_waited_any_longer_is_written_or_lost() {
    let mut pending = pending(10);
    pending.push("a", goal("1"));
    let changes = next(&mut pending, Duration::ZERO);
    pending.close();
    pending.stop();
    settle(&mut pending, changes, Outcome::Failed, Duration::ZERO);
    assert_eq!((pending.depth(), pending.tally().dropped), (0, 1));
    assert_eq!(pending.losses_to_report(Duration::ZERO, true), Some(1));
}

fn assigning(variation: &'static str) -> RecordDelta<'static> {
    RecordDelta::new().assign("x", variation)
}

#[test]
fn an_assignment_that_was_shown_is_not_overtaken() {
    let mut pending = pending(10);
    pending.push("a", assigning("shown"));
    let changes = next(&mut pending, Duration::ZERO);
    let behind = pending.take("a");
    let (asked, later) = behind.split(assigning("late").reach("g").enter("home"));
    assert_eq!(asked, assigning("shown").reach("g"));
    assert_eq!(later, RecordDelta::new().enter("home"));
    settle(&mut pending, changes, Outcome::Written, Duration::ZERO);
}

#[test]
fn a_refused_change_wakes_whoever_tells_of_it() {
    let mut pending = pending(10);
    let ahead = pending.take("a");
    assert!(pending.give_back("a", goal("1"), goal("1"), true, &ahead, Duration::ZERO));
    assert_eq!(pending.losses_to_report(Duration::ZERO, false), Some(1));
    pending.stop();
    let ahead = pending.take("a");
    assert!(!pending.give_back("a", goal("1"), goal("1"), true, &ahead, Duration::ZERO));
}

#[test]
fn what_is_written_while_a_record_is_read_is_made_again_in_order() {
    let mut pending = pending(10);
    let country =
        |name: &'static str| RecordDelta::new().segments(attributes! { "country" => name });
    pending.push("a", country("DE"));
    let number = pending.begin_load("a");
    for (written, next_one) in [("DE", Some("US")), ("US", None)] {
        let changes = next(&mut pending, Duration::ZERO);
        assert_eq!(changes[0].delta, country(written));
        settle(&mut pending, changes, Outcome::Written, Duration::ZERO);
        next_one.map(|name| pending.push("a", country(name)));
    }
    let later = pending.begin_load("a");
    // Whatever the store had when it was asked, the last one is right.
    assert_eq!(pending.end_load("a", number), country("DE").then(country("US")));
    assert!(pending.end_load("a", later).is_empty() && pending.loading.is_empty());
}

#[test]
fn what_is_lost_stays_known_where_it_counted() {
    let hour = Duration::from_secs(3_600);
    let known = |pending: &mut Pending, key: &str| pending.known(key, hour).is_some();
    let mut pending = pending(1);
    pending.push("crowded out", goal("1"));
    pending.push("refused", goal("1"));
    let changes = next(&mut pending, Duration::ZERO);
    settle(&mut pending, changes, Outcome::Refused, Duration::ZERO);
    // As many visitors are remembered as may wait.
    assert!(!known(&mut pending, "crowded out") && known(&mut pending, "refused"));
    pending.push("written", goal("1"));
    let changes = next(&mut pending, Duration::ZERO);
    settle(&mut pending, changes, Outcome::Written, Duration::ZERO);
    assert!(!known(&mut pending, "written") && known(&mut pending, "refused"));
    pending.stop();
    pending.push("too late", goal("1"));
    assert!(known(&mut pending, "too late"));
    assert_eq!(pending.tally().dropped, 3);
}
