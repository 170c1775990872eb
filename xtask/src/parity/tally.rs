//! What a run has seen, in numbers.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::case::Case;
use super::court::{Judgement, Verdict};

/// Counts of a run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    cases: usize,
    skipped: usize,
    visitors: usize,
    decisions: u64,
    decided: u64,
    gated: u64,
    out_of_traffic: u64,
    features: u64,
    explanations: BTreeMap<&'static str, usize>,
    explained: usize,
    unexplained: usize,
}

impl Tally {
    /// Counts a case that has no referee here.
    pub(crate) fn skip(&mut self) {
        self.skipped += 1;
    }

    /// Counts a judged case.
    pub(crate) fn add(&mut self, case: &Case, judgements: &[Judgement]) {
        let experiences = count(&case.config, "experiences");
        self.cases += 1;
        self.visitors += judgements.len();
        self.decisions += judgements.iter().map(|_| experiences).sum::<u64>();
        for judgement in judgements {
            self.answer(&judgement.judged);
            match &judgement.verdict {
                Verdict::Same => {}
                Verdict::Explained(names) => {
                    self.explained += 1;
                    for name in names {
                        *self.explanations.entry(name).or_default() += 1;
                    }
                }
                Verdict::Unexplained(_) => self.unexplained += 1,
            }
        }
    }

    /// The number of visitors whose differences have no explanation.
    pub(crate) fn unexplained(&self) -> usize {
        self.unexplained
    }

    /// The shares that show whether the cases are worth judging.
    pub(crate) fn survey(&self) -> String {
        let per_mille = |part: u64| part * 1000 / self.decisions.max(1);
        let share = |part: u64| format!("{}.{} %", per_mille(part) / 10, per_mille(part) % 10);
        let mut lines = vec![format!(
            "decided {}, stopped at a gate {}, out of traffic {}",
            share(self.decided),
            share(self.gated),
            share(self.out_of_traffic),
        )];
        let named = self.explanations.iter();
        lines.extend(named.map(|(name, times)| format!("explained by {name}: {times}")));
        if self.skipped > 0 {
            lines.push(format!("SKIPPED: {} cases without a referee here", self.skipped));
        }
        lines.join("\n")
    }

    fn answer(&mut self, judged: &Value) {
        self.decided += count(judged, "experiences");
        self.features += count(judged, "features");
        let undecided = |name: &str| {
            judged.pointer(&format!("/undecided/{name}")).and_then(Value::as_u64).unwrap_or(0)
        };
        self.gated += undecided("gates");
        self.out_of_traffic += undecided("traffic");
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "parity: cases={} visitors={} decisions={} features={} explained={} unexplained={}",
            self.cases,
            self.visitors,
            self.decisions,
            self.features,
            self.explained,
            self.unexplained
        )
    }
}

fn count(value: &Value, name: &str) -> u64 {
    value.get(name).and_then(Value::as_array).map_or(0, |list| list.iter().map(|_| 1).sum())
}
