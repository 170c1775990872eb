//! Counting what a core does.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// What a core has done since it was initialised. Counters only grow; take differences.
///
/// ```
/// use convert_core::{Core, SdkConfig};
///
/// let core = Core::initialize(SdkConfig::from_json(r#"{"account_id": "1", "project": {"id": "2"}}"#)?)?;
/// core.create_context("visitor-1").run_experience("no-such-experience");
/// assert_eq!(core.stats().decisions, 1);
/// # Ok::<(), convert_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Experiences decided for a visitor, whatever the answer; explanations are not counted.
    pub decisions: u64,
    /// Configs fetched after the first, identical ones included.
    pub refreshes: u64,
    /// Attempts to fetch a config, after the first, that failed.
    pub refresh_failures: u64,
    /// Times another config took the place of the one before.
    pub config_updates: u64,
    /// Previews that had to be fetched, whatever came of it.
    pub preview_fetches: u64,
    /// Times the cache file could not be read or written.
    pub cache_failures: u64,
    /// Times a handler of events panicked.
    pub handler_panics: u64,
}

/// The counters behind [`Stats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    decisions: Striped,
    pub(crate) refreshes: Counter,
    pub(crate) refresh_failures: Counter,
    pub(crate) config_updates: Counter,
    pub(crate) preview_fetches: Counter,
    pub(crate) cache_failures: Counter,
    pub(crate) patterns_given_up: Counter,
}

/// A counter of rare things.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counters {
    pub(crate) fn count_decisions(&self, count: u64) {
        self.decisions.add(count);
    }

    pub(crate) fn read(&self, handler_panics: u64) -> Stats {
        Stats {
            decisions: self.decisions.sum(),
            refreshes: self.refreshes.read(),
            refresh_failures: self.refresh_failures.read(),
            config_updates: self.config_updates.read(),
            preview_fetches: self.preview_fetches.read(),
            cache_failures: self.cache_failures.read(),
            handler_panics,
        }
    }
}

impl Counter {
    /// Counts one more and returns how many that makes.
    pub(crate) fn count(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A counter in several places, so that threads on different cores seldom write to the same one.
#[derive(Debug, Default)]
struct Striped {
    stripes: [Stripe; STRIPES],
}

/// Two cache lines, since processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe(AtomicU64);

impl Striped {
    fn add(&self, count: u64) {
        let mine = MINE.try_with(|mine| *mine).unwrap_or(0);
        if let Some(stripe) = self.stripes.get(mine % STRIPES) {
            stripe.0.fetch_add(count, Ordering::Relaxed);
        }
    }

    fn sum(&self) -> u64 {
        self.stripes.iter().map(|stripe| stripe.0.load(Ordering::Relaxed)).sum()
    }
}

thread_local! {
    /// Which stripe this thread counts in.
    static MINE: usize = NEXT.fetch_add(1, Ordering::Relaxed);
}

static NEXT: AtomicUsize = AtomicUsize::new(0);
const STRIPES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_count_together() {
        let counters = Counters::default();
        std::thread::scope(|scope| {
            for _ in 0..40 {
                scope.spawn(|| (0..1_000).for_each(|_| counters.count_decisions(2)));
            }
        });
        assert_eq!(counters.read(0).decisions, 80_000);
    }
}
