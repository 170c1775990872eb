//! What a simulation found.

use convert_sdk::{Experience, Identified as _, Reason};
use serde::Serialize;

use crate::shares::Shares;
use crate::simulate::chi_square::ChiSquare;
use crate::simulate::name_of;

/// Visitors for each variation, by position, and those without one.
#[derive(Debug)]
pub(super) struct Tally {
    variations: Vec<u64>,
    without: u64,
}

/// What a simulation found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    experience_key: Option<String>,
    experience_id: String,
    #[serde(skip)]
    pub(super) title: String,
    layout: String,
    visitors: u64,
    seed: u64,
    variations: Vec<VariationCount>,
    not_bucketed: Count,
    /// Why no visitor got a variation, if that is due to the gates.
    reason: Option<Reason>,
    pub(super) sample_ratio: Option<ChiSquare>,
}

#[derive(Debug, Serialize)]
struct VariationCount {
    variation_key: Option<String>,
    variation_id: Option<String>,
    #[serde(flatten)]
    count: Count,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Count {
    visitors: u64,
    share: f64,
    expected_share: f64,
}

/// One line of a chart.
#[derive(Debug)]
pub(super) struct Row<'r> {
    pub(super) name: &'r str,
    pub(super) visitors: u64,
    /// Of all visitors, 0 to 1.
    pub(super) share: f64,
    pub(super) expected_share: f64,
    /// Whether this is a variation, in contrast to getting none.
    pub(super) is_variation: bool,
}

impl Tally {
    /// Makes an empty tally for this many variations.
    pub(super) fn new(variations: usize) -> Self {
        Tally { variations: vec![0; variations], without: 0 }
    }

    /// Counts a visitor of the variation at `place`, or one without.
    pub(super) fn with(mut self, place: Option<usize>) -> Self {
        match place.and_then(|place| self.variations.get_mut(place)) {
            Some(count) => *count += 1,
            None => self.without += 1,
        }
        self
    }

    /// Adds what another core has counted.
    pub(super) fn merge(mut self, other: &Self) -> Self {
        for (count, more) in self.variations.iter_mut().zip(&other.variations) {
            *count += more;
        }
        self.without += other.without;
        self
    }
}

impl Report {
    /// Compares the counts with the shares of the config; `reason` returns why a visitor got nothing.
    pub(super) fn new(
        experience: &Experience,
        tally: &Tally,
        seed: u64,
        reason: impl FnOnce() -> Reason,
    ) -> Self {
        let bucketed: u64 = tally.variations.iter().sum();
        let visitors = bucketed + tally.without;
        let shares = Shares::of(experience);
        let count = |count, expected_share| Count::new(count, visitors, expected_share);
        let variations: Vec<VariationCount> = experience
            .variations()
            .iter()
            .zip(tally.variations.iter().zip(shares.iter()))
            .map(|(variation, (visitors, expected))| VariationCount {
                variation_key: variation.key().map(str::to_owned),
                variation_id: variation.id().map(str::to_owned),
                count: count(*visitors, expected),
            })
            .collect();
        let not_bucketed = count(tally.without, shares.untaken());
        let is_gate = |reason: &Reason| !matches!(reason, Reason::Resolved | Reason::NotInTraffic);
        let reason = if bucketed == 0 { Some(reason()).filter(is_gate) } else { None };
        let sample_ratio =
            if reason.is_none() { sample_ratio(&variations, &not_bucketed) } else { None };
        Report {
            experience_key: experience.key().map(str::to_owned),
            experience_id: experience.id().to_owned(),
            title: name_of(experience).to_owned(),
            layout: experience.buckets().layout().to_string(),
            visitors,
            seed,
            variations,
            not_bucketed,
            reason,
            sample_ratio,
        }
    }

    /// Returns the lines of a chart: the variations in config order, then who got none.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let without = Row::new("(not bucketed)", self.not_bucketed, false);
        self.variations
            .iter()
            .map(|one| {
                let name = one.variation_key.as_deref().or(one.variation_id.as_deref());
                Row::new(name.unwrap_or("(no id)"), one.count, true)
            })
            .chain([without])
    }

    /// Returns a line about what was simulated.
    pub(super) fn subtitle(&self) -> String {
        let visitors = crate::output::grouped(self.visitors);
        let plural = if self.visitors == 1 { "" } else { "s" };
        format!("{visitors} simulated visitor{plural}, {} layout, seed {}", self.layout, self.seed)
    }

    /// Returns a sentence about what the counts mean.
    pub(super) fn verdict(&self) -> String {
        match (self.reason, &self.sample_ratio) {
            (Some(reason), _) => {
                format!("no visitor passes the gates: {reason} ({})", reason.code())
            }
            (None, Some(sample_ratio)) => sample_ratio.in_words(),
            (None, None) => "every visitor gets the same, so there is no split to test".to_owned(),
        }
    }
}

fn sample_ratio(variations: &[VariationCount], not_bucketed: &Count) -> Option<ChiSquare> {
    let counts = variations.iter().map(|one| &one.count).chain([not_bucketed]);
    ChiSquare::of(counts.map(|count| (count.visitors, count.expected_share)))
}

impl Count {
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    fn new(count: u64, visitors: u64, expected_share: f64) -> Self {
        let share = if visitors == 0 { 0.0 } else { count as f64 / visitors as f64 };
        Count { visitors: count, share, expected_share }
    }
}

impl<'r> Row<'r> {
    fn new(name: &'r str, count: Count, is_variation: bool) -> Self {
        let Count { visitors, share, expected_share } = count;
        Row { name, visitors, share, expected_share, is_variation }
    }
}
