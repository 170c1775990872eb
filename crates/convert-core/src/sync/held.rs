//! How many locks the calling thread holds: checked in tests wherever the SDK may wait for the world.
//!
//! Counts in debug builds of the SDK's own tests only, so that no application can meet the assertion.

#[cfg(all(debug_assertions, any(test, feature = "test-util")))]
mod count {
    use std::cell::Cell;

    thread_local! {
        static HELD: Cell<u32> = const { Cell::new(0) };
    }

    /// Counts while it exists.
    pub(crate) struct HeldLock;

    impl HeldLock {
        pub(crate) fn new() -> Self {
            // A lock may be used while the thread ends and its locals are gone.
            let _ = HELD.try_with(|held| held.set(held.get().saturating_add(1)));
            HeldLock
        }
    }

    impl Drop for HeldLock {
        fn drop(&mut self) {
            let _ = HELD.try_with(|held| held.set(held.get().saturating_sub(1)));
        }
    }

    /// Asserts, in tests, that the calling thread holds none of the SDK's locks.
    ///
    /// Called where a thread may wait for something outside of the SDK: before a transport, a store or a
    /// handler is called, a file is read or written, a thread is joined. `seam` names the place.
    #[track_caller]
    pub(crate) fn assert_no_lock_held(seam: &str) {
        let held = HELD.try_with(Cell::get).unwrap_or(0);
        assert!(held == 0, "{held} locks are held at: {seam}");
    }
}

#[cfg(not(all(debug_assertions, any(test, feature = "test-util"))))]
mod count {
    /// Counts nothing in this build.
    pub(crate) struct HeldLock;

    impl HeldLock {
        #[inline]
        pub(crate) fn new() -> Self {
            HeldLock
        }
    }

    /// Does nothing in this build.
    #[inline]
    pub(crate) fn assert_no_lock_held(_seam: &str) {}
}

pub(crate) use self::count::{HeldLock, assert_no_lock_held};
