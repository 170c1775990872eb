//! `cargo xtask ci`: the whole gate, step by step.

mod deny;
mod msrv;
mod options;
mod readme;
mod steps;
mod trees;

use std::time::{Duration, Instant};

use self::options::Options;
use self::steps::STEPS;
pub(crate) use self::trees::tree_sizes;
use crate::workspace;

/// Runs the gate, or the steps asked for. The first failure ends it unless told otherwise.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let options = Options::parse(arguments, STEPS)?;
    if options.list {
        for step in STEPS {
            println!("{:<12} {}", step.name, step.about);
        }
        return Ok(());
    }
    let mut reports = Vec::new();
    for step in STEPS.iter().filter(|step| options.wants(step.name)) {
        let report = step.report();
        let failed = matches!(report.outcome, Outcome::Failed(_));
        reports.push(report);
        if failed && !options.keep_going {
            break;
        }
    }
    print_summary(&reports);
    match reports.iter().filter(|report| matches!(report.outcome, Outcome::Failed(_))).count() {
        0 => Ok(()),
        count => Err(format!("{count} of the gate's steps failed")),
    }
}

/// One step of the gate.
#[derive(Debug)]
struct Step {
    name: &'static str,
    about: &'static str,
    run: fn() -> Result<Outcome, String>,
}

impl Step {
    /// Runs the step under a header and says how it went.
    fn report(&self) -> Report {
        println!("\n==== {} · {}", self.name, self.about);
        let start = Instant::now();
        let outcome = match (self.run)().unwrap_or_else(Outcome::Failed) {
            Outcome::Missing(tool) if workspace::is_ci() => {
                Outcome::Failed(format!("{tool}, although .ci/run installs it"))
            }
            outcome => outcome,
        };
        let report = Report { name: self.name, duration: start.elapsed(), outcome };
        println!("---- {}", report.line());
        report
    }
}

/// How a step ended.
#[derive(Debug)]
enum Outcome {
    Passed,
    /// What to say of a step that passed.
    Noted(String),
    /// Why nothing was checked, or not everything.
    Skipped(String),
    /// What is missing that `.ci/run` installs: a failure on a build server, else a reason to skip.
    Missing(String),
    Failed(String),
}

/// What the summary says of a step.
#[derive(Debug)]
struct Report {
    name: &'static str,
    duration: Duration,
    outcome: Outcome,
}

impl Report {
    fn line(&self) -> String {
        let (word, note) = match &self.outcome {
            Outcome::Passed => ("ok", ""),
            Outcome::Noted(note) => ("ok", note.as_str()),
            Outcome::Skipped(why) | Outcome::Missing(why) => ("SKIPPED", why.as_str()),
            Outcome::Failed(why) => ("FAILED", why.as_str()),
        };
        let seconds = self.duration.as_secs_f64();
        format!("{:<12} {word:<8} {seconds:>7.1} s  {note}", self.name).trim_end().to_owned()
    }
}

fn print_summary(reports: &[Report]) {
    println!("\n==== summary");
    for report in reports {
        println!("{}", report.line());
    }
    let total: Duration = reports.iter().map(|report| report.duration).sum();
    println!("{:<12} {:<8} {:>7.1} s", "total", "", total.as_secs_f64());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skipped_step_is_loud() {
        let outcome = Outcome::Skipped("no node".to_owned());
        let report = Report { name: "parity", duration: Duration::from_millis(1500), outcome };
        assert_eq!(report.line(), "parity       SKIPPED      1.5 s  no node");
    }

    #[test]
    fn a_failing_step_is_reported_with_its_reason() {
        let step = Step { name: "a", about: "b", run: || Err("c".to_owned()) };
        assert!(matches!(step.report().outcome, Outcome::Failed(why) if why == "c"));
    }
}
