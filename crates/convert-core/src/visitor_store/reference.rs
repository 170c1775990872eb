//! The write queue beside a slow model: every change in a list, and how many of them the store has.

use std::collections::BTreeMap;
use std::time::Duration;

use convert_decision::{VisitorRecord, attributes};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::visitor_store::delta::RecordDelta;
use crate::visitor_store::entry::Reply;
use crate::visitor_store::guarded_store::NoAnswer;
use crate::visitor_store::settings::StoreConfig;
use crate::visitor_store::write_queue::{Outcome, Step, Turn, Write, WriteQueue};

/// A visitor as the model sees them.
#[derive(Default)]
struct Visitor {
    /// What the store has.
    stored: VisitorRecord,
    /// The changes that it does not have, in the order in which they were made, and whether each is an
    /// assignment that the store has to confirm.
    unsynced: Vec<(RecordDelta<'static>, bool)>,
    /// How many of those are in flight.
    in_flight: usize,
    /// Threads that wait, the one that makes the call first.
    waiting: Vec<Reply>,
    /// How often each goal was reported.
    reported: BTreeMap<String, usize>,
}

/// What happens next.
#[derive(Debug, Clone)]
enum Act {
    Write {
        visitor: usize,
        delta: RecordDelta<'static>,
        waits: bool,
    },
    Turn {
        visitor: usize,
    },
    /// The call of a waiting thread ends: merged, failed, or merged although it seems to have failed.
    Answer {
        visitor: usize,
        ending: Ending,
    },
    Step,
    Settle(Vec<Ending>),
    Load {
        visitor: usize,
        answers: bool,
    },
    /// A second passes, so that nothing is forgotten within a run.
    Later,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Merged,
    Failed,
    AnswerLost,
}

const VISITORS: [&str; 2] = ["v", "w"];
const GOALS: [&str; 2] = ["g", "h"];

fn delta() -> impl Strategy<Value = RecordDelta<'static>> {
    let name = || proptest::sample::select(&["a", "b", "c"]);
    prop_oneof![
        name().prop_map(|name| RecordDelta::new().assign("x", name)),
        name().prop_map(|name| RecordDelta::new().force("x", name)),
        proptest::sample::select(&GOALS).prop_map(|goal| RecordDelta::new().reach(goal)),
        name().prop_map(|name| RecordDelta::new().enter(name)),
        name().prop_map(|name| RecordDelta::new().leave(name)),
        name().prop_map(|name| RecordDelta::new().segments(attributes! { "country" => name })),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let visitor = || 0..VISITORS.len();
    let ending = || {
        prop_oneof![
            3 => Just(Ending::Merged),
            1 => Just(Ending::Failed),
            1 => Just(Ending::AnswerLost),
        ]
    };
    prop_oneof![
        4 => (visitor(), delta(), any::<bool>())
            .prop_map(|(visitor, delta, waits)| Act::Write { visitor, delta, waits }),
        4 => visitor().prop_map(|visitor| Act::Turn { visitor }),
        4 => (visitor(), ending()).prop_map(|(visitor, ending)| Act::Answer { visitor, ending }),
        2 => Just(Act::Step),
        2 => vec(ending(), VISITORS.len()).prop_map(Act::Settle),
        2 => (visitor(), any::<bool>()).prop_map(|(visitor, answers)| Act::Load { visitor, answers }),
        1 => Just(Act::Later),
    ]
}

/// The queue and the model, side by side.
struct Pair {
    queue: WriteQueue,
    visitors: [Visitor; VISITORS.len()],
    /// The visitors whose change the writer has, and that of a waiting thread.
    written: Vec<Write>,
    sent: [bool; VISITORS.len()],
    now: Duration,
    /// Whether assignments wait for the store.
    assignments_wait: bool,
}

impl Pair {
    fn new(assignments_wait: bool) -> Self {
        Pair {
            assignments_wait,
            queue: WriteQueue::new(&StoreConfig::default()),
            visitors: Default::default(),
            written: Vec::new(),
            sent: [false; VISITORS.len()],
            now: Duration::ZERO,
        }
    }

    fn perform(&mut self, act: Act) {
        match act {
            Act::Write { visitor, delta, waits } => self.write(visitor, &delta, waits),
            Act::Turn { visitor } => self.turn(visitor),
            Act::Answer { visitor, ending } if self.sent[visitor] => self.answer(visitor, ending),
            Act::Step if self.written.is_empty() => self.step(),
            Act::Answer { .. } | Act::Step => {}
            Act::Settle(endings) => self.settle(&endings),
            Act::Load { visitor, answers } => self.load(visitor, answers),
            Act::Later => self.now += Duration::from_secs(1),
        }
    }

    fn write(&mut self, at: usize, delta: &RecordDelta<'static>, waits: bool) {
        let waits = if delta.has_assignments() { self.assignments_wait } else { waits };
        let accepted = self.queue.write(VISITORS[at], delta, None, waits, self.now);
        let visitor = &mut self.visitors[at];
        for goal in &accepted.applied.new_goals {
            *visitor.reported.entry(goal.clone()).or_default() += 1;
        }
        let is_forced = delta.forces("x");
        visitor.unsynced.push((delta.clone(), waits && delta.has_assignments() && !is_forced));
        visitor.waiting.extend(accepted.reply);
        // The threads of one turn share a reply, so that one of them stands for all.
        assert_eq!(meaning(&accepted.record), meaning(&visitor.known()));
    }

    fn turn(&mut self, at: usize) {
        let Some(reply) = self.visitors[at].waiting.last().cloned() else { return };
        if self.sent[at] {
            return;
        }
        match self.queue.turn(VISITORS[at], &reply) {
            Turn::Send(delta) => self.take(at, &delta, true),
            Turn::Wait => assert!(self.visitors[at].in_flight > 0),
            Turn::Done => panic!("nothing has answered"),
        }
    }

    fn step(&mut self) {
        if let Step::Write(writes) = self.queue.step(self.now) {
            for write in &writes {
                let at = VISITORS.iter().position(|id| **id == *write.key).unwrap();
                self.take(at, &write.delta, false);
            }
            self.written = writes;
        }
    }

    /// A call begins: it must carry everything, and nothing else may be under way.
    fn take(&mut self, at: usize, delta: &RecordDelta<'static>, is_waiting_thread: bool) {
        let visitor = &mut self.visitors[at];
        assert_eq!(visitor.in_flight, 0);
        assert_eq!(visitor.waiting.is_empty(), !is_waiting_thread);
        let expected = visitor.expected();
        visitor.in_flight = visitor.unsynced.len();
        let merged = delta.merge_into(visitor.stored.clone()).into_record();
        assert_eq!(meaning(&merged), meaning(&expected));
        self.sent[at] = is_waiting_thread;
    }

    fn answer(&mut self, at: usize, ending: Ending) {
        self.sent[at] = false;
        let visitor = &mut self.visitors[at];
        let flown = visitor.unsynced[..visitor.in_flight].to_vec();
        if ending == Ending::Merged {
            let flown = flown.into_iter().map(|(delta, _)| delta);
            let delta = flown.fold(RecordDelta::new(), RecordDelta::then);
            let applied = delta.apply(&mut visitor.stored);
            self.queue.merged(VISITORS[at], visitor.stored.clone(), applied, self.now);
            visitor.unsynced.drain(..visitor.in_flight);
            // Those that came since wait for the next call.
            visitor.waiting.retain(|reply| !reply.is_set());
        } else {
            visitor.fail(ending);
            self.queue.failed(VISITORS[at], true);
            assert!(visitor.waiting.iter().all(Reply::is_set));
            visitor.waiting.clear();
        }
        self.visitors[at].in_flight = 0;
    }

    fn settle(&mut self, endings: &[Ending]) {
        let mut settled = Vec::new();
        for (write, ending) in std::mem::take(&mut self.written).into_iter().zip(endings) {
            let at = VISITORS.iter().position(|id| **id == *write.key).unwrap();
            let visitor = &mut self.visitors[at];
            if *ending == Ending::Merged {
                for (delta, _) in visitor.unsynced.drain(..visitor.in_flight) {
                    delta.apply(&mut visitor.stored);
                }
                settled.push((write, Outcome::Merged));
            } else {
                visitor.fail(*ending);
                visitor.waiting.clear();
                settled.push((write, Outcome::Failed));
            }
            visitor.in_flight = 0;
        }
        if !settled.is_empty() {
            self.queue.settle(&settled, self.now, 0.5);
        }
    }

    fn load(&mut self, at: usize, answers: bool) {
        self.queue.begin_load(VISITORS[at]);
        let visitor = &self.visitors[at];
        let loaded = if answers { Ok(Some(visitor.stored.clone())) } else { Err(NoAnswer) };
        let found = self.queue.end_load(VISITORS[at], loaded, self.now);
        if answers || !visitor.unsynced.is_empty() {
            assert_eq!(meaning(&found.unwrap_or_default()), meaning(&visitor.known()));
        }
    }

    fn check(&self) {
        for (visitor, id) in self.visitors.iter().zip(VISITORS) {
            assert!(visitor.reported.values().all(|times| *times == 1), "{:?}", visitor.reported);
            let known = self.queue.record(id);
            if !visitor.unsynced.is_empty() {
                assert_eq!(meaning(&known.unwrap_or_default()), meaning(&visitor.known()));
            }
        }
        let parts = |visitor: &Visitor| {
            let flown = usize::from(visitor.in_flight > 0);
            flown + usize::from(visitor.unsynced.len() > visitor.in_flight)
        };
        assert_eq!(self.queue.waiting(), self.visitors.iter().map(parts).sum::<usize>());
        assert_eq!(self.queue.counts().lost, 0);
    }
}

impl Visitor {
    /// Returns the record as it will be once the store has everything.
    fn expected(&self) -> VisitorRecord {
        self.with(|_| true)
    }

    /// Returns the record as contexts may see it.
    fn known(&self) -> VisitorRecord {
        self.with(|is_unconfirmed| !is_unconfirmed)
    }

    fn with(&self, applies: impl Fn(bool) -> bool) -> VisitorRecord {
        let mut record = self.stored.clone();
        for (delta, is_unconfirmed) in &self.unsynced {
            if applies(*is_unconfirmed) {
                delta.apply(&mut record);
            }
        }
        record
    }

    /// A call fails; if only its answer is lost, the store has the changes nevertheless, and again later.
    fn fail(&mut self, ending: Ending) {
        if ending == Ending::AnswerLost {
            for (delta, _) in &self.unsynced[..self.in_flight] {
                delta.apply(&mut self.stored);
            }
        }
        // What is shown without an answer need not be confirmed any more.
        self.unsynced.iter_mut().for_each(|(_, is_unconfirmed)| *is_unconfirmed = false);
    }
}

/// A record without the order of its locations, which has no meaning.
fn meaning(record: &VisitorRecord) -> (VisitorRecord, Vec<String>) {
    let mut plain = record.clone();
    let mut locations: Vec<String> = record.locations().map(str::to_owned).collect();
    for location in &locations {
        plain.leave(location);
    }
    locations.sort();
    (plain, locations)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_happens_the_queue_loses_reorders_and_repeats_nothing(
        acts in vec(act(), 0..60),
        assignments_wait in any::<bool>(),
    ) {
        let mut pair = Pair::new(assignments_wait);
        for act in acts {
            pair.perform(act);
            pair.check();
        }
    }
}
