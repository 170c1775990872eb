//! Visitor records in a store that others use as well.

use std::sync::Arc;

use convert_decision::VisitorRecord;

use crate::clock::{Deadline, Timer};
use crate::event::{EventBus, StoreOperation};
use crate::records::Written;
use crate::records::backlog::Backlog;
use crate::records::complete::complete;
use crate::records::delta::RecordDelta;
use crate::records::link::Link;
use crate::records::settings::{StoreConfig, WriteMode};
use crate::records::store::DataStore;
use crate::records::view::View;
use crate::records::writer::Writer;

/// The records of an external store, as one core uses it: read by contexts, changed in the
/// background, or, where a caller needs the answer, at once.
pub(crate) struct SharedRecords {
    link: Arc<Link>,
    writer: Writer,
    settings: StoreConfig,
}

impl SharedRecords {
    pub(crate) fn new(
        store: Arc<dyn DataStore>,
        settings: StoreConfig,
        timer: Timer,
        bus: Arc<EventBus>,
    ) -> Self {
        let link = Arc::new(Link::new(store, timer, bus));
        let writer = Writer::new(Arc::clone(&link), Backlog::new(&settings));
        SharedRecords { link, writer, settings }
    }

    /// Reads a record, with what this process has yet to write.
    pub(crate) fn load(&self, key: &str) -> Option<Arc<VisitorRecord>> {
        let number = self.writer.backlog.begin_load(key);
        let loaded = self.link.load(key);
        let changes = self.writer.backlog.end_load(key, number);
        if changes.is_empty() {
            return loaded.map(Arc::new);
        }
        let mut record = loaded.unwrap_or_default();
        changes.apply(&mut record);
        Some(Arc::new(record))
    }

    /// Makes a change in a context's view and in the store, now or later.
    pub(crate) fn write(&self, key: &str, delta: &RecordDelta<'_>, view: &View) -> Written {
        let waits = (delta.has_goals() && self.settings.conversions == WriteMode::Wait)
            || (delta.has_assignments() && self.settings.assignments == WriteMode::Wait);
        if waits {
            return self.write_now(key, delta, view);
        }
        let (now, own) = (self.link.timer.now(), delta.clone().into_owned());
        let before = view.share();
        let record = before.as_deref().cloned().unwrap_or_default();
        let (applied, known, wakes) = self.writer.backlog.push(key, own, record, now);
        if wakes {
            self.writer.wake();
        }
        // By now another thread may have the change in the view already.
        let known = known.unwrap_or_default();
        Written { applied, ..catch_up(view, before.as_ref(), &known, delta) }
    }

    fn write_now(&self, key: &str, delta: &RecordDelta<'_>, view: &View) -> Written {
        let backlog = &self.writer.backlog;
        let (before, own) = (view.share(), delta.clone().into_owned());
        let ahead = backlog.take(key, &own);
        let (asked, later) = ahead.split(own.clone());
        if !later.is_empty() && backlog.leave(key, later.clone(), self.link.timer.now()) {
            self.writer.wake();
        }
        let merged = match self.link.merge(key, &asked) {
            Ok(merged) => merged,
            Err(error) => {
                let now = self.link.timer.now();
                let record = before.as_deref().cloned().unwrap_or_default();
                let is_refused = error.as_ref().is_some_and(|error| !error.is_retryable());
                let (applied, known, wakes) =
                    backlog.give_back(key, &own, record, is_refused, &ahead, now);
                if wakes {
                    self.writer.wake();
                }
                // Handlers may wait for the change, so that it must be in the writer's hands.
                if let Some(error) = error {
                    self.link.note(StoreOperation::Merge, &error);
                }
                return Written { applied, ..catch_up(view, before.as_ref(), &known, delta) };
            }
        };
        // For the contexts that have not read it, should the store fail before they ask.
        let made = if ahead.is_behind { own.split().0 } else { own };
        let (mut record, mut applied) = merged.into_parts(&made);
        let (marks, now) = (delta.marks_in(&record), self.link.timer.now());
        let answered = backlog.answer(key, marks, &applied, &ahead, now);
        if answered.wakes {
            self.writer.wake();
        }
        let record = if ahead.is_behind {
            applied.kept.extend(ahead.look_ahead(&later, &mut record).kept);
            // What was on its way may have arrived since the store answered: the view knows more.
            amend(view, &record, delta)
        } else {
            adopt(delta, record, answered.unwritten, before.as_ref(), view)
        };
        let mut written = Written { record, applied };
        // What this process has counted already is not new a second time.
        for counted in [&ahead.unwritten, &answered.claimed].into_iter().flatten() {
            let mut known = VisitorRecord::new();
            counted.apply(&mut known);
            written.applied.join(delta.apply(&mut known));
        }
        if let Some(before) = before {
            written.applied.new_goals.retain(|goal| !before.has_reached(goal));
        }
        written
    }

    /// Waits until every change made before the call is written or lost, and returns for how many
    /// visitors there are some left.
    pub(crate) fn flush(&self, deadline: Deadline) -> u64 {
        self.writer.flush(deadline)
    }

    /// Begins to close: what waits is tried again, without pauses.
    pub(crate) fn hurry(&self) {
        self.writer.hurry();
    }

    /// As [`Writer::close`].
    pub(crate) fn close(&self, deadline: Deadline) -> u64 {
        self.writer.close(deadline)
    }

    /// As [`Writer::join`].
    pub(crate) fn join(&self, deadline: Deadline) -> bool {
        self.writer.join(deadline)
    }

    /// Adds what is counted here to the counters.
    pub(crate) fn count(&self, stats: &mut crate::stats::Stats) {
        let (tally, waiting) = self.writer.backlog.tally();
        (stats.store_failures, stats.store_skipped) = self.link.failures();
        stats.store_writes = tally.written;
        stats.store_retries = tally.retried;
        stats.store_dropped = tally.dropped;
        stats.store_waiting = waiting as u64;
    }
}

/// Makes a change in a context's view alone.
pub(crate) fn change_view(view: &View, delta: &RecordDelta<'_>) -> Written {
    catch_up(view, view.share().as_ref(), &RecordDelta::new(), delta)
}

/// Makes a change in a context's view, on top of what was known when the view was as `before`. Where
/// another thread has changed it since, that thread knew as much or more, so that of what was known only
/// marks are made, which undo nothing.
fn catch_up(
    view: &View,
    before: Option<&Arc<VisitorRecord>>,
    known: &RecordDelta<'_>,
    delta: &RecordDelta<'_>,
) -> Written {
    let mut written = Written::default();
    view.change(|current| {
        let mut record = current.map(|record| (**record).clone()).unwrap_or_default();
        if is_same(current, before) {
            known.apply(&mut record);
        } else {
            known.marks().apply(&mut record);
        }
        let applied = delta.apply(&mut record);
        let record = Arc::new(record);
        written = Written { record: Arc::clone(&record), applied };
        record
    });
    written
}

fn is_same(one: Option<&Arc<VisitorRecord>>, other: Option<&Arc<VisitorRecord>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}

/// Takes the store's answer, with what it has yet to be told, for the view; what the store has lost of
/// what the context has seen stays in it.
fn adopt(
    delta: &RecordDelta<'_>,
    mut record: VisitorRecord,
    unwritten: Option<RecordDelta<'static>>,
    before: Option<&Arc<VisitorRecord>>,
    view: &View,
) -> Arc<VisitorRecord> {
    if let Some(unwritten) = unwritten {
        unwritten.apply(&mut record);
    }
    if let Some(before) = before {
        complete(&mut record, before);
    }
    let answered = Arc::new(record);
    follow(view, before, &answered, delta);
    answered
}

/// Takes a record for the view, in which a change is made, unless another thread has changed the view
/// since it was as `before`: then the change is made in that.
pub(super) fn follow(
    view: &View,
    before: Option<&Arc<VisitorRecord>>,
    answered: &Arc<VisitorRecord>,
    delta: &RecordDelta<'_>,
) {
    view.change(|current| {
        if is_same(current, before) {
            Arc::clone(answered)
        } else {
            amended(current, answered, delta)
        }
    });
}

/// Makes a change in the view that another record has been given, and returns the view.
fn amend(view: &View, answered: &VisitorRecord, delta: &RecordDelta<'_>) -> Arc<VisitorRecord> {
    let mut amended_last = Arc::default();
    view.change(|current| {
        amended_last = amended(current, answered, delta);
        Arc::clone(&amended_last)
    });
    amended_last
}

/// Makes a change in a record, the assignments as in the one that answers it.
fn amended(
    current: Option<&Arc<VisitorRecord>>,
    answered: &VisitorRecord,
    delta: &RecordDelta<'_>,
) -> Arc<VisitorRecord> {
    let mut record = current.map(|record| (**record).clone()).unwrap_or_default();
    delta.apply(&mut record);
    delta.take_assignments(answered, &mut record);
    Arc::new(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_known_earlier_undoes_nothing_that_another_thread_has_done_since() {
        let known = RecordDelta::new().enter("home").force("1", "a").assign("2", "b");
        let change = RecordDelta::new().assign("3", "c");
        for is_overtaken in [false, true] {
            let view = View::default();
            let before = view.share();
            if is_overtaken {
                let newer = RecordDelta::new().enter("home").leave("home").force("1", "z");
                change_view(&view, &newer);
            }
            let written = catch_up(&view, before.as_ref(), &known, &change);
            let seen = view.share().unwrap();
            assert_eq!(*seen, *written.record);
            assert_eq!(seen.is_at("home"), !is_overtaken);
            assert_eq!(seen.assignment("1"), Some(if is_overtaken { "z" } else { "a" }));
            assert_eq!((seen.assignment("2"), seen.assignment("3")), (Some("b"), Some("c")));
        }
    }
}
