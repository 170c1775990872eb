//! The one place that reads the time.

use std::time::{SystemTime, UNIX_EPOCH};

use convert_decision::{Moment, WallClock};

/// The system's clock. Local time is UTC: the standard library knows no time zones.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SystemClock;

impl WallClock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    fn now(&self) -> Moment {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment::new(i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX), 0)
    }
}
