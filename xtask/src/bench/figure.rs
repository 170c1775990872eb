//! A measured figure, and how it is told.

use super::bars;

/// What was measured under a name.
#[derive(Debug)]
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) reading: Reading,
}

/// The kinds of figures.
#[derive(Debug)]
pub(super) enum Reading {
    /// What an operation costs.
    Cost(Cost),
    /// Operations a second.
    Rate(Rounds),
    /// A plain number.
    Value(f64),
}

/// Time and memory of one operation.
#[derive(Debug)]
pub(super) struct Cost {
    pub(super) ns: Rounds,
    pub(super) allocs: f64,
    pub(super) bytes: f64,
}

/// What each round measured.
#[derive(Debug)]
pub(super) struct Rounds(Vec<f64>);

impl Figure {
    /// A plain number.
    pub(super) fn value(name: &'static str, value: f64) -> Self {
        Figure { name, reading: Reading::Value(value) }
    }

    /// The number that stands for the figure.
    pub(super) fn number(&self) -> f64 {
        match &self.reading {
            Reading::Cost(cost) => cost.ns.median(),
            Reading::Rate(rounds) => rounds.median(),
            Reading::Value(value) => *value,
        }
    }

    /// Returns how many times `base` this is: the median over the rounds, in each of which both
    /// were measured, so that what the machine did meanwhile touches both.
    pub(super) fn ratio_to(&self, base: &Figure) -> f64 {
        match (self.rounds(), base.rounds()) {
            (Some(mine), Some(theirs)) if mine.0.len() == theirs.0.len() => {
                let ratios = mine.0.iter().zip(&theirs.0).map(|(mine, theirs)| mine / theirs);
                Rounds::new(ratios.collect()).median()
            }
            _ => self.number() / base.number(),
        }
    }

    /// How far apart the middle half of the rounds lies, relative to the median.
    fn spread(&self) -> Option<f64> {
        self.rounds().map(Rounds::spread)
    }

    fn rounds(&self) -> Option<&Rounds> {
        match &self.reading {
            Reading::Cost(cost) => Some(&cost.ns),
            Reading::Rate(rounds) => Some(rounds),
            Reading::Value(_) => None,
        }
    }
}

impl Rounds {
    pub(super) fn new(rounds: Vec<f64>) -> Self {
        Rounds(rounds)
    }

    pub(super) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    fn spread(&self) -> f64 {
        (self.quantile(0.75) - self.quantile(0.25)) / self.median().max(f64::MIN_POSITIVE)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "there are few rounds, and the share lies between 0 and 1"
    )]
    fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let at = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
        sorted.get(at).copied().unwrap_or_default()
    }
}

/// Prints a JSON object a figure, one a line.
pub(super) fn print_json(figures: &[Figure]) {
    for figure in figures {
        let mut line = match &figure.reading {
            Reading::Cost(cost) => serde_json::json!({
                "name": figure.name, "ns": round(cost.ns.median()),
                "allocs": round(cost.allocs), "bytes": round(cost.bytes)}),
            Reading::Rate(rounds) => {
                serde_json::json!({"name": figure.name, "per_s": round(rounds.median())})
            }
            Reading::Value(value) => {
                serde_json::json!({"name": figure.name, "value": round(*value)})
            }
        };
        if let (Some(spread), Some(members)) = (figure.spread(), line.as_object_mut()) {
            members.insert("spread".to_owned(), round(spread).into());
        }
        println!("{line}");
    }
}

/// Prints a table with the bars the figures are to meet.
pub(super) fn print_table(figures: &[Figure]) {
    println!("{:<24}{:>16}{:>8}{:>10}{:>12}  bar", "figure", "", "spread", "allocs", "bytes");
    for figure in figures {
        let spread = figure.spread().map(|spread| format!("{:.0}%", 100.0 * spread));
        let (number, allocs, bytes) = match &figure.reading {
            Reading::Cost(cost) => (
                format!("{:.1} ns", cost.ns.median()),
                format!("{:.2}", cost.allocs),
                format!("{:.0}", cost.bytes),
            ),
            Reading::Rate(rounds) => {
                (format!("{:.0} /s", rounds.median()), String::new(), String::new())
            }
            Reading::Value(value) => (format!("{value:.2}"), String::new(), String::new()),
        };
        let line = format!(
            "{:<24}{number:>16}{:>8}{allocs:>10}{bytes:>12}  {}",
            figure.name,
            spread.unwrap_or_default(),
            bars::verdicts(figure, figures)
        );
        println!("{}", line.trim_end());
    }
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(name: &'static str, rounds: &[f64]) -> Figure {
        Figure { name, reading: Reading::Rate(Rounds::new(rounds.to_vec())) }
    }

    #[test]
    fn a_ratio_is_taken_round_by_round() {
        let (slow_machine, other) = (rate("a", &[10.0, 20.0, 40.0]), rate("b", &[5.0, 10.0, 20.0]));
        assert!((slow_machine.ratio_to(&other) - 2.0).abs() < 1e-9);
        assert!((slow_machine.ratio_to(&Figure::value("c", 5.0)) - 4.0).abs() < 1e-9);
    }

    #[test]
    fn the_spread_leaves_out_the_extremes() {
        let rounds = Rounds::new(vec![1.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 99.0]);
        assert!(rounds.spread().abs() < 1e-9 && (rounds.median() - 10.0).abs() < 1e-9);
    }
}
