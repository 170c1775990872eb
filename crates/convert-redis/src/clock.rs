//! The one place that reads the time.
#![expect(clippy::disallowed_methods, reason = "other modules take a deadline from here")]

use std::time::{Duration, Instant};

/// When a call must have ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// Starts to count now; a timeout past the range of the clock never ends.
    pub(crate) fn after(timeout: Duration) -> Self {
        Deadline(Instant::now().checked_add(timeout))
    }

    /// Returns what is left, or nothing once the time has come.
    pub(crate) fn remaining(self) -> Option<Duration> {
        let Some(at) = self.0 else { return Some(LONGEST) };
        let left = at.saturating_duration_since(Instant::now());
        // A socket takes no timeout that rounds to zero.
        (left >= SHORTEST).then_some(left)
    }

    /// Returns the end of a first part of what is left, of so many parts.
    pub(crate) fn part(self, parts: u32) -> Self {
        self.remaining().map_or(self, |left| Deadline::after(left / parts.max(1)))
    }
}

/// Returns the time now.
pub(crate) fn now() -> Instant {
    Instant::now()
}

const SHORTEST: Duration = Duration::from_micros(100);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
