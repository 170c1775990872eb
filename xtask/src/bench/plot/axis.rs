//! Logarithmic axes.

/// An axis that shows equal factors as equal distances.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    /// The decades at both ends.
    from: f64,
    to: f64,
    /// Where the ends are drawn.
    start: f64,
    end: f64,
}

impl Axis {
    /// Makes an axis from `start` to `end` of the drawing for all the values, which are above zero,
    /// in whole decades.
    pub(super) fn over(values: impl Iterator<Item = f64> + Clone, start: f64, end: f64) -> Self {
        let least = values.clone().fold(f64::INFINITY, f64::min).max(f64::MIN_POSITIVE);
        let most = values.fold(f64::MIN_POSITIVE, f64::max);
        let (from, to) = (least.log10().floor(), most.log10().ceil());
        let to = if to > from { to } else { from + 1.0 };
        if least.is_finite() {
            Axis { from, to, start, end }
        } else {
            Axis { from: 0.0, to: 1.0, start, end }
        }
    }

    /// Returns where a value is drawn.
    pub(super) fn place(self, value: f64) -> f64 {
        let share = (value.log10() - self.from) / (self.to - self.from);
        self.start + share * (self.end - self.start)
    }

    /// Yields the powers of ten.
    pub(super) fn decades(self) -> impl Iterator<Item = f64> {
        std::iter::successors(Some(self.from), |at| Some(at + 1.0))
            .take_while(move |at| *at <= self.to + 0.5)
            .map(|at| 10_f64.powf(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_covers_whole_decades() {
        let axis = Axis::over([3.0, 450.0].into_iter(), 100.0, 400.0);
        let decades: Vec<f64> = axis.decades().map(f64::round).collect();
        assert_eq!(decades, [1.0, 10.0, 100.0, 1000.0]);
        assert!((axis.place(1.0) - 100.0).abs() < 1e-9 && (axis.place(100.0) - 300.0).abs() < 1e-9);
    }

    #[test]
    fn one_value_and_none_have_an_axis_too() {
        assert_eq!(Axis::over([10.0].into_iter(), 0.0, 1.0).decades().count(), 2);
        assert_eq!(Axis::over([].into_iter(), 0.0, 1.0).decades().count(), 2);
    }
}
