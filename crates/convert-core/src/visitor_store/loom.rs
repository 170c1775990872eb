//! The hand-over of changes under a model checker: every interleaving of small programs.
//!
//! The shared queue is compiled a second time, from the same file, on the checker's primitives.

use std::sync::Arc;
use std::time::Duration;

use convert_decision::VisitorRecord;
use loom::thread;

use crate::clock::Deadline;
use crate::visitor_store::apply_to_cell;
use crate::visitor_store::delta::RecordDelta;
use crate::visitor_store::record_cell::RecordCell;
use crate::visitor_store::settings::StoreConfig;
use crate::visitor_store::write_queue::{Outcome, Step};

#[expect(clippy::duplicate_mod, reason = "the same source on other primitives is the point")]
#[expect(dead_code, reason = "this copy is for the model alone")]
#[path = "shared_queue.rs"]
mod shared_queue;

mod sync {
    pub(super) use crate::sync::loom::{Condvar, Mutex};
}

use self::shared_queue::{SharedWriteQueue, Submitted};

fn goal(key: &'static str) -> RecordDelta<'static> {
    RecordDelta::new().reach(key)
}

fn queue() -> Arc<SharedWriteQueue> {
    Arc::new(SharedWriteQueue::new(&StoreConfig::default()))
}

fn an_hour() -> Deadline {
    Deadline::after(Duration::from_secs(3_600))
}

/// Makes a change that is written later, and returns whether the writer needs waking.
fn push(queue: &SharedWriteQueue, key: &'static str) -> bool {
    queue.write("v", &goal(key), &RecordCell::default(), false, Duration::ZERO);
    queue.needs_writer()
}

/// Writes what there is, and returns the changes written.
fn write(queue: &SharedWriteQueue) -> Vec<RecordDelta<'static>> {
    let mut written = Vec::new();
    while let Step::Write(writes) = queue.step(Duration::ZERO) {
        written.extend(writes.iter().map(|write| write.delta.clone()));
        let settled: Vec<_> = writes.into_iter().map(|write| (write, Outcome::Merged)).collect();
        queue.settle(&settled, Duration::ZERO, 1.0);
    }
    written
}

/// Makes a change that waits for a store, which fails or answers; returns what was sent, and whether the
/// goal is this caller's to report.
fn convert(
    queue: &SharedWriteQueue,
    key: &'static str,
    fails: bool,
) -> (Option<RecordDelta<'static>>, bool) {
    let cell = RecordCell::default();
    let Submitted { mut written, reply } =
        queue.write("v", &goal(key), &cell, true, Duration::ZERO);
    let Some(reply) = reply else { return (None, !written.applied.new_goals.is_empty()) };
    let sent = queue.wait_for_turn("v", &reply);
    match &sent {
        Some(_) if fails => queue.failed("v", true),
        Some(delta) => {
            let mut record = VisitorRecord::new();
            let applied = delta.apply(&mut record);
            queue.merged("v", record, applied, Duration::ZERO);
        }
        None => {}
    }
    queue.adopt("v", &cell);
    if let Some(applied) = reply.applied() {
        written.applied.confirm(applied);
    }
    (sent, !written.applied.new_goals.is_empty())
}

fn has_both(deltas: impl IntoIterator<Item = RecordDelta<'static>>) -> bool {
    let cell = RecordCell::default();
    for delta in deltas {
        apply_to_cell(&cell, &delta);
    }
    let record = cell.share().unwrap_or_default();
    record.has_reached("a") && record.has_reached("b")
}

#[test]
fn a_flush_returns_once_what_came_before_it_is_written() {
    loom::model(|| {
        let queue = queue();
        assert!(push(&queue, "a"));
        let writer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || write(&queue))
        };
        assert_eq!(queue.wait_for(queue.retry(), an_hour()), 0);
        writer.join().unwrap();
    });
}

#[test]
fn of_two_changes_none_is_lost_and_the_writer_is_woken() {
    loom::model(|| {
        let queue = queue();
        let changer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || push(&queue, "a"))
        };
        let mut written = write(&queue);
        let wakes = push(&queue, "b");
        let wakes = changer.join().unwrap() || wakes;
        // A change that wakes nobody was made while the writer was at work.
        assert!(wakes || !written.is_empty());
        written.extend(write(&queue));
        assert!(has_both(written));
    });
}

#[test]
fn a_change_that_waits_and_the_writer_send_everything_once() {
    loom::model(|| {
        let queue = queue();
        push(&queue, "a");
        let writer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || write(&queue))
        };
        let (sent, is_new) = convert(&queue, "b", false);
        let mut all = writer.join().unwrap();
        all.extend(sent);
        assert!(is_new && has_both(all.clone()));
        let total: usize = all.iter().map(RecordDelta::bytes).sum();
        assert_eq!(total, goal("a").bytes() + goal("b").bytes());
    });
}

#[test]
fn of_two_threads_that_wait_both_are_answered_and_one_reports_the_goal() {
    for fails in [false, true] {
        loom::model(move || {
            let queue = queue();
            let other = {
                let queue = Arc::clone(&queue);
                thread::spawn(move || convert(&queue, "a", fails).1)
            };
            let is_new = convert(&queue, "a", fails).1;
            assert_ne!(is_new, other.join().unwrap());
            // What failed waits to be written.
            assert_eq!(write(&queue).len(), usize::from(fails));
        });
    }
}

#[test]
fn threads_that_wait_are_released_when_the_core_stops() {
    loom::model(|| {
        let queue = queue();
        push(&queue, "a");
        let closer = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                queue.begin_shutdown();
                queue.stop();
            })
        };
        let (sent, is_new) = convert(&queue, "b", false);
        closer.join().unwrap();
        assert!(is_new);
        queue.wait_for(queue.retry(), an_hour());
        let (lost, in_flight) = queue.ending();
        assert_eq!((in_flight, lost > 0), (0, sent.is_none()));
    });
}
