//! What the delivery worker does.

use std::panic::{AssertUnwindSafe, catch_unwind};

use convert_transport::{BatchRequest, BatchResponse, TransportError, TransportErrorKind};

use crate::event::{DroppedEvent, LifecycleEvent, ReleasedEvent};
use crate::tracking::batch::Batch;
use crate::tracking::outbox::Outbox;
use crate::tracking::queue::{Outcome, Step};
use crate::tracking::shelf::Held;
use crate::tracking::tally::{DropReason, Tally};

/// Delivers events until the core closes.
pub(crate) fn run(outbox: &Outbox) {
    let _presence = Presence::enter(outbox);
    let mut random = outbox.timer.randomness();
    loop {
        match outbox.hatch.next(&outbox.timer) {
            Step::Send => send(outbox, random.f64()),
            Step::Release(reason) => outbox.shelf().release(reason),
            step @ (Step::Store | Step::Spill) => {
                // In the end all of it is synced together, since closing is short of time.
                let lasts = !outbox.hatch.look(|queue| queue.is_stopped());
                let fault = outbox.shelf().put_away(step, lasts, outbox.now());
                outbox.note(fault);
            }
            Step::Sync => {
                let fault = outbox.shelf().sync();
                outbox.note(fault);
            }
            Step::Report(losses) => report(outbox, &losses),
            Step::Rest(_) => {}
            Step::Stop => break,
        }
    }
}

/// Ends with the worker, in whatever way that ends.
struct Presence<'o>(&'o Outbox);

impl<'o> Presence<'o> {
    fn enter(outbox: &'o Outbox) -> Self {
        outbox.hatch.enter();
        Presence(outbox)
    }
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        self.0.shelf().shut();
        self.0.hatch.leave(true);
    }
}

/// The answer to a batch, or why there is none.
type Answer = Result<BatchResponse, TransportError>;

/// Sends the first parcel.
fn send(outbox: &Outbox, unit: f64) {
    let first = outbox.shelf().first();
    let held = match first {
        Ok(held) => held,
        Err((outcome, fault)) => {
            outbox.note(fault);
            let fault = outbox.shelf().settle(outcome, outbox.now(), unit);
            return outbox.note(fault);
        }
    };
    let answer = deliver(outbox, &held.batch);
    let outcome = judge(answer.as_ref());
    log_exchange(&held, answer.as_ref());
    let event = ReleasedEvent::new(held.reason, &held.batch, held.attempts, answer);
    let fault = outbox.shelf().settle(outcome, outbox.now(), unit);
    outbox.note(fault);
    if outcome == Outcome::Lost(DropReason::Refused) {
        outbox.note_refusal(&event);
    }
    outbox.bus.emit(&LifecycleEvent::QueueReleased(event));
}

/// Sends a batch. A transport that panics has failed like one that found no network.
fn deliver(outbox: &Outbox, batch: &Batch) -> Answer {
    let (Some(key), Some(transport)) = (&outbox.key, outbox.transport.get()) else {
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

fn report(outbox: &Outbox, losses: &Tally) {
    for (reason, count) in losses.by_reason().filter(|(_, count)| *count > 0) {
        log::warn!(target: "convert_sdk::tracking", "{count} events were dropped: {reason}");
        outbox.bus.emit(&LifecycleEvent::EventsDropped(DroppedEvent { reason, count }));
    }
}

/// What the body of such an answer contains.
const BOT: &[u8] = br#""BOT""#;

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
        // Nothing says that what moved will not come back.
        for status in [301, 302, 304, 307, 308, 408, 429, 500, 501, 502, 503, 504, 599] {
            assert_eq!(judged(status, ""), later, "{status}");
        }
        for status in [400, 401, 403, 404, 405, 409, 410, 413, 422, 431, 499] {
            assert_eq!(judged(status, ""), refused, "{status}");
        }
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
