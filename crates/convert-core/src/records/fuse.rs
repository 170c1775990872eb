//! Leaving a store alone that keeps failing.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Keeps callers from a store that has failed several times in a row: one of them tries it again
/// from time to time, and the others do not wait.
#[derive(Debug, Default)]
pub(crate) struct Fuse(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    rests_until: Duration,
}

impl Fuse {
    /// Returns whether a call may be made at the time `now`.
    pub(crate) fn admits(&self, now: Duration) -> bool {
        let mut state = self.state();
        if state.failures < TOLERATED {
            return true;
        }
        if now < state.rests_until {
            return false;
        }
        // This caller finds out for the others.
        state.rests_until = now.saturating_add(REST);
        true
    }

    /// Notes that the store has answered.
    pub(crate) fn succeed(&self) {
        self.state().failures = 0;
    }

    /// Notes that the store is out of order, and returns how many times in a row it has been.
    pub(crate) fn fail(&self, now: Duration) -> u32 {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        state.rests_until = now.saturating_add(REST);
        state.failures
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many failures in a row may be chance.
pub(crate) const TOLERATED: u32 = 3;
/// How long the store is left alone.
const REST: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_three_failures_one_caller_a_second_tries() {
        let fuse = Fuse::default();
        let at = Duration::from_millis;
        for failure in 1..=3 {
            assert!(fuse.admits(at(0)));
            assert_eq!(fuse.fail(at(0)), failure);
        }
        assert!(!fuse.admits(at(999)));
        assert!(fuse.admits(at(1_000)));
        assert!(!fuse.admits(at(1_500)));
        fuse.fail(at(1_600));
        assert!(!fuse.admits(at(2_599)) && fuse.admits(at(2_600)));
        fuse.succeed();
        assert!(fuse.admits(at(2_600)) && fuse.admits(at(2_600)));
    }
}
