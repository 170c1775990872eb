//! Seeded randomness with the few questions a generator asks.

/// A seeded source of choices: the same seed gives the same cases on every machine.
#[derive(Debug)]
pub(crate) struct Dice {
    rng: fastrand::Rng,
}

impl Dice {
    /// Starts a stream of choices that depends on `seed` alone.
    pub(crate) fn new(seed: u64) -> Self {
        Self { rng: fastrand::Rng::with_seed(seed) }
    }

    /// Answers yes in `percent` of a hundred cases.
    pub(crate) fn chance(&mut self, percent: u32) -> bool {
        self.rng.u32(0..100) < percent
    }

    /// Draws an integer from `low..=high`.
    pub(crate) fn between(&mut self, low: usize, high: usize) -> usize {
        self.rng.usize(low..=high)
    }

    /// Draws a float from `0.0..1.0`.
    pub(crate) fn fraction(&mut self) -> f64 {
        self.rng.f64()
    }

    /// Draws one of `items`, each as likely as the others; the default value when there is none.
    pub(crate) fn pick<T: Clone + Default>(&mut self, items: &[T]) -> T {
        if items.is_empty() {
            return T::default();
        }
        let index = self.rng.usize(..items.len());
        items.get(index).cloned().unwrap_or_default()
    }

    /// Draws between none and `most` distinct items, in their order.
    pub(crate) fn some_of<T: Clone>(&mut self, items: &[T], least: usize, most: usize) -> Vec<T> {
        let wanted = self.between(least.min(most), most).min(items.len());
        let mut indices: Vec<usize> = (0..items.len()).collect();
        self.rng.shuffle(&mut indices);
        indices.truncate(wanted);
        indices.into_iter().filter_map(|index| items.get(index).cloned()).collect()
    }

    /// Brings `items` into a random order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        self.rng.shuffle(items);
    }

    /// Gives one of `count` alike its part of `whole`.
    pub(crate) fn share(whole: f64, count: usize) -> f64 {
        u32::try_from(count.max(1)).map_or(0.0, |count| whole / f64::from(count))
    }

    /// Gives a seed for an independent stream.
    pub(crate) fn seed(&mut self) -> u64 {
        self.rng.u64(..)
    }
}
