//! Judges one case: referee and Rust side answer, differences are explained or not.

use serde_json::{Value, json};

use super::case::{Case, Judge};
use super::compare::{Difference, compare};
use super::explain::EXPLANATIONS;
use super::referee::Referee;
use super::rust_side::RustSide;

/// The referees and the side they are compared with.
#[derive(Debug)]
pub(crate) struct Court {
    javascript: Referee,
    python: Option<Referee>,
    rust: RustSide,
}

/// What came of one visitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The answers are the same.
    Same,
    /// They differ, as the named lines of PARITY.md say.
    Explained(Vec<&'static str>),
    /// They differ for no reason known.
    Unexplained(Vec<String>),
}

/// The referee's answer and the verdict on the Rust side's.
#[derive(Debug)]
pub(crate) struct Judgement {
    /// What the referee answered.
    pub(crate) judged: Value,
    /// What follows for the Rust side.
    pub(crate) verdict: Verdict,
}

impl Court {
    /// Brings the three together; none when the JavaScript SDK cannot be run here.
    ///
    /// # Errors
    /// Fails when an installation fails.
    pub(crate) fn open(rust: RustSide) -> Result<Option<Self>, String> {
        let Some(javascript) = Referee::javascript()? else { return Ok(None) };
        Ok(Some(Self { javascript, python: Referee::python()?, rust }))
    }

    /// Judges every visitor of a case, in order; none when its referee cannot be run here.
    ///
    /// # Errors
    /// Fails when a referee goes away.
    pub(crate) fn judge(&mut self, case: &Case) -> Result<Option<Vec<Judgement>>, String> {
        let Some(referee) = self.referee(case.judge) else { return Ok(None) };
        referee.send(&case.to_request())?;
        let found = self.rust.evaluate(&case.config, case.environment.as_deref(), &case.visitors);
        let Some(referee) = self.referee(case.judge) else { return Ok(None) };
        let judged = referee.receive()?;
        let mut judgements = Vec::with_capacity(case.visitors.len());
        for index in 0..case.visitors.len() {
            let judged = answer_for(&judged, index);
            let verdict = match &found {
                Ok(answers) => {
                    let found = answers.get(index).cloned().unwrap_or_default();
                    let differences = compare(&case.config, &judged, &found);
                    self.explain(&case.with_visitor(index), differences, &found)?
                }
                Err(reason) => {
                    Verdict::Unexplained(vec![format!("the Rust side refused: {reason}")])
                }
            };
            judgements.push(Judgement { judged, verdict });
        }
        Ok(Some(judgements))
    }

    fn referee(&mut self, judge: Judge) -> Option<&mut Referee> {
        match judge {
            Judge::JavaScript => Some(&mut self.javascript),
            Judge::Python => self.python.as_mut(),
        }
    }

    /// Explains differences by the fewest deliberate ones that make them vanish.
    fn explain(
        &mut self,
        case: &Case,
        differences: Vec<Difference>,
        found: &Value,
    ) -> Result<Verdict, String> {
        if let Some(verdict) = settled(&differences, &[]) {
            return Ok(verdict);
        }
        let mut together = case.clone();
        let mut applied = Vec::new();
        for explanation in EXPLANATIONS {
            if let Some(rewritten) = explanation.apply(case) {
                if let Some(verdict) = self.retry(&rewritten, found, &[explanation.name])? {
                    return Ok(verdict);
                }
            }
            if let Some(rewritten) = explanation.apply(&together) {
                together = rewritten;
                applied.push(explanation.name);
            }
        }
        if applied.len() > 1 {
            if let Some(verdict) = self.retry(&together, found, &applied)? {
                return Ok(verdict);
            }
        }
        Ok(Verdict::Unexplained(differences.into_iter().map(|one| one.what).collect()))
    }

    fn retry(
        &mut self,
        case: &Case,
        found: &Value,
        names: &[&'static str],
    ) -> Result<Option<Verdict>, String> {
        let Some(referee) = self.referee(case.judge) else { return Ok(None) };
        let judged = answer_for(&referee.ask(&case.to_request())?, 0);
        Ok(settled(&compare(&case.config, &judged, found), names))
    }
}

/// The verdict when nothing is left but what the comparison itself explains.
fn settled(differences: &[Difference], names: &[&'static str]) -> Option<Verdict> {
    let casts: Option<Vec<&'static str>> = differences.iter().map(|one| one.explained_by).collect();
    let mut all = names.to_vec();
    all.extend(casts?);
    all.sort_unstable();
    all.dedup();
    Some(if all.is_empty() { Verdict::Same } else { Verdict::Explained(all) })
}

fn answer_for(answer: &Value, index: usize) -> Value {
    let visitors = answer.get("visitors").and_then(Value::as_array);
    let thrown = || json!({"throws": answer.get("throws")});
    visitors.and_then(|all| all.get(index).cloned()).unwrap_or_else(thrown)
}
