//! The shares of traffic that an experience gives its variations.

use convert_sdk::Experience;

/// Buckets, of 10,000, for each variation in config order.
#[derive(Debug)]
pub(crate) struct Shares {
    buckets: Vec<u32>,
}

impl Shares {
    /// Counts the buckets of every variation, as decisions see them.
    pub(crate) fn of(experience: &Experience) -> Self {
        let mut buckets = vec![0; experience.variations().len()];
        for bucket in 0..BUCKETS {
            let arm = experience.buckets().arm_at(bucket);
            if let Some(count) = arm.and_then(|arm| buckets.get_mut(arm)) {
                *count += 1;
            }
        }
        Shares { buckets }
    }

    /// Returns the share of every variation in config order, 0 to 1.
    pub(crate) fn iter(&self) -> impl Iterator<Item = f64> {
        self.buckets.iter().map(|buckets| f64::from(*buckets) / f64::from(BUCKETS))
    }

    /// Returns the share of visitors that no variation takes, 0 to 1.
    pub(crate) fn untaken(&self) -> f64 {
        let taken: u32 = self.buckets.iter().sum();
        f64::from(u32::from(BUCKETS) - taken) / f64::from(BUCKETS)
    }
}

const BUCKETS: u16 = 10_000;
