//! Locks, and what else the rest of the crate builds on. Nothing in here uses another module of the crate.

mod file;
mod held;
mod lock;
mod log_throttle;
#[cfg(test)]
pub(crate) mod loom;
mod panic_guard;
mod process;
#[cfg(test)]
mod tests;

#[cfg(feature = "spool")]
pub(crate) use self::file::open_regular;
pub(crate) use self::file::read_regular;
pub(crate) use self::held::assert_no_lock_held;
pub(crate) use self::lock::{Condvar, Mutex, MutexGuard};
pub(crate) use self::log_throttle::LogThrottle;
pub(crate) use self::panic_guard::panic_guard;
pub(crate) use self::process::ProcessId;

/// The primitives that the locks stand on; `loom` puts the model checker's in their place.
mod raw {
    pub(super) use std::sync::{Condvar, Mutex, MutexGuard};

    pub(super) use super::held::HeldLock;
}
