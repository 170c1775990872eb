//! How long to wait after a failure.

use std::time::Duration;

/// Waits that grow with every failure in a row: exponential, with full jitter.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    least: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    /// Starts with waits of up to `least`, which never grow beyond `most`.
    pub(crate) fn new(least: Duration, most: Duration) -> Self {
        Backoff { least: least.min(LONGEST), most: most.min(LONGEST), failures: 0 }
    }

    /// Counts a failure and returns how long to wait, at least as long as the service asked for.
    /// `unit` is a random number from 0 to 1.
    pub(crate) fn fail(&mut self, asked: Option<Duration>, unit: f64) -> Duration {
        let factor = 2u32.checked_pow(self.failures).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        let ceiling = self.least.saturating_mul(factor).min(self.most);
        let asked = asked.unwrap_or_default().min(MOST_ASKED);
        ceiling.mul_f64(unit.clamp(0.0, 1.0)).max(asked)
    }

    /// Starts anew after a success.
    pub(crate) fn succeed(&mut self) {
        self.failures = 0;
    }
}

/// The longest wait that the service is granted.
pub(crate) const MOST_ASKED: Duration = Duration::from_secs(600);
/// The longest wait of all; far more could not be added to the clock.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    fn backoff() -> Backoff {
        Backoff::new(Duration::from_secs(1), Duration::from_secs(60))
    }

    fn waits(unit: f64) -> Vec<u64> {
        let mut backoff = backoff();
        (0..9).map(|_| backoff.fail(None, unit).as_secs()).collect()
    }

    #[test]
    fn waits_double_up_to_the_bound_and_spread_over_the_whole_range() {
        assert_eq!(waits(1.0), [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(waits(0.5), [0, 1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(waits(0.0), [0; 9]);
    }

    #[test]
    fn many_failures_do_not_overflow() {
        let mut backoff = Backoff::new(Duration::MAX, Duration::MAX);
        for _ in 0..100 {
            assert_eq!(backoff.fail(None, 1.0), LONGEST);
        }
    }

    #[test]
    fn a_success_starts_anew() {
        let mut backoff = backoff();
        backoff.fail(None, 1.0);
        backoff.fail(None, 1.0);
        backoff.succeed();
        assert_eq!(backoff.fail(None, 1.0).as_secs(), 1);
    }

    #[test]
    fn the_service_is_left_alone_as_long_as_it_asked_within_ten_minutes() {
        let asked = |seconds| backoff().fail(Some(Duration::from_secs(seconds)), 1.0).as_secs();
        assert_eq!((asked(0), asked(30), asked(6_000)), (1, 30, 600));
    }
}
