//! Timing and counting.

use std::time::Instant;

use super::figure::{Cost, Figure, Reading, Rounds};

/// A piece of work to measure: `run` does `operations` operations.
pub(super) struct Work<'w> {
    name: &'static str,
    operations: usize,
    is_rate: bool,
    run: Box<dyn FnMut() + 'w>,
}

impl<'w> Work<'w> {
    /// Work whose cost per operation is asked for.
    pub(super) fn new(name: &'static str, operations: usize, run: impl FnMut() + 'w) -> Self {
        Work { name, operations, is_rate: false, run: Box::new(run) }
    }

    /// Work of which is asked how much is done in a second.
    pub(super) fn rate(name: &'static str, operations: usize, run: impl FnMut() + 'w) -> Self {
        Work { is_rate: true, ..Work::new(name, operations, run) }
    }

    fn figure(mut self, seconds: &[f64]) -> Figure {
        let operations = count(self.operations.max(1));
        let reading = if self.is_rate {
            Reading::Rate(Rounds::new(seconds.iter().map(|one| operations / one).collect()))
        } else {
            let counted = allocation_counter::measure(&mut self.run);
            Reading::Cost(Cost {
                ns: Rounds::new(seconds.iter().map(|one| one * 1e9 / operations).collect()),
                allocs: total(counted.count_total) / operations,
                bytes: total(counted.bytes_total) / operations,
            })
        };
        Figure { name: self.name, reading }
    }
}

/// Measures every piece of work in turn, round after round, so that all of them share whatever the
/// machine does meanwhile.
pub(super) fn measure(mut works: Vec<Work<'_>>, rounds: usize) -> Vec<Figure> {
    let mut times = vec![Vec::with_capacity(rounds); works.len()];
    for round in 0..=rounds {
        for (work, times) in works.iter_mut().zip(&mut times) {
            let begin = Instant::now();
            (work.run)();
            let elapsed = begin.elapsed();
            // The first round warms caches up.
            if round > 0 {
                times.push(elapsed.as_secs_f64());
            }
        }
    }
    works.into_iter().zip(times).map(|(work, times)| work.figure(&times)).collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub(super) fn total(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub(super) fn count(operations: usize) -> f64 {
    operations as f64
}
