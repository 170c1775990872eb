//! A signal that ends waiting threads at once.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Tells threads that their server is going away; clones share the signal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    pub(crate) fn set(&self) {
        *self.lock() = true;
        self.0.1.notify_all();
    }

    pub(crate) fn is_set(&self) -> bool {
        *self.lock()
    }

    /// Waits at most `duration`; true when the signal came.
    pub(crate) fn wait(&self, duration: Duration) -> bool {
        let (is_set, _) = self
            .0
            .1
            .wait_timeout_while(self.lock(), duration, |is_set| !*is_set)
            .unwrap_or_else(PoisonError::into_inner);
        *is_set
    }

    /// Waits until the signal comes.
    pub(crate) fn wait_forever(&self) {
        let _guard = self
            .0
            .1
            .wait_while(self.lock(), |is_set| !*is_set)
            .unwrap_or_else(PoisonError::into_inner);
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
