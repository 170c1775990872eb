//! The one place that reads the time.
#![expect(clippy::disallowed_methods, reason = "what others must not do is done here")]

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use convert_decision::{Moment, WallClock};
use crossbeam_channel::Receiver;

use crate::log;
use crate::sync::{LogThrottle, panic_guard};

#[cfg(any(test, feature = "test-util"))]
mod manual;

#[cfg(any(test, feature = "test-util"))]
pub use self::manual::ManualClock;

/// The system's clock. Local time is UTC: the standard library knows no time zones.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SystemClock;

impl WallClock for SystemClock {
    fn now(&self) -> Moment {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment::new(i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX), 0)
    }
}

/// The wall clock that the application gave. Where it panics, the system's time is used.
pub(crate) struct GuardedClock {
    clock: Arc<dyn WallClock>,
    panics: LogThrottle,
}

impl GuardedClock {
    pub(crate) fn new(clock: Arc<dyn WallClock>) -> Self {
        GuardedClock { clock, panics: LogThrottle::default() }
    }

    /// Returns how many times the clock has panicked.
    pub(crate) fn panics(&self) -> u64 {
        self.panics.count()
    }
}

impl WallClock for GuardedClock {
    fn now(&self) -> Moment {
        panic_guard(|| self.clock.now()).unwrap_or_else(|_| {
            if let Some(count) = self.panics.record() {
                log::error!(
                    target: "convert_sdk::core",
                    "the wall clock panicked, so the system's time is used; it has panicked {count} \
                     times so far"
                );
            }
            SystemClock.now()
        })
    }
}

/// Time that only moves forward, and the means to wait for it.
#[derive(Debug, Clone, Default)]
pub(crate) enum Timer {
    /// The system's.
    #[default]
    System,
    /// A test's, which moves when the test says so.
    #[cfg(any(test, feature = "test-util"))]
    Manual(ManualClock),
}

impl Timer {
    /// Returns the time since a moment that stays the same while the process lives.
    pub(crate) fn now(&self) -> Duration {
        match self {
            Timer::System => ORIGIN.elapsed(),
            #[cfg(any(test, feature = "test-util"))]
            Timer::Manual(clock) => clock.now(),
        }
    }

    /// Makes an alarm that goes off at a time, or never where that is out of reach.
    pub(crate) fn alarm(&self, at: Duration) -> Alarm {
        match self {
            Timer::System => {
                let wait = at.saturating_sub(self.now());
                Alarm::System(crossbeam_channel::after(wait))
            }
            #[cfg(any(test, feature = "test-util"))]
            Timer::Manual(clock) => {
                let (sender, bell) = crossbeam_channel::bounded(1);
                // An alarm that nobody listens to any more need not be heard.
                let ring = move || {
                    let _ = sender.try_send(*ORIGIN);
                };
                let alarm = clock.alarm(at, ring.clone());
                if alarm.is_none() {
                    ring();
                }
                Alarm::Manual(bell, alarm)
            }
        }
    }

    /// Arranges for somebody to be woken at a time, if that is yet to come; without a time, never.
    ///
    /// Whoever makes the appointment waits no longer than its patience. Where a test moves the
    /// clock `ring` is called instead, with no lock of the clock held.
    #[cfg_attr(
        not(any(test, feature = "test-util")),
        expect(unused_variables, reason = "the system rings no bell; whoever waits looks at it")
    )]
    pub(crate) fn appointment(
        &self,
        at: Option<Duration>,
        ring: impl Fn() + Send + 'static,
    ) -> Option<Appointment> {
        match self {
            Timer::System => {
                let patience = at.map(|at| at.saturating_sub(self.now()));
                let is_to_come = patience.is_none_or(|patience| !patience.is_zero());
                is_to_come.then_some(Appointment::System(patience))
            }
            #[cfg(any(test, feature = "test-util"))]
            Timer::Manual(clock) => {
                clock.alarm(at.unwrap_or(Duration::MAX), ring).map(Appointment::Manual)
            }
        }
    }

    /// Makes a source of randomness, the same one every time where the test moves the clock.
    pub(crate) fn randomness(&self) -> fastrand::Rng {
        match self {
            // Children of one process inherit the same state, and must not act in step.
            Timer::System => {
                fastrand::Rng::with_seed(fastrand::u64(..) ^ (u64::from(std::process::id()) << 32))
            }
            #[cfg(any(test, feature = "test-util"))]
            Timer::Manual(_) => fastrand::Rng::with_seed(0),
        }
    }
}

/// Goes off once, when its time has come.
#[derive(Debug)]
pub(crate) enum Alarm {
    System(Receiver<Instant>),
    #[cfg(any(test, feature = "test-util"))]
    Manual(
        Receiver<Instant>,
        #[expect(dead_code, reason = "it is there to be dropped")] Option<manual::ManualAlarm>,
    ),
}

/// To be woken at a time; forgotten when it is dropped.
#[derive(Debug)]
pub(crate) enum Appointment {
    System(Option<Duration>),
    #[cfg(any(test, feature = "test-util"))]
    Manual(#[expect(dead_code, reason = "it is there to be dropped")] manual::ManualAlarm),
}

impl Alarm {
    /// Returns the channel on which the alarm is heard.
    pub(crate) fn bell(&self) -> &Receiver<Instant> {
        match self {
            Alarm::System(bell) => bell,
            #[cfg(any(test, feature = "test-util"))]
            Alarm::Manual(bell, _) => bell,
        }
    }
}

impl Appointment {
    /// Returns how long to wait at most; `None` is for ever.
    pub(crate) fn patience(&self) -> Option<Duration> {
        match self {
            Appointment::System(patience) => *patience,
            #[cfg(any(test, feature = "test-util"))]
            Appointment::Manual(_) => None,
        }
    }
}

/// How long somebody is prepared to wait, in real time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// Starts to count now; patience past the range of the clock never ends.
    pub(crate) fn after(patience: Duration) -> Self {
        Deadline(Instant::now().checked_add(patience))
    }

    /// Returns the one that passes first.
    pub(crate) fn sooner(self, other: Deadline) -> Self {
        match (self.0, other.0) {
            (Some(one), Some(two)) => Deadline(Some(one.min(two))),
            (one, two) => Deadline(one.or(two)),
        }
    }

    /// Returns what is left of the patience.
    pub(crate) fn remaining(self) -> Duration {
        self.0.map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()))
    }
}

/// When the process's time began.
static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
