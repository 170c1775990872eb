//! Timing and counting.

use super::clock::Clock;
use super::figure::{Cost, Figure, Rate, Reading, Rounds};

/// A piece of work to measure: `run` does `operations` operations.
pub(super) struct Work<'w> {
    name: &'static str,
    operations: usize,
    clock: Clock,
    is_rate: bool,
    /// What has to be there first, and takes no part in the cost.
    prepare: Option<Step<'w>>,
    run: Box<dyn FnMut() + 'w>,
    /// What `run` leaves to be done on other threads, which costs time but is not looked into.
    settle: Option<Step<'w>>,
}

/// What may fail before and after the work itself.
type Step<'w> = Box<dyn FnMut() -> Result<(), String> + 'w>;

impl<'w> Work<'w> {
    /// Work on the calling thread whose cost per operation is asked for, in the processor's time.
    pub(super) fn new(name: &'static str, operations: usize, run: impl FnMut() + 'w) -> Self {
        let (clock, is_rate, prepare, settle) = (Clock::Thread, false, None, None);
        Work { name, operations, clock, is_rate, prepare, run: Box::new(run), settle }
    }

    /// Work of which is asked how much is done in a second.
    pub(super) fn rate(name: &'static str, operations: usize, run: impl FnMut() + 'w) -> Self {
        Work { is_rate: true, ..Work::new(name, operations, run).by(Clock::Wall) }
    }

    /// Has another clock measure: the process's for work that its other threads have a part in, the
    /// wall's for work that waits.
    pub(super) fn by(self, clock: Clock) -> Self {
        Work { clock, ..self }
    }

    /// Has something done before each round, which does not count, and something after it, which
    /// takes part in its time.
    pub(super) fn between(
        self,
        prepare: impl FnMut() -> Result<(), String> + 'w,
        settle: impl FnMut() -> Result<(), String> + 'w,
    ) -> Self {
        Work { prepare: Some(Box::new(prepare)), settle: Some(Box::new(settle)), ..self }
    }

    /// The figure's name.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// How many operations one run does.
    pub(super) fn operations(&self) -> f64 {
        count(self.operations.max(1))
    }

    /// Does all the operations once while `look` looks at what this thread does for them.
    pub(super) fn watched<T>(
        &mut self,
        look: impl FnOnce(&mut dyn FnMut()) -> T,
    ) -> Result<T, String> {
        step(&mut self.prepare)?;
        let seen = look(&mut *self.run);
        step(&mut self.settle)?;
        Ok(seen)
    }

    /// Does all the operations once, and returns the nanoseconds that one took.
    pub(super) fn nanoseconds(&mut self) -> Result<f64, String> {
        Ok(self.round()?.0 * 1e9 / self.operations())
    }

    /// Does all the operations once, and returns the seconds by its own clock and the processor's.
    fn round(&mut self) -> Result<(f64, f64), String> {
        step(&mut self.prepare)?;
        let (began, used) = (self.clock.now(), Clock::Process.now());
        (self.run)();
        step(&mut self.settle)?;
        let elapsed = self.clock.now().saturating_sub(began);
        let spent = Clock::Process.now().saturating_sub(used);
        Ok((elapsed.as_secs_f64(), spent.as_secs_f64()))
    }

    /// Returns whether it is asked how much is done, rather than what it costs.
    pub(super) fn is_rate(&self) -> bool {
        self.is_rate
    }

    fn figure(self, rounds: &[(f64, f64)]) -> Figure {
        let operations = self.operations();
        let each = |reading: fn(f64, f64, f64) -> f64| {
            Rounds::new(rounds.iter().map(|(own, cpu)| reading(operations, *own, *cpu)).collect())
        };
        let reading = if self.is_rate {
            Reading::Rate(Rate {
                per_s: each(|operations, elapsed, _| operations / elapsed),
                cpu_ns: each(|operations, _, spent| spent * 1e9 / operations),
            })
        } else {
            let ns = each(|operations, elapsed, _| elapsed * 1e9 / operations);
            Reading::Cost(Cost { ns, memory: None })
        };
        Figure { name: self.name, reading }
    }
}

/// Measures every piece of work in turn, round after round, so that all of them share whatever the
/// machine does meanwhile.
pub(super) fn measure(mut works: Vec<Work<'_>>, rounds: usize) -> Result<Vec<Figure>, String> {
    let mut times = vec![Vec::with_capacity(rounds); works.len()];
    for round in 0..=rounds {
        for (work, times) in works.iter_mut().zip(&mut times) {
            let time = work.round()?;
            // The first round warms caches up.
            if round > 0 {
                times.push(time);
            }
        }
    }
    Ok(works.into_iter().zip(times).map(|(work, times)| work.figure(&times)).collect())
}

fn step(step: &mut Option<Step<'_>>) -> Result<(), String> {
    step.as_mut().map_or(Ok(()), |step| step())
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub(super) fn count(operations: usize) -> f64 {
    operations as f64
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub(super) fn total(count: u64) -> f64 {
    count as f64
}
