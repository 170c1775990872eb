//! The mutex and condition variable of this crate.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{PoisonError, TryLockError};
use std::time::Duration;

use super::raw;
use crate::sync::process::ProcessId;

/// A mutex that ignores poisoning and that a child of `fork()` can try to enter without the danger of
/// waiting for a thread that only its parent has.
///
/// Not held while the SDK waits for anything but a [`Condvar`]: `assert_no_lock_held` checks this.
pub(crate) struct Mutex<T> {
    raw: raw::Mutex<T>,
    made_in: ProcessId,
}

/// Access to what a [`Mutex`] protects, until it is dropped.
pub(crate) struct MutexGuard<'a, T> {
    raw: raw::MutexGuard<'a, T>,
    held: raw::HeldLock,
}

/// A condition variable for a [`Mutex`].
#[derive(Default)]
pub(crate) struct Condvar {
    raw: raw::Condvar,
}

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Mutex::made_in(ProcessId::current(), value)
    }

    pub(crate) fn made_in(process: ProcessId, value: T) -> Self {
        Mutex { raw: raw::Mutex::new(value), made_in: process }
    }

    /// Waits for the mutex. For code that a child of `fork()` does not reach with its parent's mutex,
    /// since the process was checked before; everything else uses [`Mutex::try_enter`].
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        // A panic within the SDK leaves each value usable, so a poisoned mutex is entered.
        MutexGuard::new(self.raw.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for the mutex, or returns `None` in a child of `fork()` where it stays taken.
    ///
    /// In the process that made the mutex this is [`Mutex::lock`]. In a child the holder may be a
    /// thread of the parent, which never lets go, or one of the child, which soon does: the call tries
    /// for a moment and gives up. A mutex that is free costs no system call in either.
    pub(crate) fn try_enter(&self) -> Option<MutexGuard<'_, T>> {
        if let Some(guard) = self.try_lock() {
            return Some(guard);
        }
        if self.made_in.is_current() {
            return Some(self.lock());
        }
        (0..TRIES_IN_CHILD).find_map(|_| {
            std::thread::yield_now();
            self.try_lock()
        })
    }

    fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.raw.try_lock() {
            Ok(guard) => Some(MutexGuard::new(guard)),
            Err(TryLockError::Poisoned(poisoned)) => Some(MutexGuard::new(poisoned.into_inner())),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

impl<'a, T> MutexGuard<'a, T> {
    fn new(raw: raw::MutexGuard<'a, T>) -> Self {
        MutexGuard { raw, held: raw::HeldLock::new() }
    }
}

impl Condvar {
    pub(crate) fn new() -> Self {
        Condvar::default()
    }

    /// Gives the mutex up until notified, or until woken without a reason.
    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        let MutexGuard { raw, held } = guard;
        let raw = self.raw.wait(raw).unwrap_or_else(PoisonError::into_inner);
        MutexGuard { raw, held }
    }

    /// Gives the mutex up until notified, until the timeout elapses, or until woken without a reason.
    pub(crate) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> MutexGuard<'a, T> {
        let MutexGuard { raw, held } = guard;
        let waited = self.raw.wait_timeout(raw, timeout);
        let raw = waited.unwrap_or_else(PoisonError::into_inner).0;
        MutexGuard { raw, held }
    }

    pub(crate) fn notify_one(&self) {
        self.raw.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.raw.notify_all();
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.raw
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.raw
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").finish_non_exhaustive()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}

/// How often a child of `fork()` tries to enter a mutex of its parent's, yielding in between: far longer
/// than any thread of its own holds one.
const TRIES_IN_CHILD: u32 = 200;
