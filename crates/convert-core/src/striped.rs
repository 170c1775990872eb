//! Counting on many threads at once.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A counter in several places: the first threads have one each, to which nobody else writes, and the
/// others share one.
///
/// Counting in a place of one's own takes no atomic exchange, which would hold up all that a decision
/// reads after it.
#[derive(Debug, Default)]
pub(crate) struct Striped {
    own: [Stripe; OWN],
    shared: Stripe,
}

/// Two cache lines, since processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe(AtomicU64);

/// Which stripe a thread has for itself, for as long as it runs.
#[derive(Debug)]
struct Seat(usize);

impl Striped {
    #[inline]
    pub(crate) fn add(&self, count: u64) {
        let seat = SEAT.try_with(|seat| seat.0).unwrap_or(OWN);
        match self.own.get(seat) {
            Some(Stripe(own)) => {
                // No other thread writes here, so that nothing is lost in between.
                let before = own.load(Ordering::Relaxed);
                own.store(before.wrapping_add(count), Ordering::Relaxed);
            }
            None => {
                self.shared.0.fetch_add(count, Ordering::Relaxed);
            }
        }
    }

    pub(crate) fn sum(&self) -> u64 {
        let stripes = self.own.iter().chain([&self.shared]);
        stripes.map(|stripe| stripe.0.load(Ordering::Relaxed)).sum()
    }
}

impl Seat {
    /// Takes a free stripe, if there is one.
    fn take() -> Self {
        let mut taken = TAKEN.load(Ordering::Relaxed);
        loop {
            let free = taken.trailing_ones();
            if free as usize >= OWN {
                return Seat(OWN);
            }
            // Whoever takes a stripe over sees what its last owner counted.
            let taking = TAKEN.compare_exchange_weak(
                taken,
                taken | 1 << free,
                Ordering::Acquire,
                Ordering::Relaxed,
            );
            match taking {
                Ok(_) => return Seat(free as usize),
                Err(current) => taken = current,
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if self.0 < OWN {
            TAKEN.fetch_and(!(1 << self.0), Ordering::Release);
        }
    }
}

thread_local! {
    static SEAT: Seat = Seat::take();
}

/// Which stripes threads have for themselves, a bit each.
static TAKEN: AtomicU32 = AtomicU32::new(0);
/// How many threads have a stripe for themselves.
const OWN: usize = 32;

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::sync::{Arc, Barrier};

    use super::*;

    /// Counts once more when its thread is over.
    struct Farewell(Arc<Striped>);

    impl Drop for Farewell {
        fn drop(&mut self) {
            self.0.add(1);
        }
    }

    #[test]
    fn more_threads_than_there_are_stripes_count_together() {
        let counter = Striped::default();
        let all_there = Barrier::new(2 * OWN);
        std::thread::scope(|scope| {
            for _ in 0..2 * OWN {
                scope.spawn(|| {
                    counter.add(1);
                    // All of them live at once, so that some have to share.
                    all_there.wait();
                    (0..1_000).for_each(|_| counter.add(2));
                });
            }
        });
        assert_eq!(counter.sum(), 2 * OWN as u64 * 2_001);
        assert_ne!(counter.shared.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn threads_that_follow_each_other_leave_nothing_out() {
        let counter = Striped::default();
        for _ in 0..200 {
            std::thread::scope(|scope| {
                scope.spawn(|| counter.add(1));
                scope.spawn(|| counter.add(2));
            });
        }
        assert_eq!(counter.sum(), 600);
    }
    #[test]
    fn a_thread_counts_until_the_very_end() {
        thread_local! {
            static LAST: RefCell<Option<Farewell>> = const { RefCell::new(None) };
        }
        let counter = Arc::new(Striped::default());
        let leave = |counter: &Arc<Striped>| {
            LAST.with(|last| last.replace(Some(Farewell(Arc::clone(counter)))));
        };
        for round in 0..200 {
            std::thread::scope(|scope| {
                let threads = [0, 1].map(|thread| {
                    let counter = &counter;
                    scope.spawn(move || {
                        // Which of the two the thread drops first follows from which it had first.
                        if (round + thread) % 2 == 0 {
                            leave(counter);
                        }
                        counter.add(1);
                        leave(counter);
                    })
                });
                // Joining one by one waits for what the threads do at their very end, too.
                for thread in threads {
                    thread.join().unwrap();
                }
            });
        }
        // Half of the threads took leave twice.
        assert_eq!(counter.sum(), 2 * 200 * 2 + 200);
    }
}
