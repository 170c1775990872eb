//! When to fetch next: a function of what has happened, with neither clock nor thread.

use std::time::Duration;

use crate::snapshot::RefreshConfig;

/// When the config is fetched next. Times count from any fixed moment.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    policy: RefreshConfig,
    failures: u32,
    /// Until when the service has asked to be left alone.
    not_before: Duration,
    next: Duration,
}

/// How an attempt ended, as far as the next one is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// The service sent a config, or confirmed the one that is held.
    Succeeded,
    /// It did not, and the next time it may.
    Failed,
    /// It did not, and is not going to soon.
    Refused,
}

impl Schedule {
    /// Starts with a first attempt at the time `now`.
    pub(crate) fn at_once(policy: RefreshConfig, now: Duration) -> Self {
        Schedule { policy, failures: 0, not_before: Duration::ZERO, next: now }
    }

    /// Returns when the next attempt is due.
    pub(crate) fn next(&self) -> Duration {
        self.next
    }

    /// Returns whether an attempt may be made at the time `now`, before it is due: unless the service
    /// has asked to be left alone for longer.
    pub(crate) fn allows(&self, now: Duration) -> bool {
        now >= self.not_before
    }

    /// Plans the next attempt after one that ended at the time `now`, and for which the service asked
    /// to be left alone for the time `retry_after`; `unit` is a random number from 0 to 1.
    pub(crate) fn plan(
        &mut self,
        attempt: Attempt,
        retry_after: Option<Duration>,
        now: Duration,
        unit: f64,
    ) {
        let retry_after = retry_after.unwrap_or_default();
        self.not_before = now.saturating_add(retry_after);
        self.failures = match attempt {
            Attempt::Succeeded => 0,
            Attempt::Failed | Attempt::Refused => self.failures.saturating_add(1),
        };
        let wait = match attempt {
            Attempt::Refused => self.policy.backoff_max(),
            Attempt::Succeeded | Attempt::Failed => self.backoff(),
        };
        let wait = wait.max(retry_after);
        let most = self.policy.jitter();
        let jitter = Duration::try_from_secs_f64(most.as_secs_f64() * unit.clamp(0.0, 1.0));
        let jitter = jitter.map_or(most, |jitter| jitter.min(most));
        self.next = now.saturating_add(wait).saturating_add(jitter);
    }

    /// Returns `interval × factorⁿ`, at most the longest wait, and the interval for no failures.
    fn backoff(&self) -> Duration {
        if self.failures == 0 {
            return self.policy.interval();
        }
        let exponent = i32::try_from(self.failures).unwrap_or(i32::MAX);
        let seconds =
            self.policy.interval().as_secs_f64() * self.policy.backoff_factor().powi(exponent);
        let longest = self.policy.backoff_max();
        Duration::try_from_secs_f64(seconds).map_or(longest, |wait| wait.min(longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_000);

    /// Returns the waits, in seconds, after a row of attempts.
    fn waits(policy: RefreshConfig, attempts: &[Attempt], unit: f64) -> Vec<f64> {
        let mut schedule = Schedule::at_once(policy, NOW);
        assert_eq!(schedule.next(), NOW);
        let wait = |attempt: &Attempt| {
            schedule.plan(*attempt, None, NOW, unit);
            schedule.next().saturating_sub(NOW).as_secs_f64()
        };
        attempts.iter().map(wait).collect()
    }

    #[test]
    fn failures_double_the_wait_up_to_the_ceiling_and_success_resets_it() {
        use Attempt::{Failed, Succeeded};
        let policy = RefreshConfig::builder()
            .interval(Duration::from_secs(10))
            .jitter(Duration::from_secs(4))
            .backoff_max(Duration::from_secs(75))
            .build()
            .unwrap();
        let attempts = [Succeeded, Failed, Failed, Failed, Failed, Succeeded, Failed];
        assert_eq!(waits(policy, &attempts, 0.0), [10.0, 20.0, 40.0, 75.0, 75.0, 10.0, 20.0]);
        assert_eq!(waits(policy, &attempts, 0.5), [12.0, 22.0, 42.0, 77.0, 77.0, 12.0, 22.0]);
        assert_eq!(waits(policy, &attempts, 1.0), [14.0, 24.0, 44.0, 79.0, 79.0, 14.0, 24.0]);
    }

    #[test]
    fn a_refusal_goes_to_the_ceiling_and_counts_as_a_failure() {
        use Attempt::{Failed, Refused, Succeeded};
        let policy = RefreshConfig::builder()
            .interval(Duration::from_secs(10))
            .jitter(Duration::ZERO)
            .backoff_max(Duration::from_secs(90))
            .build()
            .unwrap();
        let attempts = [Refused, Failed, Refused, Succeeded];
        assert_eq!(waits(policy, &attempts, 0.7), [90.0, 40.0, 90.0, 10.0]);
    }

    #[test]
    fn no_setting_or_number_of_failures_leaves_the_range_of_time() {
        let policy = RefreshConfig::builder()
            .interval(Duration::MAX)
            .jitter(Duration::MAX)
            .backoff_factor(f64::MAX)
            .backoff_max(Duration::MAX)
            .build()
            .unwrap();
        let mut schedule = Schedule::at_once(policy, NOW);
        schedule.failures = u32::MAX;
        for attempt in [Attempt::Failed, Attempt::Refused, Attempt::Succeeded] {
            for unit in [0.0, 0.5, 1.0, 2.0, f64::NAN] {
                schedule.plan(attempt, None, NOW, unit);
                assert_eq!(schedule.next(), Duration::MAX);
            }
        }
    }

    #[test]
    fn what_the_service_asked_for_is_waited_for_if_it_is_longer_than_the_backoff() {
        let policy = RefreshConfig::builder()
            .interval(Duration::from_secs(10))
            .jitter(Duration::ZERO)
            .backoff_max(Duration::from_secs(90))
            .build()
            .unwrap();
        let mut schedule = Schedule::at_once(policy, NOW);
        assert!(schedule.allows(NOW));
        for (attempt, asked, expected) in [
            (Attempt::Failed, Some(35), 35),
            (Attempt::Failed, Some(35), 40),
            (Attempt::Refused, Some(120), 120),
            (Attempt::Succeeded, None, 10),
        ] {
            let asked = asked.map(Duration::from_secs);
            schedule.plan(attempt, asked, NOW, 0.5);
            assert_eq!(schedule.next().saturating_sub(NOW), Duration::from_secs(expected));
            let until = NOW + asked.unwrap_or_default();
            assert!(schedule.allows(until));
            let before = until.checked_sub(Duration::from_nanos(1)).unwrap();
            assert!(asked.is_none() || !schedule.allows(before));
        }
    }

    proptest::proptest! {
        #[test]
        fn the_next_attempt_is_never_early_and_never_past_ceiling_and_jitter(
            interval in 1_000u64..100_000,
            jitter in 0.0..=1.0f64,
            factor in 1.0..10.0f64,
            ceiling in 1.0..10.0f64,
            outcomes in proptest::collection::vec((0u8..3, 0.0..=1.0f64), 1..50),
        ) {
            let interval = Duration::from_millis(interval);
            let policy = RefreshConfig::builder()
                .interval(interval)
                .jitter(interval.mul_f64(jitter))
                .backoff_factor(factor)
                .backoff_max(interval.mul_f64(ceiling))
                .build()
                .unwrap();
            let mut schedule = Schedule::at_once(policy, NOW);
            let mut now = NOW;
            for (outcome, unit) in outcomes {
                let attempt =
                    [Attempt::Succeeded, Attempt::Failed, Attempt::Refused][usize::from(outcome)];
                schedule.plan(attempt, None, now, unit);
                let wait = schedule.next().checked_sub(now).unwrap();
                assert!(wait >= interval, "{wait:?} {policy:?}");
                assert!(wait <= policy.backoff_max() + policy.jitter(), "{wait:?} {policy:?}");
                if attempt == Attempt::Succeeded {
                    assert!(wait <= interval + policy.jitter(), "{wait:?} {policy:?}");
                }
                now = schedule.next();
            }
        }
    }
}
