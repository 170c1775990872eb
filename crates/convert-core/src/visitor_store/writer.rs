//! The thread that writes the changes no caller waits for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::clock::Deadline;
use crate::visitor_store::data_store::StoreError;
use crate::visitor_store::guarded_store::{Answers, GuardedStore};
use crate::visitor_store::shared_queue::SharedWriteQueue;
use crate::visitor_store::write_queue::{Outcome, Step};
use crate::worker::{Inbox, Worker};

/// Writes what is in the queue, on a thread of its own that starts when there is something.
pub(crate) struct Writer {
    store: Arc<GuardedStore>,
    queue: Arc<SharedWriteQueue>,
    worker: OnceLock<Worker>,
    is_starting: AtomicBool,
}

impl Writer {
    pub(crate) fn new(store: Arc<GuardedStore>, queue: Arc<SharedWriteQueue>) -> Self {
        Writer { store, queue, worker: OnceLock::new(), is_starting: AtomicBool::new(false) }
    }

    /// Wakes the writer if it rests while there is something to do. Starts it the first time.
    pub(crate) fn wake_if_needed(&self) {
        if !self.queue.needs_writer() {
            return;
        }
        if self.worker.get().is_none() && !self.is_starting.swap(true, Ordering::AcqRel) {
            self.start();
        }
        if let Some(worker) = self.worker.get() {
            worker.ask();
        }
    }

    fn start(&self) {
        let store = Arc::clone(&self.store);
        let queue = Arc::clone(&self.queue);
        let spawned = Worker::spawn("convert-sdk-records", move |inbox| run(&store, &queue, inbox));
        match spawned {
            Ok(worker) => drop(self.worker.set(worker)),
            Err(error) => {
                self.store.report_no_thread(&error);
                // The next change tries again.
                self.is_starting.store(false, Ordering::Release);
            }
        }
    }

    /// Waits until every change before a number is written or lost, and returns how many are left.
    pub(crate) fn wait_for(&self, number: u64, deadline: Deadline) -> u64 {
        self.wake_if_needed();
        // The writer cannot wait for itself.
        let is_hopeless = self.worker.get().is_none_or(Worker::is_current);
        let deadline = if is_hopeless { Deadline::after(Duration::ZERO) } else { deadline };
        self.queue.wait_for(number, deadline)
    }

    /// Ends the thread, and returns whether none runs.
    pub(crate) fn end(&self, deadline: Deadline) -> bool {
        let Some(worker) = self.worker.get() else { return true };
        worker.stop();
        worker.join(deadline)
    }

    /// Logs losses and emits the event, once a minute or if it is the last time.
    pub(crate) fn report_losses(&self, is_last: bool) {
        report_losses(&self.store, &self.queue, is_last);
    }
}

/// Writes until the core closes.
fn run(store: &GuardedStore, queue: &SharedWriteQueue, inbox: &Inbox) {
    let mut random = store.timer.randomness();
    loop {
        report_losses(store, queue, false);
        match queue.step(store.timer.now()) {
            Step::Write(writes) => {
                let Answers { answers, failures } = store.write(&writes);
                let outcomes = answers.into_iter().map(outcome);
                let settled: Vec<_> = writes.into_iter().zip(outcomes).collect();
                queue.settle(&settled, store.timer.now(), random.f64());
                // Handlers may wait for what has become of the changes.
                store.emit_all(failures);
            }
            Step::Rest(at) => {
                inbox.wait(&store.timer.alarm(at.unwrap_or(Duration::MAX)));
            }
            Step::Stop => {
                // What was in flight when the core stopped waiting may be lost since.
                report_losses(store, queue, true);
                break;
            }
        }
    }
}

fn report_losses(store: &GuardedStore, queue: &SharedWriteQueue, is_last: bool) {
    if let Some(count) = queue.losses_to_report(store.timer.now(), is_last) {
        store.report_lost(count);
    }
}

fn outcome(answer: Result<(), StoreError>) -> Outcome {
    match answer {
        Ok(()) => Outcome::Merged,
        Err(error) if error.is_retryable() => Outcome::Failed,
        Err(_) => Outcome::Refused,
    }
}
