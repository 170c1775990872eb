//! Pearson's chi-square test: do counts agree with the shares to expect?

use serde::Serialize;

/// The outcome of the test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct ChiSquare {
    statistic: f64,
    degrees_of_freedom: u32,
    p_value: f64,
    /// The smallest count to expect.
    smallest_expected: f64,
}

impl ChiSquare {
    /// Tests counts, each with the share of 0 to 1 to expect. Outcomes that cannot happen do not
    /// count; `None` if fewer than two can, since then there is nothing to test.
    pub(super) fn of(outcomes: impl IntoIterator<Item = (u64, f64)>) -> Option<Self> {
        let outcomes = outcomes.into_iter().filter(|(_, share)| *share > 0.0);
        let outcomes: Vec<(f64, f64)> =
            outcomes.map(|(count, share)| (as_double(count), share)).collect();
        let degrees_of_freedom = u32::try_from(outcomes.len().checked_sub(2)? + 1).ok()?;
        let total: f64 = outcomes.iter().map(|(count, _)| count).sum();
        let expected = |share: &f64| share * total;
        let statistic = outcomes
            .iter()
            .map(|(count, share)| (count - expected(share)).powi(2) / expected(share))
            .sum();
        Some(ChiSquare {
            statistic,
            degrees_of_freedom,
            p_value: upper_tail(statistic, degrees_of_freedom),
            smallest_expected: outcomes
                .iter()
                .map(|(_, share)| expected(share))
                .fold(total, f64::min),
        })
    }

    /// Returns a sentence with the result of the test.
    pub(super) fn in_words(&self) -> String {
        let freedom = self.degrees_of_freedom;
        let plural = if freedom == 1 { "" } else { "s" };
        let verdict = if self.is_mismatch() {
            "the split is not the one to expect: a sample ratio mismatch"
        } else {
            "the split is as expected"
        };
        let p_value = match self.p_value {
            p_value if p_value < SHOWN => format!("p < {SHOWN}"),
            p_value => format!("p = {p_value:.4}"),
        };
        let caution = if self.smallest_expected < RELIABLE {
            " (too few visitors for a reliable test)"
        } else {
            ""
        };
        let statistic = self.statistic;
        format!(
            "chi-square {statistic:.3}, {freedom} degree{plural} of freedom, {p_value}: {verdict}{caution}"
        )
    }

    /// Returns whether counts like these are so rare that something must be wrong.
    pub(super) fn is_mismatch(&self) -> bool {
        self.p_value < SUSPICIOUS
    }
}

/// The probability that a chi-square variable with `freedom` degrees of freedom exceeds `x`.
///
/// For whole degrees of freedom this is a finite sum: Abramowitz and Stegun, "Handbook of
/// Mathematical Functions", 26.4.4 for odd and 26.4.5 for even ones. The terms are built up as
/// logarithms, so that none underflows before the sum is taken.
fn upper_tail(x: f64, freedom: u32) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let is_odd = freedom % 2 == 1;
    let (mut sum, mut log_term, first) = if is_odd {
        let density = 0.5 * (2.0 * x / std::f64::consts::PI).ln() - x / 2.0;
        (libm::erfc((x / 2.0).sqrt()), density, 3)
    } else {
        (0.0, -x / 2.0, 2)
    };
    if freedom > 1 {
        sum += log_term.exp();
    }
    for divisor in (first..freedom).step_by(2) {
        log_term += x.ln() - f64::from(divisor).ln();
        sum += log_term.exp();
    }
    sum.min(1.0)
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn as_double(count: u64) -> f64 {
    count as f64
}

/// Below this p-value, a mismatch is reported; the usual level of sample ratio checks.
const SUSPICIOUS: f64 = 0.01;
/// Below this, a p-value is shown as that.
const SHOWN: f64 = 0.0001;
/// The count to expect of the rarest outcome from which on the test is reliable.
const RELIABLE: f64 = 5.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upper_tail_is_the_tabulated_one() {
        // Critical values of the published tables.
        for (freedom, x, expected) in [
            (1, 3.841_459, 0.05),
            (1, 6.634_897, 0.01),
            (2, 5.991_465, 0.05),
            (3, 7.814_728, 0.05),
            (4, 9.487_729, 0.05),
            (5, 15.086_272, 0.01),
            (10, 18.307_038, 0.05),
            (10, 3.940_299, 0.95),
            (99, 123.225_221, 0.05),
            (100, 124.342_113, 0.05),
        ] {
            let found = upper_tail(x, freedom);
            assert!((found - expected).abs() < 1e-6, "{freedom} {x}: {found}");
        }
    }

    #[test]
    fn the_ends_are_certain() {
        for freedom in 1..200 {
            assert!((upper_tail(0.0, freedom) - 1.0).abs() < f64::EPSILON);
            assert!((upper_tail(1e-9, freedom) - 1.0).abs() < 1e-4);
            assert!(upper_tail(1e5, freedom) < 1e-300);
        }
    }

    #[test]
    fn counts_are_tested_against_shares() {
        // The textbook die: 60 throws.
        let throws = [5, 8, 9, 8, 10, 20].map(|count| (count, 1.0 / 6.0));
        let found = ChiSquare::of(throws).unwrap();
        assert!((found.statistic - 13.4).abs() < 1e-9);
        assert_eq!(found.degrees_of_freedom, 5);
        assert!((found.p_value - 0.019_905).abs() < 1e-5);
        assert!(!found.is_mismatch());
        assert!(ChiSquare::of([(900, 0.5), (1_100, 0.5)]).unwrap().is_mismatch());
    }

    #[test]
    fn what_cannot_happen_does_not_count() {
        assert_eq!(ChiSquare::of([(10, 1.0), (0, 0.0)]), None);
        let found = ChiSquare::of([(5, 0.5), (0, 0.0), (5, 0.5)]).unwrap();
        assert_eq!(found.degrees_of_freedom, 1);
        assert!((found.p_value - 1.0).abs() < f64::EPSILON);
    }
}
