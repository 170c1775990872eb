//! The writer of changes that nobody waits for.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::clock::Deadline;
use crate::records::backlog::Backlog;
use crate::records::link::{Answers, Link};
use crate::records::pending::{Outcome, Step};
use crate::records::store::StoreError;
use crate::worker::{Inbox, Worker};

/// Writes what is in the backlog, on a thread of its own that starts when there is something.
pub(crate) struct Writer {
    link: Arc<Link>,
    pub(crate) backlog: Arc<Backlog>,
    worker: OnceLock<Option<Worker>>,
}

impl Writer {
    pub(crate) fn new(link: Arc<Link>, backlog: Backlog) -> Self {
        Writer { link, backlog: Arc::new(backlog), worker: OnceLock::new() }
    }

    /// Makes the writer look what there is to do; starts it the first time.
    pub(crate) fn wake(&self) {
        let worker = self.worker.get_or_init(|| {
            let (link, backlog) = (Arc::clone(&self.link), Arc::clone(&self.backlog));
            let spawned = Worker::spawn("convert-sdk-records", move |inbox| {
                run(&link, &backlog, inbox);
            });
            if let Err(error) = &spawned {
                log::error!(
                    target: "convert_sdk::records",
                    "visitor records will not be written, since no thread could be started: {error}"
                );
            }
            spawned.ok()
        });
        if let Some(worker) = worker {
            worker.ask();
        }
    }

    /// Has what failed tried again, waits until every change made before the call is written or lost,
    /// and returns for how many visitors there are some left.
    pub(crate) fn flush(&self, deadline: Deadline) -> u64 {
        self.wait_for(self.backlog.retry(), deadline)
    }

    /// Has everything tried again, without pauses, until nothing is written three times in a row.
    pub(crate) fn hurry(&self) {
        self.backlog.close();
        if self.backlog.tally().1 > 0 {
            self.wake();
        }
    }

    /// Waits until everything is written or the store fails three times in a row, gives up what is
    /// left, and returns for how many visitors changes are lost since [`Writer::hurry`]. The thread ends
    /// by itself. Called on that thread, by a handler, it gives up at once.
    pub(crate) fn close(&self, deadline: Deadline) -> u64 {
        let number = self.backlog.close();
        self.wait_for(number, deadline);
        let lost = self.backlog.stop();
        if let Some(worker) = self.worker() {
            worker.stop();
        }
        if let Some(count) = self.backlog.losses_to_report(self.link.timer.now(), true) {
            self.link.tell_lost(count);
        }
        lost
    }

    /// Waits for the thread, and returns whether none runs.
    pub(crate) fn join(&self, deadline: Deadline) -> bool {
        self.worker().is_none_or(|worker| worker.join(deadline))
    }

    fn wait_for(&self, number: u64, deadline: Deadline) -> u64 {
        if self.backlog.tally().1 > 0 {
            self.wake();
        }
        // The writer cannot wait for itself.
        let is_hopeless = self.worker().is_none_or(Worker::is_current);
        let deadline = if is_hopeless { Deadline::after(Duration::ZERO) } else { deadline };
        self.backlog.wait_for(number, deadline)
    }

    fn worker(&self) -> Option<&Worker> {
        self.worker.get().and_then(Option::as_ref)
    }
}

/// Writes until the core closes.
fn run(link: &Link, backlog: &Backlog, inbox: &Inbox) {
    let mut random = link.timer.randomness();
    loop {
        let now = link.timer.now();
        if let Some(count) = backlog.losses_to_report(now, false) {
            link.tell_lost(count);
        }
        match backlog.step(now) {
            Step::Write(changes) => {
                let Answers { answers, failures } = link.write(&changes);
                let outcomes = answers.into_iter().map(judge);
                let settled: Vec<_> = changes.into_iter().zip(outcomes).collect();
                backlog.settle(&settled, link.timer.now(), random.f64());
                // Handlers may wait for what has become of the changes.
                link.tell_of(failures);
            }
            Step::Rest(at) => {
                inbox.wait(&link.timer.alarm(at.unwrap_or(Duration::MAX)));
            }
            Step::Stop => {
                // What was on its way when nobody waited any longer may be lost since.
                if let Some(count) = backlog.losses_to_report(link.timer.now(), true) {
                    link.tell_lost(count);
                }
                break;
            }
        }
    }
}

fn judge(answer: Result<(), StoreError>) -> Outcome {
    match answer {
        Ok(()) => Outcome::Written,
        Err(error) if error.is_retryable() => Outcome::Failed,
        Err(_) => Outcome::Refused,
    }
}
