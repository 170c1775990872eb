//! A curve, and what its shape says.

use super::super::figure::Figure;
use super::super::measure::{Work, measure};
use super::super::plot::readable;

/// One quantity over another.
#[derive(Debug)]
pub(super) struct Curve {
    pub(super) name: &'static str,
    pub(super) growth: Growth,
    /// Both above zero, from left to right.
    pub(super) points: Vec<(f64, f64)>,
}

/// How a curve is to grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Growth {
    /// Not at all.
    Level,
    /// In proportion, once it is large, or less.
    Proportional,
    /// However it does; it is only stated.
    Stated,
}

impl Curve {
    /// Measures works that belong to points from left to right, in turn; `read` says which number
    /// of a figure counts.
    pub(super) fn measured(
        name: &'static str,
        growth: Growth,
        works: Vec<(f64, Work<'_>)>,
        rounds: usize,
        read: fn(&Figure) -> f64,
    ) -> Result<Self, String> {
        let (xs, works): (Vec<f64>, Vec<_>) = works.into_iter().unzip();
        let figures = measure(works, rounds)?;
        let points = xs.into_iter().zip(figures.iter().map(read)).collect();
        Ok(Curve { name, growth, points })
    }

    /// Says how the curve grows, loudly where it should not.
    pub(super) fn verdict(&self) -> String {
        let (Some(first), Some(last)) = (self.points.first(), self.points.last()) else {
            return String::new();
        };
        let factor = last.1 / first.1;
        let range = format!("{factor:.2} times from {} to {}", readable(first.0), readable(last.0));
        match self.growth {
            Growth::Level if factor <= LEVEL => format!("O(1): {range}"),
            Growth::Level if factor.ln() / (last.0 / first.0).ln() < HALFWAY => {
                format!("NOT LEVEL, though far from O(n): {range}")
            }
            Growth::Level => format!("NOT O(1): {range}"),
            Growth::Proportional if self.slope() <= PROPORTIONAL => {
                format!("no worse than O(n): {range}")
            }
            Growth::Proportional => format!("WORSE THAN O(n): {range}"),
            Growth::Stated => range,
        }
    }

    /// Returns by which power it grows at its end.
    fn slope(&self) -> f64 {
        let mut backwards = self.points.iter().rev();
        match (backwards.next(), backwards.next()) {
            (Some(last), Some(before)) => (last.1 / before.1).ln() / (last.0 / before.0).ln(),
            _ => 0.0,
        }
    }
}

/// What noise and caches may make of a level curve.
const LEVEL: f64 = 1.5;
const HALFWAY: f64 = 0.25;
/// What they may add to the power of a proportional one.
const PROPORTIONAL: f64 = 1.15;

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(growth: Growth, ys: [f64; 3]) -> String {
        let points = [1.0, 10.0, 100.0].into_iter().zip(ys).collect();
        Curve { name: "curve", growth, points }.verdict()
    }

    #[test]
    fn a_level_curve_that_rises_is_flagged() {
        assert_eq!(verdict(Growth::Level, [10.0, 11.0, 12.0]), "O(1): 1.20 times from 1 to 100");
        assert!(verdict(Growth::Level, [10.0, 15.0, 20.0]).starts_with("NOT LEVEL"));
        assert!(verdict(Growth::Level, [10.0, 50.0, 200.0]).starts_with("NOT O(1)"));
    }

    #[test]
    fn a_proportional_curve_may_start_with_a_fixed_cost() {
        let fine = verdict(Growth::Proportional, [100.0, 110.0, 1_000.0]);
        assert_eq!(fine, "no worse than O(n): 10.00 times from 1 to 100");
        assert!(verdict(Growth::Proportional, [1.0, 10.0, 200.0]).starts_with("WORSE"));
    }
}
