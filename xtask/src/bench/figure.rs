//! A measured figure, and how it is told.

use serde_json::{Value, json};

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
    /// What is done in a second.
    Rate(Rate),
    /// A plain number.
    Value(f64),
}

/// Time and memory of one operation.
#[derive(Debug)]
pub(super) struct Cost {
    pub(super) ns: Rounds,
    /// Nothing until it has been counted.
    pub(super) memory: Option<Memory>,
}

/// What one operation allocates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Memory {
    pub(super) allocs: f64,
    pub(super) bytes: f64,
}

/// Operations a second, and what they cost all threads together.
#[derive(Debug)]
pub(super) struct Rate {
    pub(super) per_s: Rounds,
    /// The processors' time for one operation, in nanoseconds. It shows whether threads are in each
    /// other's way even where they have to share a processor with others.
    pub(super) cpu_ns: Rounds,
}

/// What each round measured.
#[derive(Debug)]
pub(super) struct Rounds(Vec<f64>);

impl Figure {
    /// A plain number.
    pub(super) fn value(name: &'static str, value: f64) -> Self {
        Figure { name, reading: Reading::Value(value) }
    }

    /// Adds what has been counted of the same work.
    pub(super) fn remember(&mut self, counted: Memory) {
        if let Reading::Cost(cost) = &mut self.reading {
            cost.memory = Some(counted);
        }
    }

    /// The number that stands for the figure.
    pub(super) fn number(&self) -> f64 {
        match &self.reading {
            Reading::Cost(cost) => cost.ns.median(),
            Reading::Rate(rate) => rate.per_s.median(),
            Reading::Value(value) => *value,
        }
    }

    /// Returns how many times `base` this is: the median over the rounds, in each of which both
    /// were measured, so that what the machine did meanwhile touches both.
    pub(super) fn ratio_to(&self, base: &Figure) -> f64 {
        match (self.rounds(), base.rounds()) {
            (Some(mine), Some(theirs)) => mine.ratio_to(theirs),
            _ => self.number() / base.number(),
        }
    }

    /// Returns the figure as an object of its own.
    fn json(&self) -> Value {
        match &self.reading {
            Reading::Cost(cost) => json!({
                "name": self.name, "ns": round(cost.ns.median()),
                "allocs": cost.memory.map(|memory| round(memory.allocs)),
                "bytes": cost.memory.map(|memory| round(memory.bytes))}),
            Reading::Rate(rate) => json!({
                "name": self.name, "per_s": round(rate.per_s.median())}),
            Reading::Value(value) => json!({"name": self.name, "value": round(*value)}),
        }
    }

    /// Returns what the figure is, in words.
    pub(super) fn told(&self) -> String {
        let [number, allocs, _] = self.cells();
        if allocs.is_empty() { number } else { format!("{number} with {allocs} allocations") }
    }

    /// Returns the number with its unit, the allocations and their bytes, as far as there are any.
    pub(super) fn cells(&self) -> [String; 3] {
        match &self.reading {
            Reading::Cost(cost) => [
                format!("{:.1} ns", cost.ns.median()),
                cost.memory.map_or_else(String::new, |it| format!("{:.2}", it.allocs)),
                cost.memory.map_or_else(String::new, |it| format!("{:.0}", it.bytes)),
            ],
            Reading::Rate(rate) => [
                format!("{:.0} /s", rate.per_s.median()),
                String::new(),
                format!("cpu {:.0} ns", rate.cpu_ns.median()),
            ],
            Reading::Value(value) => [format!("{value:.2}"), String::new(), String::new()],
        }
    }

    /// How far apart the middle half of the rounds lies, relative to the median.
    fn spread(&self) -> Option<f64> {
        self.rounds().map(Rounds::spread)
    }

    fn rounds(&self) -> Option<&Rounds> {
        match &self.reading {
            Reading::Cost(cost) => Some(&cost.ns),
            Reading::Rate(rate) => Some(&rate.per_s),
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

    /// Returns whether nothing was measured.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the median of how many times `base` each round is.
    pub(super) fn ratio_to(&self, base: &Rounds) -> f64 {
        if self.0.len() != base.0.len() {
            return self.median() / base.median();
        }
        let ratios = self.0.iter().zip(&base.0).map(|(mine, theirs)| mine / theirs);
        Rounds::new(ratios.collect()).median()
    }

    /// How far apart the middle half lies, relative to the median.
    pub(super) fn spread(&self) -> f64 {
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
        println!("{}", figure.json());
    }
}

/// Prints a table with the bars the figures are to meet.
pub(super) fn print_table(figures: &[Figure]) {
    println!("{:<32}{:>16}{:>8}{:>10}{:>12}  bar", "figure", "", "spread", "allocs", "bytes");
    for figure in figures {
        let spread = figure.spread().map(|spread| format!("{:.0}%", 100.0 * spread));
        let [number, allocs, bytes] = figure.cells();
        let line = format!(
            "{:<32}{number:>16}{:>8}{allocs:>10}{bytes:>12}  {}",
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
        let rounds = || Rounds::new(rounds.to_vec());
        Figure { name, reading: Reading::Rate(Rate { per_s: rounds(), cpu_ns: rounds() }) }
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
