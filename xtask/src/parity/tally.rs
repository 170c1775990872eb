//! What a run has seen, in numbers.

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

use super::{
    case::Case,
    court::{Judgement, Verdict},
};

/// Counts of a run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    cases: usize,
    skipped: usize,
    visitors: usize,
    decisions: usize,
    decided: usize,
    gated: u64,
    out_of_traffic: u64,
    features: usize,
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
        self.decisions += experiences * judgements.len();
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
        let share = |part: f64| 100.0 * part / (self.decisions.max(1) as f64);
        let mut text = format!(
            "decided {:.1} %, stopped at a gate {:.1} %, out of traffic {:.1} %",
            share(self.decided as f64),
            share(self.gated as f64),
            share(self.out_of_traffic as f64),
        );
        for (name, times) in &self.explanations {
            text.push_str(&format!("\nexplained by {name}: {times}"));
        }
        if self.skipped > 0 {
            text.push_str(&format!("\nSKIPPED: {} cases without a referee here", self.skipped));
        }
        text
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

fn count(value: &Value, name: &str) -> usize {
    value.get(name).and_then(Value::as_array).map_or(0, Vec::len)
}
