//! Visitor records in a store that others use as well.

use std::sync::Arc;

use convert_decision::VisitorRecord;

use crate::clock::{Deadline, Timer};
use crate::event::{EventBus, StoreOperation};
use crate::records::Written;
use crate::records::backlog::Backlog;
use crate::records::complete::complete;
use crate::records::delta::{Applied, RecordDelta};
use crate::records::link::Link;
use crate::records::merged::Merged;
use crate::records::pending::Ahead;
use crate::records::settings::{StoreConfig, WriteMode};
use crate::records::store::{DataStore, StoreError};
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
        self.write_later(key, delta, view)
    }

    fn write_later(&self, key: &str, delta: &RecordDelta<'_>, view: &View) -> Written {
        let (now, own) = (self.link.timer.now(), delta.clone().into_owned());
        let draft = Draft::of(view);
        let change = |known: &RecordDelta<'_>| {
            change_view_among(view, draft, known, delta, &RecordDelta::new())
        };
        let (written, wakes) = self.writer.backlog.push(key, own, now, change);
        if wakes {
            self.writer.wake();
        }
        written
    }

    fn write_now(&self, key: &str, delta: &RecordDelta<'_>, view: &View) -> Written {
        let (before, own) = (view.share(), delta.clone().into_owned());
        let ahead = self.writer.backlog.take(key, &own);
        let (asked, later) = ahead.split(own.clone());
        let own = if ahead.is_behind { own.split().0 } else { own };
        let left = (!later.is_empty()).then(|| self.write_later(key, &later, view));
        let asked_in = view.share();
        let call = Call { key, delta, own, later, ahead, before, asked_in, view };
        let mut written = match self.link.merge(key, &asked) {
            Ok(merged) => self.take_answer(merged, &call),
            Err(error) => self.go_without(error, &call),
        };
        // What waits has been made in the view before, and may have been written with another change since.
        written.applied.kept.extend(left.into_iter().flat_map(|left| left.applied.kept));
        written
    }

    fn take_answer(&self, merged: Merged, call: &Call<'_>) -> Written {
        let Call { key, own, ahead, before, .. } = call;
        let (mut record, mut applied) = merged.into_parts(own);
        let (marks, now) = (own.marks_in(&record), self.link.timer.now());
        if ahead.is_behind {
            ahead.look_ahead(&call.later, &mut record);
        }
        let standing = own.part_of(&record);
        let whole = (!ahead.is_behind).then(|| call.complete(record.clone())).flatten();
        let see = |unwritten: &RecordDelta<'_>| call.see(record, whole, unwritten);
        // For the contexts that have not read it, should the store fail before they ask.
        let answered = self.writer.backlog.answer(key, marks, &applied, ahead, now, see);
        if answered.wakes {
            self.writer.wake();
        }
        // What this process has counted already is not new a second time.
        for counted in [&ahead.unwritten, &answered.claimed].into_iter().flatten() {
            applied.join(call.delta.new_beside(counted, &standing));
        }
        if let Some(remembered) = &answered.remembered {
            // Others may have forced another variation since, so that of forced ones only the store tells.
            applied.join(call.delta.marks().new_beside(remembered, &standing));
        }
        if let Some(before) = before {
            applied.new_goals.retain(|goal| !before.has_reached(goal));
        }
        Written { record: answered.record, applied }
    }

    fn go_without(&self, error: Option<StoreError>, call: &Call<'_>) -> Written {
        let (now, Call { key, own, ahead, .. }) = (self.link.timer.now(), call);
        let draft = Draft::of(call.view);
        let is_refused = error.as_ref().is_some_and(|error| !error.is_retryable());
        let change = |known: &RecordDelta<'static>, waiting: &RecordDelta<'static>| {
            let known = call.known_before().then(known.clone());
            let mut written = change_view_among(call.view, draft, &known, own, waiting);
            written.applied = call.new_since_asked(&known, &written.record);
            written
        };
        let backlog = &self.writer.backlog;
        let (written, wakes) = backlog.give_back(key, own, is_refused, ahead, now, change);
        if wakes {
            self.writer.wake();
        }
        // Handlers may wait for the change, so that it must be in the writer's hands.
        if let Some(error) = error {
            self.link.note(StoreOperation::Merge, &error);
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

/// A change that waits for the store.
struct Call<'w> {
    key: &'w str,
    delta: &'w RecordDelta<'w>,
    /// What of it is answered.
    own: RecordDelta<'static>,
    /// What is left, which the view has already.
    later: RecordDelta<'static>,
    ahead: Ahead,
    /// The context's view before.
    before: Option<Arc<VisitorRecord>>,
    /// The view when the store was asked, with what is left.
    asked_in: Option<Arc<VisitorRecord>>,
    view: &'w View,
}

impl Call<'_> {
    /// Takes the store's answer for the view, with what the store has yet to be told, and returns what
    /// the view is then. What the store has lost of what the context has seen stays in it.
    fn see(
        &self,
        mut record: VisitorRecord,
        whole: Option<Draft>,
        unwritten: &RecordDelta<'_>,
    ) -> Arc<VisitorRecord> {
        let current = self.view.share();
        let whole = whole.filter(|whole| unwritten.is_empty() && whole.is_of(current.as_ref()));
        if let Some(whole) = whole {
            record = whole.record;
        } else if self.ahead.is_behind {
            // What was on its way may have arrived since the store answered: the view knows more, and has
            // the variation that another thread has forced meanwhile.
            let answered = record;
            record = current.as_deref().cloned().unwrap_or_default();
            let asked_in = self.asked_in.as_deref();
            self.own.take_assignments(&answered, &mut record, asked_in, unwritten);
            self.own.apply(&mut record);
        } else {
            unwritten.apply(&mut record);
            if let Some(current) = current {
                complete(&mut record, &current);
            }
        }
        let seen = Arc::new(record);
        self.view.change(|_| Arc::clone(&seen));
        seen
    }

    /// Puts back in a record what the context knows, unless it knows nothing.
    fn complete(&self, mut record: VisitorRecord) -> Option<Draft> {
        let known = self.view.share()?;
        complete(&mut record, &known);
        Some(Draft { of: Some(known), record })
    }

    /// Returns what is new by what the context saw when the store was asked, and by what is known besides.
    /// What others have been answered since, and is in the view, may be there by this very call, whose
    /// answer was lost: then nobody else takes it for new.
    fn new_since_asked(&self, known: &RecordDelta<'_>, shown: &VisitorRecord) -> Applied {
        let asked_in = self.asked_in.as_deref();
        let mut record = asked_in.map(|record| self.own.part_of(record)).unwrap_or_default();
        known.apply(&mut record);
        let mut applied = self.own.apply(&mut record);
        applied.kept.extend(self.own.differing(shown));
        applied
    }

    /// Returns what was known when the call began. Where another thread has changed the view since, that
    /// may undo what it has done, so that only marks are returned, which undo nothing.
    fn known_before(&self) -> RecordDelta<'static> {
        let known = self.ahead.unwritten.clone().unwrap_or_default();
        let is_same = match (&self.before, self.view.share()) {
            (Some(before), Some(current)) => Arc::ptr_eq(before, &current),
            (None, None) => true,
            _ => false,
        };
        if is_same { known } else { known.marks() }
    }
}

/// A record to be made what a view becomes, prepared while no lock is held, since it may be long.
struct Draft {
    /// What the view was then.
    of: Option<Arc<VisitorRecord>>,
    record: VisitorRecord,
}

impl Draft {
    /// Copies what a view is.
    fn of(view: &View) -> Self {
        let of = view.share();
        let record = of.as_deref().cloned().unwrap_or_default();
        Draft { of, record }
    }

    /// Returns whether the view is still the same.
    fn is_of(&self, current: Option<&Arc<VisitorRecord>>) -> bool {
        self.of.as_ref().map(Arc::as_ptr) == current.map(Arc::as_ptr)
    }
}

/// Makes a change in a context's view alone.
pub(crate) fn change_view(view: &View, delta: &RecordDelta<'_>) -> Written {
    change_view_among(view, Draft::of(view), &RecordDelta::new(), delta, &RecordDelta::new())
}

/// Makes a change in a context's view, on top of what is known besides, and what comes `after` it on top
/// of the change.
fn change_view_among(
    view: &View,
    draft: Draft,
    known: &RecordDelta<'_>,
    delta: &RecordDelta<'_>,
    after: &RecordDelta<'_>,
) -> Written {
    let (mut written, mut draft) = (Written::default(), Some(draft));
    view.change(|current| {
        let draft = draft.take().filter(|draft| draft.is_of(current));
        let copy = || current.map(|record| (**record).clone()).unwrap_or_default();
        let mut record = draft.map_or_else(copy, |draft| draft.record);
        known.apply(&mut record);
        let applied = delta.apply(&mut record);
        after.apply(&mut record);
        let record = Arc::new(record);
        written = Written { record: Arc::clone(&record), applied };
        record
    });
    written
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::records::pending::Step;

    #[test]
    fn what_was_known_earlier_undoes_nothing_that_another_thread_has_done_since() {
        let known = RecordDelta::new().enter("home").force("1", "a").assign("2", "b");
        let change = RecordDelta::new().assign("3", "c");
        for is_overtaken in [false, true] {
            let view = View::default();
            let ahead = Ahead { unwritten: Some(known.clone()), is_behind: false };
            let (own, later, before) = (change.clone(), RecordDelta::new(), view.share());
            let (key, delta, view) = ("v", &change, &view);
            let asked_in = before.clone();
            let call = Call { key, delta, own, later, ahead, before, asked_in, view };
            if is_overtaken {
                let newer = RecordDelta::new().enter("home").leave("home").force("1", "z");
                change_view(view, &newer);
            }
            let written = change_view_among(
                view,
                Draft::of(view),
                &call.known_before(),
                &change,
                &RecordDelta::new(),
            );
            let seen = view.share().unwrap();
            assert_eq!(*seen, *written.record);
            assert_eq!(seen.is_at("home"), !is_overtaken);
            assert_eq!(seen.assignment("1"), Some(if is_overtaken { "z" } else { "a" }));
            assert_eq!((seen.assignment("2"), seen.assignment("3")), (Some("b"), Some("c")));
        }
    }

    #[test]
    fn an_answer_that_comes_late_does_not_undo_what_another_thread_has_forced_since() {
        for (held, forced) in
            [(None, None), (Some("s"), None), (None, Some("z")), (Some("s"), Some("z"))]
        {
            let view = View::default();
            if let Some(held) = held {
                change_view(&view, &RecordDelta::new().force("1", held));
            }
            let delta = RecordDelta::new().assign("1", "a").reach("g");
            let ahead = Ahead { unwritten: None, is_behind: true };
            let (own, later, before) = (delta.clone(), RecordDelta::new(), view.share());
            let (key, delta, view, asked_in) = ("v", &delta, &view, before.clone());
            let call = Call { key, delta, own, later, ahead, before, asked_in, view };
            if let Some(forced) = forced {
                change_view(view, &RecordDelta::new().force("1", forced));
            }
            let answer = RecordDelta::new().assign("1", "b").merge_into(VisitorRecord::new());
            let seen = call.see(answer.into_record(), None, &RecordDelta::new());
            assert_eq!(seen.assignment("1"), Some(forced.unwrap_or("b")));
            assert!(seen.has_reached("g") && view.share().is_some_and(|view| view == seen));
        }
    }

    #[test]
    fn what_is_shown_is_written_although_it_was_lost_before() {
        let backlog = Backlog::new(&StoreConfig::default().queue_capacity(1));
        let assign = |key: &str, variation: &'static str| {
            let (view, delta) = (View::default(), RecordDelta::new().assign("1", variation));
            let change = |known: &RecordDelta<'_>| {
                change_view_among(&view, Draft::of(&view), known, &delta, &RecordDelta::new())
            };
            let written = backlog.push(key, delta.clone(), Duration::ZERO, change).0;
            written.record.assignment("1").map(str::to_owned)
        };
        assert_eq!(assign("v", "a").as_deref(), Some("a"));
        // There is no room for both, and another config would have the first one see another variation.
        assign("w", "a");
        assert_eq!(assign("v", "b").as_deref(), Some("a"));
        let Step::Write(changes) = backlog.step(Duration::ZERO) else { unreachable!() };
        let written: Vec<_> =
            changes.into_iter().map(|change| (change.key, change.delta)).collect();
        assert_eq!(written, [("v".into(), RecordDelta::new().assign("1", "a"))]);
    }
}
