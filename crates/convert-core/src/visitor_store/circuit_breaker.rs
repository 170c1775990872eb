//! Leaving a store alone that keeps failing.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// Keeps callers from a store that has failed several times in a row. One caller a second tries it again;
/// the others do not wait.
#[derive(Debug, Default)]
pub(crate) struct CircuitBreaker {
    failures: AtomicU32,
    /// In nanoseconds.
    open_until: AtomicU64,
}

impl CircuitBreaker {
    /// Returns whether a call may be made at the time `now`.
    pub(crate) fn admits(&self, now: Duration) -> bool {
        if self.failures.load(Ordering::Acquire) < TOLERATED {
            return true;
        }
        let until = self.open_until.load(Ordering::Acquire);
        if nanos(now) < until {
            return false;
        }
        // Of several callers one finds out for the others.
        let next = nanos(now.saturating_add(OPEN_FOR));
        let won =
            self.open_until.compare_exchange(until, next, Ordering::AcqRel, Ordering::Acquire);
        won.is_ok()
    }

    /// Notes that the store has answered.
    pub(crate) fn succeed(&self) {
        self.failures.store(0, Ordering::Release);
    }

    /// Notes that the store is out of order, and returns how many times in a row it has been.
    pub(crate) fn fail(&self, now: Duration) -> u32 {
        self.open_until.store(nanos(now.saturating_add(OPEN_FOR)), Ordering::Release);
        let counted = self.failures.fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| {
            Some(count.saturating_add(1))
        });
        counted.unwrap_or(u32::MAX).saturating_add(1)
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// How many failures in a row may be chance.
const TOLERATED: u32 = 3;
/// How long the store is left alone.
const OPEN_FOR: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_three_failures_one_caller_a_second_tries() {
        let breaker = CircuitBreaker::default();
        let at = Duration::from_millis;
        for failure in 1..=3 {
            assert!(breaker.admits(at(0)));
            assert_eq!(breaker.fail(at(0)), failure);
        }
        assert!(!breaker.admits(at(999)));
        assert!(breaker.admits(at(1_000)));
        assert!(!breaker.admits(at(1_500)));
        breaker.fail(at(1_600));
        assert!(!breaker.admits(at(2_599)) && breaker.admits(at(2_600)));
        breaker.succeed();
        assert!(breaker.admits(at(2_600)) && breaker.admits(at(2_600)));
    }
}
