//! A mutex that notices, in debug builds, when a thread does I/O while it holds one.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A mutex. A poisoned one is entered.
#[derive(Debug, Default)]
pub(crate) struct Lock<T>(Mutex<T>);

/// The guard of a [`Lock`].
#[derive(Debug)]
pub(crate) struct Locked<'l, T> {
    guard: MutexGuard<'l, T>,
    count: HeldCount,
}

/// Counts in the locks that the thread holds.
#[derive(Debug)]
struct HeldCount;

impl<T> Lock<T> {
    pub(crate) fn lock(&self) -> Locked<'_, T> {
        let guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Locked { guard, count: HeldCount::new() }
    }
}

impl<T> Locked<'_, T> {
    /// Waits for a condition variable, for at most `timeout`. The lock is free meanwhile.
    pub(crate) fn wait(self, condvar: &Condvar, timeout: Duration) -> Self {
        let Locked { guard, count } = self;
        let (guard, _) =
            condvar.wait_timeout(guard, timeout).unwrap_or_else(PoisonError::into_inner);
        Locked { guard, count }
    }
}

impl<T> Deref for Locked<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for Locked<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

/// Fails in debug builds if the thread holds a lock. Stands in front of everything that may block.
pub(crate) fn assert_no_lock_held() {
    debug_assert_eq!(HELD.get(), 0, "a lock is held across I/O");
}

impl HeldCount {
    fn new() -> Self {
        HELD.set(HELD.get() + 1);
        HeldCount
    }
}

impl Drop for HeldCount {
    fn drop(&mut self) {
        HELD.set(HELD.get() - 1);
    }
}

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn io_is_allowed_once_the_lock_is_released() {
        let lock = Lock::<u32>::default();
        drop(lock.lock());
        assert_no_lock_held();
    }

    #[test]
    #[should_panic(expected = "a lock is held across I/O")]
    fn io_under_a_lock_is_noticed() {
        let lock = Lock::<u32>::default();
        let _held = lock.lock();
        assert_no_lock_held();
    }
}
