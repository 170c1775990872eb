//! The hand-over of changes under a model checker: every interleaving of small programs.
//!
//! The backlog is compiled a second time, from the same file, on the checker's primitives.

use std::sync::Arc;
use std::time::Duration;

use loom::thread;

use crate::clock::Deadline;
use crate::records::Written;
use crate::records::delta::{Applied, RecordDelta};
use crate::records::pending::{Ahead, Outcome, Step};
use crate::records::settings::StoreConfig;

#[expect(clippy::duplicate_mod, reason = "the same source on other primitives is the point")]
#[expect(dead_code, reason = "this copy is for the model alone")]
#[path = "backlog.rs"]
mod backlog;

mod sync {
    pub(super) use loom::sync::{Condvar, Mutex, MutexGuard};
}

use self::backlog::Backlog;

fn delta(goal: &'static str) -> RecordDelta<'static> {
    RecordDelta::new().reach(goal)
}

fn patiently() -> Deadline {
    Deadline::after(Duration::from_secs(3_600))
}

/// Writes what there is, and returns the goals written.
fn write(backlog: &Backlog) -> Vec<RecordDelta<'static>> {
    let mut written = Vec::new();
    while let Step::Write(changes) = backlog.step(Duration::ZERO) {
        written.extend(changes.iter().map(|change| change.delta.clone()));
        let settled: Vec<_> =
            changes.into_iter().map(|change| (change, Outcome::Written)).collect();
        backlog.settle(&settled, Duration::ZERO, 1.0);
    }
    written
}

/// Makes a change of which nobody keeps a view.
fn change(known: &RecordDelta<'static>, delta: &RecordDelta<'static>) -> Written {
    let mut record = known.merge_into(convert_decision::VisitorRecord::new()).into_record();
    let applied = delta.apply(&mut record);
    Written { record: Arc::new(record), applied }
}

fn push(backlog: &Backlog, goal: &'static str) -> bool {
    backlog.push("v", delta(goal), Duration::ZERO, |known| change(known, &delta(goal))).1
}

/// Returns what the store has yet to be told.
fn unwritten(backlog: &Backlog) -> RecordDelta<'static> {
    let number = backlog.begin_load("v");
    backlog.end_load("v", number)
}

fn answer(backlog: &Backlog, ahead: &Ahead) -> bool {
    let (marks, applied) = (RecordDelta::new(), Applied::default());
    backlog.answer("v", marks, &applied, ahead, Duration::ZERO, |_| Arc::default()).wakes
}

#[test]
fn a_flush_returns_once_what_came_before_it_is_written() {
    loom::model(|| {
        let backlog = Arc::new(Backlog::new(&StoreConfig::default()));
        let wakes = push(&backlog, "a");
        assert!(wakes);
        let writer = {
            let backlog = Arc::clone(&backlog);
            thread::spawn(move || write(&backlog))
        };
        assert_eq!(backlog.wait_for(backlog.retry(), patiently()), 0);
        assert!(unwritten(&backlog).is_empty());
        writer.join().unwrap();
    });
}

#[test]
fn of_two_changes_none_is_lost_and_the_writer_is_told() {
    loom::model(|| {
        let backlog = Arc::new(Backlog::new(&StoreConfig::default()));
        let changer = {
            let backlog = Arc::clone(&backlog);
            thread::spawn(move || push(&backlog, "a"))
        };
        let mut written = write(&backlog);
        let told = push(&backlog, "b");
        let told = changer.join().unwrap() || told;
        // Whoever is not told of a change is at work, or will be told of an earlier one.
        assert!(told || !written.is_empty());
        written.extend(write(&backlog));
        let all = written.into_iter().fold(RecordDelta::new(), RecordDelta::then);
        let record = all.merge_into(convert_decision::VisitorRecord::new()).into_record();
        assert!(record.has_reached("a") && record.has_reached("b"));
    });
}

#[test]
fn what_is_taken_out_to_be_answered_is_written_once_or_known_to_be_on_its_way() {
    loom::model(|| {
        let backlog = Arc::new(Backlog::new(&StoreConfig::default()));
        push(&backlog, "a");
        let writer = {
            let backlog = Arc::clone(&backlog);
            thread::spawn(move || write(&backlog).len())
        };
        let ahead = backlog.take("v", &RecordDelta::new());
        answer(&backlog, &ahead);
        let written = writer.join().unwrap();
        let is_taken = ahead.unwritten.is_some() && !ahead.is_behind;
        assert_eq!(written, usize::from(!is_taken));
    });
}

#[test]
fn what_comes_after_a_change_that_is_to_be_answered_is_written_after_it_and_not_forgotten() {
    loom::model(|| {
        let backlog = Arc::new(Backlog::new(&StoreConfig::default()));
        let ahead = backlog.take("v", &RecordDelta::new());
        let changer = {
            let backlog = Arc::clone(&backlog);
            thread::spawn(move || {
                let told = push(&backlog, "a");
                if told { write(&backlog).len() } else { 0 }
            })
        };
        // Either the writer that is told by the change finds it, or the answer tells one.
        let told = answer(&backlog, &ahead);
        let mut written = if told { write(&backlog).len() } else { 0 };
        written += changer.join().unwrap();
        assert_eq!(written, 1);
    });
}

#[test]
fn whoever_waits_is_freed_when_the_writer_stops() {
    loom::model(|| {
        let backlog = Arc::new(Backlog::new(&StoreConfig::default()));
        push(&backlog, "a");
        let closer = {
            let backlog = Arc::clone(&backlog);
            thread::spawn(move || {
                backlog.close();
                backlog.stop()
            })
        };
        backlog.wait_for(backlog.retry(), patiently());
        assert_eq!(closer.join().unwrap(), 1);
    });
}

#[test]
fn of_two_assignments_that_fail_the_one_that_was_shown_waits_to_be_written() {
    loom::model(|| {
        let backlog = Arc::new(Backlog::new(&StoreConfig::default()));
        let fail = |ahead: &Ahead, backlog: &Backlog, variation: &'static str| {
            let delta = RecordDelta::new().assign("x", variation);
            let see = |known: &_, _: &_| change(known, &delta);
            let failed = backlog.give_back("v", &delta, false, ahead, Duration::ZERO, see);
            failed.0.applied.kept.is_empty()
        };
        let (first, second) =
            (backlog.take("v", &RecordDelta::new()), backlog.take("v", &RecordDelta::new()));
        let other = {
            let backlog = Arc::clone(&backlog);
            thread::spawn(move || fail(&second, &backlog, "second"))
        };
        let is_first_shown = fail(&first, &backlog, "first");
        assert_ne!(other.join().unwrap(), is_first_shown);
        let shown = if is_first_shown { "first" } else { "second" };
        assert_eq!(unwritten(&backlog), RecordDelta::new().assign("x", shown));
    });
}
