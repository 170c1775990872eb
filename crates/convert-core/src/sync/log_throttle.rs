//! Logging what happens again and again.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts occurrences and selects those to log: the 1st, 2nd, 4th, 8th and so on.
#[derive(Debug, Default)]
pub(crate) struct LogThrottle(AtomicU64);

impl LogThrottle {
    /// Counts an occurrence, and returns the number so far if this one is to be logged.
    pub(crate) fn record(&self) -> Option<u64> {
        let count = self.0.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        LogThrottle::selects(count).then_some(count)
    }

    /// Returns the number of occurrences so far.
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Returns whether the occurrence with this number is to be logged.
    pub(crate) fn selects(count: u64) -> bool {
        count.is_power_of_two()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_logged_and_then_ever_fewer() {
        let throttle = LogThrottle::default();
        let logged: Vec<u64> = (0..20).filter_map(|_| throttle.record()).collect();
        assert_eq!(logged, [1, 2, 4, 8, 16]);
        assert_eq!(throttle.count(), 20);
    }
}
