//! Timing and counting.

use std::time::Instant;

/// A measured figure, per operation.
pub(super) struct Measured {
    pub(super) name: &'static str,
    pub(super) ns: f64,
    /// The spread of the rounds: (slowest − fastest) / median.
    pub(super) spread: f64,
    pub(super) allocs: f64,
    pub(super) bytes: f64,
}

/// A piece of work to measure: `run` does `operations` operations.
pub(super) struct Work<'w> {
    pub(super) name: &'static str,
    pub(super) operations: usize,
    pub(super) run: Box<dyn FnMut() + 'w>,
}

/// Measures every piece of work in turn, round after round, so that all of them share whatever the
/// machine does meanwhile; takes medians.
pub(super) fn measure(works: &mut [Work<'_>], rounds: usize) -> Vec<Measured> {
    let mut times = vec![Vec::with_capacity(rounds); works.len()];
    for round in 0..=rounds {
        for (work, times) in works.iter_mut().zip(&mut times) {
            let begin = Instant::now();
            (work.run)();
            let elapsed = begin.elapsed();
            // The first round warms caches up.
            if round > 0 {
                times.push(elapsed.as_secs_f64() * 1e9 / per(work.operations));
            }
        }
    }
    works.iter_mut().zip(times).map(|(work, times)| summarise(work, times)).collect()
}

fn summarise(work: &mut Work<'_>, mut times: Vec<f64>) -> Measured {
    times.sort_by(f64::total_cmp);
    let at = |index: usize| times.get(index).copied().unwrap_or_default();
    let median = at(times.len() / 2);
    let spread = (at(times.len().saturating_sub(1)) - at(0)) / median.max(f64::MIN_POSITIVE);
    let counted = allocation_counter::measure(&mut work.run);
    Measured {
        name: work.name,
        ns: median,
        spread,
        allocs: per_operation(counted.count_total, work.operations),
        bytes: per_operation(counted.bytes_total, work.operations),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn per_operation(total: u64, operations: usize) -> f64 {
    total as f64 / per(operations)
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn per(operations: usize) -> f64 {
    operations.max(1) as f64
}
