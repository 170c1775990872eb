//! The write queue, step by step.

use convert_decision::attributes;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn queue(capacity: usize) -> WriteQueue {
    WriteQueue::new(&StoreConfig::default().queue_capacity(capacity).backoff(SECOND, 4 * SECOND))
}

fn goal(key: &'static str) -> RecordDelta<'static> {
    RecordDelta::new().reach(key)
}

fn push(queue: &mut WriteQueue, key: &str, delta: &RecordDelta<'_>) -> Accepted {
    queue.write(key, delta, None, false, Duration::ZERO)
}

/// Makes a change that waits for the store, and returns where its answer will be.
fn push_waiting(queue: &mut WriteQueue, key: &str, delta: &RecordDelta<'_>) -> Reply {
    queue.write(key, delta, None, true, Duration::ZERO).reply.unwrap()
}

/// Returns the changes that are to be written next.
fn next(queue: &mut WriteQueue, now: Duration) -> Vec<Write> {
    match queue.step(now) {
        Step::Write(writes) => writes,
        Step::Rest(_) | Step::Stop => Vec::new(),
    }
}

fn keys(writes: &[Write]) -> Vec<&str> {
    writes.iter().map(|write| &*write.key).collect()
}

fn settle(queue: &mut WriteQueue, writes: Vec<Write>, outcome: Outcome, now: Duration) {
    let settled: Vec<_> = writes.into_iter().map(|write| (write, outcome)).collect();
    queue.settle(&settled, now, 1.0);
}

/// Returns the change that a waiting thread is to send.
fn sent(queue: &mut WriteQueue, key: &str, reply: &Reply) -> RecordDelta<'static> {
    match queue.turn(key, reply) {
        Turn::Send(delta) => delta,
        turn => panic!("{turn:?}"),
    }
}

fn merge(queue: &mut WriteQueue, key: &str, delta: &RecordDelta<'_>) {
    let mut record = VisitorRecord::new();
    let applied = delta.apply(&mut record);
    queue.merged(key, record, applied, Duration::ZERO);
}

#[test]
fn the_changes_of_a_visitor_become_one_and_those_of_several_go_together() {
    let mut queue = queue(10);
    push(&mut queue, "a", &goal("1"));
    push(&mut queue, "a", &goal("2"));
    push(&mut queue, "b", &goal("1"));
    assert!(queue.needs_writer());
    assert_eq!(queue.waiting(), 2);
    let writes = next(&mut queue, Duration::ZERO);
    assert_eq!(keys(&writes), ["a", "b"]);
    assert_eq!(writes[0].delta, goal("1").then(goal("2")));
    // What comes while it is being written is written after it.
    push(&mut queue, "a", &goal("3"));
    assert!(!queue.needs_writer());
    assert_eq!(queue.waiting(), 3);
    settle(&mut queue, writes, Outcome::Merged, Duration::ZERO);
    let writes = next(&mut queue, Duration::ZERO);
    assert_eq!((keys(&writes), &writes[0].delta), (vec!["a"], &goal("3")));
    settle(&mut queue, writes, Outcome::Merged, Duration::ZERO);
    assert!(matches!(queue.step(Duration::ZERO), Step::Rest(None)));
    assert_eq!(queue.counts(), WriteCounts { written: 3, ..WriteCounts::default() });
}

#[test]
fn no_more_are_written_at_once_than_is_said() {
    let mut queue = queue(10_000);
    for visitor in 0..150 {
        push(&mut queue, &visitor.to_string(), &goal("1"));
    }
    for expected in [64, 64, 22, 0] {
        let writes = next(&mut queue, Duration::ZERO);
        assert_eq!(writes.len(), expected);
        settle(&mut queue, writes, Outcome::Merged, Duration::ZERO);
    }
}

#[test]
fn a_failed_write_is_tried_again_after_the_others_with_what_came_since() {
    let mut queue = queue(10);
    for key in ["a", "b", "c"] {
        push(&mut queue, key, &goal("1"));
    }
    let writes = next(&mut queue, Duration::ZERO);
    push(&mut queue, "a", &RecordDelta::new().force("x", "late"));
    let outcomes = [Outcome::Merged, Outcome::Failed, Outcome::Failed];
    queue.settle(&writes.into_iter().rev().zip(outcomes).collect::<Vec<_>>(), SECOND, 1.0);
    assert!(matches!(queue.step(SECOND), Step::Rest(Some(at)) if at == 2 * SECOND));
    let writes = next(&mut queue, 2 * SECOND);
    assert_eq!(keys(&writes), ["a", "b"]);
    assert_eq!(writes[0].delta, goal("1").then(RecordDelta::new().force("x", "late")));
    settle(&mut queue, writes, Outcome::Failed, 2 * SECOND);
    // The second pause is twice as long, and the one that failed first comes last.
    assert!(matches!(queue.step(3 * SECOND), Step::Rest(Some(at)) if at == 4 * SECOND));
    assert_eq!(keys(&next(&mut queue, 4 * SECOND)), ["b", "a"]);
    assert_eq!(queue.counts().retried, 4);
}

#[test]
fn past_the_capacity_the_oldest_are_lost_and_counted() {
    let mut queue = queue(2);
    for key in ["a", "b", "c"] {
        push(&mut queue, key, &goal("1"));
    }
    assert_eq!((queue.waiting(), queue.counts().lost), (2, 1));
    // Those that failed take the place of the oldest, too.
    let writes = next(&mut queue, Duration::ZERO);
    assert_eq!(keys(&writes), ["b", "c"]);
    push(&mut queue, "d", &goal("1"));
    settle(&mut queue, writes, Outcome::Failed, Duration::ZERO);
    assert_eq!((queue.waiting(), queue.counts().lost), (2, 2));
    assert_eq!(keys(&next(&mut queue, SECOND)), ["c", "b"]);
}

#[test]
fn past_the_bytes_what_the_store_has_is_forgotten_before_changes_are_lost() {
    let settings = StoreConfig::default().queue_bytes(1 << 20);
    let mut queue = WriteQueue::new(&settings);
    let id = |number: u32| format!("{number:07}").repeat(15_000);
    for number in 0..9 {
        push(&mut queue, &id(number), &goal("1"));
    }
    let writes = next(&mut queue, Duration::ZERO);
    settle(&mut queue, writes, Outcome::Merged, Duration::ZERO);
    for number in 10..30 {
        push(&mut queue, &id(number), &goal("1"));
        assert!(queue.entries.bytes() <= 1 << 20);
    }
    let counts = queue.counts();
    assert!(counts.evicted >= 9, "{counts:?}");
    assert_eq!((counts.written, counts.lost), (9, 20 - queue.waiting() as u64));
    // The last one is written, even if it is larger than all may be.
    push(&mut queue, &"huge".repeat(1 << 20), &goal("1"));
    assert_eq!(next(&mut queue, Duration::ZERO).len(), 1);
}

#[test]
fn what_will_never_be_taken_is_lost_and_holds_nothing_up() {
    let mut queue = queue(10);
    push(&mut queue, "a", &goal("1"));
    push(&mut queue, "b", &goal("1"));
    let writes = next(&mut queue, Duration::ZERO);
    push(&mut queue, "a", &goal("2"));
    let outcomes = [Outcome::Refused, Outcome::Merged];
    let settled: Vec<_> = writes.into_iter().zip(outcomes).collect();
    queue.settle(&settled, Duration::ZERO, 1.0);
    assert_eq!((queue.counts().lost, queue.counts().written), (1, 1));
    let writes = next(&mut queue, Duration::ZERO);
    assert_eq!((keys(&writes), &writes[0].delta), (vec!["a"], &goal("2")));
    settle(&mut queue, writes, Outcome::Merged, Duration::ZERO);
    assert_eq!(queue.waiting(), 0);
}

#[test]
fn threads_that_wait_for_a_visitor_share_the_next_call() {
    let mut queue = queue(10);
    push(&mut queue, "a", &goal("1"));
    let first = push_waiting(&mut queue, "a", &goal("2"));
    // The writer leaves the visitor to the thread that waits.
    assert!(next(&mut queue, Duration::ZERO).is_empty());
    assert_eq!(sent(&mut queue, "a", &first), goal("1").then(goal("2")));
    let second = push_waiting(&mut queue, "a", &goal("3"));
    let third = push_waiting(&mut queue, "a", &goal("4"));
    assert!(matches!(queue.turn("a", &second), Turn::Wait));
    merge(&mut queue, "a", &goal("1").then(goal("2")));
    assert!(matches!(queue.turn("a", &first), Turn::Done));
    assert_eq!(first.applied().unwrap().new_goals, ["1", "2"]);
    assert_eq!(sent(&mut queue, "a", &third), goal("3").then(goal("4")));
    merge(&mut queue, "a", &goal("3").then(goal("4")));
    assert!(matches!(queue.turn("a", &second), Turn::Done));
    assert_eq!(second.applied(), third.applied());
    assert_eq!(queue.waiting(), 0);
    // Without the writer's help.
    assert_eq!(queue.counts().written, 0);
}

#[test]
fn of_threads_that_wait_none_waits_a_second_time_when_a_call_fails() {
    let mut queue = queue(10);
    let first = push_waiting(&mut queue, "a", &goal("1"));
    let _ = sent(&mut queue, "a", &first);
    let second = push_waiting(&mut queue, "a", &goal("2"));
    queue.failed("a", true);
    for reply in [&first, &second] {
        assert!(matches!(queue.turn("a", reply), Turn::Done) && reply.applied().is_none());
    }
    assert!(queue.needs_writer());
    let writes = next(&mut queue, Duration::ZERO);
    assert_eq!(writes[0].delta, goal("1").then(goal("2")));
    // A change that waits takes its turn after the writer's.
    let third = push_waiting(&mut queue, "a", &goal("3"));
    assert!(matches!(queue.turn("a", &third), Turn::Wait));
    settle(&mut queue, writes, Outcome::Merged, Duration::ZERO);
    assert_eq!(sent(&mut queue, "a", &third), goal("3"));
}

#[test]
fn a_variation_that_is_forced_again_is_new_although_a_call_without_an_answer_has_left_it_in_the_store()
 {
    let mut queue = queue(10);
    let force = |variation: &'static str| RecordDelta::new().force("x", variation);
    let first = push_waiting(&mut queue, "a", &force("1"));
    let _ = sent(&mut queue, "a", &first);
    push(&mut queue, "a", &force("2"));
    queue.failed("a", true);
    let again = push_waiting(&mut queue, "a", &force("1"));
    let delta = sent(&mut queue, "a", &again);
    let mut record = force("1").merge_into(VisitorRecord::new()).into_record();
    let applied = delta.apply(&mut record);
    assert_eq!(applied.kept, ["x"]);
    queue.merged("a", record.clone(), applied, Duration::ZERO);
    assert!(again.applied().unwrap().kept.is_empty());
    // From then on what the store has is known, and another machine may have forced it.
    let later = push_waiting(&mut queue, "a", &force("1"));
    let applied = sent(&mut queue, "a", &later).apply(&mut record);
    queue.merged("a", record, applied, Duration::ZERO);
    assert_eq!(later.applied().unwrap().kept, ["x"]);
}

#[test]
fn an_assignment_that_waits_for_the_store_is_shown_to_nobody_before_it_is_confirmed() {
    let mut queue = queue(10);
    let assign = |variation: &'static str| RecordDelta::new().assign("x", variation).reach("g");
    let first = queue.write("a", &assign("ours"), None, true, Duration::ZERO);
    assert!(first.applied.kept.is_empty() && first.record.has_reached("g"));
    queue.begin_load("a");
    let reply = first.reply.unwrap();
    let _ = sent(&mut queue, "a", &reply);
    // It belongs to the thread that waits, not to others that would assign.
    let second = queue.write("a", &assign("other"), None, true, Duration::ZERO);
    assert_eq!(second.applied.kept, ["x"]);
    queue.begin_load("a");
    let loaded = queue.end_load("a", Ok(None), Duration::ZERO).unwrap();
    for record in [&first.record, &second.record, &loaded] {
        assert_eq!(record.assignment("x"), None);
    }
    // Another machine was faster.
    let mut theirs = RecordDelta::new().assign("x", "theirs").merge_into(VisitorRecord::new());
    theirs = assign("ours").merge_into(theirs.into_record());
    let (record, applied) = theirs.into_parts(&assign("ours"));
    queue.merged("a", record, applied, Duration::ZERO);
    assert_eq!(reply.applied().unwrap().kept, ["x"]);
    assert_eq!(queue.record("a").unwrap().assignment("x"), Some("theirs"));
    // Who began to read before has it, too.
    let loaded = queue.end_load("a", Ok(None), Duration::ZERO).unwrap();
    assert_eq!(loaded.assignment("x"), Some("theirs"));
    // Without an answer, what is shown is known.
    let _ = sent(&mut queue, "a", &second.reply.unwrap());
    let third = RecordDelta::new().assign("y", "ours");
    push_waiting(&mut queue, "a", &third);
    queue.failed("a", true);
    assert_eq!(queue.record("a").unwrap().assignment("y"), Some("ours"));
}

#[test]
fn what_waited_before_a_change_that_is_refused_is_written() {
    let mut queue = queue(10);
    push(&mut queue, "a", &goal("1"));
    let reply = push_waiting(&mut queue, "a", &goal("2"));
    let _ = sent(&mut queue, "a", &reply);
    push(&mut queue, "a", &goal("3"));
    queue.failed("a", false);
    assert!(reply.is_set() && reply.applied().is_none());
    assert_eq!((queue.counts().lost, queue.waiting()), (1, 1));
    assert_eq!(next(&mut queue, Duration::ZERO)[0].delta, goal("1").then(goal("3")));

    let reply = push_waiting(&mut queue, "b", &goal("2"));
    let _ = sent(&mut queue, "b", &reply);
    queue.failed("b", false);
    assert_eq!((queue.counts().lost, queue.waiting()), (2, 1));
}

#[test]
fn a_flush_waits_for_what_is_older_alone() {
    let mut queue = queue(10);
    push(&mut queue, "a", &goal("1"));
    let number = queue.retry();
    push(&mut queue, "b", &goal("1"));
    assert_eq!((queue.count_before(number), queue.is_settled_before(number)), (1, false));
    let writes = next(&mut queue, Duration::ZERO);
    let outcomes = [Outcome::Failed, Outcome::Merged];
    let settled: Vec<_> = writes.into_iter().zip(outcomes).collect();
    // What joins a change that failed does not make it younger.
    push(&mut queue, "a", &goal("2"));
    queue.settle(&settled, Duration::ZERO, 0.0);
    assert_eq!((queue.count_before(number), queue.waiting()), (1, 1));
    let writes = next(&mut queue, Duration::ZERO);
    assert_eq!(keys(&writes), ["a"]);
    settle(&mut queue, writes, Outcome::Merged, Duration::ZERO);
    assert!(queue.is_settled_before(number));
}

#[test]
fn losses_are_reported_once_a_minute_and_in_the_end() {
    let mut queue = queue(1);
    assert_eq!(queue.losses().take_due(Duration::ZERO, true), None);
    for key in ["a", "b", "c"] {
        push(&mut queue, key, &goal("1"));
    }
    assert_eq!(queue.losses().take_due(Duration::ZERO, false), Some(2));
    push(&mut queue, "d", &goal("1"));
    assert_eq!(queue.losses().take_due(59 * SECOND, false), None);
    assert_eq!(queue.losses().take_due(60 * SECOND, false), Some(1));
    queue.stop();
    assert_eq!(queue.losses().take_due(61 * SECOND, false), None);
    assert_eq!(queue.losses().take_due(61 * SECOND, true), Some(1));
}

#[test]
fn losses_that_are_not_reported_yet_wake_the_writer() {
    let mut queue = queue(1);
    let rest = |queue: &mut WriteQueue| match queue.step(SECOND) {
        Step::Rest(until) => until,
        step => panic!("{step:?}"),
    };
    let lose = |queue: &mut WriteQueue| {
        push(queue, "a", &goal("1"));
        let writes = next(queue, SECOND);
        settle(queue, writes, Outcome::Refused, SECOND);
    };
    lose(&mut queue);
    assert!(queue.needs_writer());
    assert_eq!(queue.losses().take_due(SECOND, false), Some(1));
    assert_eq!(rest(&mut queue), None);
    lose(&mut queue);
    assert_eq!(queue.losses().take_due(SECOND, false), None);
    assert_eq!(rest(&mut queue), Some(61 * SECOND));
    // It need not be woken for what it waits to report.
    assert!(!queue.needs_writer());
    assert_eq!(queue.losses().take_due(61 * SECOND, false), Some(1));
    assert_eq!(rest(&mut queue), None);
}

#[test]
fn closing_tries_everything_again_without_pauses_until_nothing_is_written() {
    let mut queue = queue(10);
    for key in ["a", "b"] {
        push(&mut queue, key, &goal("1"));
    }
    let writes = next(&mut queue, Duration::ZERO);
    queue.begin_shutdown();
    // What was in flight when closing began, too.
    settle(&mut queue, writes, Outcome::Failed, Duration::ZERO);
    let writes = next(&mut queue, Duration::ZERO);
    assert_eq!(keys(&writes), ["b", "a"]);
    let outcomes = [Outcome::Merged, Outcome::Failed];
    let settled: Vec<_> = writes.into_iter().zip(outcomes).collect();
    queue.settle(&settled, Duration::ZERO, 1.0);
    for _ in 0..3 {
        let writes = next(&mut queue, Duration::ZERO);
        assert_eq!(keys(&writes), ["a"]);
        settle(&mut queue, writes, Outcome::Failed, Duration::ZERO);
    }
    assert!(matches!(queue.step(Duration::ZERO), Step::Rest(None)));
    push(&mut queue, "c", &goal("1"));
    queue.stop();
    assert_eq!((queue.losses().take_while_closing(), queue.losses().take_while_closing()), (2, 0));
    assert!(matches!(queue.step(Duration::ZERO), Step::Stop));
    let late = queue.write("d", &goal("1"), None, true, Duration::ZERO);
    assert!(late.reply.is_none() && late.record.has_reached("1"));
    assert_eq!((queue.waiting(), queue.losses().take_while_closing()), (0, 1));
}

#[test]
fn a_store_known_to_be_down_is_tried_once_more_when_the_core_closes() {
    let mut queue = queue(10);
    push(&mut queue, "a", &goal("1"));
    for round in 0..5 {
        let writes = next(&mut queue, round * 10 * SECOND);
        settle(&mut queue, writes, Outcome::Failed, round * 10 * SECOND);
    }
    queue.begin_shutdown();
    let writes = next(&mut queue, 50 * SECOND);
    assert_eq!(writes.len(), 1);
    settle(&mut queue, writes, Outcome::Failed, 50 * SECOND);
    assert_eq!((queue.waiting(), queue.losses().take_while_closing()), (0, 1));
}

#[test]
fn what_was_in_flight_when_the_time_was_up_is_written_or_lost() {
    let mut queue = queue(10);
    push(&mut queue, "a", &goal("1"));
    let writes = next(&mut queue, Duration::ZERO);
    queue.begin_shutdown();
    queue.stop();
    assert_eq!((queue.waiting(), queue.counts().lost), (1, 0));
    settle(&mut queue, writes, Outcome::Failed, Duration::ZERO);
    assert_eq!((queue.waiting(), queue.counts().lost), (0, 1));
    assert_eq!(queue.losses().take_due(Duration::ZERO, true), Some(1));
}

#[test]
fn threads_that_wait_are_released_when_the_core_stops() {
    let mut queue = queue(10);
    let first = push_waiting(&mut queue, "a", &goal("1"));
    let _ = sent(&mut queue, "a", &first);
    let second = push_waiting(&mut queue, "a", &goal("2"));
    queue.stop();
    assert!(matches!(queue.turn("a", &second), Turn::Done));
    assert!(!first.is_set());
    merge(&mut queue, "a", &goal("1"));
    assert_eq!(first.applied().unwrap().new_goals, ["1"]);
    assert_eq!(queue.counts().lost, 1);
}

#[test]
fn an_assignment_that_another_context_was_shown_is_sent_instead_of_a_later_one() {
    let mut queue = queue(1);
    let assign = |variation: &'static str| RecordDelta::new().assign("x", variation);
    push(&mut queue, "a", &assign("shown"));
    // There is no room for both.
    push(&mut queue, "b", &assign("shown"));
    let late = push(&mut queue, "a", &assign("late"));
    assert_eq!(late.record.assignment("x"), Some("shown"));
    assert_eq!(late.applied.kept, ["x"]);
    let writes = next(&mut queue, Duration::ZERO);
    assert_eq!((keys(&writes), &writes[0].delta), (vec!["a"], &assign("shown")));
}

#[test]
fn what_is_written_while_a_record_is_read_is_made_again_in_order() {
    let mut queue = queue(10);
    let country =
        |name: &'static str| RecordDelta::new().segments(attributes! { "country" => name });
    push(&mut queue, "a", &country("DE"));
    queue.begin_load("a");
    for (written, next_one) in [("DE", Some("US")), ("US", None)] {
        let writes = next(&mut queue, Duration::ZERO);
        assert_eq!(writes[0].delta, country(written));
        settle(&mut queue, writes, Outcome::Merged, Duration::ZERO);
        next_one.map(|name| push(&mut queue, "a", &country(name)));
    }
    // Whatever the store had when it was asked, the last one is right.
    for found in [None, Some(country("DE")), Some(country("US"))] {
        queue.begin_load("a");
        let found = found.map(|delta| delta.merge_into(VisitorRecord::new()).into_record());
        let loaded = queue.end_load("a", Ok(found), Duration::ZERO).unwrap();
        assert_eq!(*loaded, country("US").merge_into(VisitorRecord::new()).into_record());
    }
    queue.end_load("a", Ok(None), Duration::ZERO);
    assert!(queue.entries.take("a").merged_while_read.is_empty());
}

#[test]
fn a_visitor_who_is_only_read_is_not_kept() {
    let mut queue = queue(10);
    queue.begin_load("a");
    queue.begin_load("a");
    assert_eq!(queue.entries.len(), 1);
    let record = goal("1").merge_into(VisitorRecord::new()).into_record();
    let loaded = queue.end_load("a", Ok(Some(record.clone())), Duration::ZERO);
    assert_eq!(loaded.as_deref(), Some(&record));
    assert_eq!(queue.end_load("a", Err(NoAnswer), Duration::ZERO), None);
    assert_eq!((queue.entries.len(), queue.entries.bytes()), (0, 0));
}

#[test]
fn what_others_have_changed_in_the_store_comes_with_the_next_read() {
    let mut queue = queue(10);
    let assign = |variation: &'static str| RecordDelta::new().assign("x", variation);
    push(&mut queue, "a", &assign("ours").reach("1"));
    let writes = next(&mut queue, Duration::ZERO);
    settle(&mut queue, writes, Outcome::Merged, Duration::ZERO);
    queue.begin_load("a");
    let theirs = assign("theirs").merge_into(VisitorRecord::new()).into_record();
    let loaded = queue.end_load("a", Ok(Some(theirs.clone())), Duration::ZERO).unwrap();
    assert_eq!(*loaded, theirs);
    // The store has lost the goal, which has counted here.
    let later = push(&mut queue, "a", &goal("1"));
    assert!(later.applied.new_goals.is_empty());
    assert_eq!(later.record.assignment("x"), Some("theirs"));
}

#[test]
fn what_the_store_has_is_relied_on_for_two_minutes_and_what_is_lost_as_long_as_there_is_room() {
    let is_new = |queue: &mut WriteQueue, key: &str, now: Duration| {
        let accepted = queue.write(key, &goal("1"), None, false, now);
        let writes = next(queue, now);
        settle(queue, writes, Outcome::Merged, now);
        !accepted.applied.new_goals.is_empty()
    };
    let mut queue = queue(1);
    assert!(is_new(&mut queue, "a", Duration::ZERO));
    assert!(!is_new(&mut queue, "a", 119 * SECOND));
    assert!(is_new(&mut queue, "a", 239 * SECOND));
    push(&mut queue, "lost", &goal("1"));
    let writes = next(&mut queue, Duration::ZERO);
    settle(&mut queue, writes, Outcome::Refused, Duration::ZERO);
    assert!(!is_new(&mut queue, "lost", 10_000 * SECOND));
    // As many visitors are remembered as may wait.
    assert!(is_new(&mut queue, "b", 10_000 * SECOND));
    assert!(is_new(&mut queue, "lost", 10_000 * SECOND));
}
