//! The one place that reads the time.
#![expect(clippy::disallowed_methods, reason = "what others must not do is done here")]

use std::time::{Duration, Instant};

/// When a call must have ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// Starts to count now; patience past the range of the clock never ends.
    pub(crate) fn after(patience: Duration) -> Self {
        Deadline(Instant::now().checked_add(patience))
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

const SHORTEST: Duration = Duration::from_micros(100);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
