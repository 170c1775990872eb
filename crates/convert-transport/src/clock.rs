//! The one place that reads the time.
#![expect(clippy::disallowed_methods, reason = "what others must not do is done here")]

use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Returns the system's time in seconds since 1970.
pub(crate) fn unix_seconds() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
}

/// A point in time that several steps share: what one step leaves, the next may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    at: Instant,
    limit: Duration,
    name: &'static str,
}

impl Deadline {
    /// Starts a deadline that is called `name` in messages.
    pub(crate) fn start(limit: Duration, name: &'static str) -> Self {
        Self { at: Instant::now() + limit, limit, name }
    }

    /// Returns the sooner of this deadline and one that starts now.
    pub(crate) fn or_sooner(self, limit: Duration, name: &'static str) -> Self {
        let other = Self::start(limit, name);
        if other.at < self.at { other } else { self }
    }

    /// Returns the time that is left; `None` when there is none.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.at.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }
}

impl fmt::Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {:?}", self.name, self.limit)
    }
}

/// A connection that waits in the pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IdleSince(Instant);

impl IdleSince {
    pub(crate) fn now() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn is_longer_than(self, limit: Duration) -> bool {
        self.0.elapsed() > limit
    }
}
