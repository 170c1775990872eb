//! Why a batch goes out.

/// Why waiting events are released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReleaseReason {
    /// There were enough of them for a batch.
    Size,
    /// The oldest had waited long enough.
    Timeout,
    /// The application flushed.
    Explicit,
    /// The core is being closed.
    Close,
    /// They were in the spool.
    Spool,
}

impl ReleaseReason {
    /// Returns the stable name: `size`, `timeout`, `explicit`, `close` or `spool`.
    pub fn name(self) -> &'static str {
        match self {
            ReleaseReason::Size => "size",
            ReleaseReason::Timeout => "timeout",
            ReleaseReason::Explicit => "explicit",
            ReleaseReason::Close => "close",
            ReleaseReason::Spool => "spool",
        }
    }
}
