//! What the delivery worker does.

use std::time::Duration;

use convert_transport::{BatchRequest, BatchResponse, TransportError, TransportErrorKind};

use crate::clock::Deadline;
use crate::event::{DroppedEvent, LifecycleEvent, ReleasedEvent};
use crate::log;
use crate::sync::{assert_no_lock_held, panic_guard};
use crate::tracking::batch::Batch;
use crate::tracking::counters::{DeliveryCounters, DropReason};
use crate::tracking::in_flight::{Fault, InFlight, InFlightBatch};
use crate::tracking::pipeline::Pipeline;
use crate::tracking::queue::{Outcome, Step};

/// Delivers events until the core closes.
pub(crate) fn run(pipeline: &Pipeline) {
    let _presence = Presence::enter(pipeline);
    let mut random = pipeline.timer.randomness();
    let mut outage = Outage::default();
    let mut is_checked = false;
    loop {
        match pipeline.queue.next(&pipeline.timer) {
            Step::Send => send(pipeline, &mut outage, random.f64()),
            Step::Release(reason) => {
                move_batches(pipeline, |in_flight, _| in_flight.release(reason));
            }
            step @ (Step::Store | Step::Spill) => {
                // In the end all of it is synced together, since closing is short of time.
                let lasts = !pipeline.queue.look(|queue| queue.is_stopped());
                let now = pipeline.now();
                move_batches(pipeline, |in_flight, faults| {
                    in_flight.spill(step, lasts, now, faults);
                });
            }
            Step::Sync => move_batches(pipeline, InFlight::sync),
            Step::Report(losses) => report(pipeline, &losses),
            Step::Rest(_) => {}
            // What is reported as spooled in the end must be there; there may be losses to report.
            Step::Stop if !is_checked => {
                is_checked = true;
                pipeline.check_files(Deadline::after(Duration::MAX));
            }
            Step::Stop => break,
        }
    }
    report_left(pipeline);
}

/// Moves batches, which includes files, and logs what went wrong.
fn move_batches(pipeline: &Pipeline, work: impl FnOnce(&mut InFlight, &mut Vec<Fault>)) {
    let mut faults = Vec::new();
    pipeline
        .in_flight
        .with(Deadline::after(Duration::MAX), |in_flight| work(in_flight, &mut faults));
    pipeline.log_faults(faults);
}

/// Ends with the worker, in whatever way that ends.
struct Presence<'p>(&'p Pipeline);

impl<'p> Presence<'p> {
    fn enter(pipeline: &'p Pipeline) -> Self {
        pipeline.queue.enter();
        Presence(pipeline)
    }
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        self.0.in_flight.with(Deadline::after(Duration::MAX), InFlight::shut);
        self.0.queue.leave(true);
    }
}

/// What is logged while events cannot be delivered: a warning a minute.
#[derive(Default)]
struct Outage {
    failures: u64,
    warned_at: Option<Duration>,
}

impl Outage {
    /// Counts a failure, and logs it unless another one was logged within the last minute.
    fn fail(&mut self, pipeline: &Pipeline, cause: &ReleasedEvent) {
        self.failures += 1;
        let now = pipeline.now();
        if self.warned_at.is_some_and(|at| now.saturating_sub(at) < WARNING_PAUSE) {
            return;
        }
        self.warned_at = Some(now);
        let depth = pipeline.queue.look(|queue| queue.depth());
        log::warn!(
            target: "convert_sdk::tracking",
            "events cannot be delivered: {cause}; {} failed attempts in a row, {} events wait in \
             memory and {} in the spool",
            self.failures,
            depth.waiting + depth.under_way,
            depth.spooled
        );
    }

    /// Notes that the service has answered.
    fn end(&mut self) {
        if self.failures > 0 && self.warned_at.is_some() {
            log::info!(
                target: "convert_sdk::tracking",
                "the service takes events again, after {} failed attempts", self.failures
            );
        }
        self.failures = 0;
    }
}

/// The answer to a batch, or why there is none.
type Answer = Result<BatchResponse, TransportError>;

/// Sends the first batch.
fn send(pipeline: &Pipeline, outage: &mut Outage, unit: f64) {
    let mut first = None;
    let now = pipeline.now();
    move_batches(pipeline, |in_flight, faults| first = in_flight.first(now, unit, faults));
    let Some(sent) = first else { return };
    let answer = deliver(pipeline, &sent.batch);
    let outcome = judge(answer.as_ref());
    log_exchange(&sent, answer.as_ref());
    let event = ReleasedEvent::new(sent.reason, &sent.batch, sent.attempts, answer);
    match outcome {
        Outcome::Failed(_) => {
            pipeline.record_failure(&event);
            outage.fail(pipeline, &event);
        }
        _ => outage.end(),
    }
    let refused = pipeline.queue.look(|queue| queue.counters().refused);
    let now = pipeline.now();
    move_batches(pipeline, |in_flight, faults| in_flight.acknowledge(outcome, now, unit, faults));
    if pipeline.queue.look(|queue| queue.counters().refused) > refused {
        pipeline.log_refusal(&event);
    }
    pipeline.bus.emit(&LifecycleEvent::QueueReleased(event));
}

/// Sends a batch. A transport that panics has failed like one that found no network.
fn deliver(pipeline: &Pipeline, batch: &Batch) -> Answer {
    let (Some(key), Some(transport)) = (&pipeline.key, pipeline.transport.get()) else {
        return Err(TransportError::new(TransportErrorKind::InvalidInput));
    };
    let request = BatchRequest::new(key.clone(), &*batch.project_id, batch.json.clone());
    assert_no_lock_held("sending a batch");
    panic_guard(|| transport.send_batch(&request)).unwrap_or_else(|_| {
        pipeline.log_transport_panic();
        Err(request.error(TransportErrorKind::Network))
    })
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
        Some(413) => Outcome::TooLarge(retry_after),
        Some(400..=499) => Outcome::Lost(DropReason::Refused),
        _ => Outcome::Failed(retry_after),
    }
}

/// Returns whether the service took the SDK for a bot, whose events it throws away.
fn says_bot(body: &[u8]) -> bool {
    body.trim_ascii() == b"BOT" || body.windows(BOT.len()).any(|part| part == BOT)
}

fn log_exchange(sent: &InFlightBatch, answer: Result<&BatchResponse, &TransportError>) {
    let events = sent.batch.events;
    match answer {
        Ok(response) => log::debug!(
            target: "convert_sdk::transport",
            "POST {events} events, attempt {}: status {}", sent.attempts, response.status()
        ),
        Err(error) => log::debug!(
            target: "convert_sdk::transport",
            "POST {events} events, attempt {}: {error}", sent.attempts
        ),
    }
}

fn report(pipeline: &Pipeline, losses: &DeliveryCounters) {
    for (reason, count) in losses.by_reason().filter(|(_, count)| *count > 0) {
        log::error!(target: "convert_sdk::tracking", "{count} events are lost: {reason}");
        pipeline.bus.emit(&LifecycleEvent::EventsDropped(DroppedEvent { reason, count }));
    }
}

/// Reports what is neither delivered nor in the spool when the worker ends. It stays in the counters
/// of what waits; the closing thread logs it.
fn report_left(pipeline: &Pipeline) {
    let count = pipeline.queue.look(|queue| {
        let depth = queue.depth();
        depth.waiting + depth.under_way
    });
    if count > 0 {
        let reason = DropReason::Closed;
        pipeline.bus.emit(&LifecycleEvent::EventsDropped(DroppedEvent { reason, count }));
    }
}

/// The shortest time between two warnings that events cannot be delivered.
const WARNING_PAUSE: Duration = Duration::from_secs(60);
/// What the body of such an answer contains.
const BOT: &[u8] = br#""BOT""#;

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, body: &str) -> Outcome {
        judge(Ok(&BatchResponse::new(status).with_body(body)))
    }

    #[test]
    fn statuses_decide_what_becomes_of_a_batch() {
        let (later, refused) = (Outcome::Failed(None), Outcome::Lost(DropReason::Refused));
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(judged(status, ""), Outcome::Delivered, "{status}");
        }
        // What moved may come back.
        for status in [301, 302, 304, 307, 308, 408, 429, 500, 501, 502, 503, 504, 599] {
            assert_eq!(judged(status, ""), later, "{status}");
        }
        for status in [400, 401, 403, 404, 405, 409, 410, 422, 431, 499] {
            assert_eq!(judged(status, ""), refused, "{status}");
        }
        assert_eq!(judged(413, ""), Outcome::TooLarge(None));
        let wait = Some(Duration::from_secs(7));
        let busy = BatchResponse::new(429).with_retry_after(wait);
        assert_eq!(judge(Ok(&busy)), Outcome::Failed(wait));
    }

    #[test]
    fn only_the_code_itself_says_bot() {
        for body in ["BOT", " BOT\n", r#"{"code":"BOT"}"#, r#"{ "code" : "BOT", "data": [] }"#] {
            assert_eq!(judged(200, body), Outcome::Lost(DropReason::Bot), "{body}");
        }
        for body in ["", "OK", r#"{"bot":false}"#, r#"{"code":"OK","note":"no BOT here"}"#] {
            assert_eq!(judged(200, body), Outcome::Delivered, "{body}");
        }
        assert_eq!(judged(400, "BOT"), Outcome::Lost(DropReason::Refused));
        assert_eq!(judged(503, "BOT"), Outcome::Failed(None));
    }
}
