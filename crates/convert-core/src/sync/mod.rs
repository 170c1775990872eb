//! Locks, and what else the rest of the crate builds on. Nothing in here uses another module of the crate.

#[allow(dead_code, reason = "only the spool and the cache file use files")]
mod file;
mod held;
#[allow(dead_code, reason = "not every module of the crate uses these locks yet")]
mod lock;
mod log_throttle;
#[cfg(test)]
#[allow(dead_code, reason = "not every module of the crate uses these locks yet")]
pub(crate) mod loom;
mod panic_guard;
#[allow(dead_code, reason = "not every module of the crate uses these locks yet")]
mod process;
#[cfg(test)]
mod tests;

#[allow(unused_imports, reason = "only the spool and the cache file use files")]
pub(crate) use self::file::{open_regular, read_regular};
pub(crate) use self::held::assert_no_lock_held;
pub(crate) use self::lock::{Condvar, Mutex, MutexGuard};
pub(crate) use self::log_throttle::LogThrottle;
pub(crate) use self::panic_guard::panic_guard;
#[allow(unused_imports, reason = "not every module of the crate uses these locks yet")]
pub(crate) use self::process::ProcessId;

/// The primitives that the locks stand on; `loom` puts the model checker's in their place.
mod raw {
    pub(super) use std::sync::{Condvar, Mutex, MutexGuard};

    pub(super) use super::held::HeldLock;
}
