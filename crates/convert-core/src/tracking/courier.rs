//! What the delivery worker does.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use convert_transport::{BatchRequest, BatchResponse, TransportError, TransportErrorKind};

use crate::event::{DroppedEvent, LifecycleEvent, ReleasedEvent};
use crate::tracking::batch::Batch;
use crate::tracking::event::Event;
use crate::tracking::outbox::Outbox;
use crate::tracking::queue::{Outcome, ReleaseReason, Step};
use crate::tracking::spool::Spool;
use crate::tracking::tally::DropReason;
use crate::worker::Inbox;

/// Delivers events until the core closes.
pub(crate) fn run(outbox: &Outbox, spool: Option<Spool>, inbox: &Inbox) {
    let random = outbox.timer.randomness();
    let mut courier = Courier { outbox, spool, held: None, random, failures: 0 };
    loop {
        let now = outbox.now();
        let (losses, step) = {
            let mut queue = outbox.queue();
            (queue.losses_to_report(now), queue.step(now))
        };
        if let Some(losses) = losses {
            report_losses(outbox, &losses);
        }
        match step {
            Step::Send => courier.send(),
            Step::Release(reason) => courier.release(reason),
            Step::Store => courier.store(),
            Step::Spill => courier.spill(),
            Step::Rest(at) => {
                inbox.wait(&outbox.timer.alarm(at.unwrap_or(Duration::MAX)));
            }
            Step::Stop => break,
        }
    }
}

/// The worker's own state.
struct Courier<'o> {
    outbox: &'o Outbox,
    spool: Option<Spool>,
    /// The first parcel, if it is in memory.
    held: Option<Held>,
    random: fastrand::Rng,
    /// Times the spool failed.
    failures: u64,
}

/// A batch that is on its way or is to be sent again.
struct Held {
    batch: Batch,
    reason: ReleaseReason,
    attempts: u32,
}

/// The answer to a batch, or why there is none.
type Answer = Result<BatchResponse, TransportError>;

impl Courier<'_> {
    /// Takes a parcel of what waits, to be sent next.
    fn release(&mut self, reason: ReleaseReason) {
        let events = self.outbox.queue().take();
        self.held = self.pack(&events).map(|batch| Held { batch, reason, attempts: 0 });
    }

    /// Sends the first parcel.
    fn send(&mut self) {
        let mut held = match self.held.take() {
            Some(held) => held,
            None => match self.load() {
                Ok(held) => held,
                Err(outcome) => return self.settle(outcome),
            },
        };
        held.attempts = held.attempts.saturating_add(1);
        let answer = self.deliver(&held.batch);
        let outcome = judge(answer.as_ref());
        log_exchange(&held, answer.as_ref());
        let event = ReleasedEvent::new(held.reason, &held.batch, held.attempts, answer);
        if matches!(outcome, Outcome::Failed(_)) {
            self.held = Some(held);
        }
        self.settle(outcome);
        if outcome == Outcome::Lost(DropReason::Refused) {
            log::error!(
                target: "convert_sdk::tracking",
                "{} events are lost, since the service refused them: {}", event.events(), event
            );
        }
        self.outbox.bus.emit(&LifecycleEvent::QueueReleased(event));
    }

    /// Writes the first parcel, which is in memory, to the spool.
    fn store(&mut self) {
        let stored = match (&mut self.spool, &self.held) {
            (Some(spool), Some(held)) => spool.append(&held.batch),
            _ => Ok(()),
        };
        self.note_stored(stored, Vec::new());
    }

    /// Takes a parcel of what waits, and writes it to the spool.
    fn spill(&mut self) {
        let events = self.outbox.queue().take();
        let batch = self.pack(&events);
        let stored = match (&mut self.spool, batch) {
            (Some(spool), Some(batch)) => spool.append(&batch),
            _ => Ok(()),
        };
        self.note_stored(stored, events);
    }

    fn note_stored(&mut self, stored: std::io::Result<()>, events: Vec<Event>) {
        let now = self.outbox.now();
        match stored {
            Ok(()) => self.outbox.queue().stored(),
            Err(error) => {
                self.outbox.queue().not_stored(events, now);
                self.report_spool("written", &error);
            }
        }
        self.outbox.ring();
    }

    /// Notes what came of the first parcel. What was delivered leaves the spool before anybody can
    /// learn that it was.
    fn settle(&mut self, outcome: Outcome) {
        let is_over = !matches!(outcome, Outcome::Failed(_));
        let is_spooled = self.outbox.queue().head().is_some_and(|parcel| parcel.is_spooled);
        if let Some(spool) = self.spool.as_mut().filter(|_| is_over && is_spooled) {
            if let Err(error) = spool.remove() {
                self.report_spool("changed", &error);
            }
        }
        let unit = self.random.f64();
        let now = self.outbox.now();
        self.outbox.queue().settle(outcome, now, unit);
        self.outbox.ring();
    }

    /// Reads the first parcel from the spool.
    fn load(&mut self) -> Result<Held, Outcome> {
        let loaded = self.spool.as_ref().map_or(Ok(None), Spool::load);
        match loaded {
            Ok(Some(batch)) => Ok(Held { batch, reason: ReleaseReason::Spool, attempts: 0 }),
            Ok(None) => Err(Outcome::Lost(DropReason::SpoolDamaged)),
            Err(error) => {
                self.report_spool("read", &error);
                let kind = error.kind();
                let is_gone =
                    matches!(kind, std::io::ErrorKind::InvalidData | std::io::ErrorKind::NotFound);
                Err(if is_gone {
                    Outcome::Lost(DropReason::SpoolDamaged)
                } else {
                    Outcome::Failed(None)
                })
            }
        }
    }

    fn pack(&self, events: &[Event]) -> Option<Batch> {
        let origin = &events.first()?.origin;
        let body = self.outbox.envelope.body(origin, events);
        let count = |count| u32::try_from(count).unwrap_or(u32::MAX);
        Some(Batch {
            project_id: origin.project_id.clone(),
            events: count(events.len()),
            visitors: count(body.visitors),
            json: body.json,
        })
    }

    /// Sends a batch. A transport that panics has failed like one that found no network.
    fn deliver(&self, batch: &Batch) -> Answer {
        let (Some(key), Some(transport)) = (&self.outbox.key, self.outbox.transport.get()) else {
            return Err(TransportError::new(TransportErrorKind::InvalidInput));
        };
        let request = BatchRequest::new(key.clone(), &*batch.project_id, batch.json.clone());
        let sent = catch_unwind(AssertUnwindSafe(|| transport.send_batch(&request)));
        sent.unwrap_or_else(|payload| {
            // Dropping the payload is the application's code too, and may panic again.
            std::mem::forget(payload);
            log::error!(target: "convert_sdk::transport", "the transport panicked");
            Err(request.error(TransportErrorKind::Network))
        })
    }

    fn report_spool(&mut self, verb: &str, error: &std::io::Error) {
        self.failures += 1;
        if self.failures.is_power_of_two() {
            log::error!(
                target: "convert_sdk::tracking",
                "the spool could not be {verb}: {error}; it has failed {} times so far",
                self.failures
            );
        }
    }
}

/// Decides what an answer means for a batch.
fn judge(answer: Result<&BatchResponse, &TransportError>) -> Outcome {
    let (status, retry_after) = match answer {
        Ok(response) if response.is_success() => {
            return if says_bot(response.body()) {
                Outcome::Lost(DropReason::Bot)
            } else {
                Outcome::Delivered
            };
        }
        Ok(response) => (Some(response.status()), response.retry_after()),
        // The same request will be as impossible later.
        Err(error) if error.kind() == TransportErrorKind::InvalidInput => {
            return Outcome::Lost(DropReason::Refused);
        }
        Err(error) => (error.status(), error.retry_after()),
    };
    match status {
        Some(408 | 429) => Outcome::Failed(retry_after),
        Some(400..=499) => Outcome::Lost(DropReason::Refused),
        _ => Outcome::Failed(retry_after),
    }
}

/// Returns whether the service took the SDK for a bot, whose events it throws away.
fn says_bot(body: &[u8]) -> bool {
    body.trim_ascii() == b"BOT" || body.windows(BOT.len()).any(|part| part == BOT)
}

fn log_exchange(held: &Held, answer: Result<&BatchResponse, &TransportError>) {
    let events = held.batch.events;
    match answer {
        Ok(response) => log::debug!(
            target: "convert_sdk::transport",
            "POST {events} events, attempt {}: status {}", held.attempts, response.status()
        ),
        Err(error) => log::debug!(
            target: "convert_sdk::transport",
            "POST {events} events, attempt {}: {error}", held.attempts
        ),
    }
}

fn report_losses(outbox: &Outbox, losses: &crate::tracking::tally::Tally) {
    for (reason, count) in losses.by_reason().filter(|(_, count)| *count > 0) {
        log::warn!(target: "convert_sdk::tracking", "{count} events were dropped: {reason}");
        outbox.bus.emit(&LifecycleEvent::EventsDropped(DroppedEvent { reason, count }));
    }
}

/// What the body of such an answer contains.
const BOT: &[u8] = br#""BOT""#;
