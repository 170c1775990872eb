//! Waiting for what another process does, and measuring how long a call took.

use std::time::{Duration, Instant};

/// Asks again and again whether something is so; false when the timeout elapsed.
///
/// For what no event tells of, another process's state say.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use test_support::wait_until;
///
/// let mut count = 0;
/// let is_so = wait_until(Duration::from_secs(10), || {
///     count += 1;
///     count == 3
/// });
/// assert!(is_so);
/// ```
pub fn wait_until(timeout: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let began = Instant::now();
    while began.elapsed() < timeout {
        if is_so() {
            return true;
        }
        std::thread::yield_now();
    }
    is_so()
}

/// Returns how long something took, to be compared with a generous bound.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use test_support::took;
///
/// assert!(took(|| ()) < Duration::from_secs(60));
/// ```
pub fn took(act: impl FnOnce()) -> Duration {
    let began = Instant::now();
    act();
    began.elapsed()
}
