//! Which process this is.

/// The process that something was made in. A child of `fork()` inherits memory, but no threads: what
/// its parent made has no worker there, and a lock may stay held by a thread that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProcessId(u32);

impl ProcessId {
    /// Returns the calling process. A system call, which takes some 50 ns on Linux.
    pub(crate) fn current() -> Self {
        ProcessId(std::process::id())
    }

    /// Returns whether the calling process is this one, and no child of it. A system call, as above.
    pub(crate) fn is_current(self) -> bool {
        self == ProcessId::current()
    }

    /// Returns a process that is not the calling one.
    #[cfg(test)]
    pub(crate) fn other() -> Self {
        ProcessId(std::process::id().wrapping_add(1))
    }
}
