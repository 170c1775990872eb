//! The one place that reads the time.
#![expect(clippy::disallowed_methods, reason = "what others must not do is done here")]

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the system's time in seconds since 1970.
pub(crate) fn unix_seconds() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
}
