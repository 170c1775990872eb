//! Which time counts.

#[cfg(not(target_os = "linux"))]
use std::sync::LazyLock;
use std::time::Duration;
#[cfg(not(target_os = "linux"))]
use std::time::Instant;

/// A clock by which work is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// The processor's time for the calling thread: what others do on the machine does not count.
    Thread,
    /// The processor's time for the whole process, workers included.
    Process,
    /// The time that passes, for work that waits.
    Wall,
}

impl Clock {
    /// Returns the time since a point that stays the same while the process runs.
    #[cfg(target_os = "linux")]
    pub(super) fn now(self) -> Duration {
        use rustix::time::{ClockId, clock_gettime};

        let id = match self {
            Clock::Thread => ClockId::ThreadCPUTime,
            Clock::Process => ClockId::ProcessCPUTime,
            Clock::Wall => ClockId::Monotonic,
        };
        let now = clock_gettime(id);
        Duration::new(
            now.tv_sec.try_into().unwrap_or_default(),
            now.tv_nsec.try_into().unwrap_or_default(),
        )
    }

    /// Returns the time since a point that stays the same; elsewhere all clocks show what passes.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn now(self) -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }
}

/// Binds the calling thread to the processor of this number, counted among those that the process
/// may use. Does nothing where the system does not offer it.
pub(super) fn pin(number: usize) {
    #[cfg(target_os = "linux")]
    {
        use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

        let Ok(allowed) = sched_getaffinity(None) else { return };
        let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core)).collect();
        let chosen = number.checked_rem(cores.len()).and_then(|at| cores.get(at));
        if let Some(&core) = chosen {
            let mut only = CpuSet::new();
            only.set(core);
            // A system that refuses leaves the thread where it likes.
            let _ = sched_setaffinity(None, &only);
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = number;
}
