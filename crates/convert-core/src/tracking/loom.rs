//! The hand-over of events under a model checker: every interleaving of small programs.
//!
//! The shared queue and the batches in flight are compiled a second time, from the same files, on the checker's
//! primitives; the queue between them is the real one. The checker's waits never time out, so that
//! a wake-up that is lost shows as a deadlock instead of as a delay.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use convert_decision::Segments;
use loom::thread;

use self::in_flight::{Fault, InFlight, InFlightSlot};
use self::shared_queue::{Closing, Ending, SharedQueue};
use self::spool::Spool;
use crate::clock::{Deadline, Timer};
use crate::tracking::backoff::Backoff;
use crate::tracking::batch::Batch;
use crate::tracking::event::{Event, Origin, Payload};
use crate::tracking::queue::{Limits, Outcome, Queue, Step};
use crate::tracking::wire::Envelope;

#[expect(clippy::duplicate_mod, reason = "the same source on other primitives is the point")]
#[path = "shared_queue.rs"]
mod shared_queue;

#[expect(clippy::duplicate_mod, reason = "the same source on other primitives is the point")]
#[expect(dead_code, reason = "this copy is for the model alone")]
#[path = "in_flight.rs"]
mod in_flight;

mod sync {
    pub(super) use loom::thread::ThreadId;

    pub(super) use crate::sync::loom::{Condvar, Mutex, MutexGuard};

    pub(super) fn current_thread() -> ThreadId {
        loom::thread::current().id()
    }
}

/// A spool without a disk.
mod spool {
    use std::collections::VecDeque;
    use std::io;
    use std::ops::Range;
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    use crate::tracking::batch::Batch;

    /// What it holds outlives it.
    pub(super) struct Spool(pub(super) Arc<Mutex<VecDeque<Batch>>>);

    impl Spool {
        #[expect(clippy::unused_self, reason = "a disk may hold something")]
        pub(super) fn pending(&self) -> impl Iterator<Item = u32> {
            std::iter::empty()
        }

        #[expect(clippy::unnecessary_wraps, reason = "a disk may fail")]
        pub(super) fn append(&mut self, batch: &Batch, _: bool) -> io::Result<()> {
            self.0.lock().unwrap().push_back(batch.clone());
            Ok(())
        }

        #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "a disk may fail")]
        pub(super) fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }

        #[expect(clippy::unnecessary_wraps, reason = "a disk may fail")]
        pub(super) fn load(&self) -> io::Result<Option<Batch>> {
            Ok(self.0.lock().unwrap().front().cloned())
        }

        #[expect(clippy::unnecessary_wraps, reason = "a disk may fail")]
        pub(super) fn remove(&mut self, _: u32) -> io::Result<()> {
            self.0.lock().unwrap().pop_front();
            Ok(())
        }

        #[expect(clippy::unused_self, reason = "a disk may be damaged")]
        pub(super) fn damaged(&self) -> u64 {
            0
        }

        #[expect(clippy::unused_self, reason = "a disk may disappear")]
        pub(super) fn missing(&mut self) -> Vec<Range<u64>> {
            Vec::new()
        }

        #[expect(clippy::unused_self, reason = "a disk may disappear")]
        pub(super) fn is_in_place(&self) -> bool {
            true
        }

        #[expect(clippy::unused_self, reason = "a disk has directories")]
        pub(super) fn directory(&self) -> &Path {
            Path::new("")
        }
    }
}

/// A core's delivery, reduced to the hand-over.
struct Office {
    queue: Arc<SharedQueue>,
    in_flight: InFlightSlot,
    /// The outcomes of the requests to come; without any they succeed.
    outcomes: std::sync::Mutex<VecDeque<Outcome>>,
    accepted: std::sync::Mutex<Vec<String>>,
    requests: AtomicUsize,
    starts: AtomicUsize,
    /// What is in the spool.
    kept: Arc<std::sync::Mutex<VecDeque<Batch>>>,
}

#[cfg(test)]
impl Office {
    fn open(capacity: usize, spools: bool, outcomes: &[Outcome]) -> Arc<Self> {
        let limits = Limits {
            batch_size: 1,
            age: None,
            events: capacity,
            bytes: 1 << 20,
            body: 1 << 20,
            spools,
        };
        // A wait that is not cut short would never end in here.
        let backoff = Backoff::new(HOUR, HOUR);
        let queue = Arc::new(SharedQueue::new(Queue::new(limits, backoff, true)));
        let kept = Arc::default();
        let spool = spools.then(|| Spool(Arc::clone(&kept)));
        let envelope = Envelope { source: "model".to_owned(), enrich_data: true };
        Arc::new(Office {
            in_flight: InFlightSlot::new(InFlight::new(Arc::clone(&queue), envelope, spool)),
            queue,
            outcomes: std::sync::Mutex::new(outcomes.iter().copied().collect()),
            accepted: std::sync::Mutex::default(),
            requests: AtomicUsize::new(0),
            starts: AtomicUsize::new(0),
            kept,
        })
    }

    /// Records an event, as a core does, and returns whether it is queued.
    fn record(self: &Arc<Self>, name: &str) -> bool {
        let origin = Arc::new(Origin::new("1", "2"));
        let (experience_id, variation_id) = (name.into(), "1".into());
        let payload = Payload::Exposure { experience_id, variation_id };
        let event = Event::new(origin, "v", Segments::default(), payload, Duration::ZERO);
        let receipt = self.queue.push(std::iter::once(event));
        if receipt.is_over {
            while self.make_room() {}
        }
        self.start_if(receipt.starts);
        receipt.count == 1
    }

    fn make_room(&self) -> bool {
        self.with(|in_flight, faults| {
            let step = self.queue.look(|queue| queue.next_spill(Duration::ZERO));
            step.inspect(|step| in_flight.spill(*step, false, Duration::ZERO, faults)).is_some()
        })
    }

    /// Works with the batches in flight, which are never waited for in vain.
    fn with<T>(&self, work: impl FnOnce(&mut InFlight, &mut Vec<Fault>) -> T) -> T {
        let mut faults = Vec::new();
        let deadline = Deadline::after(NEVER);
        let done = self.in_flight.with_or_stall(deadline, |in_flight| work(in_flight, &mut faults));
        assert!(faults.is_empty(), "{faults:?}");
        done.unwrap()
    }

    fn start_if(self: &Arc<Self>, starts: bool) {
        if starts {
            self.starts.fetch_add(1, SeqCst);
            let office = Arc::clone(self);
            thread::spawn(move || office.work());
        }
    }

    /// Returns how many events are left.
    fn flush(self: &Arc<Self>) -> u64 {
        let (end, starts) = self.queue.flush();
        self.start_if(starts);
        self.queue.wait_for(end, Deadline::after(NEVER), &Timer::System);
        self.queue.remainder(end).left
    }

    /// Closes, waiting so long for what is queued, and for the worker until it has ended.
    fn close(&self, timeout: Duration) -> (Closing, Ending) {
        let closing = self.queue.close();
        self.queue.wait_for(closing.end, Deadline::after(timeout), &Timer::System);
        if self.queue.stop() {
            self.work();
        }
        assert!(self.queue.join(Deadline::after(NEVER)));
        (closing, self.queue.ending(&closing))
    }

    /// What the worker does.
    fn work(&self) {
        self.queue.enter();
        loop {
            match self.queue.next(&Timer::System) {
                Step::Release(reason) => self.with(|in_flight, _| in_flight.release(reason)),
                Step::Send => self.send(),
                step @ (Step::Store | Step::Spill) => {
                    let lasts = !self.queue.look(|queue| queue.is_stopped());
                    self.with(|in_flight, faults| {
                        in_flight.spill(step, lasts, Duration::ZERO, faults);
                    });
                }
                Step::Sync => self.with(InFlight::sync),
                Step::Report(_) | Step::Rest(_) => {}
                Step::Stop => break,
            }
        }
        self.with(|in_flight, _| in_flight.shut());
        self.queue.leave(true);
    }

    fn send(&self) {
        let now = Timer::System.now();
        let sent = self.with(|in_flight, faults| in_flight.first(now, 1.0, faults)).unwrap();
        // The request: anything may happen meanwhile.
        thread::yield_now();
        self.requests.fetch_add(1, SeqCst);
        let outcome = self.outcomes.lock().unwrap().pop_front().unwrap_or(Outcome::Delivered);
        if outcome == Outcome::Delivered {
            self.accepted.lock().unwrap().extend(names(&sent.batch));
        }
        let now = Timer::System.now();
        self.with(|in_flight, faults| in_flight.acknowledge(outcome, now, 1.0, faults));
    }

    fn accepted(&self) -> Vec<String> {
        self.accepted.lock().unwrap().clone()
    }

    fn kept(&self) -> Vec<String> {
        self.kept.lock().unwrap().iter().flat_map(names).collect()
    }
}

fn names(batch: &Batch) -> Vec<String> {
    let body: serde_json::Value = serde_json::from_slice(&batch.json).unwrap();
    let events = body["visitors"][0]["events"].as_array().unwrap();
    events.iter().map(|event| event["data"]["experienceId"].as_str().unwrap().to_owned()).collect()
}

fn sum(ending: Ending) -> u64 {
    ending.delivered + ending.dropped + ending.spooled + ending.left
}

/// Explores every interleaving with at most so many threads interrupted where they need not wait.
fn explore(interruptions: usize, program: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(interruptions);
    model.check(program);
}

#[test]
fn of_two_that_record_first_one_starts_the_worker_and_closing_delivers_both() {
    explore(3, || {
        let office = Office::open(9, false, &[]);
        let other = {
            let office = Arc::clone(&office);
            thread::spawn(move || office.record("b"))
        };
        assert!(office.record("a"));
        let (_, ending) = office.close(NEVER);
        let queued = 1 + u64::from(other.join().unwrap());
        assert_eq!((sum(ending), ending.left), (ending.delivered, 0));
        assert_eq!(office.starts.load(SeqCst), 1);
        let mut accepted = office.accepted();
        accepted.sort();
        assert_eq!(accepted.len() as u64, queued, "what was refused is not sent: {accepted:?}");
        assert!(accepted.is_sorted_by(|one, two| one < two), "nothing twice: {accepted:?}");
    });
}

#[test]
fn a_flush_is_answered_when_all_that_came_before_it_is_delivered() {
    explore(2, || {
        let office = Office::open(9, false, &[]);
        let other = {
            let office = Arc::clone(&office);
            thread::spawn(move || {
                assert!(office.record("b"));
                assert!(office.record("c"));
            })
        };
        assert!(office.record("a"));
        assert_eq!(office.flush(), 0);
        assert!(office.accepted().contains(&"a".to_owned()));
        other.join().unwrap();
        assert_eq!(office.flush(), 0);
        let mut accepted = office.accepted();
        accepted.retain(|name| name != "a");
        assert_eq!(accepted, ["b", "c"], "in the order in which they were recorded");
        office.close(Duration::ZERO);
    });
}

#[test]
fn a_failure_does_not_hold_up_closing_whenever_it_happens() {
    explore(4, || {
        let office = Office::open(9, false, &[Outcome::Failed(None)]);
        assert!(office.record("a"));
        // A wait of an hour begins before or after closing does, or not at all.
        let (_, ending) = office.close(NEVER);
        assert_eq!((ending.delivered, sum(ending)), (1, 1));
        assert_eq!(office.requests.load(SeqCst), 2);
    });
}

#[test]
fn closing_that_times_out_still_ends_the_worker_and_accounts_for_everything() {
    explore(4, || {
        let office = Office::open(9, false, &[Outcome::Failed(None)]);
        assert!(office.record("a"));
        assert!(office.record("b"));
        let (closing, ending) = office.close(Duration::ZERO);
        assert_eq!(closing.before.delivered + sum(ending), 2);
        let (requests, accepted) = (office.requests.load(SeqCst), office.accepted());
        assert_eq!(accepted.len() as u64, closing.before.delivered + ending.delivered);
        assert!(!office.record("late"));
        assert!(office.flush() <= 2);
        assert_eq!(office.requests.load(SeqCst), requests, "nothing is sent any more");
    });
}

#[test]
fn two_that_close_both_come_to_an_end() {
    explore(2, || {
        let office = Office::open(9, false, &[]);
        assert!(office.record("a"));
        let other = {
            let office = Arc::clone(&office);
            thread::spawn(move || office.close(NEVER).1)
        };
        let (closing, ending) = office.close(NEVER);
        assert_eq!(closing.before.delivered + ending.delivered, 1);
        assert_eq!(other.join().unwrap().left, 0);
        assert_eq!(office.accepted(), ["a"]);
    });
}

#[test]
fn a_flush_comes_to_an_end_when_another_thread_closes() {
    explore(2, || {
        let office = Office::open(9, false, &[Outcome::Failed(None), Outcome::Failed(None)]);
        assert!(office.record("a"));
        let flusher = {
            let office = Arc::clone(&office);
            thread::spawn(move || office.flush())
        };
        let (_, ending) = office.close(Duration::ZERO);
        assert_eq!((ending.left, flusher.join().unwrap()), (1, 1));
    });
}

#[test]
fn switching_off_ends_a_flush_and_switching_on_delivers() {
    explore(2, || {
        let office = Office::open(9, false, &[]);
        assert!(office.record("a"));
        let switch = {
            let office = Arc::clone(&office);
            thread::spawn(move || {
                office.queue.change(|queue| queue.enable(false));
            })
        };
        assert!(office.flush() <= 1, "it ends, whatever comes first");
        switch.join().unwrap();
        let ((), starts) = office.queue.change(|queue| queue.enable(true));
        office.start_if(starts);
        assert_eq!(office.flush(), 0);
        assert_eq!(office.accepted(), ["a"]);
        office.close(NEVER);
    });
}

#[test]
fn a_worker_that_cannot_be_started_is_not_waited_for() {
    explore(4, || {
        let office = Office::open(9, false, &[]);
        let (end, _) = office.queue.flush();
        assert_eq!(office.queue.wait_for(end, Deadline::after(NEVER), &Timer::System).left, 0);
        let flusher = {
            let office = Arc::clone(&office);
            thread::spawn(move || {
                office.queue.wait_for(u64::MAX, Deadline::after(NEVER), &Timer::System).left
            })
        };
        let origin = Arc::new(Origin::new("1", "2"));
        let (experience_id, variation_id) = ("a".into(), "1".into());
        let payload = Payload::Exposure { experience_id, variation_id };
        let event = Event::new(origin, "v", Segments::default(), payload, Duration::ZERO);
        assert!(office.queue.push(std::iter::once(event)).starts);
        office.queue.leave(false);
        assert!(flusher.join().unwrap() <= 1);
        // Closing does what the worker would have done, and the next one may be luckier.
        let (_, ending) = office.close(NEVER);
        assert_eq!((ending.left, sum(ending)), (1, 1));
    });
}

#[test]
fn with_a_spool_a_thread_that_records_too_much_keeps_everything_in_order() {
    explore(3, || {
        let office = Office::open(1, true, &[]);
        let expected = ["a", "b", "c"];
        for name in expected {
            assert!(office.record(name));
        }
        let (closing, ending) = office.close(NEVER);
        assert_eq!(closing.before.delivered + ending.delivered, 3, "{ending:?}");
        assert_eq!((ending.dropped, closing.before.queue_full), (0, 0));
        assert_eq!(office.accepted(), expected);
        assert!(office.kept().is_empty());
    });
}

#[test]
fn what_cannot_be_delivered_is_in_the_spool_in_order_once_closing_has_ended() {
    explore(3, || {
        let office = Office::open(1, true, &[Outcome::Failed(None), Outcome::Failed(None)]);
        let expected = ["a", "b", "c"];
        let other = {
            let office = Arc::clone(&office);
            thread::spawn(move || expected.iter().all(|name| office.record(name)))
        };
        assert!(other.join().unwrap());
        let (closing, ending) = office.close(Duration::ZERO);
        assert_eq!(closing.before.delivered + sum(ending), 3, "{ending:?}");
        assert_eq!((ending.left, ending.dropped, closing.before.queue_full), (0, 0, 0));
        assert_eq!([office.accepted(), office.kept()].concat(), expected);
    });
}

/// How long the service is left alone after a failure: a wait that has to be cut short.
const HOUR: Duration = Duration::from_secs(3_600);
/// Longer than that, so that waiting for the service does not seem to be in vain.
const NEVER: Duration = Duration::from_secs(3 * 3_600);
