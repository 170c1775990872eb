//! Calling code of the application.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Code of the application panicked. Where and why, the process's panic hook has reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Panicked;

/// Calls code of the application: a handler, a store, a transport, a clock. A panic ends here.
///
/// # Errors
///
/// Returns [`Panicked`] if the call panicked.
pub(crate) fn panic_guard<T>(call: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|payload| {
        // Dropping the payload runs code of the application too, and may panic again.
        if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            std::mem::forget(again);
        }
        Panicked
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct PanicsWhenDropped;

    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            std::panic::panic_any(PanicsWhenDropped);
        }
    }

    #[test]
    fn a_panic_ends_here_even_if_its_payload_panics_when_dropped() {
        assert_eq!(panic_guard(|| 1), Ok(1));
        assert_eq!(panic_guard(|| panic!("on purpose")), Err::<(), _>(Panicked));
        let outcome = panic_guard(|| std::panic::panic_any(PanicsWhenDropped));
        assert_eq!(outcome, Err::<(), _>(Panicked));
    }
}
