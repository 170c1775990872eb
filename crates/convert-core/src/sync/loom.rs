//! The locks once more, on the model checker's primitives: for the models of other modules.

#[expect(clippy::duplicate_mod, reason = "the same source on other primitives is the point")]
#[path = "lock.rs"]
mod lock;

pub(crate) use self::lock::{Condvar, Mutex, MutexGuard};

mod raw {
    pub(super) use loom::sync::{Condvar, Mutex, MutexGuard};

    /// The checker runs its threads on one, so that there is nothing to count by thread.
    pub(super) struct HeldLock;

    impl HeldLock {
        pub(super) fn new() -> Self {
            HeldLock
        }
    }
}
