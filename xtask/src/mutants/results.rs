//! What samples have found so far, kept in `tests/mutants.json` beside the reasons of survivors.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::mutant::Mutant;
use crate::workspace;

/// How the tests took one mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Caught,
    TimedOut,
    Unviable,
    Survived,
}

impl Outcome {
    /// Fails unless the tests pass, which they must without a mutant.
    pub(super) fn require_survival(self, package: &str) -> Result<(), String> {
        match self {
            Outcome::Survived => Ok(()),
            _ => Err(format!("the tests of {package} fail without a mutant: target/mutants/log")),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Outcome::Caught => "caught",
            Outcome::TimedOut => "timeout",
            Outcome::Unviable => "unviable",
            Outcome::Survived => "SURVIVED",
        })
    }
}

/// One sample of one crate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) sampled: usize,
    pub(super) caught: usize,
    /// Mutants with which a test took too long, which counts as caught.
    pub(super) timed_out: usize,
    /// Mutants that do not compile.
    pub(super) unviable: usize,
    /// Survivors with a reason.
    pub(super) explained: usize,
    /// Survivors without one.
    pub(super) unexplained: Vec<String>,
}

impl Run {
    /// Returns the run with the outcome of another try of its survivors. They may be fewer, where code
    /// has gone, or more, since a name without its line may stand for several.
    pub(super) fn with_retried(mut self, again: Run) -> Run {
        self.sampled = self.sampled - self.unexplained.len() + again.sampled;
        self.caught += again.caught;
        self.timed_out += again.timed_out;
        self.unviable += again.unviable;
        self.explained += again.explained;
        self.unexplained = again.unexplained;
        self
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} sampled, {} caught, {} timed out, {} unviable, {} explained, {} unexplained",
            self.sampled,
            self.caught,
            self.timed_out,
            self.unviable,
            self.explained,
            self.unexplained.len()
        )
    }
}

/// The file.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Results {
    /// Why mutants survive that no test can catch, by the name without line and column. A name that
    /// ends with `*` stands for all that begin so.
    explanations: BTreeMap<String, String>,
    /// By crate and seed.
    runs: BTreeMap<String, BTreeMap<u64, Run>>,
}

impl Results {
    /// Reads the file.
    pub(super) fn read() -> Result<Self, String> {
        let text = std::fs::read_to_string(workspace::root().join(FILE));
        let text = text.map_err(|error| format!("{FILE}: {error}"))?;
        serde_json::from_str(&text).map_err(|error| format!("{FILE}: {error}"))
    }

    /// Writes the file.
    pub(super) fn write(&self) -> Result<(), String> {
        let text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        std::fs::write(workspace::root().join(FILE), text + "\n")
            .map_err(|error| format!("{FILE}: {error}"))
    }

    /// Adds a sample, in place of the one with the same seed.
    pub(super) fn add(&mut self, package: &str, seed: u64, run: Run) {
        self.runs.entry(package.to_owned()).or_default().insert(seed, run);
    }

    /// Returns the samples with survivors that have no reason.
    pub(super) fn unexplained(&self) -> Vec<(String, u64, Run)> {
        let runs = self.runs.iter().flat_map(|(package, runs)| {
            runs.iter().map(move |(seed, run)| (package.clone(), *seed, run.clone()))
        });
        runs.filter(|(_, _, run)| !run.unexplained.is_empty()).collect()
    }

    /// Returns whether there is a reason for which no test catches the mutant.
    pub(super) fn explains(&self, mutant: &Mutant) -> bool {
        let name = mutant.stable_name();
        self.explanations.keys().any(|known| match known.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => name == *known,
        })
    }
}

const FILE: &str = "tests/mutants.json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explanation_holds_wherever_the_place_has_moved_to() {
        let file = r#"{"explanations": {"a.rs: replace | with ^ in f": "no common bits", "b.rs: *": "speed"},
            "runs": {}}"#;
        let results: Results = serde_json::from_str(file).unwrap();
        assert!(results.explains(&Mutant::named("a.rs", "a.rs:1:2: replace | with ^ in f")));
        assert!(results.explains(&Mutant::named("b.rs", "b.rs:9:9: replace x")));
        assert!(!results.explains(&Mutant::named("a.rs", "a.rs:1:2: replace | with & in f")));
    }

    #[test]
    fn the_file_is_sound() {
        Results::read().unwrap();
    }
}
