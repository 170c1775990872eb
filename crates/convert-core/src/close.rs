//! Bringing a core to its end.

use std::time::Duration;

use crate::clock::Deadline;
use crate::handle::Lifeline;

/// What closing a core achieved.
///
/// ```
/// use std::time::Duration;
/// use convert_core::{Core, SdkConfig};
///
/// let core = Core::initialize(SdkConfig::from_json(r#"{"account_id": "1", "project": {"id": "2"}}"#)?)?;
/// let report = core.close(Duration::from_secs(2));
/// assert!(report.is_complete() && !report.was_closed());
/// assert!(!core.is_ready());
/// assert!(core.close(Duration::from_secs(2)).was_closed());
/// # Ok::<(), convert_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloseReport {
    was_closed: bool,
    handlers_ended: bool,
    worker_ended: bool,
}

impl CloseReport {
    /// Returns whether the core had been closed before.
    pub fn was_closed(&self) -> bool {
        self.was_closed
    }

    /// Returns whether nothing of the core runs any more: no thread, no handler. What is left over
    /// when the patience runs out has been told to end, and does so when it can.
    pub fn is_complete(&self) -> bool {
        self.handlers_ended && self.worker_ended
    }

    /// Returns whether no thread of the core runs any more.
    pub fn is_worker_ended(&self) -> bool {
        self.worker_ended
    }
}

impl Lifeline {
    pub(crate) fn close(&self, deadline: Deadline, patience: Duration) -> CloseReport {
        let bus = &self.shared.bus;
        let was_closed = bus.shut();
        if let Some(worker) = &self.worker {
            worker.stop();
        }
        let worker_ended = self.end_worker(deadline, patience);
        let handlers_ended = bus.wait_until_quiet(deadline);
        if !was_closed {
            log::info!(
                target: "convert_sdk::core",
                "closed{}", if worker_ended { "" } else { "; the refresh worker ends later" }
            );
        }
        CloseReport { was_closed, handlers_ended, worker_ended }
    }

    /// Waits for the worker, and breaks off its fetch when a part of the patience has gone.
    fn end_worker(&self, deadline: Deadline, patience: Duration) -> bool {
        let Some(worker) = &self.worker else { return true };
        let gentle = Deadline::after(patience / 4).sooner(deadline);
        if worker.join(gentle) {
            return true;
        }
        if let Some(remote) = &self.shared.remote {
            remote.fetcher.close();
        }
        worker.join(deadline)
    }
}

impl Drop for Lifeline {
    fn drop(&mut self) {
        if !self.shared.bus.is_closed() {
            self.close(Deadline::after(DROP_PATIENCE), DROP_PATIENCE);
        }
    }
}

/// How long dropping the last handle may take.
const DROP_PATIENCE: Duration = Duration::from_secs(2);
