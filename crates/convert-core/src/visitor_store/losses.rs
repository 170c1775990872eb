//! Counting the changes that are lost, and when to report them.

use std::time::Duration;

/// The changes that are lost, and which of them are reported.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    count: u64,
    /// Those before the core began to close, or was closed last.
    before_closing: u64,
    reported: u64,
    reported_at: Option<Duration>,
    /// Whether the writer rests until it is time to report.
    is_scheduled: bool,
}

impl Losses {
    pub(crate) fn record(&mut self) {
        self.count += 1;
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn begin_closing(&mut self) {
        self.before_closing = self.count;
    }

    /// Returns how many there were since the core began to close, or since this was asked last.
    pub(crate) fn take_while_closing(&mut self) -> u64 {
        let lost = self.count - self.before_closing;
        self.before_closing = self.count;
        lost
    }

    /// Returns how many to report, if there are any and it is time: once a minute, or `is_last`.
    pub(crate) fn take_due(&mut self, now: Duration, is_last: bool) -> Option<u64> {
        let losses = self.count - self.reported;
        let is_due = |at: Duration| now >= at.saturating_add(INTERVAL);
        let is_due = is_last || self.reported_at.is_none_or(is_due);
        if losses == 0 || !is_due {
            return None;
        }
        self.is_scheduled = false;
        self.reported = self.count;
        self.reported_at = Some(now);
        Some(losses)
    }

    /// Returns when to report those that are not reported; the caller waits until then.
    pub(crate) fn schedule(&mut self) -> Option<Duration> {
        self.is_scheduled = self.count > self.reported;
        let last = self.reported_at.filter(|_| self.is_scheduled);
        last.map(|at| at.saturating_add(INTERVAL))
    }

    /// Returns whether some are not reported, and no time is set for it.
    pub(crate) fn needs_report(&self) -> bool {
        self.count > self.reported && !self.is_scheduled
    }
}

/// How often losses are reported.
const INTERVAL: Duration = Duration::from_secs(60);
